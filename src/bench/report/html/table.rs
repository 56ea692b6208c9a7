//! Tables and sections of a night.

/// A table that scrolls by itself where it is wider than the page. Heads are HTML.
pub fn table(caption: &str, heads: &[&str], rows: &str) -> String {
    let heads: String = heads.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\">\n<table>\n\
         <caption>{caption}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table>\n</div>\n"
    )
}

/// A part of a page with its heading.
pub fn section(name: &str, html: &str) -> String {
    format!("<section>\n<h2>{name}</h2>\n{html}</section>\n")
}

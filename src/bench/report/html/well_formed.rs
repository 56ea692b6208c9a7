//! Whether a page is well formed, and safe, and can be read without eyes. For tests.

/// Elements without an end.
const VOID: [&str; 4] = ["meta", "br", "hr", "link"];

/// Everything that is wrong with a page.
pub fn faults(html: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut ids = Vec::new();
    let mut level = 0;
    let body = html.replacen(style(html), "", 1);
    let mut rest = body.strip_prefix("<!DOCTYPE html>\n").unwrap_or_default();
    while let Some((text, tail)) = rest.split_once('<') {
        if let Some(c) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            faults.push(format!("a text holds {c:?}"));
        }
        let Some((tag, tail)) = tail.split_once('>') else {
            faults.push(format!("a tag does not end: {tail:.40}"));
            break;
        };
        rest = tail;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                faults.push(format!("</{name}> ends nothing"));
            }
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        for (key, value) in attributes(tag) {
            faults.extend(fault(name, key, value));
            if key == "id" {
                ids.push(value.to_owned());
            }
        }
        if let Some(next) = name.strip_prefix('h').and_then(|level| level.parse::<usize>().ok()) {
            if next > level + 1 {
                faults.push(format!("h{next} after h{level}"));
            }
            level = next;
        }
    }
    let count = |text: &str| body.matches(text).count();
    if count("<h1>") != 1 || count("<main ") != 1 || count("<title>") != 1 {
        faults.push("there is not one h1, one main and one title".into());
    }
    let all = ids.len();
    ids.sort();
    ids.dedup();
    if ids.len() < all {
        faults.push("an id stands twice".into());
    }
    faults.extend(open.iter().map(|name| format!("<{name}> does not end")));
    faults
}

/// The style sheet, which is ours.
fn style(html: &str) -> &str {
    let inner = html.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    inner.map_or("", |(style, _)| style)
}

/// What is wrong with an attribute.
fn fault(element: &str, key: &str, value: &str) -> Option<String> {
    let is_known = matches!(
        key,
        "aria-hidden"
            | "aria-label"
            | "aria-labelledby"
            | "charset"
            | "class"
            | "cols"
            | "colspan"
            | "content"
            | "cx"
            | "cy"
            | "d"
            | "fill"
            | "focusable"
            | "height"
            | "href"
            | "http-equiv"
            | "id"
            | "lang"
            | "name"
            | "open"
            | "points"
            | "preserveAspectRatio"
            | "r"
            | "role"
            | "rowspan"
            | "scope"
            | "tabindex"
            | "text-anchor"
            | "transform"
            | "viewBox"
            | "width"
            | "x"
            | "x1"
            | "x2"
            | "y"
            | "y1"
            | "y2"
    );
    let leads_out = key == "href" && (value.contains(':') || value.starts_with('/'));
    if !is_known || leads_out {
        return Some(format!("<{element} {key}=\"{value}\">"));
    }
    None
}

/// The names and values of a tag's attributes.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = tag.split_once(' ').map_or("", |(_, rest)| rest).trim_end_matches('/').trim();
    while !rest.is_empty() {
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let (key, tail) = rest.split_at(end);
        match tail.strip_prefix("=\"").and_then(|tail| tail.split_once('"')) {
            Some((value, tail)) => {
                found.push((key, value));
                rest = tail.trim_start();
            }
            None => {
                found.push((key, ""));
                rest = tail.trim_start_matches('=').trim_start();
            }
        }
    }
    found
}

#[test]
fn a_page_that_is_wrong_is_found_out() {
    let page = |body: &str| {
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><title>t</title><style>a > b</style></head>\
             <body><h1>h</h1><main id=\"main\">{body}</main></body></html>"
        )
    };
    assert_eq!(
        faults(&page("<p>fine <a href=\"../x\">x</a> <svg><rect width=\"1\"/></svg></p>")),
        [""; 0]
    );
    for wrong in [
        "<p>",
        "</p>",
        "<b><i></b></i>",
        "<script>x</script",
        "<p onclick=\"x\"></p>",
        "<h3>x</h3>",
        "<p style=\"x\"></p>",
        "<a href=\"http://x\">x</a>",
        "<a href=\"javascript:x\">x</a>",
        "<h1>x</h1>",
        "<p id=\"main\"></p>",
        "<img src=\"x\"/>",
        "<p>\u{1b}</p>",
        "<p onload></p>",
    ] {
        assert!(!faults(&page(wrong)).is_empty(), "{wrong}");
    }
}

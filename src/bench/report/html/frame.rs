//! What is around every page: head, style sheet, landmarks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::escape::plain;

/// How every page looks. It is part of each, so that a page can be sent alone.
const STYLE: &str = include_str!("style.css");

/// One page.
pub struct Page<'a> {
    /// What the browser calls it; untrusted text.
    pub title: &'a str,
    /// The heading, as HTML.
    pub heading: &'a str,
    /// What stands above the heading, as HTML.
    pub above: &'a str,
    /// All below the heading, as HTML.
    pub body: &'a str,
}

impl Page<'_> {
    /// The page as a document that loads nothing and runs nothing, whatever is in its body.
    pub fn to_html(&self) -> String {
        let Page { title, heading, above, body } = self;
        let title = plain(title);
        // Not even a `style` attribute counts.
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            STANDARD.encode(Sha256::digest(STYLE)),
        );
        let version = env!("CARGO_PKG_VERSION");
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#main\">To the content</a>\n\
             <header>\n{above}<h1>{heading}</h1>\n</header>\n\
             <main id=\"main\">\n{body}</main>\n\
             <footer><p>Made by occtl {version}.</p></footer>\n</body>\n</html>\n",
        )
    }
}

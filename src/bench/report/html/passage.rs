//! Longer texts from outside, which are cut where they would fill the page.

use super::artifacts::Artifacts;
use super::escape::add_lines;
use crate::bench::report::amounts::size;
use crate::runner::conversation::recorded::Excerpt;

/// A text that is shown up to some size.
pub struct Passage<'a> {
    /// What to show.
    pub text: &'a str,
    /// How many bytes of it were not even read.
    pub missing: u64,
    /// How much HTML it may make, in bytes.
    pub most: usize,
}

impl<'a> Passage<'a> {
    /// A text of a recorded message.
    pub fn recorded(text: &'a str, most: usize) -> Passage<'a> {
        let Excerpt { text, missing } = Excerpt::of(text);
        Passage { text, missing, most }
    }

    /// As lines of equally wide characters.
    pub fn add_code(&self, html: &mut String, whole: &Whole) {
        // A first line that is empty would be dropped without this end of line.
        self.add(html, "<pre>\n", "</pre>\n", whole);
    }

    /// As prose that keeps its lines.
    pub fn add_prose(&self, html: &mut String, whole: &Whole) {
        self.add(html, "<div class=\"prose\">", "</div>\n", whole);
    }

    fn add(&self, html: &mut String, open: &str, close: &str, whole: &Whole) {
        let text = self.text.trim_end();
        html.push_str(open);
        let taken = add_lines(html, text, self.most);
        html.push_str(close);
        let missing = (text.len() - taken) as u64 + self.missing;
        if missing > 0 {
            let (missing, link) = (size(missing), whole.artifacts.link(whole.name));
            *html += &format!("<p class=\"cut\">{missing} more are in {link}.</p>\n");
        }
    }
}

/// The file that has all of a passage.
pub struct Whole<'a> {
    /// Where it is.
    pub artifacts: &'a Artifacts<'a>,
    /// Its name.
    pub name: &'a str,
}

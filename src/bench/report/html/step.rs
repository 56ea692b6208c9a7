//! One message of a conversation: a prompt, or a step with its tools.

use super::escape::inline;
use super::passage::{Passage, Whole};
use super::tool::add_tool;
use crate::bench::report::amounts::{count, dollars, duration};
use crate::runner::conversation::recorded::{Excerpt, RecordedMessage, RecordedPart};
use crate::runner::turn::Tokens;

/// How much HTML a text, and a thought, may make, in bytes.
const MOST_OF_A_TEXT: usize = 64 << 10;

/// What a conversation consists of.
pub enum Piece {
    /// What was said and done.
    Html(String),
    /// The place of the conversation that a tool has started.
    SubAgent(String),
}

/// How a message is shown.
pub struct Style<'a> {
    /// The file that has all of it.
    pub whole: &'a Whole<'a>,
    /// The level of its heading.
    pub level: usize,
    /// A prompt that stands elsewhere on the page.
    pub known: Option<&'a str>,
    /// How much HTML there may be, in bytes, beside a few kilobytes.
    pub most: usize,
}

/// A message that is being written.
struct Writer<'a> {
    style: &'a Style<'a>,
    done: Vec<Piece>,
    html: String,
    used: usize,
    hidden: usize,
}

impl Style<'_> {
    /// A prompt; nothing if all of it is known.
    pub fn prompt(&self, message: &RecordedMessage) -> Vec<Piece> {
        let is_known = |part: &&RecordedPart| match part {
            RecordedPart::Text(text) => {
                let Excerpt { text, .. } = Excerpt::of(text);
                self.known.is_some_and(|known| known.trim().starts_with(text.trim()))
            }
            _ => false,
        };
        let parts: Vec<&RecordedPart> =
            message.parts.iter().filter(|part| !is_known(part)).collect();
        if parts.is_empty() {
            return Vec::new();
        }
        let tag = heading(self.level);
        let mut writer = self.writer(format!("<section class=\"said\">\n<{tag}>Prompt</{tag}>\n"));
        parts.iter().for_each(|part| writer.add(part));
        writer.end()
    }

    /// A step of the agent.
    pub fn step(&self, number: u64, message: &RecordedMessage) -> Vec<Piece> {
        let tag = heading(self.level);
        let mut writer =
            self.writer(format!("<section class=\"step\">\n<{tag}>Step {number}</{tag}>\n"));
        writer.html += &format!("<p class=\"used\">{}</p>\n", used(message));
        message.parts.iter().for_each(|part| writer.add(part));
        if let Some(error) = &message.error {
            let message = if error.message == error.name { "" } else { &error.message };
            let (name, message) = (inline(&error.name), inline(message));
            writer.html += &format!("<p class=\"bad\">✗ {name} {message}</p>\n");
        }
        if message.finish.as_deref() == Some("length") {
            writer.html += "<p class=\"warning\">⚠ Cut off at the model's limit of output.</p>\n";
        }
        writer.end()
    }

    fn writer(&self, html: String) -> Writer<'_> {
        Writer { style: self, done: Vec::new(), html, used: 0, hidden: 0 }
    }
}

impl Writer<'_> {
    fn add(&mut self, part: &RecordedPart) {
        let left = self.style.most.saturating_sub(self.used + self.html.len());
        if left == 0 {
            self.hidden += 1;
            return;
        }
        let whole = self.style.whole;
        let most = MOST_OF_A_TEXT.min(left);
        let html = &mut self.html;
        match part {
            RecordedPart::Text(text) => Passage::recorded(text, most).add_prose(html, whole),
            RecordedPart::Added(text) => {
                html.push_str("<p class=\"label\">Added by OpenCode</p>\n");
                Passage::recorded(text, most).add_prose(html, whole);
            }
            RecordedPart::Reasoning(text) => {
                html.push_str("<details class=\"thought\">\n<summary>Reasoning</summary>\n");
                Passage::recorded(text, most).add_prose(html, whole);
                html.push_str("</details>\n");
            }
            RecordedPart::Compaction => {
                html.push_str("<p class=\"warning\">⚠ The history was summarised here.</p>\n");
            }
            RecordedPart::Tool(tool) => {
                add_tool(html, tool, left, whole);
                if let Some(conversation) = &tool.conversation {
                    self.used += self.html.len();
                    self.done.push(Piece::Html(std::mem::take(&mut self.html)));
                    self.done.push(Piece::SubAgent(conversation.clone()));
                }
            }
        }
    }

    fn end(mut self) -> Vec<Piece> {
        if self.hidden > 0 {
            let (hidden, whole) = (self.hidden, self.style.whole);
            let link = whole.artifacts.link(whole.name);
            self.html += &format!("<p class=\"cut\">{hidden} more parts are in {link}.</p>\n");
        }
        self.html.push_str("</section>\n");
        self.done.push(Piece::Html(self.html));
        self.done
    }
}

/// What a step used, in one line.
fn used(message: &RecordedMessage) -> String {
    let mut words = Vec::new();
    if let Some(tokens) = &message.tokens {
        let Tokens { input, output, reasoning, cache_read, cache_write } = *tokens;
        let mut add = |number: Option<u64>, what: &str, always: bool| {
            let number = number.filter(|number| always || *number > 0);
            words.extend(number.map(|number| format!("{} {what}", count(number))));
        };
        add(input, "tokens in", true);
        add(cache_read, "from the cache", false);
        add(cache_write, "into the cache", false);
        add(output, "out", true);
        add(reasoning, "for reasoning", false);
    }
    words.extend(message.cost_usd.map(dollars));
    words.extend(message.duration_ms.map(duration));
    words.extend(message.model.as_deref().map(inline));
    if words.is_empty() {
        words.push("nothing is known of what it used".into());
    }
    words.join(" · ")
}

/// All tokens of a step.
pub fn all_tokens(tokens: &Tokens) -> u64 {
    let Tokens { input, output, reasoning, cache_read, cache_write } = *tokens;
    [input, output, reasoning, cache_read, cache_write].into_iter().flatten().sum()
}

/// The name of a heading's element. HTML has six levels.
pub fn heading(level: usize) -> String {
    format!("h{}", level.clamp(1, 6))
}

//! Everything that an agent did, step by step, with its sub-agents inside.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::artifacts::Artifacts;
use super::escape::inline;
use super::passage::Whole;
use super::step::{Piece, Style, all_tokens, heading};
use crate::bench::report::amounts::{count, counted, dollars};
use crate::bench::results::stored::TRANSCRIPT;
use crate::runner::conversation::recorded::{
    Recorded, RecordedConversation, RecordedMessage, recorded,
};

/// A message is only begun where so much is left: the frame of its parts is beside their bounds.
const LEAST: usize = 12 << 10;
/// The share of the page that the agent itself may use. The rest is for its sub-agents, which come
/// after it in the document.
const OWN_SHARE: f64 = 0.7;
/// The most conversations that are shown.
const MOST_CONVERSATIONS: usize = 200;
/// How deep sub-agents are nested on the page. Deeper ones stand behind the others.
const DEEPEST: usize = 12;

/// What is asked for.
pub struct Wanted<'a> {
    /// What the agent was told. It stands elsewhere on the page.
    pub prompt: &'a str,
    /// How much HTML there may be, in bytes.
    pub most: usize,
    /// The level of the heading above.
    pub level: usize,
}

/// One conversation.
struct Chapter {
    head: RecordedConversation,
    /// How many conversations are above it.
    depth: usize,
    steps: u64,
    tokens: u64,
    cost_usd: f64,
    pieces: Vec<Piece>,
}

/// What is being read.
struct Reader<'a> {
    whole: Whole<'a>,
    wanted: &'a Wanted<'a>,
    chapters: Vec<Chapter>,
    /// How much HTML there may still be.
    left: usize,
    unreadable: u64,
    /// Whether there is more than the page can hold, and whether nothing else is to be read.
    is_more: bool,
    full: bool,
}

/// All steps of an attempt, as HTML; `None` if there is no transcript.
pub fn steps(artifacts: &Artifacts, wanted: &Wanted) -> Option<String> {
    let (file, _) = artifacts.open(TRANSCRIPT)?;
    let mut reader = Reader {
        whole: Whole { artifacts, name: TRANSCRIPT },
        wanted,
        chapters: Vec::new(),
        left: wanted.most.saturating_sub(LEAST),
        unreadable: 0,
        is_more: false,
        full: false,
    };
    let ended = recorded(file, &mut |found| reader.take(found));
    let mut html = String::new();
    let link = artifacts.link(TRANSCRIPT);
    if !ended.unwrap_or(false) {
        html += &format!(
            "<p class=\"warning\">⚠ The transcript is cut short: what happened after its end is \
             not known. What there is of it is in {link}.</p>\n"
        );
    }
    if reader.unreadable > 0 {
        let messages = counted(reader.unreadable, "message");
        html += &format!("<p class=\"warning\">⚠ {messages} of {link} cannot be shown.</p>\n");
    }
    if reader.chapters.iter().all(|chapter| chapter.pieces.is_empty()) {
        html += "<p>There are no messages.</p>\n";
    }
    assemble(&mut html, reader.chapters, wanted.level);
    if reader.is_more {
        html +=
            &format!("<p class=\"cut\">The page is full. All that happened is in {link}.</p>\n");
    }
    Some(html)
}

impl Reader<'_> {
    fn take(&mut self, found: Recorded) -> ControlFlow<()> {
        match found {
            Recorded::Conversation(head) => self.begin(head),
            Recorded::Message(message) => self.add(&message),
            Recorded::Nameless | Recorded::TooLarge | Recorded::Unreadable => {
                self.unreadable += 1;
            }
        }
        self.is_more |= self.full;
        if self.full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn begin(&mut self, head: RecordedConversation) {
        if self.chapters.len() >= MOST_CONVERSATIONS || self.left < LEAST {
            self.full = true;
            return;
        }
        let title = head.title.as_deref().map_or(0, |title| inline(title).len());
        self.left = self.left.saturating_sub(512 + title);
        let above = head
            .parent
            .as_ref()
            .and_then(|id| self.chapters.iter().find(|chapter| chapter.head.id == *id));
        let depth = match above {
            Some(above) => above.depth + 1,
            None => usize::from(!self.chapters.is_empty() && head.parent.is_some()),
        };
        let (steps, tokens, cost_usd) = (0, 0, 0.0);
        self.chapters.push(Chapter { head, depth, steps, tokens, cost_usd, pieces: Vec::new() });
    }

    fn add(&mut self, message: &RecordedMessage) {
        let is_first = self.chapters.len() == 1;
        let kept = if is_first { self.wanted.most as f64 * (1.0 - OWN_SHARE) } else { 0.0 };
        let most = self.left.saturating_sub(kept as usize);
        let Some(chapter) = self.chapters.last_mut() else { return };
        if !message.is_prompt {
            chapter.count(message);
        }
        if most < LEAST {
            self.is_more = true;
            self.full = !is_first;
            return;
        }
        let style = Style {
            whole: &self.whole,
            level: self.wanted.level + 1 + 2 * chapter.depth.min(DEEPEST),
            known: is_first.then_some(self.wanted.prompt),
            most: most - LEAST / 2,
        };
        let pieces = if message.is_prompt {
            style.prompt(message)
        } else {
            style.step(chapter.steps, message)
        };
        let used: usize = pieces.iter().map(size).sum();
        self.left = self.left.saturating_sub(used);
        chapter.pieces.extend(pieces);
    }
}

impl Chapter {
    fn count(&mut self, message: &RecordedMessage) {
        self.steps += 1;
        self.tokens += message.tokens.as_ref().map_or(0, all_tokens);
        self.cost_usd += message.cost_usd.unwrap_or(0.0);
    }
}

fn size(piece: &Piece) -> usize {
    match piece {
        Piece::Html(html) => html.len(),
        Piece::SubAgent(id) => id.len(),
    }
}

/// Puts the conversations into each other. One that no tool names comes behind the others.
fn assemble(html: &mut String, chapters: Vec<Chapter>, level: usize) {
    let ids = chapters.iter().enumerate();
    let places = ids.map(|(at, chapter)| (chapter.head.id.clone(), at)).collect();
    let mut nest = Nest { chapters: chapters.into_iter().map(Some).collect(), places };
    for at in 0..nest.chapters.len() {
        let Some(chapter) = nest.chapters[at].take() else { continue };
        if at == 0 {
            nest.add_pieces(html, chapter, level, 0);
        } else {
            let level = level + (2 * chapter.depth.min(DEEPEST)).max(1);
            nest.add_folded(html, chapter, level, 1);
        }
    }
}

/// Conversations that are put into each other. One that has its place is taken out.
struct Nest {
    chapters: Vec<Option<Chapter>>,
    places: BTreeMap<String, usize>,
}

impl Nest {
    /// `level` is that of the heading above.
    fn add_pieces(&mut self, html: &mut String, chapter: Chapter, level: usize, depth: usize) {
        for piece in chapter.pieces {
            match piece {
                Piece::Html(text) => html.push_str(&text),
                Piece::SubAgent(id) => {
                    let place = self.places.get(&id).filter(|_| depth < DEEPEST);
                    if let Some(inner) = place.and_then(|at| self.chapters[*at].take()) {
                        self.add_folded(html, inner, level + 2, depth + 1);
                    }
                }
            }
        }
    }

    /// A sub-agent. `level` is that of its heading.
    fn add_folded(&mut self, html: &mut String, chapter: Chapter, level: usize, depth: usize) {
        let tag = heading(level);
        let what = if chapter.head.parent.is_some() { "Sub-agent" } else { "Conversation" };
        let title = chapter.head.title.as_deref().map(inline).unwrap_or_default();
        let mut used =
            vec![counted(chapter.steps, "step"), format!("{} tokens", count(chapter.tokens))];
        used.extend((chapter.cost_usd > 0.0).then(|| dollars(chapter.cost_usd)));
        *html += &format!(
            "<details class=\"agent\">\n<summary><{tag}>{what}: {title}</{tag}> \
             <small>{}</small></summary>\n<div class=\"inner\">\n",
            used.join(", "),
        );
        self.add_pieces(html, chapter, level, depth);
        html.push_str("</div>\n</details>\n");
    }
}

//! What conversations a transcript has, where they are in it, and which is whose sub-agent.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use crate::runner::conversation::recorded::{Reader, Recorded};
use crate::units::beginning;

/// How much of a text is kept, in bytes of JSON. What OpenCode gives its models of a tool's result
/// is a tenth of it; only files that a model writes can be longer.
pub const LONGEST_TEXT: usize = 512 << 10;

/// The most conversations that are exported of one run.
const MOST_CONVERSATIONS: usize = 10_000;

/// How deep sub-agents are nested. Deeper ones are put beside the agent's own.
const DEEPEST: usize = 16;

/// How much of a title is kept, in bytes.
const LONGEST_TITLE: usize = 1000;

/// The longest id of a conversation; a server's own have 30 bytes.
const LONGEST_ID: usize = 200;

/// One conversation that has messages.
#[derive(Debug)]
pub struct Chapter {
    /// `ses_…`. No two are equal.
    pub id: String,
    /// Its title; untrusted text.
    pub title: Option<String>,
    /// Where its messages begin in the file.
    pub position: u64,
    /// The places of its sub-agents' conversations.
    pub children: Vec<usize>,
    parent: Option<String>,
    messages: u64,
}

/// All conversations of a transcript.
#[derive(Debug)]
pub struct Outline {
    /// In the order of the file.
    pub chapters: Vec<Chapter>,
    /// The place of the agent's own.
    pub root: usize,
    /// Whether the transcript was not cut short.
    pub whole: bool,
    /// How many of its messages cannot be read, or belong to no conversation that is taken.
    pub unreadable: u64,
}

impl Outline {
    /// Reads a transcript. `main` is the agent's own conversation, if that is known. `None` if
    /// there is no message.
    pub fn read(file: File, main: Option<&str>) -> io::Result<Option<Outline>> {
        let mut reader = Reader::new(file, LONGEST_TEXT);
        let mut chapters: Vec<Chapter> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut unreadable = 0;
        // Messages of a conversation that is not taken are not taken either.
        let mut is_taken = false;
        while let Some(found) = reader.next()? {
            match found {
                Recorded::Conversation(head) => {
                    let is_known = places.contains_key(&head.id);
                    is_taken = !is_known
                        && (1..=LONGEST_ID).contains(&head.id.len())
                        && chapters.len() < MOST_CONVERSATIONS;
                    if is_taken {
                        places.insert(head.id.clone(), chapters.len());
                        chapters.push(Chapter {
                            title: head.title.map(|it| beginning(&it, LONGEST_TITLE).to_owned()),
                            parent: head.parent.filter(|id| id.len() <= LONGEST_ID),
                            id: head.id,
                            position: reader.position(),
                            children: Vec::new(),
                            messages: 0,
                        });
                    }
                }
                Recorded::Message(_) if is_taken => {
                    chapters.last_mut().into_iter().for_each(|chapter| chapter.messages += 1);
                }
                Recorded::Nameless => is_taken = false,
                Recorded::Message(_) | Recorded::TooLarge | Recorded::Unreadable => {
                    unreadable += 1;
                }
            }
        }
        let whole = reader.is_whole();
        let Some(root) = root(&chapters, main) else { return Ok(None) };
        let mut outline = Outline { chapters, root, whole, unreadable };
        outline.nest(&places);
        Ok(Some(outline))
    }

    /// Gives each conversation with messages to the one above it. Where that is not written, it
    /// belongs to the agent all the same: it was on its server.
    fn nest(&mut self, places: &BTreeMap<String, usize>) {
        let mut below: Vec<Vec<usize>> = vec![Vec::new(); self.chapters.len()];
        for (at, chapter) in self.chapters.iter().enumerate() {
            let above = chapter.parent.as_ref().and_then(|id| places.get(id));
            below[*above.unwrap_or(&self.root)].push(at);
        }
        let mut is_placed: Vec<bool> =
            self.chapters.iter().map(|chapter| chapter.messages == 0).collect();
        self.settle(self.root, &below, &mut is_placed);
        // What is left is below an empty conversation, too deep, or in a ring.
        for at in 0..self.chapters.len() {
            if !is_placed[at] {
                self.chapters[self.root].children.push(at);
                self.settle(at, &below, &mut is_placed);
            }
        }
    }

    fn settle(&mut self, top: usize, below: &[Vec<usize>], is_placed: &mut [bool]) {
        is_placed[top] = true;
        let mut open = vec![(top, 0)];
        while let Some((at, depth)) = open.pop() {
            if depth + 1 == DEEPEST {
                continue;
            }
            for child in &below[at] {
                if !is_placed[*child] {
                    is_placed[*child] = true;
                    self.chapters[at].children.push(*child);
                    open.push((*child, depth + 1));
                }
            }
        }
    }
}

/// The agent's own conversation: the named one, or else the first that is no sub-agent's.
fn root(chapters: &[Chapter], main: Option<&str>) -> Option<usize> {
    let with_messages = |wanted: &dyn Fn(&Chapter) -> bool| {
        chapters.iter().position(|chapter| chapter.messages > 0 && wanted(chapter))
    };
    let named = main.and_then(|id| with_messages(&|chapter| chapter.id == id));
    named
        .or_else(|| with_messages(&|chapter| chapter.parent.is_none()))
        .or_else(|| with_messages(&|_| true))
}

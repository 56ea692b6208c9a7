//! The text of one turn, put together from deltas, whole parts and REST answers, any of which may
//! come late, twice, out of order or never. Each piece of text is shown once, and all of it is
//! shown.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::client::Piece;
use crate::client::wire::{Message, Part};

/// Names one part. Ids sort by time, so the order of these is the order of the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PartId {
    message: String,
    part: String,
}

/// What is known of one part.
#[derive(Debug, Default)]
struct PartText {
    /// `None` until the part itself has been seen: a delta does not tell text from reasoning.
    is_text: Option<bool>,
    /// All that is known of it.
    text: String,
    /// The first half of a character, of which the other one has not come yet.
    half: Option<u16>,
    /// How many bytes of it have been shown.
    shown: usize,
    /// Deltas were missed, so another one would be appended at the wrong place.
    gap: bool,
    /// Nothing more will be added.
    complete: bool,
    /// It is no text, and begins an attempt at its step.
    starts: bool,
    /// It is of an attempt that failed: the connection to the provider broke, and the message goes
    /// on with another attempt.
    failed: bool,
}

/// The text of the steps of one turn.
#[derive(Debug, Default)]
pub struct Text {
    pieces: BTreeMap<PartId, PartText>,
    ends_line: bool,
    any_shown: bool,
    /// Whether every event was taken, from the first on.
    whole: bool,
    /// Up to here everything is complete and shown. Starting behind it keeps a delta cheap in a
    /// long turn.
    done: Option<PartId>,
}

/// The text of a turn that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FinishedText {
    /// The text of all steps.
    pub all: String,
    /// The text of the last step that has some.
    pub answer: String,
}

impl Text {
    /// An empty text of which no event has been missed. `Text::default()` is one that was joined
    /// midway.
    pub fn new() -> Text {
        Text { ends_line: true, whole: true, ..Text::default() }
    }

    /// Takes a part as the server has it now.
    pub fn take_part(&mut self, part: &Part, show: &mut dyn FnMut(&str)) {
        self.take(&part.message, part, part.time.end.is_some(), show);
    }

    /// Takes a part; `ended` means that nothing more is added to it.
    fn take(&mut self, message: &str, part: &Part, ended: bool, show: &mut dyn FnMut(&str)) {
        let id = PartId { message: message.into(), part: part.id.clone() };
        // The server writes one part after the other, so what came before this one is complete.
        for (_, earlier) in self.pieces.range_mut(..id.clone()).rev().take(2) {
            earlier.complete |= !earlier.gap;
        }
        self.done.take_if(|done| *done >= id);
        let starts = part.kind == "step-start";
        let failed = self.has_later_attempt(&id);
        if starts {
            let earlier = self.pieces.range_mut(..id.clone()).rev();
            for (_, piece) in earlier.take_while(|(at, _)| at.message == message) {
                piece.failed = true;
            }
        }
        let piece = self.pieces.entry(id).or_default();
        (piece.starts, piece.failed) = (starts, failed);
        piece.is_text = Some(part.is_text());
        // A part that is still being written may be older than the deltas since; in REST it is
        // empty.
        // Where it is cut within a character, half of one is missing, which will come.
        let cut = part.text.strip_suffix(char::REPLACEMENT_CHARACTER).filter(|_| !ended);
        let text = cut.unwrap_or(&part.text);
        if ended || text.len() >= piece.text.len() {
            piece.half.take_if(|_| ended || piece.text != text);
            piece.replace(text);
            piece.gap &= !ended && part.text.is_empty();
        }
        piece.complete |= ended || part.kind != "text";
        self.show(show);
    }

    /// Whether another attempt at the same step begins behind a part.
    fn has_later_attempt(&self, id: &PartId) -> bool {
        let later = self.pieces.range((Bound::Excluded(id.clone()), Bound::Unbounded));
        let mut of_step = later.take_while(|(at, _)| at.message == id.message);
        of_step.any(|(_, piece)| piece.starts)
    }

    /// Takes what was added to a part.
    pub fn take_delta(
        &mut self,
        message: &str,
        part: &str,
        text: &Piece,
        show: &mut dyn FnMut(&str),
    ) {
        let id = PartId { message: message.into(), part: part.into() };
        self.done.take_if(|done| *done > id);
        let unknown = PartText { gap: !self.whole, ..PartText::default() };
        let piece = self.pieces.entry(id).or_insert(unknown);
        if !piece.gap && !piece.complete {
            text.add_to(&mut piece.text, &mut piece.half);
            self.show(show);
        }
    }

    /// Notes that events may have been missed. From then on deltas do not count for parts that are
    /// being written, nor for parts of which a delta is the first thing that arrives.
    pub fn note_gap(&mut self) {
        self.whole = false;
        for piece in self.pieces.values_mut().filter(|piece| !piece.complete) {
            piece.gap = true;
        }
    }

    /// Takes the REST state of the turn's messages; with `last` nothing more will come.
    pub fn settle<'a>(
        &mut self,
        messages: impl Iterator<Item = &'a Message>,
        last: bool,
        show: &mut dyn FnMut(&str),
    ) {
        for message in messages {
            for part in &message.parts {
                // Text reaches REST when its part ends; until then it reads as empty.
                let whole =
                    last || part.time.end.is_some() || message.info.time.completed.is_some();
                if whole {
                    self.take(&message.info.id, part, true, show);
                }
            }
        }
        if last {
            for piece in self.pieces.values_mut() {
                piece.complete = true;
            }
            self.show(show);
        }
    }

    /// Shows what can be shown: all complete parts up to the first one that is not complete, what
    /// there is of that one, and nothing behind it.
    fn show(&mut self, show: &mut dyn FnMut(&str)) {
        let from = match &self.done {
            Some(done) => Bound::Excluded(done.clone()),
            None => Bound::Unbounded,
        };
        for (id, piece) in self.pieces.range_mut((from, Bound::Unbounded)) {
            match piece.is_text {
                Some(true) if !piece.failed => {}
                None if !piece.complete => return,
                _ => continue,
            }
            let new = &piece.text[piece.shown..];
            if !new.is_empty() {
                if piece.shown == 0 && self.any_shown && !self.ends_line {
                    show("\n");
                }
                show(new);
                self.any_shown = true;
                self.ends_line = new.ends_with('\n');
                piece.shown = piece.text.len();
            }
            if !piece.complete {
                return;
            }
            self.done = Some(id.clone());
        }
    }

    /// Gives the text away, when nothing more will come. It can be large, so it is moved and not
    /// copied.
    pub fn finish(&mut self) -> FinishedText {
        let answer = self.answer();
        let mut pieces = std::mem::take(&mut self.pieces);
        let mut texts = pieces.values_mut().filter(|piece| piece.has_text());
        let mut all = texts.next().map(|piece| std::mem::take(&mut piece.text)).unwrap_or_default();
        for piece in texts {
            add(&mut all, &piece.text);
        }
        FinishedText { all, answer }
    }

    /// All text of the turn, as it was shown, but for failed attempts.
    pub fn all(&self) -> String {
        join(self.texts(|_| true))
    }

    /// The text of the last step that has some.
    pub fn answer(&self) -> String {
        let last = self.pieces.iter().rev().find(|(_, piece)| piece.has_text());
        match last {
            Some((last, _)) => join(self.texts(|message| message == last.message)),
            None => String::new(),
        }
    }

    fn texts(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
        self.pieces
            .iter()
            .filter(move |(id, piece)| piece.has_text() && wanted(&id.message))
            .map(|(_, piece)| piece.text.as_str())
    }
}

impl PartText {
    fn has_text(&self) -> bool {
        self.is_text == Some(true) && !self.failed && !self.text.is_empty()
    }

    /// Takes the whole text. If it differs from what has been shown, which cannot be taken back,
    /// the whole is shown again behind it. White space that the server cuts off the end is no
    /// difference.
    fn replace(&mut self, text: &str) {
        if self.text == text {
            return;
        }
        let shown = &self.text[..self.shown];
        if shown.starts_with(text) {
            self.shown = text.len();
        } else if !text.starts_with(shown) {
            self.shown = 0;
        }
        self.text = text.into();
    }
}

/// The texts of several parts, each beginning on a line of its own.
fn join<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut all = String::new();
    for text in texts {
        add(&mut all, text);
    }
    all
}

fn add(all: &mut String, text: &str) {
    if !all.is_empty() && !all.ends_with('\n') {
        all.push('\n');
    }
    all.push_str(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(id: &str, kind: &str, text: &str, ended: bool) -> Part {
        let end = if ended { "1" } else { "null" };
        serde_json::from_str(&format!(
            r#"{{"id":"{id}","messageID":"msg_1","type":"{kind}","text":{text:?},
                "time":{{"end":{end}}}}}"#
        ))
        .unwrap()
    }

    fn message(parts: Vec<Part>) -> Message {
        let info = r#"{"id":"msg_1","time":{"completed":1}}"#;
        Message { info: serde_json::from_str(info).unwrap(), parts }
    }

    /// Runs `steps` on a fresh text and gives what was shown; it must be what the text then says.
    fn shown(steps: impl FnOnce(&mut Text, &mut dyn FnMut(&str))) -> String {
        let mut text = Text::new();
        let mut shown = String::new();
        steps(&mut text, &mut |piece| shown.push_str(piece));
        assert_eq!(shown, text.all());
        let expected = FinishedText { all: shown.clone(), answer: text.answer() };
        assert_eq!(text.finish(), expected);
        shown
    }

    #[test]
    fn deltas_are_shown_as_they_come_and_the_whole_part_adds_nothing() {
        let all = shown(|text, show| {
            text.take_part(&part("prt_1", "text", "", false), show);
            text.take_delta("msg_1", "prt_1", &"a".into(), show);
            text.take_delta("msg_1", "prt_1", &"b".into(), show);
            text.take_part(&part("prt_1", "text", "ab", true), show);
            text.take_delta("msg_1", "prt_1", &"late".into(), show);
        });
        assert_eq!(all, "ab");
    }

    #[test]
    fn deltas_before_their_part_wait_for_it_and_reasoning_is_not_shown() {
        let all = shown(|text, show| {
            text.take_delta("msg_1", "prt_1", &"thought".into(), show);
            text.take_delta("msg_1", "prt_2", &"a".into(), show);
            text.take_part(&part("prt_1", "reasoning", "thought", true), show);
            text.take_part(&part("prt_2", "text", "", false), show);
            text.take_delta("msg_1", "prt_2", &"b".into(), show);
        });
        assert_eq!(all, "ab");
    }

    #[test]
    fn without_deltas_the_parts_are_enough_also_in_the_old_form() {
        let all = shown(|text, show| {
            for so_far in ["a", "ab", "abc"] {
                text.take_part(&part("prt_1", "text", so_far, false), show);
            }
            text.take_part(&part("prt_2", "text", "d", true), show);
        });
        assert_eq!(all, "abc\nd");
    }

    #[test]
    fn after_a_gap_nothing_is_shown_until_the_truth_is_known() {
        let all = shown(|text, show| {
            text.take_part(&part("prt_1", "text", "", false), show);
            text.take_delta("msg_1", "prt_1", &"one ".into(), show);
            text.note_gap();
            text.take_delta("msg_1", "prt_1", &"three".into(), show);
            text.take_part(&part("prt_2", "text", "next", false), show);
            let parts = vec![part("prt_1", "text", "one two three", true)];
            text.settle([message(parts)].iter(), false, show);
        });
        assert_eq!(all, "one two three\nnext");
    }

    #[test]
    fn rest_alone_gives_the_whole_text() {
        let all = shown(|text, show| {
            let parts = vec![part("prt_1", "text", "", false), part("prt_2", "text", "x", false)];
            text.settle([message(parts)].iter(), true, show);
        });
        assert_eq!(all, "x");
    }

    #[test]
    fn white_space_that_the_server_cuts_off_the_end_is_no_other_text() {
        let mut text = Text::new();
        let mut shown = String::new();
        let show = &mut |piece: &str| shown.push_str(piece);
        text.take_part(&part("prt_1", "text", "", false), show);
        text.take_delta("msg_1", "prt_1", &"a \n".into(), show);
        text.take_part(&part("prt_1", "text", "a", true), show);
        assert_eq!((text.all().as_str(), shown.as_str()), ("a", "a \n"));
    }

    #[test]
    fn the_text_of_an_attempt_that_failed_is_left_out_in_whatever_order_its_parts_come() {
        let parts = [
            part("prt_1", "step-start", "", true),
            part("prt_2", "text", "w1 w2", false),
            part("prt_3", "step-start", "", true),
            part("prt_4", "text", "whole", true),
        ];
        for order in [[0, 1, 2, 3], [0, 2, 3, 1], [3, 2, 1, 0]] {
            let mut text = Text::new();
            order.iter().for_each(|at| text.take_part(&parts[*at], &mut |_| {}));
            text.settle([message(parts.to_vec())].iter(), true, &mut |_| {});
            assert_eq!((text.all().as_str(), text.answer().as_str()), ("whole", "whole"));
            let expected = FinishedText { all: "whole".into(), answer: "whole".into() };
            assert_eq!(text.finish(), expected, "{order:?}");
        }
    }

    #[test]
    fn a_text_that_is_joined_in_its_middle_trusts_no_delta_before_its_part() {
        let (mut text, mut shown) = (Text::default(), String::new());
        let show = &mut |new: &str| shown.push_str(new);
        text.take_delta("msg_1", "prt_1", &"two".into(), show);
        text.take_part(&part("prt_1", "text", "", false), show);
        text.take_part(&part("prt_1", "text", "one two", true), show);
        assert_eq!(shown, "one two");
    }
}

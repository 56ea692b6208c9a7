//! Cuts a list into its elements and leaves each as it was sent, for what is passed on unchanged.
//!
//! An element is read where the bytes of the answer lie. That takes a fraction of the time that it
//! takes to read them one by one from a stream, and no element is copied.

use std::io::{self, Read};
use std::ops::ControlFlow;

use serde_json::Deserializer;
use serde_json::value::RawValue;

/// How much is read before the elements in it are looked for.
const BLOCK: usize = 128 << 10;

/// Why a list could not be read to its end.
#[derive(Debug)]
pub enum Trouble {
    /// Nothing more could be read.
    Input(io::Error),
    /// It ends too early.
    Cut,
    /// It is no list, or no JSON.
    Wrong(String),
}

/// Passes each element of a list to `take`, and reads to the end of the input. After a `Break` the
/// rest is not read.
pub fn each_element(
    input: impl Read,
    take: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<(), Trouble> {
    each_by(BLOCK, input, take)
}

fn each_by(
    block: usize,
    input: impl Read,
    take: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<(), Trouble> {
    let mut list = List { block, input, bytes: Vec::new(), from: 0, sure: 0, to: 0, end: None };
    if list.sign()? != b'[' {
        return Err(Trouble::Wrong("not a list".into()));
    }
    let mut is_first = true;
    loop {
        // A comma must be followed by an element, and the bracket only by the end.
        if is_first && list.peek()? == b']' {
            list.from += 1;
            return list.end();
        }
        is_first = false;
        if list.element(take)?.is_break() {
            return Ok(());
        }
        match list.sign()? {
            b',' => {}
            b']' => return list.end(),
            other => return Err(unexpected(other)),
        }
    }
}

fn unexpected(byte: u8) -> Trouble {
    Trouble::Wrong(format!("{:?} between two elements of a list", char::from(byte)))
}

/// A list that is being read.
struct List<R> {
    block: usize,
    input: R,
    /// Room for what was read. Of it, what lies before `from` is done with, and what lies behind
    /// `to` was not read yet.
    bytes: Vec<u8>,
    from: usize,
    /// What lies behind this may be the beginning of a number, which would look like a wrong one.
    sure: usize,
    to: usize,
    /// Why there is no more to read, once that is known.
    end: Option<Trouble>,
}

impl<R: Read> List<R> {
    /// Reads the next element.
    fn element(
        &mut self,
        take: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Trouble> {
        loop {
            let sure = &self.bytes[self.from..self.sure.max(self.from)];
            let mut values = Deserializer::from_slice(sure).into_iter::<&RawValue>();
            match values.next() {
                Some(Ok(element)) => {
                    let taken = take(element.get());
                    self.from += values.byte_offset();
                    return Ok(taken);
                }
                Some(Err(error)) if !error.is_eof() => {
                    return Err(Trouble::Wrong(error.to_string()));
                }
                _ => {}
            }
            // Half as much again, so that a long element is not begun anew for every block.
            let length = self.to - self.from;
            self.fill(length + (length / 2).max(self.block))?;
        }
    }

    /// The next byte that is no blank. It is not taken.
    fn peek(&mut self) -> Result<u8, Trouble> {
        loop {
            let rest = &self.bytes[self.from..self.to];
            let blanks = rest.iter().take_while(|byte| b" \n\r\t".contains(byte)).count();
            self.from += blanks;
            match rest.get(blanks) {
                Some(byte) => return Ok(*byte),
                None => self.fill(self.block)?,
            }
        }
    }

    /// The same, taken.
    fn sign(&mut self) -> Result<u8, Trouble> {
        let byte = self.peek()?;
        self.from += 1;
        Ok(byte)
    }

    /// Nothing but blanks may come any more.
    fn end(&mut self) -> Result<(), Trouble> {
        match self.peek() {
            Err(Trouble::Cut) => Ok(()),
            other => other.and_then(|byte| Err(unexpected(byte))),
        }
    }

    /// Reads on until so many bytes are there. What came before the input ended or failed is looked
    /// at first.
    fn fill(&mut self, wanted: usize) -> Result<(), Trouble> {
        if let Some(end) = self.end.take() {
            return Err(end);
        }
        self.bytes.copy_within(self.from..self.to, 0);
        self.to -= self.from;
        self.from = 0;
        if self.bytes.len() < wanted {
            self.bytes.reserve_exact(wanted - self.bytes.len());
            self.bytes.resize(wanted, 0);
        }
        while self.to < wanted && self.end.is_none() {
            match self.input.read(&mut self.bytes[self.to..wanted]) {
                Ok(0) => self.end = Some(Trouble::Cut),
                Ok(count) => self.to += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.end = Some(Trouble::Input(error)),
            }
        }
        let is_of_number =
            |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let last = self.bytes[..self.to].iter().rposition(|byte| !is_of_number(byte));
        self.sure = last.map_or(0, |last| last + 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Slow;

    /// The elements of a text that is read in blocks of that size, and how reading it ended.
    fn read(text: &[u8], block: usize) -> (Vec<String>, Result<(), Trouble>) {
        let mut found = Vec::new();
        let result = each_by(block, Slow(text, block.div_ceil(2)), &mut |element| {
            found.push(element.to_owned());
            ControlFlow::Continue(())
        });
        (found, result)
    }

    const LIST: &str =
        " [ {\"a\" : [-1.5e-3, \"]\\\"}\"]} ,\n12,-1.5e3 , \"\\ud83d ü\",[ ],true\t] \n";

    #[test]
    fn elements_are_handed_over_byte_for_byte() {
        let expected =
            ["{\"a\" : [-1.5e-3, \"]\\\"}\"]}", "12", "-1.5e3", "\"\\ud83d ü\"", "[ ]", "true"];
        for block in (1..=LIST.len()).chain([BLOCK]) {
            let (found, result) = read(LIST.as_bytes(), block);
            assert!(result.is_ok(), "{block}: {result:?}");
            assert_eq!(found, expected);
        }
        for empty in ["[]", " [\n] "] {
            assert!(matches!(read(empty.as_bytes(), 1), (found, Ok(())) if found.is_empty()));
        }
    }

    #[test]
    fn a_list_that_is_cut_anywhere_is_never_taken_for_a_whole_one() {
        let whole = LIST.trim_end().len();
        for at in 0..whole {
            for block in [1, 5, BLOCK] {
                let (found, result) = read(&LIST.as_bytes()[..at], block);
                assert!(matches!(result, Err(Trouble::Cut)), "{at}: {result:?}");
                assert!(found.len() <= 6);
            }
        }
    }

    #[test]
    fn what_is_no_list_of_json_is_refused_where_it_is_wrong() {
        for (text, elements) in [
            (&b"{\"a\":1}"[..], 0),
            (b"<html>", 0),
            (b"[1,]", 1),
            (b"[,1]", 0),
            (b"[1 2]", 1),
            (b"[1}", 1),
            (b"[{\"a\":}]", 0),
            (b"[{\"a\":tru }]", 0),
            (b"[\"\x01\"]", 0),
            (b"[\"\\x\"]", 0),
            (b"[0,\"\xff\"]", 1),
            (b"[01]", 0),
            (b"[1] 2", 1),
            (b"[1]]", 1),
        ] {
            for block in [1, BLOCK] {
                let (found, result) = read(text, block);
                let text = String::from_utf8_lossy(text);
                assert!(matches!(result, Err(Trouble::Wrong(_))), "{text}: {result:?}");
                assert_eq!(found.len(), elements, "{text}");
            }
        }
    }

    #[test]
    fn elements_longer_than_any_block_are_whole_and_those_behind_them_are_found() {
        let long = format!("\"{}\"", "x\\n".repeat(BLOCK));
        let list = format!("[1,{long},{long},{{}}]");
        for block in [1000, BLOCK] {
            let (found, result) = read(list.as_bytes(), block);
            assert!(result.is_ok(), "{result:?}");
            assert!(found == ["1", &long, &long, "{}"], "{} elements", found.len());
        }
    }

    #[test]
    fn nothing_is_read_after_the_last_element_that_is_wanted() {
        let mut seen = 0;
        let result = each_element(&b"[1,2,3"[..], &mut |_| {
            seen += 1;
            if seen < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert!(result.is_ok() && seen == 2);
    }
}

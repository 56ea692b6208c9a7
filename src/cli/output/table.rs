//! Aligned columns without boxes.

use unicode_width::UnicodeWidthStr;

use super::{Output, one_line};
use crate::error::Result;

/// The colours that tables use, and what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// No colour.
    Plain,
    /// Headings.
    Bold,
    /// Good.
    Green,
    /// Unfinished, or worth a look.
    Yellow,
    /// Bad.
    Red,
}

impl Output {
    /// Writes rows as aligned columns. A cell may have several lines.
    pub fn table(&mut self, headings: &[&str], rows: &[Vec<Cell>]) -> Result<()> {
        let mut widths: Vec<usize> = headings.iter().map(|heading| heading.width()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                let longest = cell.text.lines().map(UnicodeWidthStr::width).max();
                *width = (*width).max(longest.unwrap_or(0));
            }
        }
        let heading: Vec<Cell> =
            headings.iter().map(|text| Cell::new(*text).colour(Colour::Bold)).collect();
        let mut text = String::new();
        for row in std::iter::once(&heading).chain(rows) {
            let height = row.iter().map(|cell| cell.text.lines().count()).max().unwrap_or(1).max(1);
            let mut pieces: Vec<_> = row.iter().map(|cell| cell.text.lines()).collect();
            for _ in 0..height {
                let mut out = String::new();
                for ((cell, lines), width) in row.iter().zip(&mut pieces).zip(&widths) {
                    let piece = lines.next().unwrap_or("");
                    out.push_str(&self.paint(piece, cell.colour));
                    out.extend(std::iter::repeat_n(' ', width.saturating_sub(piece.width()) + 2));
                }
                text.push_str(out.trim_end());
                text.push('\n');
            }
        }
        self.write(&text)
    }
}

/// One field of a table.
pub struct Cell {
    text: String,
    colour: Colour,
}

impl Cell {
    /// A field of one line. Characters that could disturb the table are escaped.
    pub fn new(text: impl AsRef<str>) -> Cell {
        Cell { text: one_line(text.as_ref()), colour: Colour::Plain }
    }

    /// A field of several lines, escaped like that.
    pub fn lines<T: AsRef<str>>(texts: impl Iterator<Item = T>) -> Cell {
        let lines: Vec<String> = texts.map(|text| one_line(text.as_ref())).collect();
        Cell { text: lines.join("\n"), colour: Colour::Plain }
    }

    /// The same in a colour.
    pub fn colour(mut self, colour: Colour) -> Cell {
        self.colour = colour;
        self
    }
}

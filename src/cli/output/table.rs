//! Aligned columns without boxes.

use unicode_width::UnicodeWidthStr;

use super::fit::{fit, shorten};
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

/// How much text of a table is made before it is written, in bytes.
const PIECE: usize = 64 << 10;

/// Takes the rows of a table, one after the other.
pub type TakeRow<'a> = &'a mut dyn FnMut(&[Cell]) -> Result<()>;

impl Output {
    /// Writes rows as aligned columns. A cell may have several lines. On a terminal cells of free
    /// text are shortened until the rows fit its width.
    pub fn table(&mut self, headings: &[&str], rows: &[Vec<Cell>]) -> Result<()> {
        self.long_table(headings, &|take| rows.iter().try_for_each(|row| take(row)))
    }

    /// The same for rows that are not in memory together: `rows` gives them twice, first to be
    /// measured, then to be written.
    pub fn long_table(
        &mut self,
        headings: &[&str],
        rows: &dyn Fn(TakeRow) -> Result<()>,
    ) -> Result<()> {
        let is_terminal = self.is_terminal();
        let heading: Vec<Cell> =
            headings.iter().map(|text| Cell::new(*text).colour(Colour::Bold)).collect();
        let mut widths = vec![0; headings.len()];
        let mut free = vec![false; headings.len()];
        let mut measure = |row: &[Cell]| {
            for ((width, free), cell) in widths.iter_mut().zip(&mut free).zip(row) {
                let longest = cell.text(is_terminal).lines().map(UnicodeWidthStr::width).max();
                *width = (*width).max(longest.unwrap_or(0));
                *free |= cell.is_free;
            }
            Ok(())
        };
        measure(&heading)?;
        rows(&mut measure)?;
        if let Some(columns) = self.columns() {
            let gaps = GAP * widths.len().saturating_sub(1);
            fit(&mut widths, &free, columns.saturating_sub(gaps));
        }
        let mut text = String::new();
        self.add_row(&mut text, &heading, &widths, is_terminal);
        rows(&mut |row| {
            self.add_row(&mut text, row, &widths, is_terminal);
            if text.len() >= PIECE {
                self.write(&std::mem::take(&mut text))?;
            }
            Ok(())
        })?;
        self.write(&text)
    }

    fn add_row(&self, text: &mut String, row: &[Cell], widths: &[usize], is_terminal: bool) {
        let mut pieces: Vec<_> = row.iter().map(|cell| cell.text(is_terminal).lines()).collect();
        let height = pieces.iter().map(|lines| lines.clone().count()).max().unwrap_or(0).max(1);
        for _ in 0..height {
            let mut out = String::new();
            for ((cell, lines), width) in row.iter().zip(&mut pieces).zip(widths) {
                let piece = shorten(lines.next().unwrap_or(""), *width);
                out.push_str(&self.paint(&piece, cell.colour));
                let padding = width.saturating_sub(piece.width()) + GAP;
                out.extend(std::iter::repeat_n(' ', padding));
            }
            text.push_str(out.trim_end());
            text.push('\n');
        }
    }
}

/// The blanks between two columns.
const GAP: usize = 2;

/// One field of a table.
pub struct Cell {
    text: String,
    /// What a terminal shows instead.
    on_terminal: Option<String>,
    colour: Colour,
    is_free: bool,
}

impl Cell {
    /// A field of one line. Characters that could disturb the table are escaped.
    pub fn new(text: impl AsRef<str>) -> Cell {
        let text = one_line(text.as_ref());
        Cell { text, on_terminal: None, colour: Colour::Plain, is_free: false }
    }

    /// A field of several lines, escaped like that.
    pub fn lines<T: AsRef<str>>(texts: impl Iterator<Item = T>) -> Cell {
        let lines: Vec<String> = texts.map(|text| one_line(text.as_ref())).collect();
        Cell { text: lines.join("\n"), ..Cell::new("") }
    }

    /// The same in a colour.
    pub fn colour(mut self, colour: Colour) -> Cell {
        self.colour = colour;
        self
    }

    /// The same, but a terminal may show only its beginning: a reader needs no more to know it
    /// again.
    pub fn free(mut self) -> Cell {
        self.is_free = true;
        self
    }

    /// The same, but a terminal shows this.
    pub fn on_terminal(mut self, text: &str) -> Cell {
        self.on_terminal = Some(one_line(text));
        self
    }

    fn text(&self, is_terminal: bool) -> &str {
        self.on_terminal.as_deref().filter(|_| is_terminal).unwrap_or(&self.text)
    }
}

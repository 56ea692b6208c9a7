//! A terminal in memory: what a reader sees of the bytes that a program wrote.

use unicode_width::UnicodeWidthChar;

/// What a terminal of so many columns shows at the end, line by line, without blanks at the ends.
/// Fails the test at a sequence that it does not know.
#[track_caller]
pub fn screen(bytes: &str, columns: usize) -> Vec<String> {
    let mut screen = Screen { columns, lines: vec![Vec::new()], row: 0, column: 0 };
    let mut rest = bytes.chars();
    while let Some(c) = rest.next() {
        match c {
            '\r' => screen.column = 0,
            '\n' => screen.down(),
            '\u{1b}' => {
                assert_eq!(rest.next(), Some('['), "an unknown sequence in {bytes:?}");
                let mut number = String::new();
                let end = loop {
                    match rest.next().expect("the end of a sequence") {
                        digit if digit.is_ascii_digit() => number.push(digit),
                        end => break end,
                    }
                };
                screen.control(end, number.parse().ok());
            }
            c => screen.put(c),
        }
    }
    let line = |cells: &Vec<String>| cells.concat().trim_end().to_owned();
    screen.lines.iter().map(line).collect()
}

struct Screen {
    columns: usize,
    /// The cells of each line; the second cell of a wide character is empty.
    lines: Vec<Vec<String>>,
    row: usize,
    column: usize,
}

impl Screen {
    fn down(&mut self) {
        self.row += 1;
        if self.row == self.lines.len() {
            self.lines.push(Vec::new());
        }
    }

    fn control(&mut self, end: char, number: Option<usize>) {
        match end {
            'K' => self.lines[self.row].truncate(self.column),
            'A' => self.row = self.row.saturating_sub(number.unwrap_or(1)),
            'G' => self.column = number.unwrap_or(1) - 1,
            'm' => {}
            other => panic!("the sequence {other} is not known"),
        }
    }

    fn put(&mut self, c: char) {
        let width = c.width().unwrap_or(0);
        if width > 0 && self.column + width > self.columns {
            self.column = 0;
            self.down();
        }
        let cells = &mut self.lines[self.row];
        while cells.len() < self.column {
            cells.push(" ".into());
        }
        if width == 0 {
            if let Some(cell) = cells[..self.column].iter_mut().rev().find(|cell| !cell.is_empty())
            {
                cell.push(c);
            }
            return;
        }
        cells.truncate(cells.len().max(self.column));
        for at in 0..width {
            let text = if at == 0 { c.to_string() } else { String::new() };
            match cells.get_mut(self.column + at) {
                Some(cell) => *cell = text,
                None => cells.push(text),
            }
        }
        self.column += width;
    }
}

#[test]
fn what_is_written_over_and_erased_is_not_seen() {
    assert_eq!(screen("abc\r\u{1b}[Kxy\r\nz", 10), ["xy", "z"]);
    assert_eq!(
        screen("I try\r\n\rwaiting\u{1b}[K\r\u{1b}[K\u{1b}[A\u{1b}[6G this", 20)[0],
        "I try this"
    );
    assert_eq!(screen("漢字漢", 5), ["漢字", "漢"]);
    assert_eq!(screen("e\u{301}x", 5), ["e\u{301}x"]);
}

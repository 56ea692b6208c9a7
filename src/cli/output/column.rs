//! Where text that a terminal shows ends.

use unicode_width::UnicodeWidthChar;

/// The column behind the last character on a terminal; `None` where terminals differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column(Option<usize>);

impl Column {
    /// The beginning of a line.
    pub const START: Column = Column(Some(0));

    /// Whether this is the beginning of a line.
    pub fn is_start(self) -> bool {
        self == Column::START
    }

    /// The column, counted from 0, on a terminal that has so many; `None` if it is not known for
    /// sure, or if the line is full and the cursor hangs over its end.
    pub fn known(self, columns: usize) -> Option<usize> {
        self.0.filter(|column| *column < columns)
    }

    /// The column behind more text. Tabs, marks and emoji are shown by each terminal in its own
    /// way, so behind them the column is unknown up to the end of the line.
    pub fn after(self, text: &str, columns: usize) -> Column {
        let (mut at, rest) = match text.rsplit_once('\n') {
            Some((_, last)) => (Some(0), last),
            None => (self.0, text),
        };
        for c in rest.chars() {
            let Some(column) = at else { break };
            at = match c.width() {
                Some(width @ 1..) if (' '..'\u{1f000}').contains(&c) => {
                    // What does not fit goes to the next line as a whole.
                    let fits = column + width <= columns;
                    Some(if fits { column + width } else { width })
                }
                _ => None,
            };
        }
        Column(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_counted_as_a_terminal_does_and_unknown_where_they_differ() {
        let after = |text: &str| Column::START.after(text, 10).known(10);
        assert_eq!(after(""), Some(0));
        assert_eq!(after("abc"), Some(3));
        assert_eq!(after("漢字"), Some(4));
        assert_eq!(after("0123456789"), None, "the cursor hangs over the end of the line");
        assert_eq!(after("0123456789a"), Some(1));
        assert_eq!(after("012345678漢"), Some(2), "a wide character does not fit");
        for odd in ["a\tb", "e\u{301}", "👍", "❤\u{fe0f}"] {
            assert_eq!(after(odd), None, "{odd:?}");
            assert_eq!(after(&format!("{odd}\nab")), Some(2), "{odd:?}");
        }
        assert_eq!(Column::START.after("ab", 10).after("cd", 10).known(10), Some(4));
        assert!(Column::START.after("ab\n", 10).is_start());
    }
}

//! Text in lines of a given width, and rows of two columns.

use unicode_width::UnicodeWidthStr;

/// The widest left column, in columns of the terminal. What stands beside a wider cell begins on
/// the next line.
const WIDEST_LEFT: usize = 28;
/// The narrowest right column: a terminal that has no room for it wraps by itself.
const NARROWEST_RIGHT: usize = 20;

/// A paragraph in lines of at most `width` columns, each indented.
pub fn paragraph(text: &str, indent: usize, width: usize) -> String {
    let margin = " ".repeat(indent);
    let room = width.saturating_sub(indent).max(NARROWEST_RIGHT);
    lines(text, room).iter().map(|line| format!("{margin}{line}\n")).collect()
}

/// Rows of two columns. The right one is wrapped below itself.
pub fn columns(rows: &[(String, String)], width: usize) -> String {
    let widths = rows.iter().map(|(left, _)| left.width());
    let left_width = widths.filter(|width| *width <= WIDEST_LEFT).max().unwrap_or(0);
    let margin = left_width + 4;
    let row = |(left, right): &(String, String)| {
        let text = paragraph(right, margin, width);
        if left.width() > left_width {
            return format!("  {left}\n{text}");
        }
        let pad = " ".repeat(left_width - left.width());
        format!("  {left}{pad}  {}\n", text.trim())
    };
    rows.iter().map(row).collect()
}

/// The lines of a text. What stands between back quotes is one word, because it can be pasted.
fn lines(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words(text) {
        let line = lines.last_mut().map(|line| (line.width(), line));
        match line {
            Some((0, line)) => line.push_str(&word),
            Some((width, line)) if width + 1 + word.width() <= room => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for piece in text.split(' ') {
        match words.last_mut() {
            Some(open) if open.matches('`').count() % 2 == 1 => {
                open.push(' ');
                open.push_str(piece);
            }
            _ => words.push(piece.into()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words_and_never_within_what_can_be_pasted() {
        let text = "one `occtl list -o id` two three";
        assert_eq!(paragraph(text, 2, 23), "  one\n  `occtl list -o id`\n  two three\n");
        assert_eq!(paragraph(text, 0, usize::MAX), format!("{text}\n"));
        assert_eq!(
            paragraph("ab 会议会议会议会议会议 cd", 0, 22),
            "ab\n会议会议会议会议会议\ncd\n"
        );
    }

    #[test]
    fn the_right_column_is_wrapped_below_itself_and_stands_below_a_cell_that_is_too_wide() {
        let wide = "x".repeat(WIDEST_LEFT + 1);
        let rows = [("a".into(), "one two three four five".into()), (wide.clone(), "six".into())];
        let expected = format!("  a  one two three four\n     five\n  {wide}\n     six\n");
        assert_eq!(columns(&rows, 25), expected);
    }
}

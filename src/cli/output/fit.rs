//! Makes columns fit the terminal, by shortening the cells of those that hold free text.

use unicode_width::UnicodeWidthStr;

/// What stands for the rest of a text that was cut.
const REST: char = '…';

/// How narrow columns are made, one step after the other until all fit: first those of free text
/// down to a width in which a word can still be told, then to two characters, and at last all but
/// the first one, which holds the id.
const STEPS: [(bool, usize); 4] = [(true, 8), (true, 2), (false, 6), (false, 2)];

/// Makes `widths` narrower until their sum is at most `room`, the rightmost ones first. Nothing is
/// done if no column is `free`, because then each of them is needed as a whole.
pub fn fit(widths: &mut [usize], free: &[bool], room: usize) {
    if !free.contains(&true) {
        return;
    }
    let mut excess = widths.iter().sum::<usize>().saturating_sub(room);
    for (only_free, least) in STEPS {
        for at in (1..widths.len()).rev() {
            if !only_free || free[at] {
                let cut = widths[at].saturating_sub(least).min(excess);
                widths[at] -= cut;
                excess -= cut;
            }
        }
    }
}

/// The longest beginning of a line that fits into a column, with a mark if something is missing.
/// Marks that belong to a character are never parted from it.
pub fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.into();
    }
    let room = width.saturating_sub(1);
    // A character may have any number of marks, and each beginning is measured again, because
    // several emoji together can be as wide as one.
    let most = 16 * width.max(1);
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).take(most);
    let fitting = ends.take_while(|end| text[..*end].width() <= room).last();
    let mut shortened = text[..fitting.unwrap_or(0)].trim_end().to_string();
    shortened.push(REST);
    shortened
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_the_width_that_a_terminal_shows() {
        assert_eq!(shorten("short", 5), "short");
        assert_eq!(shorten("longer", 5), "long…");
        assert_eq!(shorten("漢字漢字", 6), "漢字…");
        assert_eq!(shorten("漢字漢字", 5), "漢字…");
        assert_eq!(shorten("漢字漢字", 4), "漢…");
        assert_eq!(shorten("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(shorten("two words", 5), "two…");
        assert_eq!(shorten("👩\u{200d}👩\u{200d}👧 family", 4).width(), 3);
        for width in 1..30 {
            let text = "a👩\u{200d}👩\u{200d}👧é字e\u{301}\u{302}❤\u{fe0f} and more text of it";
            assert!(shorten(text, width).width() <= width, "{width}");
        }
        let marks = format!("a{}b", "\u{301}".repeat(100_000));
        assert!(shorten(&marks, 1).len() < 100);
    }

    #[test]
    fn the_rightmost_free_columns_are_shortened_first_and_the_first_one_never() {
        let fitted = |widths: &[usize], free: &[bool], room: usize| {
            let mut widths = widths.to_vec();
            fit(&mut widths, free, room);
            widths
        };
        assert_eq!(fitted(&[11, 20, 20], &[false, true, true], 40), [11, 20, 9]);
        assert_eq!(fitted(&[11, 20, 20], &[false, true, true], 30), [11, 11, 8]);
        assert_eq!(fitted(&[11, 20, 5, 20], &[false, true, false, true], 30), [11, 8, 5, 6]);
        assert_eq!(fitted(&[11, 9, 5, 9], &[false, true, false, true], 18), [11, 2, 3, 2]);
        assert_eq!(fitted(&[11, 9], &[false, true], 5), [11, 2]);
        assert_eq!(fitted(&[11, 90], &[false, false], 20), [11, 90], "a command is never cut");
    }
}

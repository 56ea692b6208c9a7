//! Small drawings in the cells of tables. Each says in words what it shows.

use super::escape::plain;

use crate::sorting;

/// The marks that a strip may have. More would not be told apart at any width.
const POSITIONS: f64 = 300.0;

/// A number that is only known to lie in an interval; all from 0 to 1.
#[derive(Clone, Copy)]
pub struct Estimate {
    /// The lower end.
    pub low: f64,
    /// The best guess.
    pub estimate: f64,
    /// The upper end.
    pub high: f64,
}

/// One mark of a strip.
#[derive(Clone, Copy)]
pub struct Mark {
    /// Where, from 0 to 1.
    pub at: f64,
    /// Whether a limit ended it there, so that it would have come later.
    pub is_censored: bool,
}

impl Estimate {
    /// As text that stays on one line: `62 % (40 to 80 %)`.
    pub fn words(self) -> String {
        let Estimate { low, estimate, high } = self;
        let low = format!("{:.0}", low * 100.0);
        format!("{} ({low} to {})", percent(estimate), percent(high)).replace(' ', "\u{a0}")
    }

    /// A line from end to end with a mark for the estimate, on a scale from 0 to 1.
    pub fn drawing(self) -> String {
        let [low, estimate, high] = [self.low, self.estimate, self.high].map(place);
        let width = (high - low).max(0.6);
        let grid: String = [0.0, 24.8, 49.7, 74.7, 99.5]
            .map(|x| format!("<rect class=\"grid\" x=\"{x}\" width=\"0.5\" height=\"16\"/>"))
            .concat();
        let body = format!(
            "{grid}<rect class=\"span\" x=\"{low:.1}\" y=\"6\" width=\"{width:.1}\" height=\"4\"/>\
             <rect class=\"mark\" x=\"{:.1}\" y=\"1\" width=\"1.4\" height=\"14\"/>",
            (estimate - 0.7).clamp(0.0, 98.6),
        );
        cell(&self.words(), &body)
    }
}

/// Marks along a line: those of ended turns below, and those that a limit ended above.
pub fn strip(words: &str, marks: &[Mark]) -> String {
    let mut places: Vec<(bool, u32)> = marks
        .iter()
        .map(|mark| (mark.is_censored, (place(mark.at) / 100.0 * POSITIONS).round() as u32))
        .collect();
    sorting::sort(&mut places);
    places.dedup();
    let mut body = String::from("<rect class=\"grid\" y=\"7.7\" width=\"100\" height=\"0.6\"/>");
    for (is_censored, at) in places {
        let x = (f64::from(at) / POSITIONS * 100.0).min(99.3);
        let (class, y) = if is_censored { ("limit", 0) } else { ("mark", 9) };
        body +=
            &format!("<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"0.7\" height=\"7\"/>");
    }
    cell(words, &body)
}

/// A drawing as wide as its cell.
fn cell(words: &str, body: &str) -> String {
    format!(
        "<svg class=\"cell\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 100 16\" \
         preserveAspectRatio=\"none\">{body}</svg>",
        plain(words)
    )
}

/// A share of the width.
fn place(share: f64) -> f64 {
    if share.is_finite() { share.clamp(0.0, 1.0) * 100.0 } else { 100.0 }
}

/// A share as text that stays on one line: `62 %`.
pub fn percent(share: f64) -> String {
    format!("{:.0}\u{a0}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_stays_within_its_frame_and_is_told_in_words() {
        for (low, estimate, high) in [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (-3.0, 0.5, f64::NAN)] {
            let drawing = Estimate { low, estimate, high }.drawing();
            for rect in drawing.split("<rect").skip(1) {
                let number = |name: &str| -> f64 {
                    let value = rect.split(&format!(" {name}=\"")).nth(1).unwrap_or("0\"");
                    value.split('"').next().unwrap().parse().unwrap()
                };
                assert!(number("x") >= 0.0 && number("x") + number("width") <= 100.7, "{rect}");
            }
        }
        let some = Estimate { low: 0.4, estimate: 0.62, high: 0.8 };
        assert!(
            some.drawing().contains("aria-label=\"62\u{a0}%\u{a0}(40\u{a0}to\u{a0}80\u{a0}%)\"")
        );
    }

    #[test]
    fn a_strip_of_any_number_of_runs_is_small_and_tells_limits_by_place() {
        let mark = |at: usize| Mark { at: at as f64 / 50_000.0, is_censored: at.is_multiple_of(2) };
        let marks: Vec<Mark> = (0..100_000).map(mark).collect();
        let strip = strip("all", &marks);
        assert!(strip.len() < 80_000, "{}", strip.len());
        assert!(strip.contains("class=\"limit\"") && strip.contains("y=\"9\""));
    }
}

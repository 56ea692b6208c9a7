//! Drawings with axes: cost against pass rate, and pass rates over nights.

use std::fmt::Write as _;

use super::escape::plain;
use super::plot::{Estimate, percent};
use crate::bench::report::amounts::dollars;

/// The frame, in units of the drawing. It is narrow, so that letters can be read on a phone.
const WIDTH: f64 = 400.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 388.0;
const TOP: f64 = 14.0;

/// How high a line of letters is, and how wide most letters are at most.
const LINE: f64 = 16.0;
const LETTER: f64 = 8.0;

/// The most points of a chart that are named beside their mark. The others are in the table.
const MOST_NAMED: usize = 12;

/// One arm in a chart of cost and pass rate.
pub struct Point<'a> {
    /// The arm's id.
    pub name: &'a str,
    /// US dollars for a run.
    pub usd: f64,
    /// Its pass rate.
    pub rate: Estimate,
}

/// One night of an arm.
pub struct Moment {
    /// Its pass rate; `None` without a result.
    pub rate: Option<Estimate>,
    /// What changed since the night before, for example a version.
    pub change: Option<String>,
}

/// A box with lines for 0, 50 and 100 %.
struct Frame {
    bottom: f64,
    body: String,
}

impl Frame {
    fn new(bottom: f64) -> Frame {
        let mut frame = Frame { bottom, body: String::new() };
        for rate in [0.0, 0.5, 1.0] {
            let y = frame.y(rate);
            let _ = write!(
                frame.body,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 5.0,
                y + 4.0,
                percent(rate)
            );
        }
        frame
    }

    fn y(&self, rate: f64) -> f64 {
        self.bottom - rate.clamp(0.0, 1.0) * (self.bottom - TOP)
    }

    /// A point with its interval. `shape` tells points apart that have the same colour.
    fn point(&mut self, x: f64, rate: Estimate, shape: usize) {
        let (low, y, high) = (self.y(rate.low), self.y(rate.estimate), self.y(rate.high));
        let _ = write!(self.body, "<path class=\"span\" d=\"M{x:.1} {low:.1}V{high:.1}\"/>");
        let mark = match shape % 3 {
            0 => format!("M{:.1} {y:.1}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0", x - 5.0),
            1 => format!("M{:.1} {:.1}h10v10h-10Z", x - 5.0, y - 5.0),
            _ => format!("M{x:.1} {:.1}l6 11h-12Z", y - 7.0),
        };
        let _ = write!(self.body, "<path class=\"mark\" d=\"{mark}\"/>");
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        let _ = write!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            plain(text)
        );
    }

    fn end(self, words: &str, height: f64) -> String {
        format!(
            "<svg class=\"chart\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {WIDTH} {height}\">\
             {}</svg>\n",
            plain(words),
            self.body
        )
    }
}

/// Cost against pass rate. `None` where no arm has both.
pub fn cost_and_rate(points: &[Point]) -> Option<String> {
    let known = |point: &&Point| point.usd.is_finite() && point.usd >= 0.0;
    let points: Vec<&Point> = points.iter().filter(known).collect();
    let most = points.iter().map(|point| point.usd).reduce(f64::max)?;
    let scale = if most > 0.0 { most * 1.1 } else { 1.0 };
    let mut frame = Frame::new(250.0);
    let mut labels: Vec<f64> = Vec::new();
    for (shape, point) in points.iter().enumerate() {
        let x = LEFT + point.usd / scale * (RIGHT - LEFT);
        frame.point(x, point.rate, shape);
        if shape >= MOST_NAMED {
            continue;
        }
        // Names do not cover each other: one moves down until it has a line of its own.
        let mut y = frame.y(point.rate.estimate) + 4.0;
        while labels.iter().any(|other| (other - y).abs() < LINE) {
            y += LINE / 2.0;
        }
        labels.push(y);
        let name: String = point.name.chars().take(20).collect();
        if x > (LEFT + RIGHT) / 2.0 {
            frame.text(x - 9.0, y, "end", &name);
        } else {
            frame.text(x + 9.0, y, "start", &name);
        }
    }
    frame.text(LEFT, 268.0, "middle", "$0");
    frame.text(RIGHT, 268.0, "end", &dollars(scale));
    frame.text((LEFT + RIGHT) / 2.0, 284.0, "middle", "US dollars for a run");
    let words: Vec<String> = points
        .iter()
        .take(MOST_NAMED)
        .map(|one| {
            format!("{}: {} for a run, {} passed", one.name, dollars(one.usd), one.rate.words())
        })
        .collect();
    let words = format!("Pass rate by cost. {}", words.join("; "));
    Some(frame.end(&words, 292.0))
}

/// One arm over nights, the oldest first. `words` says all of it.
pub fn over_time(words: &str, nights: &[Moment]) -> String {
    let mut frame = Frame::new(104.0);
    let step = (RIGHT - LEFT) / nights.len().max(1) as f64;
    let mut free_from = 0.0;
    for (at, night) in nights.iter().enumerate() {
        let x = LEFT + (at as f64 + 0.5) * step;
        if let Some(change) = &night.change {
            let line = x - step / 2.0;
            let _ = write!(
                frame.body,
                "<path class=\"change\" d=\"M{line:.1} {TOP}V{:.1}\"/>",
                frame.bottom + 6.0
            );
            // Changes one after the other are all marked, and named where there is room.
            if line >= free_from {
                let name: String = change.chars().take(16).collect();
                let end = line > RIGHT - 100.0;
                frame.text(line, 122.0, if end { "end" } else { "start" }, &name);
                free_from = line + LETTER * (name.chars().count() + 1) as f64;
            }
        }
        match night.rate {
            Some(rate) => frame.point(x, rate, 0),
            None => {
                let y = frame.y(0.5) + 4.0;
                frame.text(x, y, "middle", "–");
            }
        }
    }
    frame.end(words, 128.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_of_anything_has_numbers_and_words() {
        let rate = Estimate { low: 0.1, estimate: 0.5, high: 0.9 };
        let point = |name, usd| Point { name, usd, rate };
        assert!(cost_and_rate(&[]).is_none());
        assert!(cost_and_rate(&[point("a", f64::NAN)]).is_none());
        for usd in [0.0, 1e-9, 3.0, 1e12] {
            let chart = cost_and_rate(&[point("<a>", 0.0), point("b", usd)]).unwrap();
            assert!(!chart.contains("NaN") && !chart.contains("inf"), "{chart}");
            assert!(chart.contains("&lt;a&gt;: $0.0000 for a run, 50\u{a0}%\u{a0}(10"), "{chart}");
        }
        let many: Vec<Point> = (0..300).map(|_| point("x", 1.0)).collect();
        assert_eq!(cost_and_rate(&many).unwrap().matches("class=\"mark\"").count(), 300);
        let night =
            |change: Option<&str>| Moment { rate: Some(rate), change: change.map(Into::into) };
        let nights = [night(None), night(Some("1.2 <x>")), Moment { rate: None, change: None }];
        let chart = over_time("words", &nights);
        assert!(chart.contains("class=\"change\"") && chart.contains("1.2 &lt;x&gt;"), "{chart}");
        assert!(!over_time("none", &[]).contains("NaN"));
    }
}

//! The one line that says on a terminal what a command waits for, and for how long.
//!
//! It is shown only where nothing else can be disturbed: on a terminal that understands how a line
//! is erased, by a process in its foreground, and while no text has been written for a moment. Text
//! in the middle of a line stays as it is: the status is then shown below it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use unicode_width::UnicodeWidthChar;

use super::column::Column;
use super::escape::one_line;

/// How long something takes before the line appears, and how long text must pause.
const AFTER: Duration = Duration::from_millis(500);
/// The least that is shown of the part that is shortened.
const LEAST_SHOWN: usize = 12;

/// What is known of the work besides its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detail {
    /// How often a model was called.
    pub steps: u64,
    /// The last tool, or why the provider is being tried again; untrusted text.
    pub doing: String,
    /// US dollars that are known.
    pub cost: f64,
}

/// The line. It neither writes nor looks at a clock: what is to be written is returned.
pub struct StatusLine {
    /// What is waited for; `None` if nothing is to be shown.
    what: Option<String>,
    since: Instant,
    detail: Detail,
    shown: Option<Shown>,
    /// Where the text on stdout ends.
    column: Column,
    /// When something was written.
    written: Option<Instant>,
    /// Whether the command goes on after it has written something.
    is_live: bool,
}

/// What is on the terminal.
struct Shown {
    text: String,
    /// In which column the text above it ends, if that is not at the beginning of a line.
    above: Option<usize>,
}

impl StatusLine {
    /// A line for work that begins now.
    pub fn new(now: Instant) -> StatusLine {
        StatusLine {
            what: None,
            since: now,
            detail: Detail::default(),
            shown: None,
            column: Column::START,
            written: None,
            is_live: false,
        }
    }

    /// Says what is waited for; `None` for nothing any more.
    pub fn set(&mut self, what: Option<&str>) {
        self.what = what.map(one_line);
    }

    /// Says more of what is waited for. From now on text on stdout is a part of it and not its end.
    pub fn detail(&mut self, detail: Detail) {
        self.is_live = true;
        self.detail = detail;
    }

    /// Text was written to stdout. What a pipe's reader does with it is not known: it may well show
    /// it on this terminal.
    pub fn note_output(&mut self, text: &str, to_terminal: bool, columns: usize, now: Instant) {
        if self.is_live && to_terminal {
            self.written = Some(now);
            self.column = self.column.after(text, columns);
        } else {
            self.what = None;
        }
    }

    /// Whether it is time to show the line, or what is new of it.
    pub fn is_due(&self, now: Instant) -> bool {
        let has_passed = |since: Instant| now.saturating_duration_since(since) >= AFTER;
        self.what.is_some() && has_passed(self.since) && self.written.is_none_or(has_passed)
    }

    /// What shows the line, if it is time for it and there is anything new to show.
    pub fn draw(&mut self, columns: usize, now: Instant) -> Option<String> {
        let what = self.what.as_ref().filter(|_| self.is_due(now))?;
        let elapsed = now.saturating_duration_since(self.since);
        let text = compose(what, elapsed, &self.detail, columns.saturating_sub(1));
        let mut sequence = String::new();
        let above = match &self.shown {
            Some(shown) if shown.text == text => return None,
            Some(shown) => shown.above,
            None if self.column.is_start() => None,
            None => {
                let above = self.column.known(columns)?;
                sequence.push('\n');
                Some(above)
            }
        };
        let _ = write!(sequence, "\r{text}\u{1b}[K");
        self.shown = Some(Shown { text, above });
        Some(sequence)
    }

    /// What removes the line and brings the cursor back to the end of the text above. Something
    /// will be written there.
    pub fn erase(&mut self, now: Instant) -> Option<String> {
        self.written = Some(now);
        let shown = self.shown.take()?;
        let mut sequence = String::from("\r\u{1b}[K");
        if let Some(column) = shown.above {
            let _ = write!(sequence, "\u{1b}[A\u{1b}[{}G", column + 1);
        }
        Some(sequence)
    }

    /// What brings the cursor to the beginning of a line, where other text can be written.
    pub fn begin_line(&mut self, now: Instant) -> String {
        let mut sequence = self.erase(now).unwrap_or_default();
        if !self.column.is_start() {
            sequence.push('\n');
        }
        self.column = Column::START;
        sequence
    }
}

/// The line, in at most so many columns. What is being done is shortened first.
fn compose(what: &str, elapsed: Duration, detail: &Detail, columns: usize) -> String {
    let mut head = format!("{what}, {} s", elapsed.as_secs());
    if detail.steps > 0 {
        let _ = write!(head, ", step {}", detail.steps);
    }
    let mut tail = String::new();
    if detail.cost > 0.0 {
        let _ = write!(tail, ", ${:.4}", detail.cost);
    }
    let room = columns.saturating_sub(head.chars().count() + tail.chars().count() + 2);
    if !detail.doing.is_empty() && room >= LEAST_SHOWN {
        let _ = write!(head, ", {}", shorten(&one_line(&detail.doing), room));
    }
    shorten(&(head + &tail), columns)
}

/// The beginning of a text that fits into so many columns on every terminal, with a mark if
/// something is missing. Terminals differ in how wide they show emoji that are joined or changed by
/// marks, and a line that is one column too wide could not be erased any more: each part counts.
fn shorten(text: &str, columns: usize) -> String {
    let widest = |c: char| c.width().unwrap_or(0).max(usize::from(c == '\u{fe0f}'));
    let ends = text.char_indices().scan(0, |column, (at, c)| {
        *column += widest(c);
        Some((at + c.len_utf8(), *column))
    });
    if ends.clone().last().is_none_or(|(_, width)| width <= columns) {
        return text.into();
    }
    let fitting = ends.take_while(|(_, width)| *width < columns).last();
    format!("{}…", text[..fitting.map_or(0, |(end, _)| end)].trim_end())
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn a_status_fits_the_terminal_and_keeps_what_is_short_and_certain() {
        let titles = [
            "make test",
            "漢字漢字漢字漢字漢字漢字漢字",
            "e\u{301}👩\u{200d}👧❤\u{fe0f}\u{1b}[2J\n",
        ];
        for title in titles {
            let doing = format!("bash ({})", title.repeat(9));
            let detail = Detail { steps: 12, doing, cost: 0.012_34 };
            for columns in [5, 20, 59, 79, 199] {
                let line =
                    compose("waiting for the answer", Duration::from_secs(71), &detail, columns);
                assert!(line.width() <= columns, "{columns}: {line}");
                let apart: usize = line.chars().filter_map(UnicodeWidthChar::width).sum();
                assert!(apart <= columns, "{columns}, without joined emoji: {line}");
                assert!(!line.contains(['\u{1b}', '\n']), "{line}");
                if columns > 40 {
                    assert!(line.starts_with("waiting for the answer, 71 s, step 12"), "{line}");
                    assert!(line.ends_with(", $0.0123"), "{line}");
                }
            }
        }
        let short =
            compose("starting OpenCode", Duration::from_millis(1900), &Detail::default(), 79);
        assert_eq!(short, "starting OpenCode, 1 s");
    }

    const COLUMNS: usize = 30;

    struct Clock(Instant);

    impl Clock {
        fn after(&self, ms: u64) -> Instant {
            self.0 + Duration::from_millis(ms)
        }
    }

    fn begun() -> (Clock, StatusLine) {
        let clock = Clock(Instant::now());
        let mut line = StatusLine::new(clock.0);
        line.set(Some("waiting"));
        (clock, line)
    }

    #[test]
    fn nothing_is_shown_of_what_is_quick_and_the_same_is_not_shown_twice() {
        let (clock, mut line) = begun();
        assert_eq!(line.draw(COLUMNS, clock.after(499)), None);
        assert_eq!(line.erase(clock.after(50)), None);
        let first = line.draw(COLUMNS, clock.after(600)).unwrap();
        assert_eq!(first, "\rwaiting, 0 s\u{1b}[K");
        assert_eq!(line.draw(COLUMNS, clock.after(700)), None);
        assert_eq!(line.draw(COLUMNS, clock.after(1_100)).unwrap(), "\rwaiting, 1 s\u{1b}[K");
        assert_eq!(line.erase(clock.after(1_200)).unwrap(), "\r\u{1b}[K");
        assert_eq!(line.erase(clock.after(1_200)), None);
        assert_eq!(line.draw(COLUMNS, clock.after(1_600)), None, "something is being written");
        line.set(None);
        assert_eq!(line.draw(COLUMNS, clock.after(9_000)), None);
    }

    #[test]
    fn text_ends_the_line_unless_it_is_a_part_of_the_work() {
        let (clock, mut line) = begun();
        line.note_output("x\n", true, COLUMNS, clock.after(1_000));
        assert_eq!(line.draw(COLUMNS, clock.after(9_000)), None);
        let (clock, mut line) = begun();
        line.detail(Detail::default());
        line.note_output("x\n", false, COLUMNS, clock.after(1_000));
        assert_eq!(line.draw(COLUMNS, clock.after(9_000)), None, "a pipe may end here, too");
    }

    #[test]
    fn text_in_the_middle_of_a_line_goes_on_where_it_was() {
        let (clock, mut line) = begun();
        line.detail(Detail { steps: 2, ..Detail::default() });
        line.note_output("I try 漢", true, COLUMNS, clock.after(1_000));
        assert_eq!(line.draw(COLUMNS, clock.after(1_400)), None, "text may go on");
        let below = line.draw(COLUMNS, clock.after(1_600)).unwrap();
        assert_eq!(below, "\n\rwaiting, 1 s, step 2\u{1b}[K");
        let later = line.draw(COLUMNS, clock.after(2_600)).unwrap();
        assert_eq!(later, "\rwaiting, 2 s, step 2\u{1b}[K", "not one more line below");
        let back = line.erase(clock.after(2_700)).unwrap();
        assert_eq!(back, "\r\u{1b}[K\u{1b}[A\u{1b}[9G");
        // Where a terminal shows emoji in its own way, the status waits for the end of the line.
        line.note_output(" 👍", true, COLUMNS, clock.after(3_000));
        assert_eq!(line.draw(COLUMNS, clock.after(9_000)), None);
        assert_eq!(line.begin_line(clock.after(9_000)), "\n");
        assert!(line.draw(COLUMNS, clock.after(9_100)).is_none());
        assert!(line.draw(COLUMNS, clock.after(9_600)).is_some());
    }
}

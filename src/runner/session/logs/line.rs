//! One line of a log, in the two forms that OpenCode writes.

/// What a line of a log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// RFC 3339 UTC; `None` if the line has no time.
    pub time: Option<String>,
    /// `DEBUG`, `INFO`, `WARN` or `ERROR`.
    pub level: Option<String>,
    /// The part of the server that wrote the line, if the line tells.
    pub service: Option<String>,
    /// The message; the whole line if it has neither form.
    pub message: String,
    /// The line as it was written.
    pub line: String,
}

/// The levels, the least important first.
pub const LEVELS: [&str; 4] = ["DEBUG", "INFO", "WARN", "ERROR"];

/// The level of a line; reads no more of the line than that needs.
pub fn level(line: &str) -> Option<&'static str> {
    let word = match line.split_once(" level=") {
        Some((head, rest)) if head.starts_with("timestamp=") => rest,
        _ => line,
    };
    let word = word.split(' ').next().unwrap_or("");
    LEVELS.into_iter().find(|level| *level == word)
}

impl LogLine {
    /// The value behind a key of a line.
    pub fn field(line: &str, key: &str) -> Option<String> {
        fields(line).into_iter().find(|field| field.key == Some(key)).map(|field| field.value)
    }

    /// Reads `timestamp=… level=INFO run=… message=… key=value` (1.18) and
    /// `INFO  2026-11-22T20:38:22 +0ms service=bus type=x the message` (before).
    pub fn parse(line: &str) -> LogLine {
        let level = level(line).map(String::from);
        let fields = fields(line);
        let get = |name: &str| {
            let found = fields.iter().find(|field| field.key == Some(name));
            found.map(|field| field.value.clone())
        };
        let (time, message) = if line.starts_with("timestamp=") {
            (get("timestamp"), get("message"))
        } else if level.is_some() {
            let plain = fields.iter().filter(|field| field.key.is_none());
            let words: Vec<&str> = plain.map(|field| field.value.as_str()).collect();
            let time = words.get(1).map(|time| format!("{}Z", time.trim_end_matches('Z')));
            let is_delay = |word: &str| word.starts_with('+') && word.ends_with("ms");
            let message = words.iter().skip(2).skip_while(|word| is_delay(word));
            (time, Some(message.copied().collect::<Vec<_>>().join(" ")))
        } else {
            (None, None)
        };
        LogLine {
            time: time.filter(|time| time.parse::<jiff::Timestamp>().is_ok()),
            level,
            service: get("service"),
            message: message.filter(|text| !text.is_empty()).unwrap_or_else(|| line.to_string()),
            line: line.to_string(),
        }
    }
}

/// A word of a line: `key=value`, or a value alone.
struct Field<'a> {
    key: Option<&'a str>,
    value: String,
}

/// The words of a line. The value behind a key may be quoted.
fn fields(line: &str) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = rest.find(' ').unwrap_or(rest.len());
        let key = rest[..end].find('=').filter(|at| *at > 0).map(|at| &rest[..at]);
        let value = &rest[key.map_or(0, |key| key.len() + 1)..];
        let (value, left) = match value.strip_prefix('"') {
            Some(quoted) if key.is_some() => unquote(quoted),
            _ => match value.split_once(' ') {
                Some((word, left)) => (word.to_string(), left),
                None => (value.to_string(), ""),
            },
        };
        found.push(Field { key, value });
        rest = left.trim_start();
    }
    found
}

/// A quoted value without its quotes, and what follows it.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, other)) => value.push(other),
                None => {}
            },
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_line_and_no_form_at_all() {
        let new = LogLine::parse(
            "timestamp=2026-11-22T20:36:53.084Z level=INFO run=e1 \
             message=\"llm \\\"x\\\" selected\" service=llm a=b=c",
        );
        assert_eq!(new.time.as_deref(), Some("2026-11-22T20:36:53.084Z"));
        assert_eq!((new.level.as_deref(), new.service.as_deref()), (Some("INFO"), Some("llm")));
        assert_eq!(new.message, "llm \"x\" selected");
        let old = LogLine::parse(
            "ERROR 2026-11-22T20:38:20 +2ms service=server error=Unable to connect. failed",
        );
        assert_eq!(old.time.as_deref(), Some("2026-11-22T20:38:20Z"));
        assert_eq!((old.level.as_deref(), old.service.as_deref()), (Some("ERROR"), Some("server")));
        assert_eq!(old.message, "to connect. failed");
        for none in [
            "",
            "plain text",
            "ERRORS are not a level",
            "timestamp=x level=LOUD",
            "=",
            "\"",
            "a=\"\\",
        ] {
            let line = LogLine::parse(none);
            assert_eq!((line.level, line.time), (None, None), "{none}");
            assert_eq!(line.message, none);
        }
    }
}

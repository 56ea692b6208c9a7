//! The permission requests in a server's log.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::file::LineReader;
use super::line::LogLine;

/// How much of a log's end is read: some thousand steps of turns.
const NEWEST_BYTES: u64 = 16 << 20;

/// A permission request as the log tells of it.
#[derive(Debug, PartialEq)]
pub struct LoggedAsk {
    /// `per_…`.
    pub id: String,
    /// Under which name its server writes, where servers share a log (from 1.18 on).
    pub run: Option<String>,
    /// For example `bash`.
    pub permission: String,
    /// What it is for.
    pub patterns: Vec<String>,
}

/// Adds the requests in a log, oldest first, and notes under which name the server writes that
/// worked last on each of these conversations.
pub fn read_asks(
    path: &Path,
    conversations: &[&str],
    asks: &mut Vec<LoggedAsk>,
    runs: &mut BTreeMap<String, Option<String>>,
) -> io::Result<()> {
    let size = std::fs::metadata(path)?.len();
    let mut reader = LineReader::open(path, size.saturating_sub(NEWEST_BYTES))?;
    while let Some(line) = reader.next(true)? {
        if let Some((_, id)) = line.split_once("session.id=") {
            let id = id.split(' ').next().unwrap_or_default();
            if conversations.contains(&id) {
                runs.insert(id.into(), LogLine::field(&line, "run"));
            }
        } else if line.contains("asking") {
            asks.extend(ask(&line));
        }
    }
    Ok(())
}

/// Reads `timestamp=… run=… message=asking id=per_… permission=bash patterns="[\"ls\"]"` (1.18) and
/// `INFO  2026-11-29T18:03:29 +1ms … id=per_… permission=bash patterns=["ls"] asking` (before).
fn ask(line: &str) -> Option<LoggedAsk> {
    let (_, list) = line.split_once(" patterns=")?;
    let patterns = match list.strip_suffix(" asking") {
        Some(list) => serde_json::from_str(list),
        None => serde_json::from_str(&LogLine::field(line, "patterns")?),
    };
    Some(LoggedAsk {
        id: LogLine::field(line, "id").filter(|id| id.starts_with("per_"))?,
        run: LogLine::field(line, "run"),
        permission: LogLine::field(line, "permission")?,
        patterns: patterns.ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_in_both_forms_of_a_line() {
        let new = concat!(
            "timestamp=2026-11-29T18:02:57.233Z level=INFO run=a8 message=asking id=per_1 ",
            r#"permission=bash patterns="[\"sleep 40\",\"echo \\\"x  y\\\"\"]""#,
        );
        let old = concat!(
            "INFO  2026-11-29T18:02:57 +1ms service=permission id=per_1 permission=bash ",
            r#"patterns=["sleep 40","echo \"x  y\""] asking"#,
        );
        for (line, run) in [(new, Some("a8")), (old, None)] {
            let expected = LoggedAsk {
                id: "per_1".into(),
                run: run.map(String::from),
                permission: "bash".into(),
                patterns: vec!["sleep 40".into(), "echo \"x  y\"".into()],
            };
            assert_eq!(ask(line), Some(expected), "{line}");
        }
        for none in ["", "asking", " patterns=[] asking", "a patterns=x asking"] {
            assert_eq!(ask(none), None, "{none}");
        }
    }
}

//! How it is told what a turn does while it goes on.

use crate::runner::turn::{Happening, Named, News};
use crate::units::beginning;

/// How much of a command is told, in bytes.
const TOLD: usize = 200;

/// A line for stderr.
pub fn line(news: &News) -> String {
    let mut line = match &news.what {
        Happening::ToolBegan(tool) => format!("tool {}", named(tool)),
        Happening::ToolEnded { tool, well, duration_ms } => {
            let how = if *well { "ended" } else { "failed" };
            let after = duration_ms.map(|ms| format!(" after {}.{} s", ms / 1000, ms % 1000 / 100));
            format!("tool {} {how}{}", named(tool), after.unwrap_or_default())
        }
        Happening::Retry { attempt, why } => {
            let why = why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("retry {attempt}{why}")
        }
    };
    if let Some(sub_agent) = &news.sub_agent {
        line.insert_str(0, &format!("sub-agent {sub_agent}: "));
    }
    line
}

/// The same for the status line, which shows only what is going on.
pub fn brief(news: &News) -> String {
    match &news.what {
        Happening::ToolBegan(tool) | Happening::ToolEnded { tool, .. } => named(tool),
        Happening::Retry { .. } => line(&News { sub_agent: None, what: news.what.clone() }),
    }
}

/// A tool and the first line of its title.
fn named(Named { name, title }: &Named) -> String {
    let Some(title) = title else { return name.clone() };
    let first = title.trim().lines().next().unwrap_or_default();
    let shown = beginning(first, TOLD);
    let mark = if shown.len() < title.trim().len() { "…" } else { "" };
    format!("{name} ({shown}{mark})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_whose_it_is_and_what_came_of_it() {
        let tool = || Named { name: "bash".into(), title: Some("cd x\nmake".into()) };
        let told = |sub_agent: Option<&str>, what| {
            line(&News { sub_agent: sub_agent.map(String::from), what })
        };
        assert_eq!(told(None, Happening::ToolBegan(tool())), "tool bash (cd x…)");
        let ended = |well, duration_ms| Happening::ToolEnded { tool: tool(), well, duration_ms };
        assert_eq!(told(None, ended(true, Some(1_250))), "tool bash (cd x…) ended after 1.2 s");
        assert_eq!(
            told(Some("ses_2"), ended(false, None)),
            "sub-agent ses_2: tool bash (cd x…) failed"
        );
        let retry = Happening::Retry { attempt: 3, why: Some("slow down".into()) };
        assert_eq!(told(None, retry.clone()), "retry 3: slow down");
        let news = News { sub_agent: Some("ses_2".into()), what: retry };
        assert_eq!(brief(&news), "retry 3: slow down");
    }
}

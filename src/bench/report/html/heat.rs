//! Tasks by arms, with the passes of each pair and a way to each of its runs.

use super::escape::inline;

/// How much HTML the table may be, in bytes.
const LARGEST: usize = 1_000_000;

/// One task in one arm.
pub struct HeatCell {
    /// Runs that passed.
    pub passes: u32,
    /// Runs that passed or failed.
    pub scored: u32,
    /// Runs of which nothing can be said.
    pub unscored: u32,
    /// The sign of each run and the address of its page, in the order of the repeats.
    pub runs: Vec<HeatRun>,
}

/// One run in a cell.
pub struct HeatRun {
    /// From 1.
    pub repeat: u32,
    /// `pass`, `fail`, `unscored` or `ungraded`.
    pub result: &'static str,
    /// The address of its page; `None` if it has not run.
    pub page: Option<String>,
}

/// The table. Each row is a task's id with a cell for each arm.
pub fn heat_map(arms: &[&str], rows: &[(&str, Vec<HeatCell>)]) -> String {
    let heads: String =
        arms.iter().map(|arm| format!("<th scope=\"col\">{}</th>", inline(arm))).collect();
    let mut body = String::new();
    let mut shown = 0;
    for (task, cells) in rows {
        if body.len() >= LARGEST {
            break;
        }
        body += &format!("<tr><th scope=\"row\">{}</th>", inline(task));
        cells.iter().for_each(|cell| cell.add(&mut body, task));
        body.push_str("</tr>\n");
        shown += 1;
    }
    let hidden = rows.len() - shown;
    let note = if hidden > 0 {
        format!("<p class=\"cut\">{hidden} more tasks are not shown; `--csv` has all runs.</p>\n")
    } else {
        String::new()
    };
    format!(
        "<p>Each sign leads to a run: ✓ passed, ✗ failed, – without a result.</p>\n\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Runs that passed\">\n\
         <table class=\"heat\">\n<caption>Runs that passed, by task and arm</caption>\n\
         <thead><tr><th scope=\"col\">Task</th>{heads}</tr></thead>\n<tbody>\n{body}</tbody>\n\
         </table>\n</div>\n{note}"
    )
}

impl HeatCell {
    fn add(&self, html: &mut String, task: &str) {
        let shade = match self.scored {
            0 => "h".into(),
            scored => format!("h h{}", (4 * self.passes + scored / 2) / scored),
        };
        let unscored = match self.unscored {
            0 => String::new(),
            count => format!(", {count} without"),
        };
        let count = match self.scored {
            0 => "–".into(),
            scored => format!("{} of {scored}", self.passes),
        };
        *html += &format!("<td class=\"{shade}\">{count}{unscored}<span class=\"runs\">");
        for run in &self.runs {
            let sign = match run.result {
                "pass" => "✓",
                "fail" => "✗",
                _ => "–",
            };
            let words = format!("{task}, repeat {}: {}", run.repeat, run.result);
            match &run.page {
                Some(page) => {
                    let words = super::escape::plain(&words);
                    *html += &format!(" <a href=\"{page}\" aria-label=\"{words}\">{sign}</a>");
                }
                None => html.push_str(" ·"),
            }
        }
        html.push_str("</span></td>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(passes: u32, scored: u32, runs: usize) -> HeatCell {
        let run = |repeat| HeatRun {
            repeat: repeat as u32,
            result: "pass",
            page: Some("runs/x.html".into()),
        };
        HeatCell { passes, scored, unscored: 0, runs: (1..=runs).map(run).collect() }
    }

    #[test]
    fn shades_go_with_the_share_and_are_told_in_words() {
        let rows = [("t", (0..=4).map(|passes| cell(passes, 4, 1)).collect())];
        let html = heat_map(&["a", "b", "c", "d", "e"], &rows);
        for (passes, shade) in ["h0", "h1", "h2", "h3", "h4"].iter().enumerate() {
            assert!(html.contains(&format!("<td class=\"h {shade}\">{passes} of 4")), "{html}");
        }
        assert!(html.contains("aria-label=\"t, repeat 1: pass\">✓</a>"), "{html}");
        let none = heat_map(&["a"], &[("t", vec![cell(0, 0, 0)])]);
        assert!(none.contains("<td class=\"h\">–<"), "{none}");
    }

    #[test]
    fn a_table_of_any_size_is_bounded() {
        let rows: Vec<(&str, Vec<HeatCell>)> =
            (0..2000).map(|_| ("t", vec![cell(1, 20, 20)])).collect();
        let html = heat_map(&["a"], &rows);
        assert!(html.len() < LARGEST + 10_000, "{}", html.len());
        assert!(html.contains("more tasks are not shown"));
    }
}

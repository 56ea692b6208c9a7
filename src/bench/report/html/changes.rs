//! A patch of git with its lines marked.

use super::artifacts::{Artifacts, Extract};
use super::escape::{add_lines, inline};
use crate::bench::report::amounts::{counted, size};

/// How much of a patch is read, in bytes.
const MOST_READ: u64 = 1 << 20;

/// How much HTML one file may make, in bytes.
const MOST_OF_A_FILE: usize = 128 << 10;

/// What HTML the marks of a file may make beside its lines.
const FRAME: usize = 1024;

/// The part of a patch that is about one file.
struct Changed<'a> {
    lines: Vec<&'a str>,
}

/// The patch of an attempt as HTML of about `most` bytes; `None` if there is none.
pub fn changes(artifacts: &Artifacts, most: usize) -> Option<String> {
    let Extract { text, missing } = artifacts.beginning("answer.patch", MOST_READ)?;
    let files = split(&text);
    if files.is_empty() && missing == 0 {
        return Some("<p>Nothing was changed.</p>\n".into());
    }
    let mut html = String::new();
    let mut shown = 0;
    for file in &files {
        let left = most.saturating_sub(html.len());
        if left < 2 * FRAME {
            break;
        }
        file.add(&mut html, (left - FRAME).min(MOST_OF_A_FILE));
        shown += 1;
    }
    let hidden = files.len() - shown;
    if hidden > 0 || missing > 0 {
        let mut what = Vec::new();
        if hidden > 0 {
            what.push(format!("{} more", counted(hidden as u64, "file")));
        }
        if missing > 0 {
            what.push(format!("{} more of the patch", size(missing)));
        }
        let link = artifacts.link("answer.patch");
        html += &format!(
            "<p class=\"cut\">Not shown: {}. All of it is in {link}.</p>\n",
            what.join(", ")
        );
    }
    Some(html)
}

/// The files of a patch. Each begins with a line `diff --git`.
fn split(text: &str) -> Vec<Changed<'_>> {
    let mut files: Vec<Changed> = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.starts_with("diff --git ") || files.is_empty() {
            files.push(Changed { lines: Vec::new() });
        }
        if let Some(file) = files.last_mut() {
            file.lines.push(line);
        }
    }
    files
}

impl Changed<'_> {
    /// How many lines come before the first change.
    fn head(&self) -> usize {
        let begins = |line: &&str| line.starts_with("@@ ") || line.starts_with("GIT binary patch");
        self.lines.iter().position(begins).unwrap_or(self.lines.len())
    }

    /// The file's name: the new one, or the old one of a file that was removed.
    fn name(&self) -> &str {
        let head = &self.lines[..self.head()];
        let after = |start: &str| {
            let found = head.iter().find_map(|line| line.strip_prefix(start))?;
            Some(found.trim_end()).filter(|name| *name != "/dev/null")
        };
        let named = after("+++ b/").or_else(|| after("+++ \"b/"));
        let old = || after("--- a/").or_else(|| after("--- \"a/"));
        let first = || self.lines.first().map_or("", |line| same_name(line));
        named.or_else(old).unwrap_or_else(first).trim_end().trim_end_matches('"')
    }

    fn is_binary(&self) -> bool {
        self.lines.get(self.head()).is_some_and(|line| line.starts_with("GIT binary patch"))
    }

    fn add(&self, html: &mut String, most: usize) {
        let head = self.head();
        let body = &self.lines[head..];
        let count = |sign: char| body.iter().filter(|line| line.starts_with(sign)).count() as u64;
        let kind = self.lines[..head].iter().find_map(|line| match *line {
            line if line.starts_with("new file") => Some("new, "),
            line if line.starts_with("deleted file") => Some("deleted, "),
            line if line.starts_with("rename to") => Some("renamed, "),
            _ => None,
        });
        let what = if self.is_binary() {
            "binary".into()
        } else {
            format!("{} added, {} removed", counted(count('+'), "line"), count('-'))
        };
        *html += &format!(
            "<details open class=\"file\">\n<summary>{} <small>{}{what}</small></summary>\n",
            inline(self.name()),
            kind.unwrap_or_default(),
        );
        if self.is_binary() {
            html.push_str("<p>It is no text.</p>\n");
        } else if !body.is_empty() {
            add_body(html, body, most);
        }
        html.push_str("</details>\n");
    }
}

/// The lines of a file from its first change on, in about `most` bytes of HTML.
fn add_body(html: &mut String, body: &[&str], most: usize) {
    html.push_str("<pre class=\"diff\">");
    let begin = html.len();
    let mut missing = 0;
    for line in body {
        let left = most.saturating_sub(html.len() - begin);
        if left == 0 {
            missing += line.len();
            continue;
        }
        let tag = match line.as_bytes().first() {
            Some(b'+') => "ins",
            Some(b'-') => "del",
            Some(b'@') => "b",
            _ => "span",
        };
        *html += &format!("<{tag}>");
        missing += line.len() - add_lines(html, line, left);
        *html += &format!("</{tag}>");
    }
    html.push_str("</pre>\n");
    if missing > 0 {
        let missing = size(missing as u64);
        *html += &format!("<p class=\"cut\">{missing} more of this file are not shown.</p>\n");
    }
}

/// The name in the first line of a file: `diff --git a/NAME b/NAME`. One of a renamed file, or one
/// that git has quoted, stays as it is there.
fn same_name(line: &str) -> &str {
    let names = line.trim_start_matches("diff --git ").trim_end();
    let half = names.split_at_checked(names.len() / 2);
    let same = half.and_then(|(old, new)| {
        let new = new.strip_prefix(" b/")?;
        (old.strip_prefix("a/") == Some(new)).then_some(new)
    });
    same.unwrap_or(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "diff --git a/old b/old\ndeleted file mode 100644\nindex 1..0\n--- a/old\n\
        +++ /dev/null\n@@ -1 +0,0 @@\n-<gone>\n\
        diff --git \"a/\\302\\240 x\" \"b/\\302\\240 x\"\nindex 1..2 100644\n\
        --- \"a/\\302\\240 x\"\n\
        +++ \"b/\\302\\240 x\"\n@@ -1,2 +1,2 @@\n same\n--- not a head\n++++ nor this\n\
        diff --git a/pic b/pic\nnew file mode 100644\nGIT binary patch\nliteral 3\nKcmZ\n\n";

    #[test]
    fn lines_are_marked_by_sign_and_element_and_files_have_their_names() {
        let files = split(PATCH);
        let names: Vec<_> = files.iter().map(Changed::name).collect();
        assert_eq!(names, ["old", "\\302\\240 x", "pic"]);
        let mut html = String::new();
        files.iter().for_each(|file| file.add(&mut html, 10_000));
        for part in [
            "<del>-&lt;gone&gt;\n</del>",
            "deleted, 0 lines added, 1 removed",
            "<span> same\n</span><del>--- not a head\n</del><ins>++++ nor this\n</ins>",
            "<b>@@ -1,2 +1,2 @@\n</b>",
            "new, binary</small></summary>\n<p>It is no text.</p>",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn a_file_of_any_size_is_cut_and_says_so() {
        let text = format!("diff --git a/x b/x\n@@ -0,0 +1 @@\n{}", "+<<<<<<<<<<\n".repeat(10_000));
        let mut html = String::new();
        split(&text)[0].add(&mut html, 5000);
        assert!(html.len() < 5000 + FRAME, "{}", html.len());
        assert!(html.contains("KB more of this file are not shown"), "{html}");
        assert_eq!(html.matches("<ins>").count(), html.matches("</ins>").count());
    }
}

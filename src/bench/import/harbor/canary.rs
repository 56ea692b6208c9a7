//! Lines that mark a prompt, so that it can be found in data that models were trained with.

/// A prompt without the marks that it begins with and the blank lines behind them: an agent of
/// Harbor does not see them either.
pub fn without(text: &str) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let marks = lines.iter().take_while(|line| is_mark(line)).count();
    if marks > 0 {
        let blank = lines[marks..].iter().take_while(|line| line.trim().is_empty()).count();
        lines.drain(..marks + blank);
    }
    lines.concat()
}

/// `<!-- … canary … -->` or `# … canary …`, in any case and from the first letter on.
fn is_mark(line: &str) -> bool {
    let line = line.trim_end_matches(['\n', '\r']).to_ascii_lowercase();
    let is_comment = line.starts_with("<!--") && line.ends_with("-->");
    (is_comment || line.starts_with('#')) && line.contains("canary")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_prompt_begins_with_is_taken_off() {
        for (text, prompt) in [
            ("<!-- our CANARY 1 -->\n# Canary 2\r\n\n \nDo it.\n", "Do it.\n"),
            ("# Title\n\nDo it.\n", "# Title\n\nDo it.\n"),
            ("\n# canary\nDo it.\n", "\n# canary\nDo it.\n"),
            (" # canary\n", " # canary\n"),
            ("# canary\n\n# canary is a bird\n", "# canary is a bird\n"),
            ("<!-- canary --> Do it.\n", "<!-- canary --> Do it.\n"),
            ("canary\n", "canary\n"),
            ("# canary", ""),
        ] {
            assert_eq!(without(text), prompt, "{text:?}");
        }
    }
}

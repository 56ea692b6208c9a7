//! Text from plans, models and files where a format would read it as its own.

use std::fmt::Write as _;

use crate::units::changes_direction;

/// For XML 1.0, in text and in attributes. What XML forbids is replaced.
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\n' | '\t' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => {
                out.push(letter);
            }
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

/// A path as an address. Its slashes stay what they are.
pub fn address(path: &str) -> String {
    let mut address = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            address.push(char::from(byte));
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}

/// For one line of Markdown, also within a table.
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '~'
            | '&' | '@' => {
                out.push('\\');
                out.push(letter);
            }
            letter if letter.is_control() || changes_direction(letter) => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

/// For a terminal: control characters and marks of direction are spelled out.
pub fn terminal(text: &str) -> String {
    let is_plain = |letter: char| !letter.is_control() && !changes_direction(letter);
    if text.chars().all(is_plain) {
        return text.into();
    }
    let spelled = text.chars().map(|letter| {
        if is_plain(letter) { letter.to_string() } else { letter.escape_unicode().to_string() }
    });
    spelled.collect()
}

/// For a cell of CSV (RFC 4180). A spreadsheet would compute what begins like a formula, so such
/// text gets an apostrophe before it, which spreadsheets do not show.
pub fn csv(text: &str) -> String {
    let mut text = text.replace('\0', "\u{fffd}");
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        text.insert(0, '\'');
    }
    quoted(text)
}

/// The same for numbers and for what is JSON: a number may be negative.
pub fn csv_number(text: &str) -> String {
    quoted(text.into())
}

fn quoted(text: String) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

/// For the text of a workflow command of GitHub, which is one line.
pub fn github(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// For a property of a workflow command.
pub fn github_property(text: &str) -> String {
    github(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_nowhere_but_below() {
        assert_eq!(address("../a b/ü?#:%.json"), "../a%20b/%C3%BC%3F%23%3A%25.json");
        assert_eq!(address("javascript:alert(1)"), "javascript%3Aalert%281%29");
    }
}

//! Files of the package as text, and what of them is code.

use std::path::Path;

/// The root of the package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a directory of the package, by their path from its root, with their text.
pub fn files(below: &str, end: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(below)];
    while let Some(directory) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            if ["target", ".git"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if name.ends_with(end) {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                found.push((name, text));
            }
        }
    }
    found.sort();
    found
}

/// The text without comments and without what is only there for unit tests. Strings stay.
pub fn code(text: &str) -> String {
    let mut kept = String::new();
    let mut skipping: Option<String> = None;
    for line in text.lines() {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let rest = line.trim_start();
        if let Some(outer) = &skipping {
            // An item ends with a bracket, or with a semicolon, as far left as its attribute.
            let ends = rest.starts_with('}') || rest.ends_with(';');
            if ends && indent == *outer {
                skipping = None;
            }
        } else if rest == "#[cfg(test)]" {
            skipping = Some(indent);
        } else if !rest.starts_with("//") {
            kept.push_str(line.split(" // ").next().unwrap_or(line));
            kept.push('\n');
        }
    }
    kept
}

/// The same without what is between quotes.
pub fn without_strings(code: &str) -> String {
    let mut kept = String::new();
    let mut characters = code.chars().peekable();
    let mut inside = false;
    while let Some(c) = characters.next() {
        match c {
            '\\' if inside => drop(characters.next()),
            // A quote as a character is no string.
            '\'' if !inside && characters.peek() == Some(&'"') => drop(characters.next()),
            '"' => inside = !inside,
            _ if inside => {}
            _ => kept.push(c),
        }
    }
    kept
}

/// Whether a word stands somewhere, not as a part of a longer one.
pub fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

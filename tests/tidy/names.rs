//! The names in the text of one module: what it imports, what it defines, what it speaks of.

use std::collections::BTreeSet;

use super::text::words;

/// A name that a `use` line brings in.
pub struct Import {
    /// What the module calls it.
    pub name: String,
    /// What it stands for.
    pub path: Vec<String>,
    /// Whether the line is a `pub use`.
    pub handed_on: bool,
}

/// The names of one module.
#[derive(Default)]
pub struct Names {
    /// By `use`.
    pub imports: Vec<Import>,
    /// The modules of which `use` brings in everything.
    pub globs: Vec<Vec<String>>,
    /// Types, functions and all else that is defined, except what only a type or a function has.
    pub defined: BTreeSet<String>,
    /// The types of the `impl` blocks.
    pub extended: BTreeSet<Vec<String>>,
    /// All other paths, those of a single name too.
    pub paths: BTreeSet<Vec<String>>,
}

impl Names {
    /// The names in code that has no strings and no comments.
    pub fn of(code: &str) -> Names {
        let words: Vec<&str> = words(code).into_iter().map(|(_, word)| word).collect();
        let mut names = Names::default();
        let (mut at, mut depth) = (0, 0);
        while at < words.len() {
            depth += i32::from(words[at] == "{") - i32::from(words[at] == "}");
            at = match words[at] {
                "use" if is_name(words.get(at + 1)) => names.import(&words, at),
                // The path says who sees an item, and uses nothing.
                "in" if at > 1 && words[at - 2..at] == ["pub", "("] => {
                    at + 1 + path(&words[at + 1..]).1
                }
                "impl" if at == 0 || [";", "{", "}", "]"].contains(&words[at - 1]) => {
                    names.extended.insert(extended(&words[at + 1..]));
                    at + 1
                }
                _ => names.speak(&words, at, depth == 0),
            };
        }
        names
    }

    /// Takes up the `use` line at a place, and says where the next word is.
    fn import(&mut self, words: &[&str], at: usize) -> usize {
        let end = at + words[at..].iter().take_while(|word| **word != ";").count();
        let handed_on = at > 0 && (words[at - 1] == "pub" || words[at - 1] == ")");
        for path in leaves(&words[at + 1..end]) {
            let (path, name) = match path.iter().position(|word| word == "as") {
                Some(renamed) => (path[..renamed].to_vec(), path[renamed + 1].clone()),
                None => (path.clone(), path.last().unwrap().clone()),
            };
            match name.as_str() {
                "*" => self.globs.push(path[..path.len() - 1].to_vec()),
                _ => self.imports.push(Import { name, path, handed_on }),
            }
        }
        end
    }

    /// Takes up a word that is in no `use` line, with the path that begins with it. `outside` is
    /// whether it stands in no block.
    fn speak(&mut self, words: &[&str], at: usize, outside: bool) -> usize {
        const DEFINING: [&str; 8] =
            ["const", "enum", "fn", "static", "struct", "trait", "type", "union"];
        let before = if at > 0 { words[at - 1] } else { "" };
        let (path, length) = path(&words[at..]);
        let is_field = length == 1 && words.get(at + 1) == Some(&":");
        if DEFINING.contains(&before) {
            self.defined.extend(outside.then(|| words[at].to_owned()));
        } else if length > 0 && before != "." && before != "::" && !is_field {
            self.paths.insert(path);
        }
        at + length.max(1)
    }
}

/// The path that words begin with, and how many of them it is.
fn path(words: &[&str]) -> (Vec<String>, usize) {
    let mut path = Vec::new();
    let mut at = 0;
    while is_name(words.get(at)) {
        path.push(words[at].to_owned());
        at += 1;
        if words.get(at) != Some(&"::") || !is_name(words.get(at + 1)) {
            break;
        }
        at += 1;
    }
    (path, at)
}

/// The paths of the tree of a `use` line. A `self` at the end of one is left out.
fn leaves(words: &[&str]) -> Vec<Vec<String>> {
    let mut stems: Vec<Vec<String>> = vec![Vec::new()];
    let (mut leaves, mut path) = (Vec::new(), Vec::<String>::new());
    for word in words.iter().chain(&[","]) {
        match *word {
            "{" => stems.push(path.clone()),
            "," | "}" => {
                let stem = stems.last().cloned().unwrap_or_default();
                if path.len() > stem.len() {
                    leaves.push(path.clone());
                }
                if *word == "}" {
                    stems.pop();
                }
                path = stems.last().cloned().unwrap_or_default();
            }
            "::" => {}
            "self" if !path.is_empty() => leaves.push(path.clone()),
            name => path.push(name.to_owned()),
        }
    }
    leaves
}

/// The type that an `impl` block is for; the words after `impl` are given.
fn extended(words: &[&str]) -> Vec<String> {
    let mut depth = 0;
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match *word {
            "<" => depth += 1,
            ">" => depth -= 1,
            "{" | "where" | ";" => break,
            "for" if depth == 0 => found.clear(),
            _ if depth == 0 && found.is_empty() => found = path(&words[at..]).0,
            _ => {}
        }
    }
    found
}

fn is_name(word: Option<&&str>) -> bool {
    word.is_some_and(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

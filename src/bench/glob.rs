//! Patterns of paths: `*` and `?` stay within a name, `[a-z]` and `[!a-z]` are one letter of it,
//! and `**` stands for any number of directories. All other letters stand for themselves.
//!
//! Paths are bytes: a name on disk need not be UTF-8.

/// Whether a pattern is one of the paths, or of a directory above the path: `tests` covers all that
/// is below `tests`.
pub fn covers(patterns: &[String], path: &[u8]) -> bool {
    patterns.iter().any(|pattern| {
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        (1..=names.len()).any(|depth| match_names(&names_of(pattern), &names[..depth]))
    })
}

/// Whether a pattern matches a whole path, which is relative.
pub fn matches(pattern: &str, path: &[u8]) -> bool {
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    match_names(&names_of(pattern), &names)
}

/// What is wrong with a pattern of files below a directory.
pub fn fault(pattern: &str) -> Option<&'static str> {
    if pattern.is_empty() {
        return Some("is empty");
    }
    if pattern.starts_with('/') {
        return Some("must be relative: it begins with /");
    }
    if pattern.split('/').any(|name| name == "..") {
        return Some("must not leave its directory: it contains ..");
    }
    None
}

/// Whether a name of a pattern can match more than one name.
pub fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

/// The names between slashes. `./` in front and `/` at the end say nothing.
fn names_of(pattern: &str) -> Vec<&[u8]> {
    pattern.split('/').filter(|name| !name.is_empty() && *name != ".").map(str::as_bytes).collect()
}

/// `**` may take any number of names. Row by row, so that no pattern takes exponential time.
fn match_names(pattern: &[&[u8]], path: &[&[u8]]) -> bool {
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for wanted in pattern {
        let mut next = vec![false; path.len() + 1];
        if *wanted == b"**" {
            let mut open = false;
            for (at, was) in reached.iter().enumerate() {
                open |= was;
                next[at] = open;
            }
        } else {
            for (at, name) in path.iter().enumerate() {
                next[at + 1] = reached[at] && match_name(wanted, name);
            }
        }
        reached = next;
    }
    reached[path.len()]
}

/// One name. The last `*` takes as little as possible and is lengthened when the rest does not
/// match.
fn match_name(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let one = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            Some(b'?') => Some(1),
            Some(b'[') => match_set(&pattern[p..], name[n]),
            Some(letter) => (*letter == name[n]).then_some(1),
            None => None,
        };
        match (one, star) {
            (Some(length), _) => {
                p += length;
                n += 1;
            }
            (None, Some((at, taken))) => {
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|letter| *letter == b'*')
}

/// The length of the set that a pattern begins with, if the letter is in it. A `[` without its `]`
/// stands for itself.
fn match_set(pattern: &[u8], letter: u8) -> Option<usize> {
    let negated = pattern.get(1).is_some_and(|first| matches!(first, b'!' | b'^'));
    let start = 1 + usize::from(negated);
    // A ] right behind the bracket is a letter.
    let close = pattern.iter().skip(start + 1).position(|byte| *byte == b']');
    let Some(close) = close.map(|at| at + start + 1) else {
        return (letter == b'[').then_some(1);
    };
    let set = &pattern[start..close];
    let mut found = false;
    let mut at = 0;
    while at < set.len() {
        match set[at..] {
            [from, b'-', to, ..] => {
                found |= (from..=to).contains(&letter);
                at += 3;
            }
            _ => {
                found |= set[at] == letter;
                at += 1;
            }
        }
    }
    (found != negated).then_some(close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_a_name_and_two_cross_directories() {
        let yes = [
            ("a.py", "a.py"),
            ("*.py", "a.py"),
            ("src/*.py", "src/a.py"),
            ("**/*.py", "a.py"),
            ("**/*.py", "x/y/a.py"),
            ("src/**", "src/x/y"),
            ("a/**/b", "a/b"),
            ("a/**/b", "a/x/y/b"),
            ("./a/", "a"),
            ("[a-c]?[!x]", "bzy"),
            ("[]]", "]"),
            ("[a-", "[a-"),
            ("a*b*c", "aXbYbZc"),
            ("*", ".hidden"),
            ("new\nline*", "new\nline 2"),
        ];
        for (pattern, path) in yes {
            assert!(matches(pattern, path.as_bytes()), "{pattern} {path}");
        }
        let no = [
            ("*.py", "src/a.py"),
            ("src/*", "src/x/y"),
            ("a.py", "A.py"),
            ("[a-c]", "d"),
            ("[!a-c]", "a"),
            ("a?", "a"),
            ("a*b*c", "abd"),
            ("src/**", "srcs/x"),
        ];
        for (pattern, path) in no {
            assert!(!matches(pattern, path.as_bytes()), "{pattern} {path}");
        }
        assert!(matches("*", b"\xff\xfe"));
    }

    #[test]
    fn a_directory_covers_what_is_below_it() {
        let covered = |pattern: &str, path: &str| covers(&[pattern.into()], path.as_bytes());
        assert!(covered("tests", "tests/deep/a"));
        assert!(covered("*/fixtures", "tests/fixtures/a/b"));
        assert!(!covered("test", "tests/a"));
        assert!(!covered("a", "b/a"));
        assert!(!covers(&[], b"a"));
    }

    #[test]
    fn no_pattern_takes_long() {
        let began = std::time::Instant::now();
        let name = "a".repeat(2000);
        assert!(!matches(&format!("{}b", "a*".repeat(500)), name.as_bytes()));
        assert!(!matches(&format!("{}b", "**/".repeat(200)), "a/".repeat(500).as_bytes()));
        assert!(began.elapsed().as_secs() < 5);
    }

    #[test]
    fn a_pattern_that_leaves_its_directory_is_at_fault() {
        for pattern in ["", "/etc/*", "../x", "a/../../b"] {
            assert!(fault(pattern).is_some(), "{pattern}");
        }
        assert_eq!(fault("a..b/**"), None);
    }
}

//! Permission rules, decided as OpenCode decides them. Pure.
//!
//! Checked against the real server's own decisions by the tests of `test-permission`.

use crate::client::wire::Rule;

/// The rule that decides: the last one whose permission and whose pattern both match. `None` means
/// that no rule speaks of it; OpenCode then asks.
pub fn decide<'a>(rules: &'a [Rule], permission: &str, pattern: &str) -> Option<&'a Rule> {
    rules
        .iter()
        .rev()
        .find(|rule| matches(&rule.permission, permission) && matches(&rule.pattern, pattern))
}

/// Whether a wildcard pattern matches all of a text: `?` is one character, `*` any run of them
/// (line ends too), a ` *` at the end may be missing altogether, and all else stands for itself.
///
/// Two oddities are OpenCode's own: a backslash and a slash are the same on both sides, and a
/// character outside the basic plane counts as two.
pub fn matches(pattern: &str, text: &str) -> bool {
    let units = |text: &str| -> Vec<u16> {
        let slash = |unit| if unit == BACKSLASH { SLASH } else { unit };
        text.encode_utf16().map(slash).collect()
    };
    let (pattern, text) = (units(pattern), units(text));
    let optional = pattern.strip_suffix(&[SPACE, STAR]);
    run(&pattern, &text) || optional.is_some_and(|shorter| run(shorter, &text))
}

/// Whether a pattern matches everything that another one matches. Tried out on texts that the other
/// one matches: where it has a `*`, nothing, or more characters than the pattern can name one by
/// one, none of which are in it.
pub fn covers(pattern: &str, other: &str) -> bool {
    let unknown = '\u{1}';
    let many = unknown.to_string().repeat(pattern.len() + 1);
    let texts = |other: &str| {
        let other = other.replace('?', &unknown.to_string());
        [other.replace('*', ""), other.replace('*', &many)]
    };
    let optional = other.strip_suffix(" *").map(texts);
    let texts = texts(other).into_iter().chain(optional.into_iter().flatten());
    texts.into_iter().all(|text| matches(pattern, &text))
}

/// What two rules have in common, with the first one's action. `None` if nothing, or if no rule can
/// say it: then neither has all of the other.
pub fn common(rule: &Rule, within: &Rule) -> Option<Rule> {
    Some(Rule {
        permission: narrower(&rule.permission, &within.permission)?.into(),
        pattern: narrower(&rule.pattern, &within.pattern)?.into(),
        action: rule.action.clone(),
    })
}

/// The one of two patterns that the other one covers.
fn narrower<'a>(one: &'a str, other: &'a str) -> Option<&'a str> {
    if covers(other, one) {
        Some(one)
    } else if covers(one, other) {
        Some(other)
    } else {
        None
    }
}

/// The action of a rule that lets it be.
pub const ALLOW: &str = "allow";

/// The action of a rule that asks first.
pub const ASK: &str = "ask";

/// The action of a rule that refuses.
pub const DENY: &str = "deny";

/// Whether rules refuse a permission altogether. OpenCode from 1.3 on then takes the tool away from
/// the model.
pub fn deny_all(rules: &[Rule], permission: &str) -> bool {
    let last = rules.iter().rev().find(|rule| matches(&rule.permission, permission));
    last.is_some_and(|rule| rule.pattern == "*" && rule.action == DENY)
}

const STAR: u16 = b'*' as u16;

const QUESTION: u16 = b'?' as u16;

const SPACE: u16 = b' ' as u16;

const SLASH: u16 = b'/' as u16;

const BACKSLASH: u16 = b'\\' as u16;

/// The usual walk with one way back: only the last `*` ever has to take one character more, so the
/// time is at most the product of both lengths and a hostile pattern cannot blow it up.
fn run(pattern: &[u16], text: &[u16]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(&STAR) => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&unit) if unit == QUESTION || unit == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    at = place + 1;
                    seen = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|unit| *unit == STAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_opencode() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "a\nb", true),
            ("git *", "git", true),
            ("git *", "git push", true),
            ("git *", "gitk", false),
            ("git *", "git ", true),
            ("git*", "gitk", true),
            ("git **", "git", false),
            ("?", "a", true),
            ("?", "", false),
            ("?", "\n", true),
            ("?", "😀", false),
            ("??", "😀", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*.rs", "src/a.rs", true),
            ("*.rs", "src/a_rs", false),
            ("[ab]", "a", false),
            ("[ab]", "[ab]", true),
            ("(x|y)+^$", "(x|y)+^$", true),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbc", false),
            ("rm -rf *", "sudo rm -rf /", false),
            ("a\\b", "a/b", true),
            ("", "", true),
            ("", "x", false),
            (" *", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn the_last_rule_that_matches_wins() {
        let rule = |permission: &str, pattern: &str, action: &str| Rule {
            permission: permission.into(),
            pattern: pattern.into(),
            action: action.into(),
        };
        let rules = [
            rule("*", "*", "allow"),
            rule("bash", "git *", "ask"),
            rule("bash", "git push *", "deny"),
            rule("ba*", "git push --dry-run", "allow"),
        ];
        let action = |command| decide(&rules, "bash", command).map(|rule| rule.action.as_str());
        assert_eq!(action("ls"), Some("allow"));
        assert_eq!(action("git status"), Some("ask"));
        assert_eq!(action("git push"), Some("deny"));
        assert_eq!(action("git push --dry-run"), Some("allow"));
        assert_eq!(decide(&rules[1..], "bash", "ls"), None);
        assert_eq!(decide(&rules, "edit", "a").map(|rule| &rule.pattern[..]), Some("*"));
    }

    #[test]
    fn a_pattern_that_covers_another_one_matches_all_that_it_matches() {
        let words = |letters: &str, longest: usize| {
            let mut words = vec![String::new()];
            for at in 0.. {
                let word = words[at].clone();
                if word.len() == longest {
                    return words;
                }
                words.extend(letters.chars().map(|letter| format!("{word}{letter}")));
            }
            words
        };
        let (patterns, texts) = (words("a *?", 3), words("ab ", 5));
        let mut covered = 0;
        for pattern in &patterns {
            for other in patterns.iter().filter(|other| covers(pattern, other)) {
                covered += 1;
                let wrong =
                    texts.iter().find(|text| matches(other, text) && !matches(pattern, text));
                assert_eq!(wrong, None, "{pattern:?} does not cover {other:?}");
            }
        }
        assert!(covered > patterns.len(), "only {covered}");
        for (pattern, other) in [("*", "git *"), ("git *", "git push *"), ("git *", "git *")] {
            assert!(covers(pattern, other), "{pattern:?} covers {other:?}");
        }
        for (pattern, other) in [("git *", "*"), ("git ?*", "git *"), ("git *", "git*")] {
            assert!(!covers(pattern, other), "{pattern:?} does not cover {other:?}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let began = std::time::Instant::now();
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199).repeat(20).replace("aa", "ab")));
        assert!(!matches(&format!("{}b", "*a".repeat(60)), &"a".repeat(5000)));
        assert!(began.elapsed() < std::time::Duration::from_secs(5));
    }
}

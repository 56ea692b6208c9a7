//! Ids that are given by their beginning, or in other words than an id.

use crate::error::Error;

/// The word for the newest root conversation, and for the newest turn.
pub const LATEST: &str = "latest";

/// How long the ids are that OpenCode makes: a prefix of 4 characters and 26 more. A shorter word
/// may be the beginning of one.
const WHOLE_ID: usize = 30;

/// How many candidates an error names.
const NAMED: usize = 10;

/// The ids that a word can mean.
pub struct Beginning<'a> {
    word: &'a str,
    /// `ses_` or `msg_`.
    prefix: &'static str,
    /// What the word says behind the prefix, which may be left out.
    digits: &'a str,
    candidates: Vec<String>,
    /// How many more there are than are kept.
    more: usize,
    exact: bool,
}

/// What a word means.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// No id begins so.
    Nothing,
    /// This id alone.
    One(String),
    /// Several ids begin so: their names, for the error.
    Several(String),
}

impl<'a> Beginning<'a> {
    /// Nothing has been looked at yet. `None` for a word that needs no search: it has the length of
    /// an id, or no id can begin so.
    pub fn of(word: &'a str, prefix: &'static str) -> Option<Beginning<'a>> {
        let digits = word.strip_prefix(prefix).unwrap_or(word);
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_whole = digits.len() < word.len() && word.len() >= WHOLE_ID;
        let can_begin = !digits.is_empty() && is_plain && !is_whole;
        can_begin.then(|| {
            let candidates = Vec::new();
            Beginning { word, prefix, digits, candidates, more: 0, exact: false }
        })
    }

    /// Looks at an id; whether it begins so. The id itself goes before ids that are longer.
    pub fn look_at(&mut self, id: &str) -> bool {
        if self.exact {
            return false;
        }
        self.exact = id == self.word;
        let begins = id.strip_prefix(self.prefix).is_some_and(|id| id.starts_with(self.digits));
        if self.exact {
            (self.candidates, self.more) = (vec![id.into()], 0);
        } else if begins && self.candidates.len() < NAMED {
            self.candidates.push(id.into());
        } else if begins {
            self.more += 1;
        }
        self.exact || begins
    }

    /// What the word means among the ids that were looked at.
    pub fn meaning(mut self) -> Meaning {
        match self.candidates.len() {
            0 => Meaning::Nothing,
            1 => Meaning::One(self.candidates.remove(0)),
            _ if self.more > 0 => {
                Meaning::Several(format!("{} and {} more", self.candidates.join(", "), self.more))
            }
            _ => Meaning::Several(self.candidates.join(", ")),
        }
    }
}

/// The error for a word that several ids begin with; `what` says of what they are.
pub fn ambiguous(what: &str, word: &str, candidates: &str) -> Error {
    Error::not_found(format!("more than one {what} begins with {word}")).hint(candidates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(word: &str, ids: &[&str]) -> Option<Meaning> {
        let mut search = Beginning::of(word, "ses_")?;
        for id in ids {
            search.look_at(id);
        }
        Some(search.meaning())
    }

    #[test]
    fn a_beginning_means_the_only_id_that_has_it_with_or_without_its_prefix() {
        let ids = ["ses_ab1", "ses_ab12", "ses_cd"];
        for (word, id) in [("ses_c", "ses_cd"), ("c", "ses_cd"), ("ab12", "ses_ab12")] {
            assert_eq!(meaning(word, &ids), Some(Meaning::One(id.into())), "{word}");
        }
        assert_eq!(meaning("ses_ab1", &ids), Some(Meaning::One("ses_ab1".into())), "the id itself");
        for word in ["ab", "ses_ab", "ab1"] {
            let several = Meaning::Several("ses_ab1, ses_ab12".into());
            assert_eq!(meaning(word, &ids), Some(several), "{word}");
        }
        assert_eq!(meaning("x", &ids), Some(Meaning::Nothing));
    }

    #[test]
    fn what_no_id_can_begin_with_and_a_whole_id_are_not_searched_for() {
        let whole = format!("ses_{}", "a".repeat(26));
        for word in ["", "ses_", "msg_ab", "oc-ab", "a b", "é", whole.as_str()] {
            assert_eq!(meaning(word, &[]), None, "{word}");
        }
    }

    #[test]
    fn of_many_candidates_the_first_are_named_and_the_others_counted() {
        let ids: Vec<String> = (10..30).map(|number| format!("ses_a{number}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let Some(Meaning::Several(names)) = meaning("a", &ids) else { panic!("one meaning") };
        assert!(
            names.starts_with("ses_a10, ") && names.ends_with("ses_a19 and 10 more"),
            "{names}"
        );
    }
}

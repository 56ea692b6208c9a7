//! Names of tasks, made out of any name.

use std::collections::BTreeSet;

/// How much of a name is kept: there is room for a number behind it.
const LONGEST: usize = 90;

/// The ids of a set of tasks so far.
#[derive(Default)]
pub struct Taken(BTreeSet<String>);

impl Taken {
    /// An id that no other task of the set has: the name, with `-` for what no id may hold, and a
    /// number if there is such a one already. Upper and lower case count as the same, because a
    /// file system may not tell them apart.
    pub fn take(&mut self, name: &str) -> String {
        let plain = plain(name);
        let mut id = plain.clone();
        let mut number = 1;
        while !self.0.insert(id.to_ascii_lowercase()) {
            number += 1;
            id = format!("{plain}-{number}");
        }
        id
    }

    /// Makes an id free again.
    pub fn give_back(&mut self, id: &str) {
        self.0.remove(&id.to_ascii_lowercase());
    }
}

fn plain(name: &str) -> String {
    let may_stay = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let letters = name.chars().map(|c| if may_stay(c) { c } else { '-' });
    let all: String = letters.skip_while(|c| !c.is_ascii_alphanumeric()).take(LONGEST).collect();
    let all = all.trim_end_matches('-');
    if all.is_empty() { "task".into() } else { all.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::task::read::is_id;

    #[test]
    fn any_name_becomes_an_id_of_its_own() {
        let mut taken = Taken::default();
        let names = [
            ("two words", "two-words"),
            ("two.words", "two.words"),
            ("two-words", "two-words-2"),
            ("Two Words", "Two-Words-3"),
            ("..", "task"),
            ("-x", "x"),
            ("ä", "task-2"),
            ("a/b\n", "a-b"),
        ];
        for (name, id) in names {
            assert_eq!(taken.take(name), id, "{name:?}");
            assert!(is_id(id));
        }
        assert!(is_id(&taken.take(&"long ".repeat(100))));
        taken.give_back("two.words");
        assert_eq!(taken.take("two.words"), "two.words");
    }
}

//! Guesses which word a mistyped one stands for.

/// The nearest of some names, if one is near enough to be what the user meant.
pub fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |name: &&str| {
        // A beginning counts as near however much of the name is missing.
        let is_beginning = word.len() >= 2 && name.starts_with(word);
        if is_beginning { 1 } else { edits(word, name) }
    };
    names.filter(|name| distance(name) <= 2.min(name.len() / 2)).min_by_key(distance)
}

/// What to write in place of a word that is none of `known`: the nearest of them, or else any.
pub fn instead(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(name) => format!("did you mean {name}?"),
        None => format!("one of {}", known.join(", ")),
    }
}

/// How many letters must be added, removed or changed to turn one word into the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_adds_removes_or_changes_one_letter() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", "abc"), 0);
    }

    #[test]
    fn only_a_near_name_is_meant() {
        let names = || ["start", "status", "stop"].into_iter();
        assert_eq!(nearest("strat", names()), Some("start"));
        assert_eq!(nearest("stat", names()), Some("start"));
        assert_eq!(nearest("xyzzy", names()), None);
        let known = ["start", "stop"];
        assert_eq!(instead("stpo", &known), "did you mean stop?");
        assert_eq!(instead("xyzzy", &known), "one of start, stop");
    }
}

//! Finds an ask by its id or the unique beginning of one.

/// What a word means among some ids.
pub enum Found {
    /// The id at that place.
    One(usize),
    /// Several begin with it.
    Many(Vec<String>),
    /// None does.
    None,
}

/// The id that a word names: all of it, or a beginning that no other has, with or without the
/// prefix that all of them share.
pub fn unique<'a>(ids: impl Iterator<Item = &'a str>, word: &str, prefix: &str) -> Found {
    let ids: Vec<&str> = ids.collect();
    if let Some(index) = ids.iter().position(|id| *id == word) {
        return Found::One(index);
    }
    let start = word.strip_prefix(prefix).unwrap_or(word);
    let begins = |id: &&str| id.strip_prefix(prefix).unwrap_or(id).starts_with(start);
    let found: Vec<usize> = (0..ids.len()).filter(|index| begins(&ids[*index])).collect();
    match found.as_slice() {
        _ if start.is_empty() => Found::None,
        [] => Found::None,
        [index] => Found::One(*index),
        many => Found::Many(many.iter().map(|index| ids[*index].to_string()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unique_beginning_with_or_without_prefix_names_an_id() {
        let ids = ["per_ab1", "per_ab12", "per_cd"];
        let find = |word: &str| match unique(ids.into_iter(), word, "per_") {
            Found::One(index) => ids[index].to_string(),
            Found::Many(candidates) => candidates.len().to_string(),
            Found::None => "none".into(),
        };
        assert_eq!(find("per_ab1"), "per_ab1", "a whole id is not a beginning");
        assert_eq!(find("c"), "per_cd");
        assert_eq!(find("per_c"), "per_cd");
        assert_eq!(find("ab"), "2");
        assert_eq!(find(""), "none");
        assert_eq!(find("per_"), "none");
        assert_eq!(find("x"), "none");
    }
}

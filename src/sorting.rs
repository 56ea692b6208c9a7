//! Sorting, and sorted collections of what is iterated over.
//!
//! The standard library makes a sort of its own, of five kilobytes, for every type and every order
//! that is sorted, and another one for every type of map that is collected. Here one sort of places
//! serves all of them, and what is made for each type is short.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Sorts; equal ones keep their order.
pub fn sort<T: Ord>(list: &mut [T]) {
    sort_by(list, T::cmp);
}

/// Sorts by a key; those with equal keys keep their order.
pub fn sort_by_key<T, K: Ord>(list: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(list, |one, other| key(one).cmp(&key(other)));
}

/// Sorts in the order that `compare` says; equal ones keep their order.
pub fn sort_by<T>(list: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    if list.len() < 2 {
        return;
    }
    let mut sources = places(list.len(), &|one, other| compare(&list[one], &list[other]));
    for start in 0..list.len() {
        // Each round of exchanges is followed once: what is done is marked as its own source.
        let mut at = start;
        while sources[at] != start {
            let source = std::mem::replace(&mut sources[at], at);
            list.swap(at, source);
            at = source;
        }
        sources[at] = at;
    }
}

/// The number that would stand at a place if the list were sorted. The numbers change their places.
pub fn number_at(list: &mut [f64], place: usize) -> f64 {
    *list.select_nth_unstable_by(place, f64::total_cmp).1
}

/// The places of a list, in the order in which they are to stand.
#[expect(clippy::disallowed_methods, reason = "this is the one sort")]
fn places(length: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..length).collect();
    places.sort_by(|one, other| compare(*one, *other));
    places
}

/// A map of all entries; of those with the same key, the last one counts.
pub fn map<K: Ord, V>(entries: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut all = BTreeMap::new();
    all.extend(entries);
    all
}

/// A set of all entries.
pub fn set<T: Ord>(entries: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut all = BTreeSet::new();
    all.extend(entries);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_becomes_the_sorted_one() {
        // All 5^5 lists of five numbers below five, each with its place, so that equal ones differ.
        for code in 0..5_usize.pow(5) {
            let numbers = (0..5).map(|place| (code / 5_usize.pow(place) % 5, place));
            let mut list: Vec<(usize, u32)> = numbers.collect();
            let mut expected = list.clone();
            expected.sort_by_key(|(number, _)| *number);
            sort_by_key(&mut list, |(number, _)| *number);
            assert_eq!(list, expected);
        }
    }

    #[test]
    fn nothing_and_one_are_sorted() {
        let mut list: Vec<String> = Vec::new();
        sort(&mut list);
        assert!(list.is_empty());
        list.push("a".into());
        sort(&mut list);
        assert_eq!(list, ["a"]);
    }

    #[test]
    fn the_last_entry_of_a_key_counts() {
        let all = map([("b", 1), ("a", 2), ("b", 3)]);
        assert_eq!(all.into_iter().collect::<Vec<_>>(), [("a", 2), ("b", 3)]);
        assert_eq!(set(["b", "a", "b"]).into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }
}

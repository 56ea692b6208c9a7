//! No module imports one that imports it, directly or through others.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::{Tree, parent};
use super::{assert_none, source};

/// What each module uses: by module, and what of it.
type Uses = BTreeMap<String, BTreeMap<String, String>>;

/// What each module of a crate uses. A type may have its methods in several files: a module with
/// an `impl` block for a type of its parent counts as a part of the parent. A parent that only
/// re-exports what its children define does not use them by that.
fn uses(tree: &Tree) -> Uses {
    let parts: BTreeSet<&String> = tree.modules().filter(|name| tree.is_part(name)).collect();
    let whole = |module: String| {
        let mut whole = module;
        while parts.contains(&whole) {
            whole = parent(&whole).to_owned();
        }
        whole
    };
    let mut uses = Uses::new();
    for link in tree.links().into_iter().filter(|link| !link.handed_on && !link.is_module) {
        let (from, to) = (whole(link.from), whole(link.home));
        if from != to {
            uses.entry(from).or_default().insert(to, link.item);
        }
    }
    uses
}

/// The shortest way from a module back to itself.
fn way_back(uses: &Uses, module: &str) -> Option<Vec<String>> {
    let mut open = vec![vec![module.to_owned()]];
    let mut seen = BTreeSet::new();
    while !open.is_empty() {
        let mut longer = Vec::new();
        for way in open {
            for next in uses.get(way.last()?).into_iter().flatten().map(|(next, _)| next) {
                if next == module {
                    return Some(way);
                }
                if seen.insert(next.clone()) {
                    longer.push([way.as_slice(), std::slice::from_ref(next)].concat());
                }
            }
        }
        open = longer;
    }
    None
}

/// Circles of modules, each with what its modules use of the next. Every module that is in a circle
/// is in one of these.
fn cycles(tree: &Tree) -> Vec<String> {
    let uses = uses(tree);
    let mut named = BTreeSet::new();
    let mut cycles = Vec::new();
    for module in uses.keys() {
        let Some(way) = way_back(&uses, module).filter(|_| !named.contains(module)) else {
            continue;
        };
        let mut text = tree.file(module).to_owned();
        for (from, to) in way.iter().zip(way.iter().cycle().skip(1)) {
            text += &format!("\n    uses {} of {}", uses[from][to], tree.file(to));
        }
        named.extend(way);
        cycles.push(text);
    }
    cycles
}

/// How many circles are found in a crate of these files.
fn count(files: &[(&str, &str)]) -> usize {
    let files: Vec<_> =
        files.iter().map(|(name, text)| (format!("src/{name}.rs"), (*text).into())).collect();
    cycles(&Tree::of(&files)).len()
}

#[test]
fn no_module_imports_one_that_imports_it() {
    assert_none(&cycles(source()));
    let two =
        [("a", "use crate::b::B;\npub struct A;"), ("b", "fn b(a: super::a::A) {}\nstruct B;")];
    assert_eq!(count(&two), 1);
    let three = [
        ("b/mod", "pub mod inner;"),
        ("b/inner", "use super::super::d;\nfn f() { d::f() }"),
        ("d", "pub use crate::a::A;\nfn d() -> A {}"),
        ("a", "use crate::{b::{self, other::C}, e};\nfn a() -> b::inner::B {}\nstruct A;"),
    ];
    assert_eq!(count(&three), 1);
    let child = [("a/mod", "mod b;\nuse b::B;\nstruct A;"), ("a/b", "use super::A;\nstruct B(A);")];
    assert_eq!(count(&child), 1);
    let part = [
        ("a/mod", "mod b;\npub struct A;"),
        ("a/b", "use super::A;\nimpl A { fn b(self) -> crate::c::C {} }"),
        ("c", "use crate::a::A;\npub struct C;"),
    ];
    assert_eq!(count(&part), 1);
}

#[test]
fn a_parent_may_hand_on_what_is_its_childs_and_leave_methods_to_it() {
    let handed_on =
        [("a/mod", "mod b;\npub use b::B;\nstruct A;"), ("a/b", "use super::A;\nstruct B(A);")];
    assert_eq!(count(&handed_on), 0);
    let part = [
        ("a/mod", "mod b;\nuse b::B;\nstruct A(B);"),
        ("a/b", "use super::A;\nimpl A {}\nstruct B;"),
    ];
    assert_eq!(count(&part), 0);
    let method = [
        ("a/mod", "mod b;\npub use b::*;\npub struct A;\nfn a() { text.len() }"),
        ("a/b", "use super::A;\nstruct B(A);\nimpl B { fn text(&self) {} }"),
    ];
    assert_eq!(count(&method), 0);
    let tests = [
        ("a", "use crate::b::B;\npub struct A;"),
        ("b", "struct B;\n/// As [`crate::a::A`].\n#[cfg(test)]\nmod tests { use crate::a::A; }\n"),
    ];
    assert_eq!(count(&tests), 0);
}

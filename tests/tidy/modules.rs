//! The modules of a crate, and where the paths in them lead.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::assert_none;
use super::names::Names;
use super::text::{code, files, without_strings};

/// Re-exports that one path may go through; more are a circle of `use` lines.
const MOST_STEPS: usize = 20;

/// The modules of a crate without its unit tests.
pub struct Tree {
    /// By path from the crate's root, `runner::turn`; the root itself is empty.
    modules: BTreeMap<String, Module>,
}

struct Module {
    file: String,
    names: Names,
}

/// One item that a module uses.
#[derive(Debug)]
pub struct Link {
    /// The module that uses it.
    pub from: String,
    /// The module that the path in the code names.
    pub named: String,
    /// The module that defines it, behind all re-exports.
    pub home: String,
    /// Its name.
    pub item: String,
    /// Whether it is a module, which uses nothing yet.
    pub is_module: bool,
    /// Whether the module only hands it on: `pub use`.
    pub handed_on: bool,
}

/// The crate as it is.
pub fn source() -> &'static Tree {
    static SOURCE: OnceLock<Tree> = OnceLock::new();
    SOURCE.get_or_init(|| {
        let mut files = files("src", ".rs");
        files.iter_mut().for_each(|(_, text)| *text = code(text));
        let reached = reached(&files, &["src/main.rs".to_owned()]);
        files.retain(|(name, _)| reached.contains(name));
        Tree::of(&files)
    })
}

impl Tree {
    /// The modules in the files of a crate.
    pub fn of(files: &[(String, String)]) -> Tree {
        let module = |(file, text): &(String, String)| {
            let path = file.trim_start_matches("src/").trim_end_matches(".rs");
            let path = path.strip_suffix("/mod").unwrap_or(path).replace('/', "::");
            let path = if path == "main" { String::new() } else { path };
            let names = Names::of(&without_strings(&code(text)));
            (path, Module { file: file.clone(), names })
        };
        Tree { modules: files.iter().map(module).collect() }
    }

    /// The paths of all modules.
    pub fn modules(&self) -> impl Iterator<Item = &String> {
        self.modules.keys()
    }

    /// The file of a module.
    pub fn file(&self, module: &str) -> &str {
        &self.modules[module].file
    }

    /// What all modules use of each other.
    pub fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        for (from, module) in &self.modules {
            let find = |path: &Vec<String>| self.find(from, path, MOST_STEPS);
            let names = &module.names;
            links.extend(names.imports.iter().filter_map(|import| {
                Some(Link { handed_on: import.handed_on, ..find(&import.path)? })
            }));
            links.extend(names.paths.iter().filter_map(find).filter(|link| !link.is_module));
        }
        links.retain(|link| link.from != link.home);
        links
    }

    /// Whether a module is a part of its parent: it has methods of one of the parent's types.
    pub fn is_part(&self, module: &str) -> bool {
        let own = |path: &Vec<String>| {
            let link = self.find(module, path, MOST_STEPS);
            link.is_some_and(|link| link.home == parent(module))
        };
        !module.is_empty() && self.modules[module].names.extended.iter().any(own)
    }

    /// Where a path leads to that stands in the module `from`. `None` for what is of another crate
    /// or of the same module.
    fn find(&self, from: &str, path: &[String], steps: usize) -> Option<Link> {
        let link = |named: &str, home: &str, item: &str, is_module| Link {
            from: from.into(),
            named: named.into(),
            home: home.into(),
            item: item.into(),
            is_module,
            handed_on: false,
        };
        let mut at = from.to_owned();
        for (index, name) in path.iter().enumerate() {
            let child = join(&at, name);
            match name.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => at = parent(&at).to_owned(),
                _ if self.modules.contains_key(&child) => at = child,
                _ => {
                    let Some(mut longer) = self.import(&at, name, steps) else {
                        return (index > 0).then(|| link(&at, &at, name, false));
                    };
                    longer.extend_from_slice(&path[index + 1..]);
                    let found = self.find(&at, &longer, steps - 1)?;
                    let named = if index == 0 { &found.named } else { &at };
                    return Some(link(named, &found.home, &found.item, found.is_module));
                }
            }
        }
        Some(link(&at, &at, path.last()?, true))
    }

    /// The path that a name stands for in a module because of a `use` line.
    fn import(&self, module: &str, name: &str, steps: usize) -> Option<Vec<String>> {
        let steps = steps.checked_sub(1)?;
        let names = &self.modules.get(module)?.names;
        let named = || names.imports.iter().find(|import| import.name == name);
        let globbed = || {
            names.globs.iter().map(|glob| [glob.as_slice(), &[name.to_owned()]].concat()).find(
                |path| {
                    let link = self.find(module, path, steps);
                    link.is_some_and(|link| {
                        self.modules[&link.home].names.defined.contains(&link.item)
                    })
                },
            )
        };
        named().map(|import| import.path.clone()).or_else(globbed)
    }
}

/// The module that a module is in.
pub fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// The files that `mod` lines reach from `roots`.
pub fn reached(files: &[(String, String)], roots: &[String]) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = roots.to_vec();
    while let Some(name) = open.pop() {
        let file = files.iter().find(|(other, _)| *other == name);
        if let Some((name, text)) = file.filter(|_| reached.insert(name.clone())) {
            open.extend(declared(name, text));
        }
    }
    reached
}

/// The files that a file's `mod` lines name, that exist or should.
fn declared(name: &str, text: &str) -> Vec<String> {
    let path = Path::new(name);
    let own = path.parent().unwrap();
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let inner = if ["mod", "main"].contains(&stem) { own.to_owned() } else { own.join(stem) };
    let (mut found, mut named) = (Vec::new(), None);
    for line in text.lines().map(str::trim) {
        if let Some(other) = line.strip_prefix("#[path = \"") {
            named = Some(other.trim_end_matches("\"]").to_owned());
            continue;
        }
        let shown = ["pub ", "pub(crate) ", "pub(super) "];
        let line = shown.iter().find_map(|start| line.strip_prefix(start)).unwrap_or(line);
        let declaration = line.strip_prefix("mod ");
        if let Some(module) = declaration.and_then(|rest| rest.strip_suffix(';')) {
            let places = match named.take() {
                Some(other) => vec![own.join(other)],
                None => vec![inner.join(format!("{module}.rs")), inner.join(module).join("mod.rs")],
            };
            found.extend(places.into_iter().map(|path| plain(&path)));
        }
        named = None;
    }
    found
}

/// A path without `..`.
fn plain(path: &Path) -> String {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain.to_string_lossy().into_owned()
}
#[test]
fn every_path_of_the_source_leads_to_a_definition() {
    let tree = source();
    let lost = |link: &Link| {
        let defined = &tree.modules[&link.home].names.defined;
        (!link.is_module && !defined.contains(&link.item)).then(|| format!("{link:?}"))
    };
    let links = tree.links();
    assert!(links.len() > tree.modules.len(), "{} links", links.len());
    assert_none(&links.iter().filter_map(lost).collect::<Vec<_>>());
}

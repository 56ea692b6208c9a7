//! Exercises of Exercism: what the agent writes, what it never sees, and what solves it is told by
//! `.meta/config.json`.

mod language;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::candidate::{Candidate, Draft, Found, Made, Refusal};
use super::source::{self, Copied, copy, directories, has, survey, write};
use crate::bench::glob;
use crate::error::{Error, Result};
use language::Language;

/// What exercises are settled by.
const CONFIG: &str = ".meta/config.json";

/// The texts of an exercise, in the order in which they are read.
const TEXTS: [&str; 3] =
    [".docs/introduction.md", ".docs/instructions.md", ".docs/instructions.append.md"];

/// What an exercise holds at its top that solves or explains it, or that was made from it.
const LEFT_OUT: [&[u8]; 6] =
    [b".meta", b".docs", b".approaches", b".articles", b".git", b"node_modules"];

/// Settings of a build that count as the author's and not as a part of the answer.
const SETTINGS: [&str; 2] = ["Cargo.toml", "CMakeLists.txt"];

/// Finds the exercises of a source: itself, a track, or a directory of tracks.
pub fn find(source: &Path) -> Result<Found> {
    let mut candidates = Vec::new();
    let whole = fs::canonicalize(source).unwrap_or_else(|_| source.into());
    if has(source, CONFIG) {
        let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
        candidates.push(candidate(name.clone(), whole.clone(), (name, whole)));
        return Ok(Found { candidates, hint: None });
    }
    let mut tracks = vec![(String::new(), source.to_path_buf())];
    if !has(source, "practice") && !has(source, "exercises") {
        tracks = directories(source)?;
    }
    for (track, path) in tracks {
        for set in [path.join("exercises"), path.clone()] {
            for kind in ["practice", "concept"] {
                let directory = set.join(kind);
                let is_own = set != path || track.is_empty();
                if !is_own || !directory.is_dir() {
                    continue;
                }
                for (slug, place) in directories(&directory)? {
                    let shown = place.strip_prefix(source).unwrap_or(&place);
                    let name = shown.display().to_string();
                    candidates.push(candidate(name, place, (slug, whole.clone())));
                }
            }
        }
    }
    if candidates.is_empty() {
        let message = format!("{} has no exercises of Exercism", source.display());
        return Err(Error::usage(message).hint(
            "looked for .meta/config.json, and for directories in exercises/practice, \
             exercises/concept, practice, concept and */exercises/practice",
        ));
    }
    Ok(Found { candidates, hint: None })
}

fn candidate(name: String, path: PathBuf, (slug, top): (String, PathBuf)) -> Candidate {
    // The same exercise is there in many languages.
    let id = match language_of(&path) {
        Ok((language, _)) => format!("{}-{slug}", language.name),
        Err(_) => slug.clone(),
    };
    let make = move |onto: &Path| make(&path, onto, (&slug, &top));
    Candidate { name, id, make: Box::new(make) }
}

/// The files that a configuration names.
struct Files {
    solution: Vec<String>,
    test: Vec<String>,
    example: Vec<String>,
    editor: Vec<String>,
}

fn files(path: &Path) -> std::result::Result<Files, Refusal> {
    let text = source::optional_text(path, CONFIG)?
        .ok_or_else(|| format!("has no {CONFIG}; was it copied as a whole?"))?;
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| format!("{CONFIG}:{}: this is not JSON", error.line()))?;
    let list = |key: &str| -> std::result::Result<Vec<String>, String> {
        let wrong = || format!("files.{key} in {CONFIG} must be a list of paths");
        let Some(all) = value["files"].get(key) else { return Ok(Vec::new()) };
        let all = all.as_array().ok_or_else(wrong)?;
        let one = |one: &Value| one.as_str().map(String::from).ok_or_else(wrong);
        let all: Vec<String> = all.iter().map(one).collect::<std::result::Result<_, _>>()?;
        match all.iter().find(|path| glob::fault(path).is_some() || glob::is_pattern(path)) {
            Some(path) => Err(format!("{CONFIG} names the path {path:?}")),
            None => Ok(all),
        }
    };
    let mut example = list("example")?;
    if example.is_empty() {
        example = list("exemplar")?;
    }
    Ok(Files { solution: list("solution")?, test: list("test")?, example, editor: list("editor")? })
}

fn language_of(path: &Path) -> std::result::Result<(&'static Language, Files), Refusal> {
    let files = files(path)?;
    let Some(first) = files.test.first() else {
        return Err(format!("{CONFIG} names no tests").into());
    };
    let language = files.test.iter().find_map(|test| Language::of(test));
    let unknown = || format!("there is no way known to run tests like {first}");
    Ok((language.ok_or_else(unknown)?, files))
}

fn make(path: &Path, onto: &Path, (slug, top): (&str, &Path)) -> Made {
    source::expect_own(path)?;
    let (language, files) = language_of(path)?;
    survey(path, "")?;
    for name in files.solution.iter().chain(&files.test).chain(&files.example) {
        if !path.join(name).is_file() {
            return Err(format!("{name} is missing, which {CONFIG} names").into());
        }
    }
    let is_settings = |name: &&String| SETTINGS.contains(&base(name));
    let answer: Vec<&String> = files.solution.iter().filter(|name| !is_settings(name)).collect();
    if answer.is_empty() {
        return Err(format!("{CONFIG} names no file for the solution").into());
    }
    // In Go the cases of a test are called a file of the editor.
    let is_cases = |name: &&String| base(name).ends_with("_test.go");
    let hide: Vec<&String> =
        files.test.iter().chain(files.editor.iter().filter(is_cases)).collect();
    let tree = onto.join("files");
    copy(path, &tree, &|inner| LEFT_OUT.contains(&inner))?;
    for test in &files.test {
        if let Some(change) = language.change {
            let text = change(&source::text(path, test)?);
            write(&tree.join(test), &text, 0o666)?;
        }
    }
    if language.name == "java" {
        let program = tree.join("gradlew");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
            .map_err(|_| "has no gradlew, which runs the tests of Java".to_string())?;
    }
    let mut notes = Vec::new();
    if files.example.is_empty() {
        notes.push("has no example, so nothing shows that it can be solved".into());
    } else {
        lay_examples(path, &files, &onto.join("solution"))?;
    }
    write(&onto.join("hidden/check.sh"), &language.check(slug, &answer), 0o777)?;
    let mut keys = json!({"check": ["./check.sh"], "answer": answer, "hide": hide,
                          "tags": [language.name]});
    if language.name == "javascript" {
        keys["setup"] = json!(["ln", "-s", modules(path, top)?, "node_modules"]);
    }
    let instruction = instruction(path, &answer)?;
    Ok(Draft { instruction, keys, workdir: None, notes })
}

fn instruction(path: &Path, answer: &[&String]) -> std::result::Result<String, Refusal> {
    let mut all = String::new();
    for name in TEXTS {
        if let Some(text) = source::optional_text(path, name)? {
            all.push_str(text.trim());
            all.push_str("\n\n");
        }
    }
    if all.trim().is_empty() {
        return Err("has no .docs/instructions.md; was it copied as a whole?".to_string().into());
    }
    let files: Vec<String> = answer.iter().map(|name| format!("`{name}`")).collect();
    all.push_str(&format!(
        "---\n\nWrite the solution into {}. Keep the names of what is there: the tests use them. \
         Use nothing but the standard library, and install nothing.\n",
        files.join(", ")
    ));
    Ok(all)
}

/// Lays the example over the files of the solution: each over the one of its own name, or else over
/// the next one with the same ending. What has none lies beside the first.
fn lay_examples(path: &Path, files: &Files, onto: &Path) -> Copied {
    let mut free: Vec<&String> = files.solution.iter().collect();
    let mut pairs: Vec<(&String, Option<&String>)> = Vec::new();
    let is_same = |one: &String, other: &String| base(one) == base(other);
    for example in &files.example {
        let at = free.iter().position(|solution| is_same(example, solution));
        pairs.push((example, at.map(|at| free.remove(at))));
    }
    for (example, over) in &mut pairs {
        if over.is_none() {
            let at = free.iter().position(|solution| ending(solution) == ending(example));
            *over = at.map(|at| free.remove(at));
        }
    }
    let first = Path::new(&files.solution[0]).parent().unwrap_or(Path::new(""));
    for (example, over) in pairs {
        let inner = match over {
            Some(solution) => PathBuf::from(solution),
            None => first.join(base(example)),
        };
        copy(&path.join(example), &onto.join(inner), &|_| false)?;
    }
    Ok(())
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn ending(path: &str) -> Option<&str> {
    base(path).rsplit_once('.').map(|(_, ending)| ending)
}

/// The nearest `node_modules` at an exercise or above it, within the source.
fn modules(path: &Path, top: &Path) -> std::result::Result<PathBuf, String> {
    let whole = fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let places = whole.ancestors().take_while(|place| place.starts_with(top));
    let found = places.map(|place| place.join("node_modules")).find(|place| place.is_dir());
    found.ok_or_else(|| {
        "needs node_modules: run `npm install` in its track, and import it again".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_lies_over_the_file_that_it_solves() {
        let root = std::env::temp_dir().join(format!("occtl-exercism-{}", crate::random::id()));
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let files = Files {
            solution: names(&["src/lib.rs", "Cargo.toml", "src/Same.rs"]),
            example: names(&[
                ".meta/example.rs",
                ".meta/Cargo-example.toml",
                ".meta/a/Same.rs",
                ".meta/more.rs",
            ]),
            test: Vec::new(),
            editor: Vec::new(),
        };
        for example in &files.example {
            let path = root.join(example);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, example).unwrap();
        }
        assert!(lay_examples(&root, &files, &root.join("out")).is_ok());
        let read = |name: &str| fs::read_to_string(root.join("out").join(name)).unwrap();
        assert_eq!(read("src/lib.rs"), ".meta/example.rs");
        assert_eq!(read("Cargo.toml"), ".meta/Cargo-example.toml");
        assert_eq!(read("src/Same.rs"), ".meta/a/Same.rs");
        assert_eq!(read("src/more.rs"), ".meta/more.rs");
        fs::remove_dir_all(root).unwrap();
    }
}

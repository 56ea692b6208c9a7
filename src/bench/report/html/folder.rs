//! The directory that a report is written into.
//!
//! Every page appears with its whole content or not at all. The list of all pages comes last, so
//! that no link of it leads nowhere.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Says that a directory holds a report, which may be replaced by another one.
const MARK: &str = ".occtl-report";

/// Where the pages of runs are.
pub const RUNS: &str = "runs";

/// The page that a reader opens first.
pub const INDEX: &str = "index.html";

/// The beginning of the name of a night's page.
const NIGHT: &str = "night-";

/// The end of the name of a page.
const PAGE: &str = ".html";

/// The end of the name of a page that is being written.
const PARTIAL: &str = ".partial";

/// A directory for a report.
pub struct Folder {
    /// Absolute.
    pub path: PathBuf,
    /// The pages below it that are part of the new report, as paths from here.
    written: BTreeSet<String>,
}

impl Folder {
    /// Makes a directory ready: a new one, an empty one, or one with an older report. What is in
    /// any other directory stays, and that is an error.
    pub fn open(path: &Path) -> Result<Folder> {
        let shown = path.display();
        let failed = |error: io::Error| Error::failed(format!("cannot write {shown}: {error}"));
        fs::create_dir_all(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        let is_empty = fs::read_dir(&path).map_err(failed)?.next().is_none();
        if !is_empty && !path.join(MARK).is_file() {
            return Err(Error::usage(format!("{shown} is not empty and holds no report"))
                .hint("a report needs a directory of its own"));
        }
        let runs = path.join(RUNS);
        if fs::symlink_metadata(&runs).is_ok_and(|data| !data.is_dir()) {
            return Err(Error::usage(format!("{} is no directory", runs.display())));
        }
        fs::create_dir_all(&runs).map_err(failed)?;
        let folder = Folder { path, written: BTreeSet::new() };
        folder.put(MARK, "A report of occtl. `occtl bench report --html` may replace it.\n")?;
        Ok(folder)
    }

    /// Writes the page of a run.
    pub fn put_run(&mut self, id: &str, html: &str) -> Result<()> {
        self.put_page(format!("{RUNS}/{id}{PAGE}"), html)
    }

    /// Whether there is a page of a run.
    pub fn has_run(&self, id: &str) -> bool {
        self.written.contains(&format!("{RUNS}/{id}{PAGE}"))
    }

    /// Writes the page of a night that is not the newest.
    pub fn put_night(&mut self, number: usize, html: &str) -> Result<()> {
        self.put_page(night(number), html)
    }

    fn put_page(&mut self, name: String, html: &str) -> Result<()> {
        self.put(&name, html)?;
        self.written.insert(name);
        Ok(())
    }

    /// Writes the first page, and removes pages of an older report.
    pub fn finish(self, index: &str) -> Result<PathBuf> {
        self.put(INDEX, index)?;
        for below in ["", RUNS] {
            let entries = fs::read_dir(self.path.join(below)).into_iter().flatten().flatten();
            for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
                let is_page = name.strip_suffix(PAGE).is_some_and(|stem| is_own(below, stem));
                let is_rest = name.ends_with(PARTIAL);
                let place = if below.is_empty() { name } else { format!("{below}/{name}") };
                if is_rest || is_page && !self.written.contains(&place) {
                    // A page too many does no harm.
                    let _ = fs::remove_file(self.path.join(place));
                }
            }
        }
        Ok(self.path.join(INDEX))
    }

    fn put(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path.join(name);
        let partial = path.with_extension(format!("{}{PARTIAL}", std::process::id()));
        let write = || -> io::Result<()> {
            // What is left of an interrupted process with the same number is in the way.
            match fs::remove_file(&partial) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            File::create_new(&partial)?.write_all(text.as_bytes())?;
            fs::rename(&partial, &path)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&partial);
            Error::failed(format!("cannot write {}: {error}", path.display()))
        })
    }
}

/// The name of the page of a night that is not the newest; they are counted from 1.
pub fn night(number: usize) -> String {
    format!("{NIGHT}{number}{PAGE}")
}

/// Whether a report has pages with such a name, without its end: of runs, by their ids, and of
/// nights.
fn is_own(below: &str, stem: &str) -> bool {
    if below == RUNS {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        return stem.len() == 64 && stem.bytes().all(is_digit);
    }
    let number = stem.strip_prefix(NIGHT);
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The way from one directory to another, as an address that ends in `/`. Both are absolute and
/// without links.
pub fn way(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let mut way = "../".repeat(from.len() - common);
    for part in &to[common..] {
        way += &part.as_os_str().to_string_lossy();
        way.push('/');
    }
    if way.is_empty() { "./".into() } else { way }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::scratch;

    #[test]
    fn only_a_directory_for_a_report_is_written_into() {
        let root = scratch("report-folder");
        let other = root.join("other");
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("mine"), "kept").unwrap();
        assert_eq!(Folder::open(&other).err().unwrap().code.exit(), 2);
        assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
        let out = root.join("new/out");
        let (one, two) = ("1".repeat(64), "a".repeat(64));
        let mut folder = Folder::open(&out).unwrap();
        folder.put_run(&one, "one").unwrap();
        folder.put_night(1, "night").unwrap();
        assert!(folder.has_run(&one) && !folder.has_run(&two));
        fs::write(out.join("runs/x.5.partial"), "half").unwrap();
        folder.finish("index").unwrap();
        // Another report replaces it, and nothing of the old one stays.
        let mut folder = Folder::open(&out).unwrap();
        folder.put_run(&two, "two").unwrap();
        assert_eq!(fs::read_to_string(out.join("index.html")).unwrap(), "index");
        fs::write(out.join("runs/notes.html"), "mine").unwrap();
        let index = folder.finish("new index").unwrap();
        assert_eq!(fs::read_to_string(index).unwrap(), "new index");
        let names: BTreeSet<_> = fs::read_dir(out.join("runs"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(names, BTreeSet::from([format!("{two}.html"), "notes.html".into()]));
        assert!(!out.join("night-1.html").exists());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn the_way_to_another_directory_is_relative() {
        let way = |from: &str, to: &str| way(Path::new(from), Path::new(to));
        assert_eq!(way("/a/out/runs", "/a/results"), "../../results/");
        assert_eq!(way("/a", "/a"), "./");
        assert_eq!(way("/a/b", "/"), "../../");
    }
}

//! The files of lines in the directory of a batch.
//!
//! Every shard has a file of its own, which only its parent writes: one `write` and one `fdatasync`
//! a line. So a power cut can tear the last line only, and a torn line is not a result.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;

use super::row::{Row, Shared};
use crate::bench::schedule::Shard;
use crate::error::{Error, Result};
use crate::sorting;

/// The longest line that is read as a result, in bytes. Metrics of a check are in it.
const LONGEST_LINE: u64 = 4 << 20;

/// Everything that the result files of a batch say.
#[derive(Default)]
pub struct Lines {
    /// The results of this batch, in the order of the files.
    pub rows: Vec<Row>,
    /// Where the first attempt of each run is in `rows`.
    first: HashMap<Rc<str>, u32>,
    /// Of each row the place of the next one of its run, in the order of attempts, or [`NONE`].
    next: Vec<u32>,
    /// Lines that are no results of this batch: torn, of another batch, of another form.
    pub foreign: usize,
    /// Lines that repeat an attempt.
    pub doubled: usize,
    shared: Shared,
}

/// No place of a row.
const NONE: u32 = u32::MAX;

/// The name of a shard's file.
pub fn name(shard: Shard) -> String {
    format!("results-{}-of-{}.jsonl", shard.index, shard.count)
}

/// Reads the result files of all shards, and those of rechecks: of an attempt the newest recheck
/// counts.
pub fn read_all(directory: &Path, batch: &str) -> Result<Lines> {
    let mut lines = Lines::default();
    each_result(directory, &mut |text| match Row::read_sharing(text, &mut lines.shared) {
        Some(row) if *row.batch != *batch => lines.foreign += 1,
        Some(row) if lines.has(&row) => lines.doubled += 1,
        Some(row) => lines.add(row),
        None => lines.foreign += 1,
    })?;
    Ok(lines)
}

/// Calls `take` for each line of the results of all shards, and then of all rechecks, in the order
/// of their numbers. What is torn, too long or no text comes as text that is no result.
pub fn each_result(directory: &Path, take: &mut dyn FnMut(&str)) -> Result<()> {
    let rechecks = files(directory, "recheck-")?;
    let mut all = files(directory, "results-")?.into_iter().chain(rechecks);
    all.try_for_each(|path| each_line(&path, take))
}

impl Lines {
    /// Adds a result.
    pub fn add(&mut self, row: Row) {
        let place = self.rows.len() as u32;
        let order = |row: &Row| (row.attempt, row.recheck_of);
        let first = self.first.entry(Rc::clone(&row.run_id)).or_insert(NONE);
        // The last one that comes before it.
        let (mut before, mut after) = (NONE, *first);
        while after != NONE && order(&self.rows[after as usize]) <= order(&row) {
            (before, after) = (after, self.next[after as usize]);
        }
        match before {
            NONE => *first = place,
            before => self.next[before as usize] = place,
        }
        self.next.push(after);
        self.rows.push(row);
    }

    /// Whether the same attempt is recorded already.
    fn has(&self, row: &Row) -> bool {
        let mut attempts = self.attempts(&row.run_id);
        attempts.any(|old| (old.attempt, old.recheck_of) == (row.attempt, row.recheck_of))
    }

    /// How many runs have a result.
    pub fn runs(&self) -> usize {
        self.first.len()
    }

    /// Where the attempts of a run are in `rows`, the oldest first; each is followed by its
    /// rechecks.
    pub fn places(&self, run: &str) -> impl Iterator<Item = usize> + Clone {
        let some = |place: u32| (place != NONE).then_some(place as usize);
        let first = self.first.get(run).and_then(|place| some(*place));
        std::iter::successors(first, move |place| some(self.next[*place]))
    }

    /// The attempts of a run in the same order.
    pub fn attempts(&self, run: &str) -> impl Iterator<Item = &Row> + Clone {
        self.places(run).map(|place| &self.rows[place])
    }
}

/// The files of a directory whose names begin so and end in `.jsonl`, sorted by number.
pub fn files(directory: &Path, prefix: &str) -> Result<Vec<PathBuf>> {
    let failed =
        |error: io::Error| Error::failed(format!("cannot read {}: {error}", directory.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if let Some(number) = name.to_str().and_then(|name| name.strip_prefix(prefix))
            && number.ends_with(".jsonl")
        {
            let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
            found.push((digits.parse::<u64>().unwrap_or(u64::MAX), directory.join(&name)));
        }
    }
    sorting::sort(&mut found);
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The whole line of one attempt, as the result files have it.
pub fn line_of(directory: &Path, run: &str, attempt: u32) -> Result<Option<Value>> {
    let mut found = None;
    for path in files(directory, "results-")? {
        each_line(&path, &mut |text| {
            let is_meant = |row: &Row| *row.run_id == *run && row.attempt == attempt;
            if found.is_none() && Row::read(text).as_ref().is_some_and(is_meant) {
                found = serde_json::from_str(text).ok();
            }
        })?;
    }
    Ok(found)
}

/// Calls `take` for each line that is not empty, without its end. A line that is longer than a
/// result can be, or that is not UTF-8, is handed over as an empty one, so that it is not taken for
/// a result.
fn each_line(path: &Path, take: &mut dyn FnMut(&str)) -> Result<()> {
    let failed =
        |error: io::Error| Error::failed(format!("cannot read {}: {error}", path.display()));
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        if read.map_err(failed)? == 0 {
            return Ok(());
        }
        let whole = line.ends_with(b"\n");
        let text = line.trim_ascii();
        if !whole && text.len() as u64 >= LONGEST_LINE {
            take("");
            reader.skip_until(b'\n').map_err(failed)?;
        } else if !text.is_empty() {
            // A last line without its end may be whole: no beginning of a JSON object is one.
            take(str::from_utf8(text).unwrap_or(""));
        }
    }
}

/// A result file that is open for appending.
pub struct Appender {
    path: PathBuf,
    file: File,
}

impl Appender {
    /// Opens or creates the file. What a torn last line left is ended, so that the next line
    /// stands alone.
    pub fn open(directory: &Path, name: &str) -> Result<Appender> {
        let path = directory.join(name);
        let open = || -> io::Result<File> {
            let mut options = OpenOptions::new();
            let mut file = options.read(true).append(true).create(true).mode(0o600).open(&path)?;
            let length = file.seek(SeekFrom::End(0))?;
            if length > 0 {
                let mut last = [0];
                file.seek(SeekFrom::Start(length - 1))?;
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    file.write_all(b"\n")?;
                }
            }
            Ok(file)
        };
        let file = open().map_err(|error| trouble(&path, &error))?;
        // The name of a new file must survive a power cut as well.
        let _ = File::open(directory).and_then(|directory| directory.sync_all());
        Ok(Appender { path, file })
    }

    /// Adds one line and has it stored. If that fails, nothing of it stays.
    pub fn append(&mut self, line: &str) -> Result<()> {
        let mut text = line.trim_end().to_owned();
        text.push('\n');
        let before = self.file.metadata().map(|data| data.len());
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| {
            if let Ok(before) = before {
                let _ = self.file.set_len(before);
            }
            trouble(&self.path, &error)
        })
    }
}

/// A file of results that cannot be written.
fn trouble(path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::scratch;

    impl Lines {
        fn known_runs(&self) -> Vec<&str> {
            let mut runs: Vec<&str> = self.first.keys().map(|run| &**run).collect();
            runs.sort_unstable();
            runs
        }
    }

    fn line(run: &str, attempt: u32, result: &str) -> String {
        let head = r#""type":"result","schema":1,"batch":"b","task":"t","arm":"a","repeat":1"#;
        let own = format!(r#""run_id":"{run}","attempt":{attempt},"result":"{result}""#);
        format!(r#"{{{head},{own},"stop":"done"}}"#)
    }

    #[test]
    fn torn_foreign_and_doubled_lines_are_no_results() {
        let directory = scratch("results");
        let path = directory.join(name(Shard::WHOLE));
        let other = line("r9", 1, "pass").replace("\"b\"", "\"other\"");
        let old = line("r8", 1, "pass").replace("\"schema\":1", "\"schema\":99");
        let whole = line("r1", 1, "unscored");
        let torn = &line("r3", 1, "pass")[..90];
        let text =
            format!("{whole}\n\n{}\n{whole}\n{other}\n{old}\nhello\n{torn}", line("r1", 2, "pass"));
        fs::write(&path, text).unwrap();
        let lines = read_all(&directory, "b").unwrap();
        assert_eq!((lines.foreign, lines.doubled), (4, 1));
        assert_eq!(lines.known_runs(), ["r1"]);
        let results: Vec<_> = lines.attempts("r1").map(|row| row.result.name()).collect();
        assert_eq!(results, ["unscored", "pass"]);
        // The next line stands alone.
        Appender::open(&directory, &name(Shard::WHOLE))
            .unwrap()
            .append(&line("r4", 1, "fail"))
            .unwrap();
        let lines = read_all(&directory, "b").unwrap();
        assert_eq!(lines.known_runs(), ["r1", "r4"]);
        assert_eq!((lines.foreign, lines.doubled), (4, 1));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_no_result() {
        let directory = scratch("no-text");
        let path = directory.join(name(Shard::WHOLE));
        // The byte stands in a field that no row reads.
        let torn = line("r1", 1, "pass").replace("\"type\"", "\"host\":\"?\",\"type\"");
        let torn = torn.bytes().map(|byte| if byte == b'?' { 0xff } else { byte });
        let whole = format!("\n{}\n", line("r2", 1, "pass"));
        fs::write(&path, torn.chain(whole.bytes()).collect::<Vec<u8>>()).unwrap();
        let lines = read_all(&directory, "b").unwrap();
        assert_eq!((lines.foreign, lines.known_runs()), (1, vec!["r2"]));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_line_of_any_length_is_passed_over() {
        let directory = scratch("long-line");
        let path = directory.join(name(Shard::WHOLE));
        let long = "x".repeat(LONGEST_LINE as usize + 5);
        fs::write(&path, format!("{long}\n{}\n", line("r1", 1, "pass"))).unwrap();
        let lines = read_all(&directory, "b").unwrap();
        assert_eq!((lines.foreign, lines.runs()), (1, 1));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn shards_are_read_in_the_order_of_their_numbers() {
        let directory = scratch("shards");
        for index in [10, 2, 1] {
            fs::write(directory.join(name(Shard { index, count: 10 })), "").unwrap();
        }
        fs::write(directory.join("results-1-of-10.jsonl.bak"), "").unwrap();
        let names: Vec<_> = files(&directory, "results-").unwrap();
        let names: Vec<_> = names.iter().map(|path| path.file_name().unwrap()).collect();
        let expected = ["results-1-of-10.jsonl", "results-2-of-10.jsonl", "results-10-of-10.jsonl"];
        assert_eq!(names, expected);
        fs::remove_dir_all(directory).unwrap();
    }
}

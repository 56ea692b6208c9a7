//! The files of the orders of runs, by which a later process finds what a killed one has left.
//!
//! To create and to remove a file costs more than all else that the parent does for a run. So the
//! file of a run that is recorded serves the next one: it is written while it has a hidden name,
//! which no process takes for an order, and then renamed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::directory::trouble;
use crate::error::Result;

/// The size of an order's file is a multiple of this, in bytes. While a size stays the same, to
/// store the file is not to store its metadata.
const BLOCK: usize = 4096;

/// The file of one order.
pub struct OrderFile {
    path: PathBuf,
    file: File,
    size: usize,
}

impl OrderFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An empty one with a hidden name.
    fn create(directory: &Path) -> io::Result<OrderFile> {
        let path = hidden(directory);
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(OrderFile { path, file, size: 0 })
    }

    /// Stores a text, followed by empty lines, and then takes the name.
    fn publish(&mut self, path: &Path, text: &str) -> io::Result<()> {
        let size = text.len().next_multiple_of(BLOCK);
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(size, b'\n');
        self.file.write_all_at(&bytes, 0)?;
        if size < self.size {
            self.file.set_len(size as u64)?;
        }
        self.size = size;
        self.file.sync_data()?;
        self.rename(path)
    }

    fn rename(&mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.path = path.into();
        Ok(())
    }

    fn remove(self) {
        let _ = fs::remove_file(self.path);
    }
}

/// A name that no other process uses, and that is not taken for an order.
fn hidden(directory: &Path) -> PathBuf {
    directory.join(format!(".{}", crate::random::id().simple()))
}

/// The files of orders in one directory. Those that nothing uses any more are removed with it.
pub struct Orders {
    directory: PathBuf,
    spare: Vec<OrderFile>,
}

impl Orders {
    /// Orders in that directory.
    pub fn new(directory: PathBuf) -> Orders {
        Orders { directory, spare: Vec::new() }
    }

    /// Stores an order, which appears with its whole text. After a crash it is there, and whole, or
    /// not there.
    pub fn put(&mut self, name: &str, text: &str) -> Result<OrderFile> {
        let path = self.directory.join(name);
        self.publish(&path, text).map_err(|error| trouble(&path, &error))
    }

    fn publish(&mut self, path: &Path, text: &str) -> io::Result<OrderFile> {
        if let Some(mut file) = self.spare.pop() {
            if file.publish(path, text).is_ok() {
                return Ok(file);
            }
            // Another process may have removed it.
            file.remove();
        }
        let mut file = OrderFile::create(&self.directory)?;
        match file.publish(path, text) {
            Ok(()) => Ok(file),
            Err(error) => {
                file.remove();
                Err(error)
            }
        }
    }

    /// Withdraws an order that is carried out.
    pub fn withdraw(&mut self, mut file: OrderFile) {
        match file.rename(&hidden(&self.directory)) {
            Ok(()) => self.spare.push(file),
            Err(_) => file.remove(),
        }
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        self.spare.drain(..).for_each(OrderFile::remove);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::scratch;

    /// The names in a directory, without those of hidden files.
    fn shown(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort_unstable();
        names
    }

    fn read(file: &OrderFile) -> String {
        fs::read_to_string(file.path()).unwrap()
    }

    #[test]
    fn an_order_that_is_carried_out_is_gone_and_the_next_one_has_its_own_text() {
        let directory = scratch("orders");
        let mut orders = Orders::new(directory.clone());
        let long = "x".repeat(3 * BLOCK + 1);
        let first = orders.put("first.json", &long).unwrap();
        let second = orders.put("second.json", "{\"second\":2}\n").unwrap();
        assert_eq!(shown(&directory), ["first.json", "second.json"]);
        assert_eq!(read(&first).trim_end(), long);
        orders.withdraw(first);
        assert_eq!(shown(&directory), ["second.json"]);
        let third = orders.put("third.json", "{\"third\":3}\n").unwrap();
        assert_eq!(read(&third).trim_end(), "{\"third\":3}");
        assert_eq!(read(&second).trim_end(), "{\"second\":2}");
        orders.withdraw(second);
        orders.withdraw(third);
        drop(orders);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "no hidden file is left");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn the_file_of_a_run_serves_the_next_one() {
        use std::os::unix::fs::MetadataExt;
        let directory = scratch("orders-again");
        let mut orders = Orders::new(directory.clone());
        let inode = |file: &OrderFile| fs::metadata(file.path()).unwrap().ino();
        let first = orders.put("first.json", "1").unwrap();
        let was = inode(&first);
        orders.withdraw(first);
        let second = orders.put("second.json", "2").unwrap();
        assert_eq!(inode(&second), was);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn an_order_is_stored_although_the_spare_file_was_removed() {
        let directory = scratch("orders-removed");
        let mut orders = Orders::new(directory.clone());
        let first = orders.put("first.json", "1").unwrap();
        orders.withdraw(first);
        for entry in fs::read_dir(&directory).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let second = orders.put("second.json", "2").unwrap();
        assert_eq!(read(&second).trim_end(), "2");
        fs::remove_dir_all(directory).unwrap();
    }
}

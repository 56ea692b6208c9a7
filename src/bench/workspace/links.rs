//! Where a link in a tree leads.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// How many links one path may lead through, as for the kernel.
const MOST_LINKS: usize = 40;

/// Whether a link in a tree leads out of it, whatever is at its end.
pub fn leaves(tree: &Path, link: &Path) -> bool {
    let mut at = PathBuf::new();
    let mut rest: Vec<PathBuf> = parts(link);
    let mut links = 0;
    while let Some(name) = rest.pop() {
        match name.components().next() {
            Some(Component::RootDir | Component::Prefix(_)) => return true,
            Some(Component::ParentDir) if at.pop() => {}
            Some(Component::ParentDir) => return true,
            Some(Component::Normal(name)) => {
                at.push(name);
                if let Ok(target) = fs::read_link(tree.join(&at)) {
                    links += 1;
                    // The kernel gives up as well, and so leads nowhere.
                    if links > MOST_LINKS {
                        return false;
                    }
                    at.pop();
                    rest.extend(parts(&target));
                }
            }
            _ => {}
        }
    }
    false
}

/// The names of a path, the first one last.
fn parts(path: &Path) -> Vec<PathBuf> {
    path.components().rev().map(|part| PathBuf::from(part.as_os_str())).collect()
}

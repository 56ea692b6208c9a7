//! A catalogue of models that is cut down to the providers which can be used here.
//!
//! OpenCode knows more than 200 providers with 8,000 models and takes more than a second to make
//! all of them ready, although a user has keys for a few. Architecture invariant: a server with the
//! cut catalogue offers exactly what it would offer with the whole one. So a provider is left out
//! only if nothing that OpenCode looks at speaks of it, and in doubt the server gets the whole.

mod built_in;
mod catalogue;
mod evidence;
mod literal;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::process::Variables;
use evidence::Surroundings;

/// The variable that names a catalogue.
pub const MODELS_PATH: &str = "OPENCODE_MODELS_PATH";

/// Variables by which a user chooses another catalogue.
const CHOSEN: [&str; 2] = [MODELS_PATH, "OPENCODE_MODELS_URL"];

/// The name of each cut catalogue, by which a nested session knows that it is not its user's.
const NAME: &str = "occtl-models.json";

/// The largest catalogue that is read.
const LARGEST: u64 = 64 << 20;

/// A server that is about to be started.
pub struct Wanted<'a> {
    /// All of its variables.
    pub variables: &'a Variables,
    /// Where it works.
    pub workdir: &'a Path,
    /// Its program.
    pub program: &'a Path,
    /// Providers that are asked for by name.
    pub providers: &'a [String],
    /// Where the catalogues of programs are remembered, if that is safe.
    pub memory: Option<&'a Path>,
}

/// Writes the catalogue for a server into a directory of the server's own, or else into its cache
/// directory. `None` if it is to have the whole one.
pub fn prepare(wanted: &Wanted, own: Option<&Path>) -> Option<PathBuf> {
    let Wanted { variables, workdir, .. } = *wanted;
    let surroundings = Surroundings { variables, workdir };
    if CHOSEN.iter().any(|name| surroundings.get(name).is_some()) || has_database(&surroundings)? {
        return None;
    }
    let mut evidence = surroundings.evidence()?;
    wanted.providers.iter().for_each(|provider| evidence.name(provider));
    let is_kept = |key: &str, provider: &_| evidence.speaks_for(key, provider);
    let cache = surroundings.xdg("XDG_CACHE_HOME", ".cache")?;
    let cut = |text: &str| catalogue::cut(text, &is_kept);
    // OpenCode takes its own if the cached one cannot be read.
    let cached = read(&cache.join("models.json")).and_then(|text| cut(&text));
    let built_in = || cut(&built_in::built_in(wanted.program, wanted.memory)?);
    let text = cached.or_else(built_in)?;
    let place = own.unwrap_or(&cache);
    write(place, &text).ok()
}

/// Whether the server finds a database: an account in it may bring a configuration from elsewhere.
fn has_database(surroundings: &Surroundings) -> Option<bool> {
    let named = surroundings.get("OPENCODE_DB").map(Path::new);
    if named.is_some_and(|path| surroundings.workdir.join(path).exists()) {
        return Some(true);
    }
    let data = surroundings.xdg("XDG_DATA_HOME", ".local/share")?;
    let entries = data.read_dir().into_iter().flatten().flatten();
    Some(entries.map(|entry| entry.path()).any(|path| path.extension() == Some("db".as_ref())))
}

/// Whether a value of the variable names a cut catalogue. It was made for another server.
pub fn is_cut(path: &Path) -> bool {
    path.file_name() == Some(NAME.as_ref())
}

fn read(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    let is_readable = metadata.is_file() && metadata.len() <= LARGEST;
    is_readable.then(|| fs::read_to_string(path).ok()).flatten()
}

fn write(place: &Path, text: &str) -> io::Result<PathBuf> {
    let path = place.join(NAME);
    fs::create_dir_all(place)?;
    // One of a server before this one.
    let _ = fs::remove_file(&path);
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes())?;
    Ok(path)
}

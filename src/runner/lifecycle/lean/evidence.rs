//! What of a server's surroundings can enable a provider: its variables, the credentials, and every
//! configuration that it reads.
//!
//! Configurations are searched as text and not read: a provider counts as named wherever its id
//! stands by itself. So comments, later formats and keys that are not known here can only keep a
//! provider, and never lose one. The name of a package is the one place that does not count:
//! OpenCode looks a provider up by its id alone.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::catalogue::Provider;
use crate::process::Variables;

/// The names of configurations, in whatever directory one is.
const CONFIGURATIONS: [&str; 3] = ["config.json", "opencode.json", "opencode.jsonc"];

/// Directories of plugins, which may add any provider.
const PLUGINS: [&str; 2] = ["plugin", "plugins"];

/// What makes a text one that cannot be searched: plugins, a configuration that is fetched from a
/// server, and names that are spelled in another way.
const DOUBTFUL: [&str; 3] = ["\"plugin", "wellknown", "\\u"];

/// Where an administrator configures OpenCode.
const MANAGED: &str = "/etc/opencode";

/// Variables that enable providers of these names without being among the provider's own.
const ALIASES: [(&str, &str); 4] = [
    ("CF", "cloudflare"),
    ("GCLOUD", "google-vertex"),
    ("GCP", "google-vertex"),
    ("VERTEX", "google-vertex"),
];

/// What stands before an id in the name of a package. A provider of the user's own is often made by
/// such a package (`@ai-sdk/openai-compatible`), and has a name of its own.
const PACKAGES: &str = "@ai-sdk/";

/// The provider that needs no key.
const FREE: &str = "opencode";

/// A larger file is no configuration that a person wrote.
const LARGEST: u64 = 1 << 20;

/// The surroundings of a server.
pub struct Surroundings<'a> {
    /// All of its variables.
    pub variables: &'a Variables,
    /// Where it works; absolute, without links.
    pub workdir: &'a Path,
}

/// What was found in them.
pub struct Evidence {
    /// All texts that may name providers.
    texts: String,
    /// The first word of each variable that is set.
    words: Vec<String>,
}

impl Surroundings<'_> {
    /// A variable's value; OpenCode takes an empty one for none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.to_str().filter(|value| !value.is_empty())
    }

    /// A directory of the XDG standard.
    pub fn xdg(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let directory = match self.get(variable) {
            Some(directory) => PathBuf::from(directory),
            None => self.home()?.join(below_home),
        };
        Some(self.workdir.join(directory).join("opencode"))
    }

    fn home(&self) -> Option<&Path> {
        self.get("HOME").map(Path::new).filter(|home| home.is_absolute())
    }

    /// Collects it; `None` if something else than what is seen here may enable a provider.
    pub fn evidence(&self) -> Option<Evidence> {
        let mut texts = String::new();
        let config = self.xdg("XDG_CONFIG_HOME", ".config")?;
        // An old format.
        if config.join("config").exists() {
            return None;
        }
        let own = self.get("OPENCODE_CONFIG_DIR").map(|path| self.workdir.join(path));
        let mut directories = vec![config, self.home()?.join(".opencode")];
        directories.extend(own);
        directories.extend(self.workdir.ancestors().map(|place| place.join(".opencode")));
        if directories.iter().any(|place| PLUGINS.iter().any(|name| is_used(&place.join(name)))) {
            return None;
        }
        directories.extend(self.workdir.ancestors().map(PathBuf::from));
        directories.push(MANAGED.into());
        for place in &directories {
            for name in CONFIGURATIONS {
                self.add(&place.join(name), &mut texts)?;
            }
        }
        if let Some(path) = self.get("OPENCODE_CONFIG") {
            self.add(&self.workdir.join(path), &mut texts)?;
        }
        let data = self.xdg("XDG_DATA_HOME", ".local/share")?;
        self.add(&data.join("auth.json"), &mut texts)?;
        for name in ["OPENCODE_CONFIG_CONTENT", "OPENCODE_AUTH_CONTENT"] {
            if let Some(text) = self.get(name) {
                self.add_text(text, self.workdir, &mut texts)?;
            }
        }
        let set = self.variables.iter().filter(|(_, value)| !value.is_empty());
        let names = set.map(|(name, _)| name.to_string_lossy());
        let words = names.map(|name| first_word(&name).to_string()).collect();
        Some(Evidence { texts, words })
    }

    /// Adds what a file says, if there is one.
    fn add(&self, path: &Path, texts: &mut String) -> Option<()> {
        if !path.exists() {
            return Some(());
        }
        self.add_text(&read(path)?, path.parent()?, texts)
    }

    /// Adds a text with all that OpenCode puts into it: values of variables, and files.
    fn add_text(&self, text: &str, directory: &Path, texts: &mut String) -> Option<()> {
        texts.push_str(text);
        texts.push('\n');
        for name in substituted(text, "{env:") {
            texts.push_str(self.get(name).unwrap_or_default());
            texts.push('\n');
        }
        for name in substituted(text, "{file:") {
            let path = match name.strip_prefix("~/") {
                Some(rest) => self.home()?.join(rest),
                None => directory.join(name),
            };
            // In a comment it may be the name of no file.
            if path.exists() {
                texts.push_str(&read(&path)?);
                texts.push('\n');
            }
        }
        let is_doubtful = DOUBTFUL.iter().any(|sign| texts.contains(sign));
        (!is_doubtful && texts.len() as u64 <= LARGEST).then_some(())
    }
}

impl Evidence {
    /// Adds a name that was given by itself.
    pub fn name(&mut self, name: &str) {
        self.texts.push_str(name);
        self.texts.push('\n');
    }

    /// Whether the provider under this key may be enabled.
    pub fn speaks_for(&self, key: &str, provider: &Provider) -> bool {
        let is_free = |id: &str| id.starts_with(FREE);
        let has_variable = |word: &String| provider.env.iter().any(|name| first_word(name) == word);
        let has_alias = |(word, start): &(&str, &str)| {
            key.starts_with(start) && self.words.iter().any(|own| own == word)
        };
        is_free(key)
            || is_free(&provider.id)
            || self.names(key)
            || self.names(&provider.id)
            || self.words.iter().any(has_variable)
            || ALIASES.iter().any(has_alias)
    }

    /// Whether an id stands somewhere by itself, and not in the name of a package. A hyphen does
    /// not belong to it: there are providers that are made from another one, and are called
    /// `OTHER-enterprise`.
    fn names(&self, id: &str) -> bool {
        let is_part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        !id.is_empty()
            && self.texts.match_indices(id).any(|(at, _)| {
                let bytes = self.texts.as_bytes();
                !is_part(at.checked_sub(1).and_then(|before| bytes.get(before)))
                    && !is_part(bytes.get(at + id.len()))
                    && !self.texts[..at].ends_with(PACKAGES)
            })
    }
}

/// What a variable is about: `AWS` is the word of `AWS_PROFILE` as of `AWS_ACCESS_KEY_ID`, of which
/// a catalogue names only one.
fn first_word(name: &str) -> &str {
    name.split('_').next().unwrap_or(name)
}

/// The names in places like `{env:NAME}`.
fn substituted<'a>(text: &'a str, sign: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(sign).skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.trim()))
}

fn read(path: &Path) -> Option<String> {
    let mut options = File::options();
    // A pipe must not make us wait.
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = options.read(true).custom_flags(flags).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return None;
    }
    let mut text = Vec::new();
    file.take(LARGEST).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Whether there is a directory with something in it, or one that cannot be looked into.
fn is_used(directory: &Path) -> bool {
    match directory.read_dir() {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::runner::environment::tests::environment;

    /// Which of the providers are kept in a home with these files and variables; `None` if all of
    /// them have to stay.
    fn kept(name: &str, files: &[(&str, &str)], variables: &[(&str, &str)]) -> Option<String> {
        let place = std::env::temp_dir().join(format!("occtl-lean-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(place.join("home/project")).unwrap();
        for (path, text) in files {
            let path = place.join("home").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let home = place.join("home").display().to_string();
        let mut all = vec![("HOME", home.as_str())];
        all.extend(variables);
        let environment = environment(&all);
        let workdir = place.join("home/project");
        let surroundings = Surroundings { variables: &environment.variables, workdir: &workdir };
        let evidence = surroundings.evidence();
        fs::remove_dir_all(&place).unwrap();
        let evidence = evidence?;
        let known = [
            ("opencode", "OPENCODE_API_KEY"),
            ("anthropic", "ANTHROPIC_API_KEY"),
            ("github-copilot", "GITHUB_TOKEN"),
            ("amazon-bedrock", "AWS_ACCESS_KEY_ID"),
            ("google-vertex", "GOOGLE_VERTEX_PROJECT"),
            ("openai", "OPENAI_API_KEY"),
        ];
        let of = |(id, name): &(&str, &str)| {
            let provider = Provider { id: id.to_string(), env: vec![name.to_string()] };
            evidence.speaks_for(id, &provider).then(|| id.to_string())
        };
        Some(known.iter().filter_map(of).skip(1).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_provider_is_kept_wherever_something_may_enable_it() {
        let some = |text: &str| Some(text.to_string());
        assert_eq!(kept("none", &[], &[("PATH", "/bin")]), some(""));
        let named = r#"{ // a comment
            "provider": {"anthropic": {}}, }"#;
        for file in [
            ".config/opencode/opencode.jsonc",
            ".config/opencode/config.json",
            "opencode.json",
            ".opencode/opencode.json",
            "project/opencode.jsonc",
            "project/.opencode/opencode.json",
        ] {
            assert_eq!(kept("file", &[(file, named)], &[]), some("anthropic"), "{file}");
        }
        let auth = (".local/share/opencode/auth.json", r#"{"github-copilot-enterprise":{}}"#);
        assert_eq!(kept("auth", &[auth], &[]), some("github-copilot"));
        let other = [("other/models", named), ("other/opencode.json", named)];
        for (variable, value) in [
            ("OPENCODE_CONFIG", "../other/models"),
            ("OPENCODE_CONFIG_DIR", "../other"),
            ("OPENCODE_CONFIG_CONTENT", named),
            ("OPENCODE_AUTH_CONTENT", r#"{"anthropic":{"type":"api","key":"k"}}"#),
            ("ANTHROPIC_API_KEY", "k"),
            ("ANTHROPIC_BASE_URL", "u"),
        ] {
            let found = kept("variable", &other, &[(variable, value)]);
            assert_eq!(found, some("anthropic"), "{variable}");
        }
        let made_by = |own: &str| {
            format!(r#"{{"provider": {{"{own}": {{"npm": "@ai-sdk/openai-compatible"}}}}}}"#)
        };
        for (own, expected) in [("mine", ""), ("openai", "openai")] {
            let file = ("opencode.json", &*made_by(own));
            assert_eq!(kept("package", &[file], &[]), some(expected), "{own}");
        }
        assert_eq!(kept("empty", &[], &[("ANTHROPIC_API_KEY", "")]), some(""));
        assert_eq!(kept("aws", &[], &[("AWS_PROFILE", "p")]), some("amazon-bedrock"));
        for name in ["GCLOUD_PROJECT", "GCP_PROJECT", "GOOGLE_CLOUD_PROJECT", "VERTEX_LOCATION"] {
            assert_eq!(kept("google", &[], &[(name, "p")]), some("google-vertex"), "{name}");
        }
    }

    #[test]
    fn what_a_configuration_takes_from_elsewhere_is_searched_too() {
        let some = |text: &str| Some(text.to_string());
        let text = r#"{"provider": {"{env:P}": {}, "{file:~/name}": {}, "{file:beside}": {}}}"#;
        let files = [
            (".config/opencode/opencode.json", text),
            ("name", "amazon-bedrock"),
            (".config/opencode/beside", "google-vertex\n"),
        ];
        let found = kept("substituted", &files, &[("P", "anthropic")]);
        assert_eq!(found, some("anthropic amazon-bedrock google-vertex"));
    }

    #[test]
    fn in_doubt_all_providers_stay() {
        let large = " ".repeat(2 << 20);
        for (file, text) in [
            ("opencode.json", r#"{"plugin": ["x"]}"#),
            ("opencode.json", r#"{"provider": {"\u0061nthropic": {}}}"#),
            ("opencode.json", large.as_str()),
            (".config/opencode/config", "model = 1"),
            (".config/opencode/plugin/a.ts", ""),
            ("project/.opencode/plugins/a.js", ""),
            (".opencode/plugins/a.js", ""),
            (".local/share/opencode/auth.json", r#"{"https://a":{"type":"wellknown"}}"#),
            ("project/opencode.json/a", "a directory in place of a file"),
        ] {
            assert_eq!(kept("doubt", &[(file, text)], &[]), None, "{file} {}", text.len());
        }
        assert_eq!(kept("homeless", &[], &[("HOME", "")]), None);
    }
}

//! A place of its own for each test: directories, ports, an environment, and the end of every
//! process that was started there.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::command::Run;
use super::seats::{Place, Seat};
use super::serving::Serving;
use super::{opencode, ports, processes};

/// The variable that marks every process of a sandbox.
const MARK: &str = "TEST_SANDBOX";
/// How long a server may take to say that it listens; the real one needs 1.5 s on an idle machine.
const SERVER_WAIT: Duration = Duration::from_secs(60);
/// How long a command may take until it has sent a request; it needs some milliseconds.
const REQUEST_WAIT: Duration = Duration::from_secs(30);

static NUMBERS: AtomicU32 = AtomicU32::new(0);

/// A test's own directory for temporary files, with all that belongs to it. Dropping it kills every
/// process that was started in it and removes its files. A failing test leaves the files and prints
/// where they are.
pub struct Sandbox {
    root: PathBuf,
    mark: String,
    ports: ports::Block,
    /// How many ports were given to servers that the test starts itself: these count down from the
    /// top, while occtl counts up.
    served: AtomicU16,
    environment: BTreeMap<OsString, OsString>,
    seat: Option<Seat>,
    _place: Place,
}

impl Sandbox {
    /// A fresh sandbox. `OCCTL_OPENCODE` is not set yet: see the `use_…` methods.
    pub fn new(name: &str) -> Self {
        let place = Place::among_others();
        // Tests write stores themselves, and occtl refuses a store that a group may write to. With
        // a umask of 002, which is the default of some systems, that would be each of them.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{name}-{}-{number}", std::process::id());
        let root = parent().join(&mark);
        // Process ids are used again, so an earlier failure may have left this directory.
        drop(std::fs::remove_dir_all(&root));
        for directory in ["home", "data", "work", "bin"] {
            std::fs::create_dir_all(root.join(directory)).expect("a sandbox directory");
        }
        let ports = ports::Block::take();
        let mut sandbox = Self {
            environment: BTreeMap::new(),
            served: AtomicU16::new(0),
            seat: None,
            _place: place,
            root,
            mark,
            ports,
        };
        let mut path = sandbox.bin().into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let range = sandbox.ports.range();
        sandbox.set_env("PATH", path);
        sandbox.set_env("HOME", sandbox.home());
        sandbox.set_env("OCCTL_DATA_DIR", sandbox.data());
        sandbox.set_env("OCCTL_PORT_RANGE", format!("{}-{}", range.start(), range.end()));
        sandbox.set_env(MARK, sandbox.mark.clone());
        sandbox.set_env("TZ", "UTC");
        sandbox.set_env("LANG", "C.UTF-8");
        sandbox
    }

    /// The sandbox's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `HOME`.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// `OCCTL_DATA_DIR`.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The default working directory of every command.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// The first directory of `PATH`.
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// The ports that only this sandbox uses.
    pub fn ports(&self) -> std::ops::RangeInclusive<u16> {
        self.ports.range()
    }

    /// A port that nothing in this sandbox uses, from the top of the block.
    pub fn free_port(&self) -> u16 {
        self.ports.range().end() - self.served.fetch_add(1, Ordering::Relaxed) % (ports::BLOCK / 2)
    }

    /// Sets a variable for every later command.
    pub fn set_env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.environment.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
    }

    /// Removes a variable for every later command.
    pub fn remove_env(&mut self, name: impl AsRef<OsStr>) {
        self.environment.remove(name.as_ref());
    }

    /// Puts an executable script into `bin`.
    pub fn install(&self, name: &str, script: &str) -> PathBuf {
        let path = self.bin().join(name);
        std::fs::write(&path, script).expect("a script");
        set_mode(&path, 0o755);
        path
    }

    /// Makes the OpenCode to test the program under `OCCTL_OPENCODE`.
    pub fn use_real(&mut self) {
        self.use_real_version(&opencode::version());
    }

    /// Makes a given version of OpenCode the program under `OCCTL_OPENCODE`.
    pub fn use_real_version(&mut self, version: &str) {
        self.seat.get_or_insert_with(Seat::take);
        self.set_env("OCCTL_OPENCODE", opencode::program(version));
        // It knows thousands of models, which no test needs and which it sorts for 1.5 s.
        let models = self.root.join("models.json");
        std::fs::write(&models, "{}").expect("an empty list of models");
        self.set_env("OPENCODE_MODELS_PATH", models);
        for (name, value) in opencode::QUIET {
            self.set_env(name, value);
        }
    }

    /// Makes the stand-in the program under `OCCTL_OPENCODE`; the module `stand_in` lists the
    /// faults.
    pub fn use_stand_in(&mut self, faults: Value) {
        self.set_faults(&faults);
        self.set_env("OCCTL_OPENCODE", example("stand-in"));
        self.set_env("STAND_IN_FAULTS", self.root.join("faults.json"));
    }

    /// Changes the stand-in's faults; a stand-in that runs notices it.
    pub fn set_faults(&self, faults: &Value) {
        // Renamed into place, because a server may read the file at any moment.
        let partial = self.root.join("faults.partial");
        std::fs::write(&partial, faults.to_string()).expect("the faults");
        std::fs::rename(partial, self.root.join("faults.json")).expect("the faults in place");
    }

    /// The requests to the stand-in so far, each as `{method, path, query, authorization, body}`.
    pub fn stand_in_requests(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.root.join("requests.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// Waits for a request to the stand-in that is accepted by `matches`, after the first `before`.
    #[track_caller]
    pub fn wait_for_request(&self, before: usize, matches: impl Fn(&Value) -> bool) {
        let asked = || self.stand_in_requests()[before..].iter().any(&matches).then_some(());
        processes::poll(REQUEST_WAIT, asked).expect("the request that the test waits for");
    }

    /// occtl with these arguments.
    pub fn occtl<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Run {
        self.command(env!("CARGO_BIN_EXE_occtl"), arguments)
    }

    /// A script of bash, in which `$0` is occtl and `$1` and so on are `words`.
    pub fn shell<A: AsRef<OsStr>>(&self, script: &str, words: &[A]) -> Run {
        self.command("bash", &["-c", script, env!("CARGO_BIN_EXE_occtl")]).args(words)
    }

    /// Runs git in a directory and gives its stdout.
    #[track_caller]
    pub fn git(&self, directory: &Path, words: &[&str]) -> String {
        let user = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
        self.command("git", &user).args(words).cwd(directory).run().ok().stdout
    }

    /// Starts a session with more words for `start`, and gives its id.
    #[track_caller]
    pub fn start(&self, words: &[&str]) -> String {
        let start = self.occtl(&["start", "-q", "-t", "120"]).args(words);
        start.run().ok().stdout.trim().to_owned()
    }

    /// Any program in the sandbox's environment.
    pub fn command<A: AsRef<OsStr>>(&self, program: impl Into<PathBuf>, arguments: &[A]) -> Run {
        Run::new(program, self.environment.clone(), &self.work()).args(arguments)
    }

    /// Starts the program under `OCCTL_OPENCODE` as a server, without occtl, and waits until it
    /// says that it listens.
    pub fn serve(&self) -> Serving {
        self.serve_with(|run| run)
    }

    /// The same with changes to the command, such as a variable or another directory.
    pub fn serve_with(&self, change: impl FnOnce(Run) -> Run) -> Serving {
        let program = self.environment.get(OsStr::new("OCCTL_OPENCODE"));
        let program = program.expect("one of the use_… methods was called");
        let port = self.free_port();
        let arguments = ["serve", "--port", &port.to_string(), "--hostname", "127.0.0.1"];
        let mut running = change(self.command(program, &arguments)).spawn();
        running.wait_for_line("listening on", SERVER_WAIT);
        Serving { port, running }
    }

    /// The processes of this sandbox, with their ids and command lines.
    pub fn marked_processes(&self) -> Vec<(u32, String)> {
        processes::marked(&self.variable())
    }

    /// Waits for a process of this sandbox with a command line that `matches` accepts; gives its
    /// id.
    #[track_caller]
    pub fn wait_for_process(&self, matches: impl Fn(&str) -> bool) -> u32 {
        let find = || self.marked_processes().into_iter().find(|(_, line)| matches(line));
        processes::poll(SERVER_WAIT, find).expect("the process that the test waits for").0
    }

    /// Fails the test if a process of this sandbox is still there.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        let left = self.marked_processes();
        assert!(left.is_empty(), "left running: {left:#?}");
    }

    /// Waits until no process of this sandbox is left; fails the test after `timeout`.
    #[track_caller]
    pub fn wait_for_nothing_left(&self, timeout: Duration) {
        let mut left = Vec::new();
        let gone = processes::poll(timeout, || {
            left = self.marked_processes();
            left.is_empty().then_some(())
        });
        assert!(gone.is_some(), "left running after {timeout:?}: {left:#?}");
    }

    fn variable(&self) -> String {
        format!("{MARK}={}", self.mark)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let left = processes::kill_marked(&self.variable());
        if std::thread::panicking() {
            eprintln!("the sandbox is kept in {}", self.root.display());
            return;
        }
        assert!(left.is_empty(), "cannot be killed: {left:#?}");
        // This may fail, because a test may have made directories unreadable.
        drop(std::fs::remove_dir_all(&self.root));
    }
}

/// Where sandboxes are. The target directory would not do, because it is inside this repository:
/// OpenCode would take the repository for the project of every conversation, and `git status` would
/// answer for it.
fn parent() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    let parent = std::env::temp_dir().join(format!("occtl-test-{user}"));
    std::fs::create_dir_all(&parent).expect("a directory for sandboxes");
    // occtl and its servers name directories by their real paths; TMPDIR may be a link.
    parent.canonicalize().expect("the real path of the sandboxes")
}

/// Sets the mode of a file or directory.
pub fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its mode");
}

/// The path of an example program. `cargo test` builds the examples, but `cargo test NAME` does not
/// bring old ones up to date; this fails the test then.
pub fn example(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_BIN_EXE_occtl")).parent();
    let path = directory.expect("a directory").join("examples").join(name);
    let changed = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    // Beside it cargo lists what it was built from: `PROGRAM: SOURCE SOURCE …`, with `\ ` for a
    // space.
    let rule = std::fs::read_to_string(path.with_extension("d")).unwrap_or_default();
    let (_, sources) = rule.split_once(": ").unwrap_or_default();
    let sources = sources.replace("\\ ", "\0");
    let mut sources = sources.split_whitespace().map(|source| source.replace('\0', " "));
    let built = changed(&path);
    let is_older = |source: String| {
        let source = changed(Path::new(&source));
        source.is_some() && source <= built
    };
    let fresh = built.is_some() && !rule.is_empty() && sources.all(is_older);
    assert!(fresh, "{name} is missing or old: run `cargo build --examples`");
    path
}

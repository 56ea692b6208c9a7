//! What `make dist` and `make deb` pack, with the program of the tests in place of the static one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::containers::{ENTER, can_enter};
use crate::support::command::Outcome;
use crate::support::model::Model;
use crate::support::opencode::{self, config};
use crate::support::sandbox::{Sandbox, set_mode};

const SOON: Duration = Duration::from_secs(150);
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the scripts with the program without its symbols, which would only take time.
struct Packed {
    sandbox: Sandbox,
    program: PathBuf,
}

impl Packed {
    fn new(name: &str) -> Option<Packed> {
        let sandbox = Sandbox::new(name);
        let program = sandbox.root().join("occtl");
        let words = ["-o".into(), program.clone(), env!("CARGO_BIN_EXE_occtl").into()];
        if !Path::new("/usr/bin/strip").exists() {
            println!("skipped: packages are tried where strip is (Debian's binutils)");
            return None;
        }
        sandbox.command("strip", &words).run().ok();
        Some(Packed { sandbox, program })
    }

    /// Packs into a directory, with variables that should change nothing.
    fn pack(&self, script: &str, out: &str, variables: &[(&str, &str)]) -> PathBuf {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/package");
        let out = self.sandbox.root().join(out);
        let machine = (script == "dist.sh").then(|| std::env::consts::ARCH.to_owned());
        let run = self.sandbox.command(place.join(script), &[&self.program]);
        let run = run.args(machine.as_slice()).args(&[&out]).timeout(SOON);
        let run = variables.iter().fold(run, |run, (name, value)| run.env(name, value));
        run.run().ok().stdout.lines().next().expect("a path").into()
    }

    /// The same bytes, wherever, whenever and by whom it is packed.
    fn pack_twice(&self, script: &str, variables: &[(&str, &str)]) -> PathBuf {
        let date = ("SOURCE_DATE_EPOCH", "1700000000");
        let one = self.pack(script, "one", &[variables, &[date]].concat());
        let other = [("TZ", "Asia/Tokyo"), ("LANG", "de_DE.UTF-8"), date];
        set_mode(&self.program, 0o700);
        let again = self.sandbox.root().join("two");
        std::fs::create_dir(&again).unwrap();
        let two = self.pack(script, "two", &[variables, &other].concat());
        assert_eq!(one.file_name(), two.file_name());
        assert!(std::fs::read(&one).unwrap() == std::fs::read(&two).unwrap(), "{}", one.display());
        let later = self.pack(script, "later", &[variables, &[(date.0, "1700000001")]].concat());
        assert!(std::fs::read(&one).unwrap() != std::fs::read(later).unwrap(), "the date is in it");
        one
    }

    fn shell(&self, line: &str, words: &[&Path]) -> Outcome {
        self.sandbox.shell(line, words).timeout(SOON).run()
    }
}

/// Looks at what was installed below a place: the program, its pages and its completions.
fn look(packed: &Packed, place: &Path, page: &str) {
    let line =
        "set -e; cd \"$1\"; bin/occtl version; bash -n share/bash-completion/completions/occtl
        \"$2\" share/man/man1/occtl-send.1* | grep -c '^.TH OCCTL.*SEND 1 '
        \"$2\" share/man/man1/occtl.1* | grep -c '^.SH SYNOPSIS'
        test -s share/doc/occtl/README.md; find . -perm /022 ! -type l";
    let ended = packed.shell(line, &[place, Path::new(page)]).ok();
    assert_eq!(ended.stdout, format!("{VERSION}\n1\n1\n"));
}

#[test]
fn an_archive_has_the_same_bytes_twice_and_all_that_is_installed() {
    let Some(packed) = Packed::new("dist") else { return };
    let archive = packed.pack_twice("dist.sh", &[]);
    let name = format!("occtl-{VERSION}-{}-linux", std::env::consts::ARCH);
    assert_eq!(archive.file_name().unwrap().to_str(), Some(&*format!("{name}.tar.gz")));
    let line = "set -e; cd \"$(dirname \"$1\")\"; sha256sum --quiet -c \"$1.sha256\"
        tar -xf \"$1\"; cd \"$2\"; sha256sum --quiet -c share/doc/occtl/SHA256SUMS
        find . -type f | wc -l; wc -l <share/doc/occtl/SHA256SUMS";
    let ended = packed.shell(line, &[&archive, Path::new(&name)]).ok();
    let counts: Vec<u32> = ended.stdout.lines().map(|line| line.trim().parse().unwrap()).collect();
    assert_eq!(counts[0], counts[1] + 1, "all files but the list itself have a checksum");
    let place = archive.with_file_name(&name);
    look(&packed, &place, "cat");
    for file in ["LICENSE", "changelog.md"] {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let own = [own.join(file), own.join("docs").join(file)].into_iter().find(|it| it.exists());
        let same = std::fs::read(own.unwrap()).unwrap();
        assert_eq!(std::fs::read(place.join("share/doc/occtl").join(file)).unwrap(), same);
    }
    for file in ["zsh/site-functions/_occtl", "fish/vendor_completions.d/occtl.fish"] {
        assert!(place.join("share").join(file).exists(), "{file}");
    }
}

#[test]
fn a_debian_package_is_installed_used_and_removed() {
    let Some(packed) = Packed::new("deb") else { return };
    let has = |program: &str| packed.shell(&format!("command -v {program}"), &[]).status == 0;
    if !(has("dpkg-deb") && has("unshare") && rustix::process::geteuid().is_root()) {
        println!("skipped: a Debian package is tried by root, where dpkg and unshare are");
        return;
    }
    let package = packed.pack_twice("deb.sh", &[("DEB_COMPRESSION", "gzip")]);
    let root = packed.sandbox.root().join("root");
    let line = "set -e; mkdir -p \"$1\"/var/lib/dpkg/{info,updates} \"$1\"/{proc,tmp,dev,lib64,lib}
        : >\"$1/var/lib/dpkg/status\"; : >\"$1/var/lib/dpkg/available\"; : >\"$1/dev/null\"
        ldd \"$0\" | grep -o '/[^ ]*' | xargs cp --parents -L -t \"$1\"
        dpkg --root=\"$1\" --log=/dev/null -i \"$2\"";
    packed.shell(line, &[&root, &package]).ok();
    let verified = packed.shell("dpkg --root=\"$1\" --verify occtl", &[&root]).ok();
    assert_eq!(verified.stdout, "", "the checksums of the package are those of its files");
    look(&packed, &root.join("usr"), "zcat");
    let inside = "export PATH=$PATH:/usr/sbin:/sbin OCCTL_DATA_DIR=/tmp/occtl; cd /
        exec unshare --mount --pid --fork sh -c 'mount -t proc proc \"$1/proc\"
            mount --bind /dev/null \"$1/dev/null\"
            shift; exec chroot \"$0\" \"$@\"' \"$1\" \"$@\"";
    let used = |words: &[&str]| {
        let words: Vec<&Path> = words.iter().map(Path::new).collect();
        packed.shell(inside, &[&[&*root], &*words].concat())
    };
    assert_eq!(used(&["/usr/bin/occtl", "list"]).ok().stdout, "No active sessions\n");
    let lost = used(&["/usr/bin/occtl", "start"]).fails(1);
    assert!(lost.stderr.contains("there is no opencode on PATH"), "{}", lost.stderr);
    let list = packed.shell("dpkg --root=\"$1\" -L occtl", &[&root]).ok().stdout;
    packed.shell("dpkg --root=\"$1\" --log=/dev/null -P occtl", &[&root]).ok();
    let files = list.lines().map(|line| root.join(line.trim_start_matches('/')));
    // Directories that other packages would have, too, go as soon as they are empty.
    let left: Vec<PathBuf> = files.filter(|path| path.exists() && *path != root).collect();
    assert!(list.contains("/usr/share/doc/occtl/copyright"), "{list}");
    assert!(left.iter().all(|path| path.is_dir() && !path.ends_with("occtl")), "{left:?}");
}

/// A command of the README that installs, without `sudo` and what makes the package.
#[track_caller]
fn install_line(with: &str) -> String {
    let readme = include_str!("../../README.md");
    let line = readme.lines().find(|line| line.starts_with("    make ") && line.contains(with));
    let line = line.unwrap_or_else(|| panic!("README.md installs nothing with {with:?}"));
    let (_, command) = line.split_once("&& sudo ").expect("what is done as root");
    command.split(" #").next().unwrap_or_default().trim().to_owned()
}

#[test]
fn a_machine_with_the_archive_opencode_and_a_shell_does_the_main_work() {
    let Some(mut packed) = Packed::new("machine") else { return };
    if !can_enter(&packed.sandbox) {
        return;
    }
    packed.sandbox.use_real();
    let work = packed.sandbox.work();
    let model = Model::start();
    packed.sandbox.configure(&work, &config(&model));
    std::fs::write(work.join("models.json"), "{}").unwrap();
    packed.pack("dist.sh", "target/dist", &[]);
    let machine = packed.sandbox.root().join("machine");
    let files = "set -e; chown -R 10001:10001 .; cd ..
        mkdir -p machine/{dev,proc,tmp,work,bin,usr/bin,usr/local}
        cp -L /bin/sh machine/bin; cp -L \"$1\" machine/usr/bin/opencode
        for program in \"$0\" \"$1\" /bin/sh; do ldd \"$program\"; done | grep -o '/[^: ]*' |
            sort -u | xargs cp --parents -L -t machine
        ";
    let install = install_line("tar ").replace(" /usr/local ", " machine/usr/local ");
    let program = opencode::program(&opencode::version());
    packed.shell(&format!("{files}{install}"), &[&program]).ok();
    let script = "occtl start -q --name web && occtl send web --wait 'Say hello.' && occtl list -q
        occtl run '[[write made by the model]][[echo Made.]]'; occtl stop web; occtl list";
    let run = packed.sandbox.command("unshare", &["--mount", "--pid", "--fork", "--kill-child"]);
    let run = run.args(&["sh", ENTER]).args(&[&machine]).args(&["10001", "10001"]).args(&[&work]);
    let run = ["OCCTL_DATA_DIR", "OCCTL_OPENCODE"].iter().fold(run, |run, it| run.env_remove(it));
    let run = run.args(&["sh", "-c", script]).env("HOME", "/tmp").timeout(SOON);
    let run = run.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let ended = run.env("OPENCODE_MODELS_PATH", "/work/models.json").run().ok();
    let id = ended.stdout.lines().next().unwrap();
    let expected = format!("{id}\nSay hello.\n{id}\nMade.\nStopped: {id}\nNo active sessions\n");
    assert_eq!(ended.stdout, expected);
    assert_eq!(std::fs::read_to_string(work.join("made")).unwrap(), "by the model");
    packed.sandbox.assert_nothing_left();
}

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use super::*;
use crate::bench::fixture::{Fixture, write};
use crate::bench::task::Template;
use crate::bench::workspace;

fn odd() -> PathBuf {
    OsStr::from_bytes(b"new\nline \xff").into()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn names(answer: &Answer) -> Vec<String> {
    let name = |entry: &answer::Entry| format!("{} {:?}", entry.path.display(), entry.now);
    answer.entries.iter().map(name).collect()
}

fn git(directory: &Path, words: &[&str]) -> String {
    let mut git = Process::new("git");
    git.arg("-C").arg(directory).args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(words);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = git.output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().into()
}

#[test]
fn an_agent_finds_the_template_as_one_commit_without_what_is_hidden() {
    let mut fixture = Fixture::new();
    fixture.script("files/run", "exit 0");
    fixture.file("files/tests/secret", "1");
    fixture.file("files/.git/config", "[core]\nhistory = told");
    fixture.file("files/a.txt", "template");
    fixture.file("overlay/AGENTS.md", "be good");
    fixture.file("overlay/a.txt", "overlay");
    write(&fixture.root.join("files").join(odd()), "odd");
    symlink("/etc/passwd", fixture.root.join("files/out")).unwrap();
    fixture.file("files/.gitignore", "*.o\nmade/\n");
    fixture.task.hide = vec!["tests".into()];
    fixture.task.setup =
        ["sh", "-c", "mkdir made; echo $HOME > made/x; touch b.o $HOME/y"].map(Into::into).into();
    fixture.overlay = Some(fixture.root.join("overlay"));
    let site = fixture.site();
    let workspace = Workspace::create(&site).unwrap();
    let tree = site.tree();
    assert!(!tree.join("tests").exists());
    assert_eq!(fs::read_to_string(tree.join("a.txt")).unwrap(), "overlay");
    assert_eq!(fs::read_link(tree.join("out")).unwrap(), Path::new("/etc/passwd"));
    assert_eq!(fs::metadata(tree.join("run")).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(fs::read(tree.join(odd())).unwrap(), b"odd");
    assert_eq!(workspace.ignored(), [Path::new("b.o"), Path::new("made/x")]);
    let home = fs::read_to_string(tree.join("made/x")).unwrap();
    assert_eq!(Path::new(home.trim()), site.home());
    assert!(site.home().join("y").exists());
    assert_eq!(git(&tree, &["status", "--porcelain"]), "");
    assert_eq!(git(&tree, &["log", "--format=%an %aI %s"]), "author 2000-01-01T00:00:00Z Begin");
    assert_eq!(git(&tree, &["fsck", "--full"]), "");
    let mode = fs::metadata(site.scratch).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let answer = workspace.take_answer(&site).unwrap();
    assert_eq!(names(&answer), [""; 0]);
    assert_eq!(fs::read(&answer.patch).unwrap(), b"");
}

/// Does to a tree what agents do, and worse.
fn work(tree: &Path) {
    workspace::remove(&tree.join(".git")).unwrap();
    write(
        &tree.join(".gitattributes"),
        "* text eol=crlf ident filter=evil diff=evil\n*.bin text\n",
    );
    write(&tree.join(".gitignore"), "new\nchanged\n");
    write(&tree.join("changed"), "one\r\n$Id$\n");
    fs::remove_file(tree.join("gone")).unwrap();
    fs::remove_dir_all(tree.join("deep")).unwrap();
    fs::remove_dir_all(tree.join("was-dir")).unwrap();
    write(&tree.join("was-dir"), "x");
    fs::remove_file(tree.join("was-file")).unwrap();
    write(&tree.join("was-file/y"), "y\n");
    write(&tree.join("new"), "new\n");
    write(&tree.join("data.bin"), [0, 1, 255, 10, 13, 0]);
    write(&tree.join(odd()), "odd\n");
    symlink("keep", tree.join("link")).unwrap();
    symlink("/etc", tree.join("keep-dir")).unwrap();
    write(&tree.join("nested/sibling"), "2\n");
    write(&tree.join("other/.git"), "gitdir: /nowhere\n");
    write(&tree.join("other/sibling"), "3\n");
    write(&tree.join("locked/file"), "4\n");
    set_mode(&tree.join("locked/file"), 0);
    set_mode(&tree.join("locked"), 0);
    let pipe = tree.join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
}

#[test]
fn an_answer_is_exactly_what_the_agent_changed_whatever_it_did_to_its_repository() {
    let fixture = Fixture::new();
    for name in ["keep", "gone", "changed", "deep/gone", "was-dir/x", "was-file"] {
        fixture.file(&format!("files/{name}"), "one\ntwo\n");
    }
    fixture.file("files/nested/.git/HEAD", "ref: refs/heads/x\n");
    fixture.file("files/nested/sibling", "1\n");
    let site = fixture.site();
    let workspace = Workspace::create(&site).unwrap();
    let tree = site.tree();
    work(&tree);
    let _socket = std::os::unix::net::UnixListener::bind(tree.join("socket")).unwrap();
    let answer = workspace.take_answer(&site).unwrap();
    let expected = [
        ".gitattributes File",
        ".gitignore File",
        "changed File",
        "data.bin File",
        "deep/gone Gone",
        "gone Gone",
        "keep-dir Link",
        "link Link",
        "locked/file File",
        "nested/sibling File",
        "new\nline \u{fffd} File",
        "new File",
        "other/sibling File",
        "was-dir File",
        "was-dir/x Gone",
        "was-file Gone",
        "was-file/y File",
    ];
    let mut found = names(&answer);
    found.sort();
    assert_eq!(found, expected);
    assert!(answer.notes[0].contains("\"pipe\", \"socket\""), "{:?}", answer.notes);
    // Of text: 2 attributes, 2 rules, 2 changed, 6 new files, 2 links, was-dir.
    assert_eq!((answer.added, answer.removed), (15, 11));
    let patch = fs::read(&answer.patch).unwrap();
    assert!(patch.windows(16).any(|piece| piece == b"GIT binary patch"));
    let copy = fixture.root.join("copy");
    fs::create_dir(&copy).unwrap();
    answer.write(&site, &copy).unwrap();
    assert_eq!(fs::read(copy.join("changed")).unwrap(), b"one\r\n$Id$\n");
    assert_eq!(fs::read(copy.join("data.bin")).unwrap(), [0, 1, 255, 10, 13, 0]);
    let stored = fixture.root.join("stored.patch");
    fs::rename(&answer.patch, &stored).unwrap();
    let again = workspace.read_answer(&site, &stored).unwrap();
    assert_eq!(names(&again), names(&answer));
    assert_eq!(fs::read(&again.patch).unwrap(), patch);
    workspace::remove(site.scratch).unwrap();
    assert!(!site.scratch.exists());
}

#[test]
fn a_change_that_keeps_size_and_time_of_a_file_is_one() {
    let fixture = Fixture::new();
    fixture.file("files/a.txt", "one two\n");
    let site = fixture.site();
    let workspace = Workspace::create(&site).unwrap();
    let place = site.tree().join("a.txt");
    let before = fs::metadata(&place).unwrap().modified().unwrap();
    fs::write(&place, "two one\n").unwrap();
    fs::File::options().write(true).open(&place).unwrap().set_modified(before).unwrap();
    assert_eq!(names(&workspace.take_answer(&site).unwrap()), ["a.txt File"]);
}

#[test]
fn only_named_files_leave_the_tree_and_ignore_rules_are_those_of_the_first_commit() {
    let mut fixture = Fixture::new();
    fixture.file("files/.gitignore", "build/\n*.log\n!keep.log\n");
    fixture.file("files/.venv/.gitignore", "*\n");
    fixture.file("files/.venv/lib", "1");
    fixture.file("files/src/a", "1");
    fixture.file("files/b", "1");
    let make = |fixture: &Fixture| {
        let site = fixture.site();
        let workspace = Workspace::create(&site).unwrap();
        let tree = site.tree();
        fs::write(tree.join(".gitignore"), "src/\n").unwrap();
        for name in ["build/x", "src/n", "y.log", "keep.log", ".venv/lib", ".venv/new", "b"] {
            write(&tree.join(name), "2\n");
        }
        workspace.take_answer(&site).unwrap()
    };
    let answer = make(&fixture);
    let all = [".gitignore File", "b File", "keep.log File", "src/n File"];
    assert_eq!(names(&answer), all);
    assert!(answer.notes[0].contains(".venv/new\", \"build/x\", \"y.log"), "{:?}", answer.notes);
    workspace::remove(fixture.site().scratch).unwrap();
    fixture.task.answer = vec!["src".into(), "*.log".into()];
    assert_eq!(names(&make(&fixture)), ["keep.log File", "src/n File", "y.log File"]);
    workspace::remove(fixture.site().scratch).unwrap();
    fixture.task.answer = vec!["never-written".into()];
    assert_eq!(names(&make(&fixture)), [""; 0]);
}

#[test]
fn an_agent_that_removes_everything_has_deleted_all_files() {
    let fixture = Fixture::new();
    fixture.file("files/a", "1\n");
    fixture.file("files/b/c", "1\n");
    let site = fixture.site();
    let workspace = Workspace::create(&site).unwrap();
    let elsewhere = fixture.file("elsewhere/a", "secret");
    for step in 0..3 {
        match step {
            0 => fs::remove_dir_all(site.tree()).unwrap(),
            1 => {
                fs::remove_dir_all(site.agent()).unwrap();
                symlink(elsewhere.parent().unwrap(), site.agent()).unwrap();
            }
            _ => fs::remove_dir_all(site.scratch).unwrap(),
        }
        let answer = workspace.take_answer(&site).unwrap();
        assert_eq!(names(&answer), ["a Gone", "b/c Gone"], "step {step}");
    }
    assert!(elsewhere.exists());
}

#[test]
fn a_failing_setup_is_told_with_its_words_and_a_late_one_is_ended_with_all_it_started() {
    let mut fixture = Fixture::new();
    fixture.task.setup = ["sh", "-c", "echo no network >&2; exit 3"].map(Into::into).into();
    let create = |fixture: &Fixture| Workspace::create(&fixture.site()).err().unwrap();
    let trouble = create(&fixture);
    assert_eq!(trouble.message, "setup ended with status 3: no network");
    assert_eq!(trouble.kind, TroubleKind::Setup);
    fixture.task.setup = vec!["no-such-program-x".into()];
    assert!(create(&fixture).message.starts_with("setup cannot be started: no-such-program-x: "));
    fixture.task.limits.setup_s = 0.3;
    fixture.task.setup =
        ["sh", "-c", "setsid sleep 300 & echo $!; trap '' TERM; sleep 300"].map(Into::into).into();
    let trouble = create(&fixture);
    assert!(trouble.message.starts_with("setup did not end within 0.3 s: "), "{trouble:?}");
    let pid = trouble.message.rsplit(' ').next().unwrap();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[test]
fn a_template_of_git_is_one_revision_without_its_history() {
    let mut fixture = Fixture::new();
    let repository = fixture.root.join("repository");
    fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "-q", "-b", "main"]);
    fixture.file("repository/a", "1\n");
    fixture.file("repository/tests/t", "1\n");
    fixture.file("repository/.gitattributes", "* text eol=crlf\n");
    git(&repository, &["add", "-A"]);
    git(&repository, &["commit", "-qm", "one"]);
    git(&repository, &["tag", "v1"]);
    fixture.file("repository/a", "2\n");
    git(&repository, &["commit", "-qam", "two"]);
    let commit = git(&repository, &["rev-parse", "HEAD~1"]);
    git(&repository, &["config", "core.fsmonitor", "touch evil; false"]);
    git(&repository, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    fixture.task.hide = vec!["tests".into()];
    let path = repository.to_str().unwrap().to_string();
    let url = format!("file://{path}");
    for (url, reference, text) in [
        (&path, "v1", "1\n"),
        (&path, "HEAD", "2\n"),
        (&path, "HEAD~1", "1\n"),
        (&url, "v1", "1\n"),
        (&url, "main", "2\n"),
        (&url, &commit, "1\n"),
    ] {
        fixture.task.template = Template::Git { url: url.clone(), reference: reference.into() };
        let site = fixture.site();
        let workspace = Workspace::create(&site).unwrap();
        let tree = site.tree();
        assert_eq!(fs::read_to_string(tree.join("a")).unwrap(), text, "{url} {reference}");
        assert!(!tree.join("tests").exists());
        assert_eq!(git(&tree, &["rev-list", "--all", "--count"]), "1");
        assert_eq!(names(&workspace.take_answer(&site).unwrap()), [""; 0]);
        workspace::remove(site.scratch).unwrap();
    }
    assert!(!repository.join("evil").exists());
    for (url, reference) in [(&path, "nothing"), (&url, "nothing"), (&url, "--upload-pack=x")] {
        fixture.task.template = Template::Git { url: url.clone(), reference: reference.into() };
        let trouble = Workspace::create(&fixture.site()).err().unwrap();
        assert!(trouble.message.contains(reference), "{trouble:?}");
        assert!(trouble.message.contains("cannot be read"), "{trouble:?}");
    }
}

#[test]
fn trees_that_are_locked_or_very_deep_are_removed() {
    let root = std::env::temp_dir().join(format!("occtl-remove-{}", crate::random::id()));
    fs::create_dir(&root).unwrap();
    write(&root.join("kept/file"), "1");
    let tree = root.join("tree");
    write(&tree.join("a/b/c"), "1");
    symlink(root.join("kept"), tree.join("a/link")).unwrap();
    for name in ["a/b", "a"] {
        set_mode(&tree.join(name), 0);
    }
    let mut at = fs::File::open(&tree).unwrap();
    for _ in 0..1500 {
        rustix::fs::mkdirat(&at, "deep", 0o700.into()).unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY;
        at = rustix::fs::openat(&at, "deep", flags, 0.into()).unwrap().into();
    }
    drop(at);
    remove(&tree).unwrap();
    assert!(!tree.exists() && root.join("kept/file").exists());
    remove(&tree).unwrap();
    remove(&root).unwrap();
}

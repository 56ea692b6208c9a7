//! Directories on a file system that does not answer: commands end, and say so.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fd::AsRawFd;
use rustix::io::FdFlags;
use serde_json::json;

use super::sandbox;

/// The five seconds that a look may take, and room for a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A mounted file system whose process never answers.
struct DeadMount {
    place: PathBuf,
    _process: File,
}

impl DeadMount {
    /// Mounts one. `None` where this user cannot mount anything.
    fn over(place: &Path) -> Option<DeadMount> {
        let process = OpenOptions::new().read(true).write(true).open("/dev/fuse").ok()?;
        rustix::io::fcntl_setfd(&process, FdFlags::empty()).ok()?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", process.as_raw_fd());
        let mut mount = Command::new("mount");
        // Without the helper program, which not every machine has.
        mount.args(["-i", "-t", "fuse", "-o", &options, "none"]).arg(place);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        rustix::io::fcntl_setfd(&process, FdFlags::CLOEXEC).ok()?;
        mounted.then(|| DeadMount { place: place.into(), _process: process })
    }
}

impl Drop for DeadMount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.place).output());
    }
}

#[test]
fn a_directory_that_does_not_answer_is_named_and_waited_for_only_for_a_moment() {
    let sandbox = sandbox("dead-mount", json!({}));
    let place = sandbox.root().join("mounted");
    std::fs::create_dir(&place).unwrap();
    let path = place.display().to_string();
    let id = sandbox.start(&["-w", &path]);
    let Some(mount) = DeadMount::over(&place) else {
        eprintln!("no file system can be mounted here");
        sandbox.occtl(&["stop", &id]).run().ok();
        return;
    };
    for words in [&["start", "-w", &path][..], &["send", &id, "hello"]] {
        let failed = sandbox.occtl(words).timeout(SOON).run().fails(1);
        let what = format!("{path} does not answer");
        assert!(failed.stderr.contains(&what), "{words:?}: {}", failed.stderr);
    }
    assert_eq!(sandbox.records().len(), 1, "nothing was started");
    drop(mount);
    sandbox.occtl(&["send", &id, "--wait", "hello"]).run().ok();
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

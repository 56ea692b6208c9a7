//! The child processes of a batch: one for each run that goes on.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use super::orders::{OrderFile, Orders};
use crate::bench::bound::bound_to_us;
use crate::bench::results::row::Row;
use crate::bench::site::MARK;
use crate::bench::task::Task;
use crate::bench::trial::artifacts::make_private;
use crate::bench::trial::order::TrialOrder;
use crate::bench::workspace;
use crate::error::{Error, Result};
use crate::runner::programs::{Handle, each_marked};
use crate::units::{Backoff, Deadline, POLL_FIRST, POLL_LONGEST, pause};

/// What a trial needs beyond the limits of its task: to start a server, to copy, to abort, to end.
const TRIAL_GRACE: Duration = Duration::from_secs(180);

/// How long processes may take to end after SIGKILL. One that waits for a dead disk never does.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// What a line and the end of a log need, in bytes.
const ROOM: usize = 64 << 10;

/// The longest result line that a child may leave, in bytes.
const LONGEST_LINE: u64 = 4 << 20;

/// A trial that goes on.
pub struct Child {
    /// What it was told.
    pub order: TrialOrder,
    /// The place of its run in the ledger.
    pub run: usize,
    /// Whether it is to find out if its provider works again.
    pub is_probe: bool,
    /// When it was started, in RFC 3339.
    pub started_at: String,
    /// For waiting.
    pub handle: Option<Handle>,
    /// When the trial itself must have ended, whatever it says.
    pub deadline: Deadline,
    process: std::process::Child,
    order_file: OrderFile,
}

impl Child {
    /// Starts a trial. Its order is stored before, so that a later process finds what it left.
    pub fn start(orders: &mut Orders, order: TrialOrder, run: usize) -> Result<Child> {
        let name = format!("{}.{}.json", order.run_id, order.attempt);
        let order_file = orders.put(&name, &order.to_json().to_string())?;
        // It has a log of its own as soon as it has made the place for it.
        let process = match spawn("trial", order_file.path(), &order.scratch, Stdio::inherit()) {
            Ok(process) => process,
            Err(error) => {
                orders.withdraw(order_file);
                return Err(Error::failed(format!("cannot start a run: {error}")));
            }
        };
        let handle = Handle::of_child(&process);
        let deadline = Deadline::after(longest(&order.plan.tasks[0]));
        let started_at = jiff::Timestamp::now().to_string();
        Ok(Child { order, run, is_probe: false, started_at, handle, deadline, process, order_file })
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<io::Result<ExitStatus>> {
        self.process.try_wait().transpose()
    }

    /// Asks it to abort the turn, to record that, and to end.
    pub fn terminate(&self) {
        if let Some(handle) = &self.handle {
            let _ = handle.terminate();
        }
    }

    /// Kills it and everything that was started for it.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        end_marked(&self.order.scratch);
    }

    /// The line that it has left. It is stored until [`Child::forget`].
    pub fn line(&self) -> Option<(Row, String)> {
        let order = &self.order;
        line_of(&order.artifacts, &order.batch, &order.run_id, order.attempt)
    }

    /// Looks whether there is room for a line among its files: one that left none because the disk
    /// is full says nothing of its run.
    pub fn expect_room(&self) -> Result<()> {
        let place = self.order.artifacts.join(".room");
        let written =
            make_private(&self.order.artifacts).and_then(|()| fs::write(&place, [0; ROOM]));
        let _ = fs::remove_file(&place);
        written.map_err(|error| {
            let shown = self.order.artifacts.display();
            Error::failed(format!("a run could not write into {shown}: {error}"))
        })
    }

    /// Removes what it has left outside the results, once its line is recorded. To look for what
    /// still runs costs more than all else that is done for a run, and a trial that `is_done` has
    /// looked itself.
    pub fn forget(self, is_done: bool, orders: &mut Orders) {
        if !is_done {
            end_marked(&self.order.scratch);
        }
        let _ = workspace::remove(&self.order.scratch);
        orders.withdraw(self.order_file);
    }
}

/// Starts a hidden command of `bench` on its order. `scratch` is the private directory whose name
/// is the mark. If this process is killed, the other one is asked to end: it would go on to spend
/// tokens, although the batch that is continued takes it for torn.
pub fn spawn(
    verb: &str,
    order_file: &Path,
    scratch: &Path,
    log: Stdio,
) -> io::Result<std::process::Child> {
    let mark = scratch.file_name().unwrap_or_default();
    let mut command = Command::new("/proc/self/exe");
    command.args(["bench", verb]).arg(order_file).args(bound_to_us()).env(MARK, mark);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    // A Ctrl-C at the terminal reaches this process, which asks the others to end.
    command.process_group(0);
    command.spawn()
}

/// The result line that a trial left among its artifacts, if it is one of this attempt.
pub fn line_of(artifacts: &Path, batch: &str, run: &str, attempt: u32) -> Option<(Row, String)> {
    let path = artifacts.join("result.json");
    if fs::metadata(&path).ok()?.len() > LONGEST_LINE {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim_end();
    let row = Row::read(text).filter(|_| !text.contains('\n'))?;
    let is_meant = *row.run_id == *run && row.attempt == attempt && *row.batch == *batch;
    is_meant.then(|| (row, text.to_owned()))
}

/// Ends what runs of an attempt, and removes its private directory and its order.
pub fn clean(order: &TrialOrder, order_file: &Path) {
    end_marked(&order.scratch);
    let _ = workspace::remove(&order.scratch);
    let _ = fs::remove_file(order_file);
}

/// Kills everything that carries the mark of a run, until nothing is left or it takes too long.
pub fn end_marked(scratch: &Path) {
    let Some(mark) = scratch.file_name().and_then(|name| name.to_str()) else { return };
    let deadline = Deadline::after(ENDS_WITHIN);
    let mut pauses = Backoff::new(POLL_FIRST, POLL_LONGEST);
    loop {
        let mut found = false;
        each_marked(MARK, mark, &mut |_, handle| {
            found = true;
            let _ = handle.kill();
        });
        if !found || deadline.expired() {
            return;
        }
        pause(pauses.next());
    }
}

/// The longest that a trial of a task can take.
fn longest(task: &Task) -> Duration {
    let limits = &task.limits;
    // The tree is prepared for the agent and for each check; a check may run once more as a
    // control.
    let tries = f64::from(task.tries);
    let each = limits.wall_s + 2.0 * (limits.setup_s + limits.check_s);
    let all = Duration::try_from_secs_f64(limits.setup_s + tries * each);
    all.unwrap_or(Duration::MAX).saturating_add(TRIAL_GRACE)
}

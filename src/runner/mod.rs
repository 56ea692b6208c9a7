//! Decides: combines client, store and process, and returns plain structs.
//!
//! Architecture invariant: nothing here writes to stdout or stderr. What a person should see while
//! something is going on is said through [`Context::say`]; results are returned.

mod abort;
mod adopt;
mod ask;
mod attach;
mod attach_files;
mod carried;
mod changes;
mod check;
mod cleanup;
mod conversation;
mod conversations;
mod doctor;
mod entry;
mod environment;
mod events;
mod follow;
mod git;
mod guard;
mod hook;
mod inspect;
mod isolate;
mod limits;
mod logs;
mod message_id;
mod nearest;
mod oneshot;
mod outcome;
mod permission;
mod probe;
mod prompt;
mod question;
mod reach;
mod ready;
mod report;
mod resolve;
mod rules;
mod schema;
mod select;
mod server;
mod shell;
mod signals;
mod start;
mod state;
mod stop;
mod text;
mod touch;
mod transcript;
mod trial;
mod turn;
mod usage;
mod wait;
mod watch;
mod worktree;
mod writing;

pub use crate::client::wire::Agent;
pub use crate::client::wire::ModelName;
pub use adopt::{AdoptOptions, adopt};
pub use ask::{OnAsk, Policy, PolicyFlags};
pub use attach::attach;
pub use changes::{Change as FileChange, changes, todos};
pub use cleanup::{Cleaned, CleanedUp, Why, cleanup};
pub use conversations::{
    Listed, Relation, all_conversations, chain, delete, export, fork, sessions,
};
pub use doctor::{Finding, Health, doctor};
pub use entry::{Entry, ToolCall};
pub use environment::Environment;
pub use events::events;
pub use follow::{Terms, Watcher};
pub use git::Changes;
pub use guard::guard;
pub use hook::Hook;
pub use inspect::{ModelFacts, agents, configuration, models};
pub use limits::Limits;
pub use logs::{LEVELS, LogOptions, logs, names_session, parse as parse_log};
pub use nearest::nearest;
pub use oneshot::{RunOptions, run};
pub use outcome::{Outcome, Tokens, TurnRecord};
pub use permission::{
    PendingPermission, Reply, SessionPermissions, all_permissions, permissions, reply,
};
pub use prompt::{
    Finished, Follow, PromptOptions, Target, Wanted, follow_turn, send, send_and_follow,
};
pub use question::{Answer, PendingQuestion, answer, questions};
pub use signals::Signals;
pub use start::{StartOptions, labels, start};
pub use state::{Labels, Look, SessionFacts, State, list, status};
pub use stop::{StopOptions, Stopped, all_ids, stop};
pub use touch::touch;
pub use transcript::{TailOptions, Taker, tail};
pub use trial::{Piece, Trial, Verdict, test_permission};
pub use usage::{Usage, usage};
pub use wait::{Until, WaitOptions, abort_conversation, wait};
pub use watch::{End as WatchEnd, watch};
pub use writing::Reader;

use std::cell::OnceCell;
use std::rc::Rc;

use crate::error::Result;
use crate::store::{Document, Patience, Store};
use crate::units::BRIEF_LOCK_WAIT;

/// What every command works with. The surroundings come in as values, so that tests own them.
pub struct Context {
    /// Variables and working directory of this process.
    pub environment: Environment,
    /// The sessions.
    store: Store,
    /// Says something to whoever watches; never part of a result.
    say: Rc<dyn Fn(&str)>,
    /// Those that a command brings to a proper end.
    signals: Rc<OnceCell<Signals>>,
}

impl Context {
    /// The surroundings, with the store where they say it is.
    pub fn new(environment: Environment, say: Box<dyn Fn(&str)>) -> Result<Context> {
        Signals::survive_full_files()?;
        let say: Rc<dyn Fn(&str)> = say.into();
        let signals: Rc<OnceCell<Signals>> = Rc::default();
        let caught = Rc::clone(&signals);
        let signal = Rc::new(move || caught.get().and_then(Signals::received));
        let store = Store::new(environment.data_directory()?, Rc::clone(&say), signal);
        Ok(Context { environment, store, say, signals })
    }

    /// From here on a signal is something that the command brings to a proper end.
    pub fn signals(&self) -> Result<Signals> {
        match self.signals.get() {
            Some(signals) => Ok(signals.clone()),
            None => Signals::catch().map(|new| self.signals.get_or_init(|| new).clone()),
        }
    }

    /// Does something for which the store's lock is not worth a long wait.
    fn briefly<T>(&self, act: impl FnOnce() -> T) -> T {
        let before = self.store.wait(Patience { still: BRIEF_LOCK_WAIT, most: BRIEF_LOCK_WAIT });
        let done = act();
        self.store.wait(before);
        done
    }

    /// Changes the store; says so if the lock is held by somebody else.
    fn update<T>(&self, change: impl FnOnce(&mut Document) -> Result<T>) -> Result<T> {
        self.store.update(change)
    }
}

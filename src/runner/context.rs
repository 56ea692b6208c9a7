//! What every command works with: the environment, the store, and a way to talk to the user.

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

use super::environment::Environment;
use super::signals::Signals;
use crate::error::Result;
use crate::store::{Document, Patience, Store};
use crate::units::{BRIEF_LOCK_WAIT, Deadline};

/// The word that stands for the session that is meant where none is named. No name is like it.
pub const DEFAULT_SESSION: &str = ".";

/// What a command does with the session that it takes where the user names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It only looks, so that it may also take the only session that lives.
    Read,
    /// It changes or uses something, and says which session it takes.
    Act,
}

/// What every command works with. The environment comes in as values, so that tests own it.
pub struct Context {
    /// Variables and working directory of this process.
    pub environment: Environment,
    /// The sessions.
    pub(super) store: Store,
    /// Says something to the user while the command runs; never part of a result.
    pub(super) say: fn(&str),
    /// How long the command may take, if the user said so, and until when that is.
    limit: Option<(Duration, Deadline)>,
    /// What the command does with a session that is not named.
    pub(super) purpose: Purpose,
    /// The id of that session, once it was looked for.
    pub(super) default_session: OnceCell<String>,
    /// Set once signals no longer end the process by themselves.
    signals: Rc<OnceCell<Signals>>,
}

impl Context {
    /// The environment, with the store where it says the store is.
    pub fn new(environment: Environment, say: fn(&str)) -> Result<Context> {
        Signals::survive_full_files()?;
        let signals: Rc<OnceCell<Signals>> = Rc::default();
        let caught = Rc::clone(&signals);
        let signal = Box::new(move || caught.get().and_then(Signals::received));
        let store = Store::new(environment.data_directory()?, say, signal);
        let (limit, purpose) = (None, Purpose::Act);
        let default_session = OnceCell::new();
        Ok(Context { environment, store, say, limit, purpose, default_session, signals })
    }

    /// The same for a command that does this with a session that is not named.
    pub fn for_purpose(mut self, purpose: Purpose) -> Context {
        self.purpose = purpose;
        self
    }

    /// The session that the word means, as the user knows it: a word that stands for the default
    /// session is no name that can be shown.
    pub fn shown<'a>(&'a self, word: &'a str) -> &'a str {
        let default = self.default_session.get().filter(|_| word == DEFAULT_SESSION);
        default.map_or(word, String::as_str)
    }

    /// The same for a command that may take so long; `None` for one without a limit of its own.
    pub fn limited_to(mut self, limit: Option<Duration>) -> Context {
        self.limit = limit.map(|limit| (limit, Deadline::after(limit)));
        self
    }

    /// When the command must be over.
    pub(super) fn deadline(&self) -> Deadline {
        self.limit.map_or(Deadline::never(), |(_, deadline)| deadline)
    }

    /// How long the command may take, if the user said so.
    pub(super) fn limit(&self) -> Option<Duration> {
        self.limit.map(|(limit, _)| limit)
    }

    /// Says so if root is about to make files in another user's home, which that user could then
    /// neither change nor remove.
    pub(super) fn warn_of_foreign_home(&self) {
        if let Some((home, owner)) = self.environment.foreign_home() {
            (self.say)(&format!(
                "warning: HOME is {}, which belongs to user {owner}, and root's files will be in \
                 it (sudo -H, or HOME=/root)",
                home.display()
            ));
        }
    }

    /// From now on a signal does not end the process: the command sees it and ends properly.
    pub fn catch_signals(&self) -> Result<Signals> {
        match self.signals.get() {
            Some(signals) => Ok(signals.clone()),
            None => Signals::catch().map(|new| self.signals.get_or_init(|| new).clone()),
        }
    }

    /// Does something that is not worth a long wait for the store's lock.
    pub(super) fn briefly<T>(&self, act: impl FnOnce() -> T) -> T {
        self.within(Deadline::after(BRIEF_LOCK_WAIT), act)
    }

    /// Does something that waits for the store's lock no longer than until a deadline.
    pub(super) fn within<T>(&self, deadline: Deadline, act: impl FnOnce() -> T) -> T {
        let usual = self.store.set_patience(Patience::default());
        let still = deadline.remaining(usual.still);
        self.store.set_patience(Patience { still, most: deadline.remaining(usual.most) });
        let done = act();
        self.store.set_patience(usual);
        done
    }

    /// Changes the store under its lock; says so if another process holds it for long.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut Document) -> Result<T>) -> Result<T> {
        self.store.update(change)
    }
}

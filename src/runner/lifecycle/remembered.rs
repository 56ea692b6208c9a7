//! What a server's environment carries of its record, so that a store that is lost can be made
//! again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::worktree;
use crate::runner::session::labels::Labels;
use crate::runner::session::select::check_name;
use crate::store::{Document, Record, Worktree};

/// The variable of a server that holds it, as JSON.
pub const CARRIED: &str = "OCCTL_SESSION_FACTS";

/// More than this is not carried: labels may be long, and an environment is not.
const LONGEST: usize = 16 * 1024;

/// Sanity bound: an idle timeout beyond this means a damaged value.
const FOR_EVER: Duration = Duration::from_secs(1 << 40);

/// What only `start` was told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Carried {
    name: Option<String>,
    agent: Option<String>,
    labels: Labels,
    idle_timeout_s: Option<f64>,
    worktree: Option<Worktree>,
}

impl Carried {
    /// As text, if there is anything to tell and not too much.
    pub fn of(record: &Record) -> Option<String> {
        let carried = Carried {
            name: record.name.clone(),
            agent: record.agent.clone(),
            labels: record.labels.clone(),
            idle_timeout_s: record.idle_timeout_s,
            worktree: record.worktree.clone(),
        };
        let fits = |carried: &Carried| {
            serde_json::to_string(carried).ok().filter(|text| text.len() <= LONGEST)
        };
        let without = || fits(&Carried { labels: Labels::new(), ..carried.clone() });
        let text = fits(&carried).or_else(without)?;
        (carried != Carried::default()).then_some(text)
    }

    /// What a server's environment says; nothing of it is relied on.
    pub fn read(text: &str) -> Carried {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Puts it into a record that `document` is to have. A name that another session has taken
    /// meanwhile is left out.
    pub fn restore(self, document: &Document, record: &mut Record) {
        record.name = self.name.filter(|name| check_name(document, name).is_ok());
        record.agent = self.agent;
        record.labels = self.labels;
        let sound =
            |limit: &f64| Duration::try_from_secs_f64(*limit).is_ok_and(|limit| limit < FOR_EVER);
        record.idle_timeout_s = self.idle_timeout_s.filter(sound);
        // Only a worktree that occtl made and that the server works in: `stop --remove-worktree`
        // deletes it.
        let own = |worktree: &Worktree| {
            record.workdir.as_ref() == Some(&worktree.path) && worktree::is_made_by_us(worktree)
        };
        record.worktree = self.worktree.filter(own);
    }
}

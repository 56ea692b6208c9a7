//! Records that a session is in use, so that `cleanup` leaves it alone.

use super::select::select;
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::store::Record;

/// A session whose last use was moved to now.
#[derive(Clone, Debug)]
pub struct Touched {
    /// `oc-…`.
    pub id: String,
    /// The last use as it is recorded now.
    pub last_active: Option<jiff::Timestamp>,
}

/// Moves a session's last use to now. Its server is not asked.
pub fn touch(context: &Context, word: &str) -> Result<Touched> {
    let now = jiff::Timestamp::now();
    // Looking for the session that is meant may mean to look at many processes.
    let id = select(context, &context.store.read()?, word)?.id;
    context.update(|document| {
        let touched = document.change(&id, |record: &mut Record| record.set_active(now))?;
        let record = touched.ok_or_else(|| Error::not_found(format!("session {id} is gone")))?;
        Ok(Touched { id, last_active: record.last_active() })
    })
}

//! Keeps a session alive.

use super::select::select;
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::store::Record;

/// Moves a session's last use to now; its id and that moment. Its server is not asked.
pub fn touch(context: &Context, word: &str) -> Result<(String, Option<jiff::Timestamp>)> {
    let now = jiff::Timestamp::now();
    context.update(|document| {
        let id = select(document, word)?.id;
        let touched = document.change(&id, |record: &mut Record| record.set_active(now))?;
        let record = touched.ok_or_else(|| Error::not_found(format!("session {id} not found")))?;
        Ok((id, record.last_active()))
    })
}

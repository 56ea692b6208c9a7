//! Answers without end, and conversations whose relatives have none.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::http_server::Connection;
use super::ids::id;
use super::routes::Reply;

/// How much of a flood is sent at once.
const PIECE: usize = 64 * 1024;

/// Sends the white space that may stand before any document, until the client is gone: one blank
/// after each pause, or as much as possible without one.
pub fn blanks(connection: &mut Connection, pause_ms: Option<u64>) -> io::Result<()> {
    connection.begin_json()?;
    let piece = vec![b' '; pause_ms.map_or(PIECE, |_| 1)];
    loop {
        connection.push(&piece)?;
        connection.flush()?;
        std::thread::sleep(Duration::from_millis(pause_ms.unwrap_or(0)));
    }
}

/// What a server answers that has a new conversation above and below every conversation.
pub fn relatives(conversation: &str, rest: &[&str], info: Value) -> Option<Reply> {
    let with_parent = |id: &str, parent: &str| {
        let mut info = info.clone();
        info["id"] = id.into();
        info["parentID"] = parent.into();
        info["time"] = json!({"created": 1, "updated": 1});
        info
    };
    match rest {
        [] => Some(Reply::Json(with_parent(conversation, &id("ses")))),
        ["children"] => Some(Reply::Json(json!([with_parent(&id("ses"), conversation)]))),
        ["message"] => Some(Reply::Json(json!([]))),
        _ => None,
    }
}

//! Reads the messages of a turn, page by page.

use super::find::Place;
use crate::client::wire::{Info, Message};
use crate::client::{Answer, Limit};
use crate::runner::session::server::Server;

/// How many messages are asked for first. The last steps of a turn are among them.
const PAGE: usize = 8;

/// How many are asked for at once when all messages of a turn are wanted.
const WHOLE_PAGE: usize = 50;

/// The messages of a conversation from the prompt `turn` on, oldest first. With `is_own`, which
/// says whether a message belongs to the turn, it is enough if the newest ones include such a
/// message; the older ones may then be missing.
///
/// 1.15.13 to 1.18.33 answer 400 for every page that contains a prompt with a schema. Then the
/// messages are read one by one, and the one that cannot be read is the prompt.
pub fn messages_since(
    server: &Server,
    place: &Place,
    turn: &str,
    is_own: Option<&dyn Fn(&Info) -> bool>,
    limit: Limit,
) -> Answer<Vec<Message>> {
    let from_the_newest = || server.client.pages(&place.id, &place.directory, limit);
    let mut pages = from_the_newest();
    let mut found: Vec<Message> = Vec::new();
    let mut size = if is_own.is_none() { WHOLE_PAGE } else { PAGE };
    let mut one_by_one = false;
    loop {
        let mut page = match pages.next(size) {
            Err(failure) if failure.is_unreadable() && one_by_one => Vec::new(),
            Err(failure) if failure.is_unreadable() => {
                (pages, found, size, one_by_one) = (from_the_newest(), Vec::new(), 1, true);
                continue;
            }
            page => page?.unwrap_or_default(),
        };
        let ended = page.is_empty();
        page.append(&mut found);
        found = page;
        let enough = is_own.is_some_and(|is_own| found.iter().any(|message| is_own(&message.info)));
        if ended || enough || reaches(&found, turn) {
            leave_out_older(&mut found, turn);
            return Ok(found);
        }
        if !one_by_one {
            size = WHOLE_PAGE;
        }
    }
}

fn answers(message: &Message, turn: &str) -> bool {
    message.info.parent.as_deref() == Some(turn)
}

/// Whether messages go back to the prompt, or beyond it if the server does not have it.
///
/// An id alone does not tell: that of a prompt may come from a clock that was ahead of the server's
/// when it wrote the answers.
fn reaches(found: &[Message], turn: &str) -> bool {
    let Some(first) = found.first() else { return true };
    let is_older = first.info.id.as_str() <= turn && !found.iter().any(|one| answers(one, turn));
    is_older || found.iter().any(|message| message.info.id == turn)
}

/// Leaves out what is older than the prompt. Versions before 1.14 sort by id, so an answer may be
/// before its prompt.
fn leave_out_older(found: &mut Vec<Message>, turn: &str) {
    let mut begun = false;
    let knows_prompt = found.iter().any(|message| message.info.id == turn);
    found.retain(|message| {
        begun |= message.info.id == turn;
        let is_newer = if knows_prompt { begun } else { message.info.id.as_str() >= turn };
        is_newer || answers(message, turn)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(ids: &[(&str, &str)]) -> Vec<Message> {
        let message = |(id, parent): &(&str, &str)| {
            let parent = if parent.is_empty() { "null".into() } else { format!("\"{parent}\"") };
            let text = format!(r#"{{"info":{{"id":"{id}","parentID":{parent}}}}}"#);
            serde_json::from_str(&text).unwrap()
        };
        ids.iter().map(message).collect()
    }

    fn kept(ids: &[(&str, &str)], turn: &str) -> Vec<String> {
        let mut found = messages(ids);
        leave_out_older(&mut found, turn);
        found.into_iter().map(|message| message.info.id).collect()
    }

    #[test]
    fn the_messages_since_a_prompt_are_found_whatever_clock_its_id_is_from() {
        let old = [("msg_1", ""), ("msg_2", "msg_1")];
        let plain = [old[0], old[1], ("msg_3", ""), ("msg_4", "msg_3")];
        assert_eq!(kept(&plain, "msg_3"), ["msg_3", "msg_4"]);
        let ahead = [old[0], old[1], ("msg_9", ""), ("msg_4", "msg_9"), ("msg_5", "msg_9")];
        assert_eq!(kept(&ahead, "msg_9"), ["msg_9", "msg_4", "msg_5"]);
        let by_id = [old[0], old[1], ("msg_4", "msg_9"), ("msg_9", "")];
        assert_eq!(kept(&by_id, "msg_9"), ["msg_4", "msg_9"]);
        let behind = [("msg_7", ""), ("msg_8", "msg_7"), ("msg_3", ""), ("msg_9", "msg_3")];
        assert_eq!(kept(&behind, "msg_3"), ["msg_3", "msg_9"]);
        // The prompt cannot be read, or is not there yet.
        assert_eq!(kept(&plain[..2], "msg_3"), [""; 0]);
        assert_eq!(kept(&[old[0], old[1], ("msg_4", "msg_3")], "msg_3"), ["msg_4"]);
    }

    #[test]
    fn pages_are_read_until_the_prompt_and_not_beyond() {
        let page = messages(&[("msg_5", "msg_9"), ("msg_6", "msg_9")]);
        assert!(!reaches(&page, "msg_9"), "the prompt is on an earlier page");
        assert!(reaches(&messages(&[("msg_9", ""), ("msg_5", "msg_9")]), "msg_9"));
        assert!(reaches(&messages(&[("msg_5", "msg_4")]), "msg_9"), "it is not there yet");
        assert!(!reaches(&messages(&[("msg_5", "msg_4")]), "msg_3"));
        assert!(reaches(&[], "msg_3"));
    }
}

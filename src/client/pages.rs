//! Reads the messages of a conversation backwards, page by page.

use std::ops::ControlFlow;

use super::failure::Answer;
use super::http::{Client, escape};
use super::limit::Limit;
use super::wire::{HasId, Message};

/// Where reading goes on: the newest messages first, and the older ones after them.
pub struct Pages<'a> {
    client: &'a Client,
    route: String,
    directory: &'a str,
    limit: Limit,
    next: Next,
    /// The oldest message of the pages so far.
    oldest: Option<String>,
}

/// The page that is read next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Newest,
    Before(String),
    /// Everything at once. Servers before 1.2 have no cursors.
    Whole,
    Nothing,
}

impl Client {
    /// The messages of a conversation. `limit` applies to each page.
    pub fn pages<'a>(&'a self, conversation: &str, directory: &'a str, limit: Limit) -> Pages<'a> {
        let route = format!("/session/{}/message", escape(conversation));
        let next = Next::Newest;
        Pages { client: self, route, directory, limit, next, oldest: None }
    }

    /// The newest message of a conversation, if it has any.
    pub fn newest_message(
        &self,
        conversation: &str,
        directory: &str,
        limit: Limit,
    ) -> Answer<Option<Message>> {
        let page = self.pages(conversation, directory, limit).next(1)?;
        Ok(page.and_then(|mut messages| messages.pop()))
    }
}

impl Pages<'_> {
    /// The next page of at most `count` messages, oldest first; `None` after the last one.
    pub fn next<T: HasId>(&mut self, count: usize) -> Answer<Option<Vec<T>>> {
        if self.next == Next::Nothing {
            return Ok(None);
        }
        let mut page = Vec::new();
        self.each_of_next(count, &mut |message| page.push(message))?;
        Ok(Some(page))
    }

    /// Passes the messages of the next page to `take` as they arrive, oldest first. Returns whether
    /// there may be older ones.
    ///
    /// On a server without cursors the second page has all older messages, however many there are.
    /// After a failure the same page can be read again.
    pub fn each_of_next<T: HasId>(
        &mut self,
        count: usize,
        take: &mut dyn FnMut(T),
    ) -> Answer<bool> {
        let size = count.to_string();
        let mut query = vec![("directory", self.directory)];
        match &self.next {
            Next::Newest => query.push(("limit", &size)),
            Next::Before(cursor) => query.extend([("limit", &*size), ("before", &**cursor)]),
            Next::Whole => {}
            Next::Nothing => return Ok(false),
        }
        let mut seen = 0;
        let mut oldest = None;
        let known = self.oldest.as_deref();
        let each = &mut |message: T| {
            seen += 1;
            // All messages at once include those of the pages before.
            if known.is_none_or(|known| message.id() < known) {
                oldest.get_or_insert_with(|| message.id().to_string());
                take(message);
            }
            ControlFlow::Continue(())
        };
        let cursor = self.client.each(&self.route, &query, self.limit, each)?;
        self.next = self.next.after(cursor, seen >= count);
        self.oldest = oldest.or(self.oldest.take());
        Ok(self.next != Next::Nothing)
    }
}

impl Next {
    /// The page after this one, if this one brought a cursor, and if it was full.
    fn after(&self, cursor: Option<String>, full: bool) -> Next {
        match (self, cursor) {
            (Next::Newest, Some(cursor)) => Next::Before(cursor),
            (Next::Newest, None) if full => Next::Whole,
            (Next::Before(last), Some(cursor)) if *last != cursor => Next::Before(cursor),
            _ => Next::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_ends_without_a_new_cursor_and_a_server_without_cursors_is_asked_for_all() {
        let before = |cursor: &str| Next::Before(cursor.into());
        for (page, cursor, full, next) in [
            (Next::Newest, Some("a"), true, before("a")),
            (Next::Newest, Some("a"), false, before("a")),
            (Next::Newest, None, true, Next::Whole),
            (Next::Newest, None, false, Next::Nothing),
            (before("a"), Some("b"), true, before("b")),
            (before("a"), Some("a"), true, Next::Nothing),
            (before("a"), None, true, Next::Nothing),
            (Next::Whole, None, true, Next::Nothing),
        ] {
            assert_eq!(page.after(cursor.map(String::from), full), next, "after {page:?}");
        }
    }
}

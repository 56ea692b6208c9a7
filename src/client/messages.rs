//! The routes of messages: sends prompts and reads what is there.

use std::ops::ControlFlow;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::failure::Answer;
use super::http::{Client, Limit, escape};
use super::wire::{Element, Prompt};
use crate::units::REQUEST_LIMIT;

/// How long one read of a long answer may take. A server reads the whole conversation before it
/// sends the first byte.
pub const LONG_READ: Duration = Duration::from_secs(120);

impl Client {
    /// Sends a prompt. The server answers before the model does.
    pub fn prompt(&self, conversation: &str, directory: &str, prompt: &Prompt) -> Answer<()> {
        let route = format!("/session/{}/prompt_async", escape(conversation));
        self.post_accepted(&route, &[("directory", directory)], prompt, REQUEST_LIMIT)
    }

    /// Passes all messages to `take`, oldest first. [`Client::pages`] reads the newest ones first.
    pub fn each_message<T: Element>(
        &self,
        conversation: &str,
        directory: &str,
        take: &mut dyn FnMut(T) -> ControlFlow<()>,
    ) -> Answer<()> {
        let route = format!("/session/{}/message", escape(conversation));
        let query = [("directory", directory)];
        self.each(&route, &query, Limit::Read(LONG_READ), take).map(drop)
    }

    /// One message, decoded as `T`, which names the wanted fields.
    pub fn message<T: DeserializeOwned>(
        &self,
        conversation: &str,
        directory: &str,
        id: &str,
        limit: Duration,
    ) -> Answer<T> {
        let route = format!("/session/{}/message/{}", escape(conversation), escape(id));
        self.get(&route, &[("directory", directory)], limit)
    }
}

//! The routes of messages: sends prompts and reads what is there.

use std::ops::ControlFlow;

use serde::de::DeserializeOwned;

use super::failure::Answer;
use super::http::{Client, escape};
use super::limit::Limit;
use super::wire::{Element, Prompt};

impl Client {
    /// Sends a prompt. The server answers before the model does.
    pub fn prompt(&self, conversation: &str, directory: &str, prompt: &Prompt) -> Answer<()> {
        let route = format!("/session/{}/prompt_async", escape(conversation));
        self.post_accepted(&route, &[("directory", directory)], prompt, Limit::Change)
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
        self.each(&route, &query, Limit::Long, take).map(drop)
    }

    /// The same with each message as the server sent it. Nothing of it is copied.
    pub fn each_raw_message(
        &self,
        conversation: &str,
        directory: &str,
        take: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Answer<()> {
        let route = format!("/session/{}/message", escape(conversation));
        let query = [("directory", directory)];
        self.send("GET", &route, &query, None, Limit::Long)?.of_any_size().each_element(take)
    }

    /// One message, decoded as `T`, which names the wanted fields.
    pub fn message<T: DeserializeOwned>(
        &self,
        conversation: &str,
        directory: &str,
        id: &str,
        limit: impl Into<Limit>,
    ) -> Answer<T> {
        let route = format!("/session/{}/message/{}", escape(conversation), escape(id));
        let query = [("directory", directory)];
        self.send("GET", &route, &query, None, limit.into())?.of_any_size().json()
    }
}

//! A prompt whose files have been read, ready to be given to a server.

use std::time::Duration;

use serde_json::Value;

use super::check::check;
use super::files;
use super::options::PromptOptions;
use super::queue::make_way;
use super::schema;
use crate::client::Held;
use crate::client::wire::{Format, InputPart, Prompt};
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::conversation::find::{self, Place, Target, target_place};
use crate::runner::session::server::Server;
use crate::store::QueueLock;

/// Everything of a prompt that can be wrong before a server is asked.
pub struct Prepared {
    pub(super) options: PromptOptions,
    pub(super) files: Vec<InputPart<'static>>,
    pub(super) schema: Option<Value>,
    /// Held from the moment when a queued prompt may be sent until the server has it.
    pub(super) queue_lock: Option<QueueLock>,
}

impl Prepared {
    /// Reads the files that go with the prompt, within a limit.
    pub fn read(options: PromptOptions, limit: Duration) -> Result<Prepared> {
        Ok(Prepared {
            files: options.files.iter().map(|path| files::part(path)).collect::<Result<_>>()?,
            schema: options.schema.as_deref().map(|path| schema::read(path, limit)).transpose()?,
            options,
            queue_lock: None,
        })
    }

    /// Finds or opens the conversation that the prompt goes to. Names are checked first, so that a
    /// wrong one opens no conversation.
    pub(super) fn find_place(&mut self, context: &Context, server: &Server) -> Result<Place> {
        let options = &self.options;
        match &options.target {
            Target::New(title) => {
                check(server, &server.directory, options)?;
                find::open(server, title.as_deref())
            }
            target => {
                let place = target_place(context, server, target)?;
                self.queue_lock = make_way(context, server, &place, options)?;
                check(server, &place.directory, options)?;
                Ok(place)
            }
        }
    }

    /// Gives the prompt to the server, which says at once that it has it.
    pub(super) fn hand_over(&self, server: &Server, place: &Place, turn: &str) -> Result<()> {
        Ok(server.client.prompt(&place.id, &place.directory, &self.prompt(server, turn))?)
    }

    /// Gives the prompt to the server, which answers when the turn is over.
    pub(super) fn hold(&self, server: &Server, place: &Place, turn: &str) -> Result<Held> {
        Ok(server.client.hold(&place.id, &place.directory, &self.prompt(server, turn))?)
    }

    fn prompt<'b>(&'b self, server: &'b Server, turn: &'b str) -> Prompt<'b> {
        let options = &self.options;
        let mut parts = vec![InputPart::Text { text: &options.message }];
        parts.extend(self.files.iter().cloned());
        Prompt {
            id: turn,
            parts,
            model: options.model.as_ref(),
            agent: options.agent.as_deref().or(server.record.agent.as_deref()),
            variant: options.variant.as_deref(),
            system: options.system.as_deref(),
            format: self.schema.as_ref().map(|schema| Format { kind: "json_schema", schema }),
        }
    }
}

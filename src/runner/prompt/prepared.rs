//! A prompt whose files have been read, ready to be given to a server.

use std::time::Duration;

use serde_json::Value;

use super::check::{Names, check};
use super::files;
use super::options::PromptOptions;
use super::queue::make_way;
use super::schema;
use super::workplace::check_workplace;
use crate::client::Held;
use crate::client::wire::{Format, Info, InputPart, Prompt, Rule};
use crate::error::{Error, Result};
use crate::runner::asks::conversation_rules::{Occasion, Rules, rules_for};
use crate::runner::asks::policy::Policy;
use crate::runner::context::Context;
use crate::runner::conversation::find::{Place, Target, target_place};
use crate::runner::conversation::own_rules::{append, open, own_rules};
use crate::runner::environment::Environment;
use crate::runner::session::server::Server;
use crate::runner::turn::record::HeldRule;
use crate::store::QueueLock;

/// Everything of a prompt that can be wrong before a server is asked.
pub struct Prepared {
    pub(super) options: PromptOptions,
    pub(super) files: Vec<InputPart<'static>>,
    pub(super) schema: Option<Value>,
    /// Held from the moment when a queued prompt may be sent until the server has it.
    pub(super) queue_lock: Option<QueueLock>,
}

/// Where a prompt goes.
pub(super) struct Placed {
    pub(super) place: Place,
    /// The newest message there, if there is one and it could be read.
    pub(super) newest: Option<Info>,
    /// The conversation's own rules, as far as they are known.
    pub(super) rules: Vec<HeldRule>,
}

impl Prepared {
    /// Reads the files that go with the prompt, within a limit.
    pub fn read(options: PromptOptions, limit: Duration) -> Result<Prepared> {
        let files = options.files.iter().map(|path| files::part(path, limit));
        Ok(Prepared {
            files: files.collect::<Result<_>>()?,
            schema: options.schema.as_deref().map(|path| schema::read(path, limit)).transpose()?,
            options,
            queue_lock: None,
        })
    }

    /// The conversation that the prompt goes to, unless it opens one; with its own agent, if it has
    /// one and the prompt names none.
    fn find_existing(&mut self, context: &Context, server: &Server) -> Result<Option<Place>> {
        if let Target::New(_) = self.options.target {
            return Ok(None);
        }
        let place = target_place(context, server, &self.options.target)?;
        self.options.agent = self.options.agent.take().or_else(|| place.agent.clone());
        Ok(Some(place))
    }

    /// Finds or opens the conversation that the prompt goes to, and gives it its rules. Names and
    /// rules are checked first, so that a wrong one opens no conversation. `reads_rules` says
    /// whether the rules of a conversation are wanted even if it is given none.
    pub(super) fn find_place(
        &mut self,
        context: &Context,
        server: &Server,
        policy: &Policy,
        reads_rules: bool,
    ) -> Result<Placed> {
        let found = self.find_existing(context, server)?;
        let default = self.options.default_model.take().filter(|_| server.record.agent.is_none());
        let is_default = default.is_some();
        self.options.model = self.options.model.take().or(default);
        let options = &self.options;
        let agent = options.agent.as_deref().or(server.record.agent.as_deref());
        let checked = |directory: &str, own: Option<&[Rule]>| {
            check_workplace(server, directory)?;
            let by = |error: Error| Error {
                message: format!("{}: {}", Environment::MODEL, error.message),
                ..error
            };
            let (model, variant) = (options.model.clone(), options.variant.clone());
            let names = Names { agent: agent.map(String::from), model, variant };
            let named = check(server, directory, &names);
            if is_default {
                named.map_err(by)?
            } else {
                named?
            };
            rules_for(context, server, &Occasion { directory, agent, own }, policy)
        };
        let plain = |imposed: &[HeldRule]| imposed.iter().map(|one| one.rule.clone()).collect();
        let mut newest = None;
        let (place, rules, agent) = match found {
            None => {
                let title = match &options.target {
                    Target::New(title) => title,
                    _ => &None,
                };
                let Rules { imposed, agent } = checked(&server.directory, None)?;
                (open(server, title.as_deref(), plain(&imposed))?, imposed, agent)
            }
            Some(place) => {
                let way = make_way(context, server, &place, options)?;
                (self.queue_lock, newest) = (way.lock, way.newest);
                let reads = reads_rules || policy.imposes();
                let mut own = if reads { own_rules(server, &place)? } else { Vec::new() };
                let Rules { imposed, agent } = checked(&place.directory, Some(&own))?;
                let wanted: Vec<Rule> = plain(&imposed);
                own.truncate(append(server, &place, &own, &wanted)?);
                let earlier = own.into_iter().map(|rule| HeldRule { rule, by: None });
                (place, earlier.chain(imposed).collect(), agent)
            }
        };
        // The rules are made for this one.
        self.options.agent = self.options.agent.take().or(agent);
        Ok(Placed { place, newest, rules })
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

//! A prompt whose files have been read, ready to be given to a server.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;

use super::check::{Names, check};
use super::command::{Invoked, warn_of_words};
use super::files;
use super::mentions;
use super::options::PromptOptions;
use super::queue::make_way;
use super::schema;
use super::stored::{wait_until_begun, wait_until_stored};
use super::workplace::check_workplace;
use crate::client::Held;
use crate::client::wire::{Format, Info, InputPart, Invocation, ModelName, Prompt, Rule};
use crate::error::Result;
use crate::runner::asks::conversation_rules::{self as made, Rules, rules_for};
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
    files: Vec<InputPart<'static>>,
    /// What the text mentions.
    mentioned: Vec<InputPart<'static>>,
    /// Whether the prompt names an agent, which may otherwise be that of its conversation.
    has_agent: bool,
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
            mentioned: Vec::new(),
            has_agent: options.agent.is_some(),
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
        if server.record.agent.is_some() {
            self.options.default_model = None;
        }
        let options = &self.options;
        let checked = |directory: &str, own: Option<&[Rule]>| {
            self.check(&Occasion { context, server, policy, directory, own })
        };
        let plain = |imposed: &[HeldRule]| imposed.iter().map(|one| one.rule.clone()).collect();
        let (mut lock, mut newest) = (None, None);
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
                (lock, newest) = (way.lock, way.newest);
                let by_name = options.command.is_some() || !options.mentions.is_empty();
                let reads = reads_rules || policy.imposes() || by_name;
                let mut own = if reads { own_rules(server, &place)? } else { Vec::new() };
                let Rules { imposed, agent } = checked(&place.directory, Some(&own))?;
                let wanted: Vec<Rule> = plain(&imposed);
                own.truncate(append(server, &place, &own, &wanted)?);
                let earlier = own.into_iter().map(|rule| HeldRule { rule, by: None });
                (place, earlier.chain(imposed).collect(), agent)
            }
        };
        let held: Vec<Rule> = plain(&rules);
        let mentions = &options.mentions;
        self.mentioned = mentions::resolve(context, server, &place.directory, mentions, &held)?;
        self.queue_lock = lock;
        // The rules are made for this one.
        self.options.agent = self.options.agent.take().or(agent);
        Ok(Placed { place, newest, rules })
    }

    /// Checks all that a prompt names, and makes its rules. Nothing is changed.
    fn check(&self, occasion: &Occasion) -> Result<Rules> {
        let Occasion { context, server, policy, directory, own } = *occasion;
        let options = &self.options;
        check_workplace(server, directory)?;
        let invoked = options.command.as_deref();
        let find = |name| Invoked::find(server, directory, name, options, policy);
        let invoked = invoked.map(find).transpose()?;
        if let Some(invoked) = &invoked {
            invoked.check_flags(options, self.has_agent)?;
        } else {
            warn_of_words(context, &server.client, directory, &options.message);
        }
        let agent = options.agent.as_ref().or(server.record.agent.as_ref()).cloned();
        let model = self.model().cloned();
        let names = Names { agent: agent.clone(), model, variant: options.variant.clone() };
        let names = invoked.as_ref().map_or(names.clone(), |invoked| invoked.names(names));
        let is_default = options.model.is_none() && options.default_model == names.model;
        check(server, directory, &names).map_err(|error| {
            let by = names.model.as_ref().filter(|_| is_default).map(|_| Environment::MODEL);
            let Some(by) = by else { return error };
            let message = format!("{by}: {}", error.message);
            error.saying(message)
        })?;
        let agent = invoked.as_ref().and_then(Invoked::agent).or(agent.as_deref());
        let rules = rules_for(context, server, &made::Occasion { directory, agent, own }, policy)?;
        if let Some(invoked) = &invoked {
            let earlier = own.unwrap_or_default().iter().cloned();
            let earlier = earlier.map(|rule| HeldRule { rule, by: None });
            let all: Vec<HeldRule> = earlier.chain(rules.imposed.iter().cloned()).collect();
            invoked.check_rules(&all)?;
        }
        Ok(rules)
    }

    /// The model of the prompt, if it names one.
    fn model(&self) -> Option<&ModelName> {
        self.options.model.as_ref().or(self.options.default_model.as_ref())
    }

    /// Frees what only the server needs.
    pub(super) fn forget(&mut self) {
        self.options.message = String::new();
        self.files.clear();
    }

    /// Gives the prompt to the server, and returns when it has it.
    pub(super) fn hand_over(&self, server: &Server, place: &Place, turn: &str) -> Result<()> {
        if self.options.command.is_some() {
            let held = self.hold(server, place, turn)?;
            return wait_until_begun(server, place, turn, &held);
        }
        server.client.prompt(&place.id, &place.directory, &self.prompt(server, turn))?;
        wait_until_stored(server, place, turn)
    }

    /// Gives the prompt to the server, which answers when the turn is over.
    pub(super) fn hold(&self, server: &Server, place: &Place, turn: &str) -> Result<Held> {
        let (id, directory) = (&place.id, &place.directory);
        Ok(match &self.options.command {
            Some(name) => {
                server.client.hold_command(id, directory, &self.invocation(name, server, turn))?
            }
            None => server.client.hold(id, directory, &self.prompt(server, turn))?,
        })
    }

    fn invocation<'b>(
        &'b self,
        name: &'b str,
        server: &'b Server,
        turn: &'b str,
    ) -> Invocation<'b> {
        let options = &self.options;
        Invocation {
            id: turn,
            command: name,
            arguments: &options.message,
            parts: self.files.iter().map(Cow::Borrowed).collect(),
            model: self.model().map(|name| format!("{}/{}", name.provider, name.model)),
            agent: options.agent.as_deref().or(server.record.agent.as_deref()),
            variant: options.variant.as_deref(),
        }
    }

    fn prompt<'b>(&'b self, server: &'b Server, turn: &'b str) -> Prompt<'b> {
        let options = &self.options;
        let mut parts = vec![Cow::Owned(InputPart::Text { text: &options.message })];
        parts.extend(self.mentioned.iter().chain(&self.files).map(Cow::Borrowed));
        Prompt {
            id: turn,
            parts,
            model: self.model(),
            agent: options.agent.as_deref().or(server.record.agent.as_deref()),
            variant: options.variant.as_deref(),
            system: options.system.as_deref(),
            format: self.schema.as_ref().map(|schema| Format { kind: "json_schema", schema }),
        }
    }
}

/// For which prompt names are checked and rules are made.
struct Occasion<'a> {
    context: &'a Context,
    server: &'a Server,
    policy: &'a Policy,
    directory: &'a str,
    /// The conversation's own rules; `None` if it is to be opened.
    own: Option<&'a [Rule]>,
}

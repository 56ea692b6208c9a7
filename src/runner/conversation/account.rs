//! Everything that happened on a server that works for one purpose alone: its messages, and what
//! they used.

use std::ops::ControlFlow;

use super::find::{Place, created};
use crate::client::Limit;
use crate::client::wire::{Message, RawMessage};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::prices::Prices;
use crate::runner::session::server::Server;
use crate::runner::turn::Used;
use crate::sorting;

/// What the server calls an abort.
const ABORTED: &str = "MessageAbortedError";

/// Sums over all conversations of a server.
#[derive(Clone, Debug)]
pub struct Account {
    /// How many conversations there are, sub-agents' included.
    pub conversations: u64,
    /// What all calls of a model used. The server's own calls for titles are no messages.
    pub used: Used,
    /// Calls of a model that were cut before they told what they used.
    pub cut: u64,
    /// Calls of tools.
    pub tool_calls: u64,
    /// Those of them that failed.
    pub tool_errors: u64,
    /// How long all of them ran together.
    pub tool_ms: u64,
    /// How often a conversation was summarised to fit.
    pub compactions: u64,
}

/// Adds up all conversations of a server, those of other directories included, and hands over one
/// JSON document, `{"conversations": [{"info": …, "messages": […]}, …]}`, in pieces. Everything in
/// it is as the server has it, and no more than one message is held in memory.
pub fn account(
    context: &Context,
    word: &str,
    write: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<Account> {
    let server = Server::open(context, word)?;
    let mut all = server.client.changed_since(0)?;
    sorting::sort_by(&mut all, |a, b| created(a).total_cmp(&created(b)));
    let mut account = Account::nothing();
    write("{\"conversations\":[")?;
    for conversation in all {
        write(if account.conversations == 0 { "\n" } else { ",\n" })?;
        account.conversations += 1;
        let place = Place::of(conversation, &server);
        account.add(&server, &place, write)?;
    }
    write("\n]}\n")?;
    Ok(account)
}

impl Account {
    fn nothing() -> Account {
        Account {
            conversations: 0,
            used: Used::nothing(),
            cut: 0,
            tool_calls: 0,
            tool_errors: 0,
            tool_ms: 0,
            compactions: 0,
        }
    }

    fn add(
        &mut self,
        server: &Server,
        place: &Place,
        write: &mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let prices = Prices::new(server, &place.directory);
        let info = server.client.raw_conversation(&place.id, &place.directory)?;
        write(&format!("{{\"info\":{},\"messages\":[", info.get()))?;
        let mut separator = "\n";
        let mut trouble: Option<Error> = None;
        let take = &mut |raw: &str| {
            if let Some(message) = RawMessage::read(raw) {
                self.count(&message, &prices);
            }
            match write(separator).and_then(|()| write(raw)) {
                Ok(()) => {
                    separator = ",\n";
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    trouble = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let read = server.client.each_raw_message(&place.id, &place.directory, take);
        if let Some(error) = trouble {
            return Err(error);
        }
        read?;
        write("\n]}")
    }

    fn count(&mut self, message: &Message, prices: &Prices) {
        let info = &message.info;
        for part in &message.parts {
            match part.kind.as_str() {
                "compaction" => self.compactions += 1,
                "tool" => {
                    self.tool_calls += 1;
                    self.tool_errors += u64::from(part.state.status == "error");
                    self.tool_ms += part.state.time.duration_ms().unwrap_or(0);
                }
                _ => {}
            }
        }
        if info.is_answer() {
            let aborted = info.error.as_ref().is_some_and(|error| error.name == ABORTED);
            // An abort while the provider is being tried again leaves neither error nor finish.
            let unfinished = info.error.is_none() && info.finish.is_none();
            let is_cut = (aborted || unfinished) && !info.has_usage();
            self.cut += u64::from(is_cut);
            // What was not told of a call that failed is not known to be anything.
            let is_lost = is_cut || info.error.is_some() && !info.has_usage();
            let known = || info.cost.unwrap_or(0.0);
            let cost = if is_lost {
                prices.has_price(info, Limit::Ordinary).then(known)
            } else {
                prices.cost(info, Limit::Ordinary)
            };
            self.used.add_step(info, cost);
        }
    }
}

//! The conversations of sub-agents below one: `children`.

use super::find::{self, Place, Seen, created};
use super::list::{Doing, Listed};
use crate::client::Limit;
use crate::client::wire::Conversation;
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::sorting;

/// A conversation and those below it.
#[derive(Clone, Debug)]
pub struct Children {
    /// `oc-…`.
    pub session: String,
    /// The conversation that was asked for.
    pub conversation: Listed,
    /// Those below it: each is followed by its own, the oldest first.
    pub below: Vec<Below>,
}

/// A conversation below another one.
#[derive(Clone, Debug)]
pub struct Below {
    /// How many levels below the conversation that was asked for; 1 for its own children.
    pub depth: usize,
    /// The conversation.
    pub conversation: Listed,
}

/// The conversations that one has started, with `whole` also those below them.
pub fn children(context: &Context, word: &str, id: Option<&str>, whole: bool) -> Result<Children> {
    Server::with(context, word, |server| {
        let asked = find::given_or_newest(server, id)?;
        let place = Place::of(asked.clone(), server);
        let found = below(server, &place, if whole { usize::MAX } else { 1 })?;
        let mut conversation = Listed::of(asked);
        let row = |(depth, found)| Below { depth, conversation: Listed::of(found) };
        let mut below: Vec<Below> = found.into_iter().map(row).collect();
        if let Some(doing) = Doing::ask(server, &place.directory) {
            conversation.state = Some(doing.state(&conversation.id));
            for row in &mut below {
                row.conversation.state = Some(doing.state(&row.conversation.id));
            }
        }
        Ok(Children { session: server.record.id.clone(), conversation, below })
    })
}

/// The conversations below one, at most `levels` deep, with their depth: each is followed by its
/// own, the oldest first.
pub fn below(server: &Server, place: &Place, levels: usize) -> Result<Vec<(usize, Conversation)>> {
    let mut seen = Seen::of(&place.id);
    let mut found = Vec::new();
    let mut open = children_of(server, place, 1, &mut seen)?;
    while let Some((depth, child)) = open.pop() {
        if depth < levels {
            let place = Place::of(child.clone(), server);
            open.extend(children_of(server, &place, depth + 1, &mut seen)?);
        }
        found.push((depth, child));
    }
    Ok(found)
}

/// The children of one conversation, the oldest last, because the last one is taken next. One that
/// was deleted meanwhile has none.
fn children_of(
    server: &Server,
    place: &Place,
    depth: usize,
    seen: &mut Seen,
) -> Result<Vec<(usize, Conversation)>> {
    let mut children = match server.client.children(&place.id, &place.directory, Limit::Ordinary) {
        Err(failure) if failure.status() == Some(404) && depth > 1 => Vec::new(),
        found => found.map_err(|failure| find::gone(server, place, failure))?,
    };
    children.retain(|child| seen.is_new(server, child, depth));
    sorting::sort_by(&mut children, |a, b| created(b).total_cmp(&created(a)));
    Ok(children.into_iter().map(|child| (depth, child)).collect())
}

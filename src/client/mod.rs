//! Speaks HTTP to one OpenCode server. The only place that knows the names of the wire.
//!
//! Architecture invariant: the client knows nothing of sessions, stores and processes. It gets an
//! [`Endpoint`] and returns what the server said, or a [`Failure`].

mod asks;
mod clock;
mod conversations;
mod elements;
pub mod event;
mod exchange;
mod failure;
mod held;
mod http;
mod interrupt;
mod known;
mod label;
mod limit;
mod list;
mod messages;
mod needle;
mod pages;
mod server;
mod sse;
mod surrogates;
pub mod wire;

pub use clock::DATE_LAG;
pub use event::{Event, EventStream, Received};
pub use failure::{Answer, CANNOT_READ_BACK, Cause, Failure};
pub use held::Held;
pub use http::{Client, Endpoint};
pub use label::Label;
pub use limit::{Limit, SILENCE, WAITED_MOST};
pub use needle::Needle;
pub use pages::Pages;
pub use surrogates::{Piece, mend};

//! How sessions, conversations, messages and turns are shown, as text and as JSON.

pub mod bench;
pub mod columns;
pub mod conversation;
pub mod doing;
pub mod markdown;
pub mod message;
pub mod news;
pub mod session;
pub mod turn;
pub mod usage;

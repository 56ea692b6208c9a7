//! How sessions, conversations, messages and turns look, to people and as JSON.

pub mod columns;
pub mod conversation;
pub mod message;
pub mod session;
pub mod turn;

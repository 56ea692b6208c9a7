//! What turns ask for, and who answers: people, a policy, the server's rules.

pub mod ids;
pub mod permission;
pub mod policy;
pub mod question;
pub mod reach;
pub mod rules;
pub mod shell;
pub mod trial;

pub use crate::client::wire::Reply;
pub use permission::{
    PendingPermission, Replied, SessionPermissions, all_permissions, permissions, reply,
};
pub use policy::{OnPermission, OnQuestion, Otherwise, Policy, PolicyFlags, Setting};
pub use question::{Answer, PendingQuestion, answer, questions};
pub use trial::{Piece, Trial, Verdict, test_permission};

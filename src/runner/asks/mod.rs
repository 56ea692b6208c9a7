//! What turns ask for, and who answers: people, a policy, the server's rules.

pub mod conversation_rules;
pub mod ids;
pub mod imposed;
pub mod known;
pub mod permission;
pub mod policy;
pub mod policy_file;
pub mod question;
pub mod reach;
pub mod rules;
pub mod settings;
pub mod shell;
pub mod trial;

pub use crate::client::wire::Reply;
pub use permission::{
    PendingPermission, Replied, SessionPermissions, all_permissions, permissions, reply,
};
pub use policy::Policy;
pub use policy_file::PolicyFlags;
pub use question::{Answer, PendingQuestion, answer, questions};
pub use settings::{OnPermission, OnQuestion, Otherwise, Setting, Unlisted};
pub use trial::{Piece, Question, Trial, Verdict, test_permission};

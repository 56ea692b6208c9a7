//! Finds, reads and manages conversations.

pub mod account;
pub mod attach;
pub mod beginnings;
pub mod children;
pub mod deny_occtl;
pub mod diff;
pub mod entry;
pub mod events;
pub mod export;
pub mod find;
pub mod last;
pub mod list;
pub mod manage;
pub mod messages;
pub mod own_rules;
pub mod recorded;
pub mod rename;
pub mod revert;
pub mod running;
pub mod share;
pub mod suggest;
pub mod summary;
pub mod tail;
pub mod tail_follow;
pub mod transcript;
pub mod turns;
pub mod usage;
pub mod work;
pub mod writing;

pub use account::{Account, account};
pub use attach::attach;
pub use children::{Below, Children, children};
pub use diff::{FileDiff, TodoEntry, diff, todos};
pub use entry::{Entry, ToolCall};
pub use events::{EventOptions, events};
pub use export::{ExportOptions, export};
pub use find::Target;
pub use last::{Last, last};
pub use list::{
    Chain, ConversationList, Listed, Relation, Relative, all_conversations, chain, sessions,
};
pub use manage::{delete, fork};
pub use rename::rename;
pub use revert::{revert, unrevert};
pub use share::{share, unshare};
pub use suggest::suggest;
pub use summary::{Member, PendingAsk, Summary, summary};
pub use tail::{MessageSink, TailOptions, tail};
pub use tail_follow::{TailEnd, tail_follow};
pub use transcript::{TranscriptSink, transcript};
pub use usage::{
    By, Missing, Period, Usage, UsageReport, UsageRow, UsageSince, usage, usage_since,
};
pub use writing::LiveSink;

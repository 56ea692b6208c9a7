//! What the tables of commands and flags are made of. The parser, the help, `docs/cli.md`, the man
//! pages and the completions all read them, so every flag that is accepted is documented, and the
//! other way round.

mod command;
mod flag;
mod groups;
mod operand;
mod shared;
mod value;

pub use command::{Action, Command, Commands, Exit, Words, flags_of, members, outermost};
pub use flag::{Flag, all_need};
pub use groups::flag_groups;
pub use operand::Operand;
pub use shared::{
    COLOR, CONVERSATION, CONVERSATION_TO_USE, GLOBAL, QUIET, SESSION_TO_READ, SESSION_TO_USE,
    WITHIN,
};
pub use value::{Absent, Kind};

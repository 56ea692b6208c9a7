//! Which session is meant, whether its server lives, how to reach it, how it is.

pub mod address;
pub mod changes;
pub mod default;
pub mod directory;
pub mod doorstep;
pub mod facts;
pub mod ghosts;
pub mod git;
pub mod inspect;
pub mod labels;
pub mod life;
pub mod logs;
pub mod operation;
pub mod pace;
pub mod pending;
pub mod prices;
pub mod probe;
pub mod secrets;
pub mod select;
pub mod server;
pub mod status;
pub mod stream;
pub mod timeouts;
pub mod touch;
pub mod version;

pub use crate::client::wire::Agent;
pub use doorstep::look;
pub use facts::SessionFacts;
pub use git::Uncommitted;
pub use inspect::{ModelFacts, agents, configuration, models};
pub use labels::{Labels, all_ids, parse_labels};
pub use logs::{LEVELS, LogLine, LogOptions, logs, names_session};
pub use prices::{PriceState, price_state};
pub use probe::State;
pub use status::{SessionStatus, list, status};
pub use touch::touch;

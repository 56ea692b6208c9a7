//! What the value of a flag or an operand is, and what holds without one.

/// What holds if a flag or an operand is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Nothing that the help needs to say.
    Nothing,
    /// The same as with this value. Both the help and the parser take it from here.
    Default(&'static str),
    /// Something that cannot be given as a value, in words for the help.
    Means(&'static str),
}

impl Absent {
    /// What the help shows in brackets.
    pub fn shown(self) -> Option<&'static str> {
        match self {
            Absent::Nothing => None,
            Absent::Default(text) | Absent::Means(text) => Some(text),
        }
    }

    /// The value that the parser uses.
    pub fn default(self) -> Option<&'static str> {
        match self {
            Absent::Default(value) => Some(value),
            Absent::Nothing | Absent::Means(_) => None,
        }
    }
}

/// What a value is, as far as completions can offer any. The name of a value in the help says it,
/// so that the two cannot differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything else.
    Text,
    /// An id or the name of a session.
    Session,
    /// The id of a conversation.
    Conversation,
    /// The id of a user's message.
    Turn,
    /// The id of a pending permission.
    Permission,
    /// The id of a pending question.
    Question,
    /// An answer that a pending question offers.
    Answer,
    /// `PROVIDER/MODEL`.
    Model,
    /// The name of an agent.
    Agent,
    /// The path of a file.
    File,
    /// The path of a directory.
    Directory,
    /// The id of a task of a plan.
    Task,
    /// The name of an arm of a plan.
    Arm,
    /// A run of a batch, as TASK/ARM/REPEAT.
    Run,
    /// The directory of a batch, and perhaps a colon and an arm of it.
    Results,
}

impl Kind {
    /// The kind of a value with this name in the help.
    pub(super) fn named(name: &str) -> Kind {
        match name {
            "SESSION" => Kind::Session,
            "CONVERSATION" => Kind::Conversation,
            "TURN" => Kind::Turn,
            "PERMISSION" => Kind::Permission,
            "QUESTION" => Kind::Question,
            "LABEL" => Kind::Answer,
            "PROVIDER/MODEL" => Kind::Model,
            "AGENT" => Kind::Agent,
            "FILE" | "PATH" | "PLAN" => Kind::File,
            "DIR" | "OUT" => Kind::Directory,
            "GLOB" | "TASK" => Kind::Task,
            "ARM" => Kind::Arm,
            "RUN" => Kind::Run,
            "BASE" | "NEW" => Kind::Results,
            _ => Kind::Text,
        }
    }
}

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

//! What is said with one word about asks, by a flag or by a key of a policy's file.

/// What a flag and a key of the file say with one word.
pub trait Setting: Sized {
    /// The words that there are.
    const WORDS: &'static [&'static str];

    /// What a word means; `None` if it is none of [`Self::WORDS`].
    fn named(word: &str) -> Option<Self>;
}

/// What to do with a permission request that no rule settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnPermission {
    /// Leave it to a person or another program.
    Wait,
    /// Abort the turn.
    Fail,
    /// Refuse it.
    Reject,
    /// Allow it, this once.
    Approve,
}

impl Setting for OnPermission {
    const WORDS: &'static [&'static str] = &["wait", "fail", "reject", "approve"];

    fn named(word: &str) -> Option<OnPermission> {
        match word {
            "approve" => Some(OnPermission::Approve),
            word => OnQuestion::named(word).map(OnPermission::from),
        }
    }
}

impl From<OnQuestion> for OnPermission {
    fn from(on: OnQuestion) -> OnPermission {
        match on {
            OnQuestion::Wait => OnPermission::Wait,
            OnQuestion::Fail => OnPermission::Fail,
            OnQuestion::Reject => OnPermission::Reject,
        }
    }
}

/// What to do with a question. There is nothing to approve: a question wants an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnQuestion {
    /// Leave it to a person or another program.
    Wait,
    /// Abort the turn.
    Fail,
    /// Refuse to answer.
    Reject,
}

impl Setting for OnQuestion {
    const WORDS: &'static [&'static str] = &["wait", "fail", "reject"];

    fn named(word: &str) -> Option<OnQuestion> {
        match word {
            "wait" => Some(OnQuestion::Wait),
            "fail" => Some(OnQuestion::Fail),
            "reject" => Some(OnQuestion::Reject),
            _ => None,
        }
    }
}

/// What to do with asks that neither a flag nor a file settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Leave them to a person or another program.
    Wait,
    /// Abort the turn.
    Fail,
}

impl Otherwise {
    /// What that is for a question.
    pub fn on_question(self) -> OnQuestion {
        match self {
            Otherwise::Wait => OnQuestion::Wait,
            Otherwise::Fail => OnQuestion::Fail,
        }
    }
}

/// What holds for what neither `--allow` nor `--deny` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unlisted {
    /// What OpenCode's configuration says.
    #[default]
    Config,
    /// It is asked for.
    Ask,
    /// It is denied.
    Deny,
}

impl Unlisted {
    /// The word of the flag.
    pub fn name(self) -> &'static str {
        match self {
            Unlisted::Config => "config",
            Unlisted::Ask => "ask",
            Unlisted::Deny => "deny",
        }
    }
}

impl Setting for Unlisted {
    const WORDS: &'static [&'static str] = &["config", "ask", "deny"];

    fn named(word: &str) -> Option<Unlisted> {
        match word {
            "config" => Some(Unlisted::Config),
            "ask" => Some(Unlisted::Ask),
            "deny" => Some(Unlisted::Deny),
            _ => None,
        }
    }
}

//! What `logs` can be asked for.

/// What of which log is wanted.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    /// Only lines that contain this; case does not count.
    pub pattern: Option<String>,
    /// What this session's server printed, instead of OpenCode's own log.
    pub session: Option<String>,
    /// Go on as the log grows.
    pub follow: bool,
    /// How many of the last lines.
    pub lines: usize,
    /// Only lines of this level.
    pub level: Option<String>,
    /// All files of the directory, not only the newest.
    pub all: bool,
}

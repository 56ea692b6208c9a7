//! Commands against the real OpenCode with the scripted model.

mod concurrent;
mod main_path;
mod processes;
mod turn_ends;

//! Commands against the real OpenCode with the scripted model.

mod concurrent;
mod lifecycle;
mod main_path;
mod turn_ends;

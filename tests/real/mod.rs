//! Commands against the real OpenCode with the scripted model.

mod asks;
mod concurrent;
mod main_path;
mod permission_rules;
mod processes;
mod turn_ends;

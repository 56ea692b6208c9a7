//! Commands against the real OpenCode with the scripted model.

mod adopt;
mod asks;
mod concurrent;
mod leaving;
mod main_path;
mod permission_rules;
mod processes;
mod turn_ends;

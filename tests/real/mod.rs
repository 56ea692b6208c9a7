//! Commands against the real OpenCode with the scripted model.

mod asks;
mod concurrent;
mod main_path;
mod permission_rules;
mod processes;
mod prompt_input;
mod run;
mod turn_asks;
mod turn_ends;
mod turn_tree;

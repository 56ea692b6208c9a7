//! Commands against the real OpenCode with the scripted model.

mod asks;
mod permission_rules;

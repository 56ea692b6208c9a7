//! One run, in a process of its own: prepares the tree, lets the agent work, checks what it left.

pub mod order;

//! occtl starts, drives and stops OpenCode servers from scripts.

fn main() {}

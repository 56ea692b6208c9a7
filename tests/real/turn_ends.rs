//! `start`, `list`, `status` and `stop` on the real OpenCode.

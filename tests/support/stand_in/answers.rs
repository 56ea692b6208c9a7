//! Answers that never change: recorded from the real server.

/// `GET /config`.
pub const CONFIG: &str = include_str!("../../data/answer-1.18.33-config.json");
/// `GET /config/providers`.
pub const PROVIDERS: &str = include_str!("../../data/answer-1.18.33-providers.json");
/// `GET /agent`.
pub const AGENTS: &str = include_str!("../../data/answer-1.18.33-agents.json");
/// What every unknown route answers, with status 200.
pub const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n  <head>\n    <meta charset=\"utf-8\" />\n    <title>OpenCode</title>\n  </head>\n  <body>\n    <div id=\"root\"></div>\n  </body>\n</html>\n";

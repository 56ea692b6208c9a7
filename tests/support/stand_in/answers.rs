//! Answers that never change, as the real server gave them.

/// `GET /config`.
pub const CONFIG: &str = include_str!("../../data/answer-1.18.33-config.json");
/// `GET /config/providers`.
pub const PROVIDERS: &str = include_str!("../../data/answer-1.18.33-providers.json");
/// `GET /agent`.
pub const AGENTS: &str = include_str!("../../data/answer-1.18.33-agents.json");
/// The answer of every unknown route, with status 200.
pub const PAGE: &str = r#"<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>OpenCode</title>
  </head>
  <body>
    <div id="root"></div>
  </body>
</html>
"#;

//! What around a turn may be why it went wrong: proxies, and MCP servers that failed.

use std::time::Duration;

use super::Follower;
use crate::client::Limit;
use crate::process;
use crate::runner::prompt::report::Conclusion;
use crate::runner::session::secrets::masked;
use crate::runner::turn::record::McpFailure;
use crate::units::Deadline;

/// The variables that lead the server's requests through a proxy, or keep some from it.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];

/// The question for MCP servers takes some milliseconds. A turn that took longer than this hardly
/// notices.
const WORTH_A_QUESTION: Duration = Duration::from_millis(500);

/// The longest that it may take. A project that still waits for one of them does not answer.
const MCP_LIMIT: Duration = Duration::from_secs(1);

impl Follower<'_> {
    /// Adds to an error of the provider the proxies with which the server was started: the error
    /// itself does not tell that there is one. `was_retried` says that the provider was being tried
    /// again when the turn was given up.
    pub(super) fn name_proxies(&self, conclusion: &mut Conclusion, was_retried: bool) {
        let Some(error) = &mut conclusion.error else { return };
        if error.name != "APIError" && !was_retried {
            return;
        }
        let process = self.server.process.as_ref();
        let Some(variables) = process.and_then(|one| process::environment(one.pid)) else { return };
        let proxies: Vec<String> = PROXIES
            .iter()
            .filter_map(|name| Some((name, variables.get(name)?.to_str()?)))
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", without_user(value)))
            .collect();
        // What is kept from proxies says nothing where there are none.
        if proxies.iter().any(|one| !one.to_ascii_uppercase().starts_with("NO_")) {
            let proxies = proxies.join(", ");
            error.message = format!("{}; the server was started with {proxies}", error.message);
        }
    }

    /// The MCP servers of the turn's directory whose tools it missed, which are also named to the
    /// user: nothing in the turn tells of them. `None` if that is not known.
    pub(super) fn failed_mcp_servers(
        &self,
        total: Duration,
        deadline: Deadline,
    ) -> Option<Vec<McpFailure>> {
        if deadline.expired() || self.only_answer && total < WORTH_A_QUESTION {
            return None;
        }
        let limit = deadline.remaining(MCP_LIMIT);
        let found =
            self.server.client.mcp_servers(&self.place.directory, Limit::Whole(limit)).ok()?;
        let missing = found.into_iter().filter(|(_, one)| one.is_missing());
        let failed: Vec<McpFailure> = missing
            .map(|(name, one)| McpFailure {
                name,
                status: one.status,
                error: one.error.as_deref().map(masked),
            })
            .collect();
        for McpFailure { name, status, error } in &failed {
            let why = error.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            (self.operation.context.say)(&format!(
                "warning: the tools of MCP server {name} were missing ({status}{why})"
            ));
        }
        Some(failed)
    }
}

/// The address of a proxy without its user and password. It may lack the scheme.
fn without_user(proxy: &str) -> String {
    if proxy.contains("://") || !proxy.contains('@') {
        return masked(proxy);
    }
    let address = masked(&format!("http://{proxy}"));
    address.trim_start_matches("http://").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_without_its_user_and_password() {
        for proxy in ["http://me:sesame@proxy:3128", "me:sesame@proxy:3128"] {
            let shown = without_user(proxy);
            assert!(!shown.contains("sesame") && shown.ends_with("@proxy:3128"), "{shown}");
        }
        assert_eq!(without_user("proxy:3128"), "proxy:3128");
        assert_eq!(without_user("localhost,.example.org"), "localhost,.example.org");
    }
}

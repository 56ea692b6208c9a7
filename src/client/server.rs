//! The routes of the server itself: whether it is there, and how it is configured.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::failure::{Answer, Cause, Failure};
use super::http::Client;
use super::wire::{Agent, Health, McpServer, Paths, Providers};
use crate::units::REQUEST_LIMIT;

/// The route of [`Client::paths`].
const PROJECT: &str = "/path";

impl Failure {
    /// Whether the server listens and answers, but has not loaded the project of a directory.
    pub fn is_unloaded_project(&self) -> bool {
        matches!(self.cause, Cause::Silent) && self.request.ends_with(PROJECT)
    }
}

impl Client {
    /// Whether an OpenCode server answers, and its version.
    pub fn health(&self, limit: Duration) -> Answer<Health> {
        self.get("/global/health", &[], limit)
    }

    /// The directories that the server itself works in.
    pub fn own_paths(&self, limit: Duration) -> Answer<Paths> {
        self.get("/path", &[], limit)
    }

    /// The cheapest request that the instance of a directory answers with JSON (20 ms if the
    /// instance is not running yet).
    pub fn paths(&self, directory: &str, limit: Duration) -> Answer<Paths> {
        self.get(PROJECT, &[("directory", directory)], limit)
    }

    /// The agents of a directory with their resolved rules.
    pub fn agents(&self, directory: &str) -> Answer<Vec<Agent>> {
        self.get("/agent", &[("directory", directory)], REQUEST_LIMIT)
    }

    /// The providers and models of a directory.
    pub fn providers(&self, directory: &str, limit: Duration) -> Answer<Providers> {
        self.get("/config/providers", &[("directory", directory)], limit)
    }

    /// The names of the tools of a directory: those of OpenCode, and those of the configuration and
    /// of plugins. The tools of MCP servers are not among them.
    pub fn tool_names(&self, directory: &str) -> Answer<Vec<String>> {
        self.get("/experimental/tool/ids", &[("directory", directory)], REQUEST_LIMIT)
    }

    /// The MCP servers of a directory by their names.
    pub fn mcp_servers(
        &self,
        directory: &str,
        limit: Duration,
    ) -> Answer<BTreeMap<String, McpServer>> {
        self.get("/mcp", &[("directory", directory)], limit)
    }

    /// The resolved configuration of a directory. It contains secrets.
    pub fn configuration(&self, directory: &str, limit: Duration) -> Answer<Value> {
        self.get("/config", &[("directory", directory)], limit)
    }
}

//! The routes of the server itself: whether it is there, and how it is configured.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failure::{Answer, Cause, Failure};
use super::http::{Client, HEALTH};
use super::limit::Limit;
use super::wire::{Agent, Health, McpServer, OwnCommand, Paths, Providers};

/// The route of [`Client::paths`].
const PROJECT: &str = "/path";

impl Failure {
    /// Whether the server listens and answers, but has not loaded the project of a directory.
    pub fn is_unloaded_project(&self) -> bool {
        matches!(self.cause, Cause::Silent) && self.request.ends_with(PROJECT)
    }
}

impl Client {
    /// Asks for an answer of a few lines. It has to be there within the limit, all of it.
    fn small<T: DeserializeOwned>(
        &self,
        route: &str,
        query: &[(&str, &str)],
        limit: Duration,
    ) -> Answer<T> {
        self.send("GET", route, query, None, Limit::Whole(limit))?.small().json()
    }

    /// Whether an OpenCode server answers, and its version.
    pub fn health(&self, limit: Duration) -> Answer<Health> {
        self.small(HEALTH, &[], limit)
    }

    /// The directories that the server itself works in.
    pub fn own_paths(&self, limit: Duration) -> Answer<Paths> {
        self.small("/path", &[], limit)
    }

    /// The cheapest request that the instance of a directory answers with JSON (20 ms if the
    /// instance is not running yet).
    pub fn paths(&self, directory: &str, limit: Duration) -> Answer<Paths> {
        self.small(PROJECT, &[("directory", directory)], limit)
    }

    /// The agents of a directory with their resolved rules.
    pub fn agents(&self, directory: &str) -> Answer<Vec<Agent>> {
        self.get("/agent", &[("directory", directory)], Limit::Ordinary)
    }

    /// OpenCode's own commands in a directory.
    pub fn commands(&self, directory: &str) -> Answer<Vec<OwnCommand>> {
        self.get("/command", &[("directory", directory)], Limit::Ordinary)
    }

    /// The providers and models of a directory.
    pub fn providers(&self, directory: &str, limit: impl Into<Limit>) -> Answer<Providers> {
        self.get("/config/providers", &[("directory", directory)], limit.into())
    }

    /// The names of the tools of a directory: those of OpenCode, and those of the configuration and
    /// of plugins. The tools of MCP servers are not among them.
    pub fn tool_names(&self, directory: &str) -> Answer<Vec<String>> {
        self.get("/experimental/tool/ids", &[("directory", directory)], Limit::Ordinary)
    }

    /// The MCP servers of a directory by their names.
    pub fn mcp_servers(
        &self,
        directory: &str,
        limit: Limit,
    ) -> Answer<BTreeMap<String, McpServer>> {
        self.get("/mcp", &[("directory", directory)], limit)
    }

    /// The resolved configuration of a directory. It contains secrets.
    pub fn configuration(&self, directory: &str, limit: impl Into<Limit>) -> Answer<Value> {
        self.get("/config", &[("directory", directory)], limit.into())
    }
}

//! Sends one request and reads one answer, always within a limit.

use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use base64::Engine;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::config::Config;
use ureq::http::Response;
use ureq::unversioned::transport::{Connector, DefaultConnector};
use ureq::{Agent, Body};

use super::clock::Shown;
use super::exchange::Exchange;
use super::failure::{Answer, Cause, Failure, cause};
use super::interrupt::{Attentive, Interruption, Work};
use super::known::Known;
use super::limit::{Limit, WAITED_MOST, Waits, Warm};
use crate::units::Deadline;

/// How long a write may make no progress.
pub(super) const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// The one route that is the same for all directories.
pub(super) const HEALTH: &str = "/global/health";
/// Stands for no limit where the library wants a number.
const FOREVER: Duration = Duration::from_secs(1 << 30);

/// The settings of the HTTP library. `timeout_resolve` is missing because [`Known`] resolves
/// nothing; other resolvers start a thread for any limit.
fn config() -> Config {
    Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("occtl/", env!("CARGO_PKG_VERSION")))
        .input_buffer_size(64 * 1024)
        .output_buffer_size(16 * 1024)
        // The server closes quiet connections, and a request on a closed connection fails.
        .max_idle_age(Duration::from_secs(2))
        .timeout_per_write(Some(WRITE_LIMIT))
        .timeout_send_request(Some(WRITE_LIMIT))
        .build()
}

/// Where a server is and how requests authenticate.
#[derive(Clone)]
pub struct Endpoint {
    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub url: String,
    /// The addresses of the host, if the URL has a name for it. They are tried in this order.
    pub addresses: Vec<IpAddr>,
    /// The user of Basic auth; OpenCode's own default is `opencode`.
    pub username: String,
    /// The password, if the server has one.
    pub password: Option<String>,
}

/// Without the password.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Endpoint");
        shown.field("url", &self.url).field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// A client for one server. It sends one request at a time.
pub struct Client {
    agent: Agent,
    endpoint: Endpoint,
    authorization: Option<String>,
    deadline: Cell<Deadline>,
    /// The server's clock, as the newest answer showed it.
    shown: Cell<Option<Shown>>,
    pub(super) interruption: Interruption,
    /// Whether the server has ever answered.
    is_heard: Cell<bool>,
    /// What it has answered for.
    warm: Warm,
}

/// Without the password, which the requests' headers repeat.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Client {
    /// Past which no request runs.
    pub fn deadline(&self) -> Deadline {
        self.deadline.get()
    }

    /// What the server's clock shows now, in milliseconds since 1970: this long or up to
    /// [`DATE_LAG`](super::clock::DATE_LAG) more. `None` if no answer told.
    pub fn server_time(&self) -> Option<u64> {
        self.shown.get()?.now()
    }

    /// From now on no request runs past the deadline, whatever its own limit is, and every request
    /// ends when the flag becomes other than zero.
    pub fn limit_to(&self, deadline: Deadline, flag: Option<&Arc<AtomicUsize>>) {
        self.deadline.set(deadline);
        self.interruption.set(flag.cloned());
        self.interruption.allow(None);
    }

    /// From now on every request ends when the flag becomes other than zero.
    pub fn end_by(&self, flag: &Arc<AtomicUsize>) {
        self.interruption.set(Some(flag.clone()));
    }

    /// Tells from now on by this whether a silent server works.
    pub fn watch(&self, work: Work) {
        self.interruption.watch(work);
    }

    /// Whether the flag ends every request now.
    pub fn is_interrupted(&self) -> bool {
        self.interruption.is_wanted()
    }

    /// Whether no request can be made any more, because the time for all of them is over.
    pub fn is_out_of_time(&self) -> bool {
        self.deadline.get().expired() || self.interruption.is_spent()
    }

    /// A client for that server. Nothing is sent yet. All its requests together wait for the server
    /// no longer than [`WAITED_MOST`], unless they are given another limit.
    pub fn new(endpoint: Endpoint) -> Client {
        let interruption = Interruption::default();
        interruption.allow(Some(WAITED_MOST));
        let connector = DefaultConnector::new().chain(Attentive(interruption.clone()));
        let agent = Agent::with_parts(config(), connector, Known(endpoint.addresses.clone()));
        let authorization = endpoint.password.as_ref().map(|password| {
            let pair = format!("{}:{password}", endpoint.username);
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        });
        let deadline = Cell::new(Deadline::never());
        let shown = Cell::new(None);
        let (is_heard, warm) = (Cell::new(false), Warm::default());
        Client { agent, endpoint, authorization, deadline, shown, interruption, is_heard, warm }
    }

    /// The same client over another kind of connection.
    pub(super) fn over(&self, connector: impl Connector) -> Client {
        Client {
            agent: Agent::with_parts(config(), connector, Known(self.endpoint.addresses.clone())),
            endpoint: self.endpoint.clone(),
            authorization: self.authorization.clone(),
            deadline: self.deadline.clone(),
            shown: Cell::new(None),
            interruption: self.interruption.clone(),
            is_heard: self.is_heard.clone(),
            warm: self.warm.clone(),
        }
    }

    /// Asks for JSON.
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        route: &str,
        query: &[(&str, &str)],
        limit: Limit,
    ) -> Answer<T> {
        self.send("GET", route, query, None, limit)?.json()
    }

    /// Sends JSON and reads the JSON that comes back.
    pub(super) fn submit<T: DeserializeOwned>(
        &self,
        method: &'static str,
        route: &str,
        query: &[(&str, &str)],
        body: &impl Serialize,
        limit: Limit,
    ) -> Answer<T> {
        self.send(method, route, query, Some(encode(body)), limit)?.json()
    }

    /// Sends JSON where only success or failure matters.
    pub(super) fn post_accepted(
        &self,
        route: &str,
        query: &[(&str, &str)],
        body: &impl Serialize,
        limit: Limit,
    ) -> Answer<()> {
        let exchange = self.send("POST", route, query, Some(encode(body)), limit)?;
        exchange.refuse_page()
    }

    /// Opens an answer that never ends by itself. The head must arrive within `head`.
    pub(super) fn open(
        &self,
        route: &str,
        query: &[(&str, &str)],
        head: Duration,
    ) -> Answer<Response<Body>> {
        let exchange = self.send("GET", route, query, None, Limit::Stream(head))?;
        match exchange.mime() {
            Some(mime) if mime.contains("event-stream") => Ok(exchange.response),
            other => {
                let found = other.unwrap_or("no content type").to_string();
                Err(exchange.alien(&format!("{found} instead of an event stream")))
            }
        }
    }

    pub(super) fn send(
        &self,
        method: &'static str,
        route: &str,
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
        limit: Limit,
    ) -> Answer<Exchange> {
        let request = format!("{method} {route}");
        let waits = match limit {
            Limit::Ordinary | Limit::Long | Limit::Change => {
                Some(self.waits(&request, limit, self.warm.has(route, query))?)
            }
            Limit::Silence(silence) => Some(Waits::each(silence)),
            Limit::Whole(_) | Limit::Stream(_) => None,
        };
        let exchange = self.exchange(request, self.url(route, query), body, limit, waits)?;
        self.warm.add(route, query);
        Ok(exchange)
    }

    /// How long such a request may wait. A server that has never answered is asked first whether it
    /// hangs: a directory that it loads for this request would keep it from answering for long.
    /// What changes something has room enough anyway, and a prompt should not cost one request
    /// more.
    fn waits(&self, request: &str, limit: Limit, is_warm: bool) -> Answer<Waits> {
        if matches!(limit, Limit::Change) {
            return Ok(Waits::of_change());
        }
        let silent = |failure: &Failure| matches!(failure.cause, Cause::Silent);
        if !self.is_heard.get()
            && let Err(failure) = self.check_life()
            && silent(&failure)
        {
            return Err(Failure { request: request.into(), cause: failure.cause });
        }
        let is_long = matches!(limit, Limit::Long);
        Ok(Waits::of(is_long, !is_warm, self.interruption.is_watched()))
    }

    /// Asks for something that needs no directory.
    fn check_life(&self) -> Answer<Exchange> {
        let url = self.url(HEALTH, &[]);
        let waits = Waits::of_life();
        let limit = Limit::Silence(waits.first);
        let mut exchange = self.exchange(format!("GET {HEALTH}"), url, None, limit, Some(waits))?;
        exchange.skip();
        Ok(exchange)
    }

    fn exchange(
        &self,
        request: String,
        url: String,
        body: Option<Vec<u8>>,
        limit: Limit,
        waits: Option<Waits>,
    ) -> Answer<Exchange> {
        let method = request.split(' ').next().unwrap_or_default();
        let builder = ureq::http::Request::builder().method(method).uri(url);
        let builder = match &self.authorization {
            Some(value) => builder.header("authorization", value),
            None => builder,
        };
        let sent = match body {
            Some(body) => {
                let built = builder.header("content-type", "application/json").body(body);
                built.map_err(ureq::Error::from).and_then(|built| self.run(built, limit, waits))
            }
            None => builder
                .body(())
                .map_err(ureq::Error::from)
                .and_then(|built| self.run(built, limit, waits)),
        };
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Err(Failure { request, cause: cause(error) }),
        };
        self.shown.set(Shown::by(&response).or(self.shown.get()));
        self.is_heard.set(true);
        Exchange::new(request, response).checked()
    }

    fn run<S: ureq::AsSendBody>(
        &self,
        request: ureq::http::Request<S>,
        limit: Limit,
        waits: Option<Waits>,
    ) -> Result<Response<Body>, ureq::Error> {
        let configure = self.agent.configure_request(request);
        // The library takes a limit of zero as no limit.
        let left = |limit| Some(self.deadline.get().remaining(limit).max(Duration::from_millis(1)));
        self.interruption.expect(waits);
        let configured = match (limit, waits) {
            (_, Some(waits)) => configure
                .timeout_global(left(FOREVER))
                .timeout_connect(Some(waits.idle))
                .timeout_recv_response(Some(waits.first))
                .timeout_per_read(Some(waits.first)),
            (Limit::Stream(head), None) => configure
                .timeout_connect(left(head))
                .timeout_recv_response(left(head))
                // The library applies this limit to the reads of the head too, so one tick would be
                // too short. [`Ticking`](super::interrupt::Ticking) ends the reads of the body
                // after one tick.
                .timeout_per_read(Some(head)),
            (Limit::Whole(limit), None) => configure.timeout_global(left(limit)),
            (_, None) => configure.timeout_global(left(FOREVER)),
        }
        .build();
        self.agent.run(configured)
    }

    fn url(&self, route: &str, query: &[(&str, &str)]) -> String {
        let mut url = format!("{}{route}", self.endpoint.url);
        for (index, (name, value)) in query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(&escape(value));
        }
        url
    }
}

/// Percent-encodes everything but unreserved characters.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

pub(super) fn encode(body: &impl Serialize) -> Vec<u8> {
    // Our own structs have string keys and no fields that can fail.
    serde_json::to_vec(body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn queries_are_escaped() {
        assert_eq!(escape("/srv/a b&c=ü"), "%2Fsrv%2Fa%20b%26c%3D%C3%BC");
    }

    #[test]
    fn neither_failures_nor_debug_output_show_the_password() {
        let endpoint = Endpoint {
            url: "http://127.0.0.1:1".into(),
            addresses: Vec::new(),
            username: "opencode".into(),
            password: Some("s3cret".into()),
        };
        let client = Client::new(endpoint.clone());
        let authorization = client.authorization.clone().unwrap();
        let failure =
            client.get::<Value>("/x", &[], Limit::Whole(Duration::from_secs(1))).unwrap_err();
        let text = format!("{failure} {failure:?} {client:?} {endpoint:?}");
        assert!(!text.contains("s3cret") && !text.contains(&authorization), "{text}");
        assert!(text.contains("GET /x") && text.contains("127.0.0.1"), "{text}");
    }
}

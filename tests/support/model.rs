//! The scripted model: an OpenAI-compatible provider on loopback that does what the prompt says.
//!
//! `model_script` lists the directives. Usage is deterministic: every answer costs
//! [`PROMPT_TOKENS`] prompt tokens, and one completion token for each delta (a tool call counts as
//! one).

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http_server::{Connection, Request, Server};
use super::model_answer::{Context, stream, whole};
use super::model_script::{Action, Purpose, Step, parse, purpose, words};
use super::model_solver::Solver;

/// The size of the prompt that every answer tells.
pub const PROMPT_TOKENS: u64 = 100;
/// The answer to OpenCode's request for a title.
pub const TITLE: &str = "Scripted title";
/// The answer to OpenCode's request for a summary.
pub const SUMMARY: &str = "Scripted summary";
/// The answer when the directives are used up.
pub const DONE: &str = "done";

/// A model. It runs on threads of this process until it is dropped.
pub struct Model {
    server: Server,
    shared: Arc<Shared>,
}

/// What the connections' threads and the test both see.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    requests: Vec<Value>,
    titles: Vec<Value>,
    released: HashSet<String>,
    waiting: HashSet<String>,
    /// Failures delivered so far, by message text and step.
    failures: HashMap<(String, usize), u64>,
    calls: u64,
    /// Knows tasks of a benchmark.
    solver: Option<Solver>,
    /// Answers that are being given.
    open: usize,
    /// Whether every answer has a connection of its own.
    closes: bool,
    stopping: bool,
}

impl Model {
    /// Starts a model on a free port.
    pub fn start() -> Self {
        Self::start_on(0).expect("a free port on loopback")
    }

    /// Starts a model on a given port, 0 for any.
    pub fn start_on(port: u16) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let server =
            Server::start(listener, move |request, connection| handle(&seen, request, connection))?;
        Ok(Self { server, shared })
    }

    /// From now on it solves the tasks that the solver knows, sometimes.
    pub fn solve(&self, solver: Solver) {
        self.shared.lock().solver = Some(solver);
    }

    /// From now on it closes every connection after one answer. When one breaks that OpenCode uses
    /// again, its own HTTP client sends the request once more, and the turn does not show it.
    pub fn close_connections(&self) {
        self.shared.lock().closes = true;
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The provider's base URL, as OpenCode's configuration wants it.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port())
    }

    /// The bodies of the chat requests so far, without those for titles, which may come at any
    /// time.
    pub fn requests(&self) -> Vec<Value> {
        self.shared.lock().requests.clone()
    }

    /// The bodies of the requests for titles so far.
    pub fn title_requests(&self) -> Vec<Value> {
        self.shared.lock().titles.clone()
    }

    /// How many chat requests came so far, without those for titles.
    pub fn request_count(&self) -> usize {
        self.shared.lock().requests.len()
    }

    /// Waits until `count` chat requests have come; panics after `timeout`.
    pub fn wait_for_requests(&self, count: usize, timeout: Duration) {
        self.wait(timeout, &format!("{count} model requests"), |state| {
            state.requests.len() >= count
        });
    }

    /// How many answers are being given. An answer whose client hung up is not.
    pub fn open_answers(&self) -> usize {
        self.shared.lock().open
    }

    /// Waits until a request has reached `[[wait NAME]]`; panics after `timeout`.
    pub fn wait_for_gate(&self, name: &str, timeout: Duration) {
        self.wait(timeout, &format!("a request at the gate {name:?}"), |state| {
            state.waiting.contains(name)
        });
    }

    /// Lets every request pass `[[wait NAME]]`, now and later.
    pub fn release(&self, name: &str) {
        self.shared.lock().released.insert(name.to_owned());
        self.shared.changed.notify_all();
    }

    fn wait(&self, timeout: Duration, what: &str, done: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + timeout;
        let mut state = self.shared.lock();
        while !done(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "no {what} within {timeout:?}; {} requests came",
                state.requests.len()
            );
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    /// Takes the lock, also a poisoned one: that would hide the message of the test that panicked.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Counts a failure that happens only `times` times, and says whether it is due once more.
    fn take_failure(&self, text: &str, index: usize, times: Option<u64>) -> bool {
        let Some(times) = times else { return true };
        let mut state = self.lock();
        let count = state.failures.entry((text.to_owned(), index)).or_default();
        let due = *count < times;
        *count += u64::from(due);
        due
    }
}

impl Context for Shared {
    fn pass_gate(&self, name: &str) {
        let mut state = self.lock();
        state.waiting.insert(name.to_owned());
        self.changed.notify_all();
        while !state.stopping && !state.released.contains(name) {
            state = self.changed.wait(state).unwrap();
        }
    }

    fn call_number(&self) -> u64 {
        let mut state = self.lock();
        state.calls += 1;
        state.calls
    }
}

fn handle(shared: &Shared, request: &Request, connection: &mut Connection) -> io::Result<()> {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/v1/chat/completions") => {
            let closes = {
                let mut state = shared.lock();
                state.open += 1;
                state.closes
            };
            if closes {
                connection.announce_end();
            }
            let answered = chat(shared, &request.json(), connection);
            shared.lock().open -= 1;
            if closes {
                answered.and(Err(io::ErrorKind::ConnectionAborted.into()))
            } else {
                answered
            }
        }
        ("GET", "/v1/models") => connection.json(
            200,
            &json!({"object": "list", "data": [
                {"id": "echo", "object": "model", "owned_by": "scripted"},
                {"id": "other", "object": "model", "owned_by": "scripted"},
            ]}),
        ),
        _ => connection.json(404, &error_body("no such route")),
    }
}

fn error_body(message: &str) -> Value {
    json!({"error": {"message": message, "type": "scripted_error", "param": null, "code": null}})
}

fn chat(shared: &Shared, body: &Value, connection: &mut Connection) -> io::Result<()> {
    let purpose = purpose(body);
    {
        let mut state = shared.lock();
        match purpose {
            Purpose::Title => state.titles.push(body.clone()),
            _ => state.requests.push(body.clone()),
        }
    }
    shared.changed.notify_all();
    let say = |text: &str| vec![Action::Say { deltas: words(text), pause_ms: 0 }];
    let step = match purpose {
        Purpose::Title => say(TITLE),
        Purpose::Summary => say(SUMMARY),
        Purpose::Turn { text, step } => {
            match solved(shared, body, &text, step).or_else(|| next_step(shared, &text, step)) {
                Some(step) => step,
                None if parse(&text).is_empty() => say(&text),
                None => say(DONE),
            }
        }
    };
    match step.first() {
        // An error status cannot follow the head of a good answer, so it is decided first.
        Some(Action::Http { status, message, .. }) => {
            connection.json(*status, &error_body(message))
        }
        Some(Action::Silence) => connection.wait_until_closed(),
        _ if body["stream"] == true => stream(shared, &step, body, connection),
        _ => whole(shared, &step, body, connection),
    }
}

/// The step of a task that the model knows.
fn solved(shared: &Shared, body: &Value, text: &str, step: usize) -> Option<Step> {
    let model = body["model"].as_str().unwrap_or_default();
    shared.lock().solver.as_mut()?.step(model, text, step)
}

/// The step that is due. Errors that have happened often enough are passed over.
fn next_step(shared: &Shared, text: &str, mut step: usize) -> Option<Step> {
    for (index, actions) in parse(text).into_iter().enumerate() {
        if let times @ Some(_) = actions.last().and_then(Action::times) {
            if step == 0 && shared.take_failure(text, index, times) {
                return Some(actions.into_iter().rev().take(1).collect());
            }
            continue;
        }
        if step == 0 {
            return Some(actions);
        }
        step -= 1;
    }
    None
}

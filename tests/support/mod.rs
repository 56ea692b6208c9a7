//! What the tests stand on: a scripted model, a stand-in server with faults, the real OpenCode, and
//! a sandbox for occtl.

pub mod atif;
pub mod bubblewrap;
pub mod collected;
pub mod command;
pub mod foreign;
pub mod guides;
pub mod http_client;
pub mod http_server;
pub mod model;
pub mod model_answer;
pub mod model_script;
pub mod model_solver;
pub mod opencode;
pub mod ports;
pub mod processes;
pub mod records;
pub mod rounds;
pub mod sandbox;
pub mod schemas;
pub mod seats;
pub mod serving;
pub mod session;
pub mod terminal;
pub mod trials;
pub mod yaml;

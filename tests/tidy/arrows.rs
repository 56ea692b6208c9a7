//! Who may use whom: the layers of the crate, and the rooms of `runner`.

use super::modules::Tree;
use super::{assert_none, source};

/// Places of the source, and which others each may use. A module in a place that is not listed is a
/// fault.
struct Plan {
    arrows: &'static [(&'static str, &'static [&'static str])],
    /// Places that all others may use.
    ground: &'static [&'static str],
    /// The place of a module, if it is in any.
    place: fn(&str) -> Option<&str>,
}

const LAYERS: Plan = Plan {
    arrows: &[
        ("main", &["cli"]),
        ("cli", &["bench", "runner"]),
        ("bench", &["runner"]),
        ("runner", &["client", "store", "process"]),
        ("client", &[]),
        ("store", &[]),
        ("process", &[]),
        ("error", &[]),
        ("random", &[]),
        ("sorting", &[]),
        ("units", &[]),
    ],
    ground: &["error", "random", "sorting", "units"],
    place: |module| match module {
        "" => Some("main"),
        _ => module.split("::").next(),
    },
};

/// `runner` itself is no room: it hands on what its rooms define.
const ROOMS: Plan = Plan {
    arrows: &[
        ("run", &["prompt", "lifecycle", "asks", "conversation", "session", "turn"]),
        ("prompt", &["asks", "conversation", "session", "turn"]),
        ("lifecycle", &["asks", "conversation", "session", "turn"]),
        ("asks", &["conversation", "session", "turn"]),
        ("conversation", &["session", "turn"]),
        ("session", &["turn"]),
        ("turn", &[]),
        ("init", &[]),
        ("nearest", &[]),
        ("input", &[]),
        ("programs", &[]),
        ("context", &["environment", "signals"]),
        ("environment", &[]),
        ("signals", &[]),
    ],
    ground: &["context", "environment", "signals", "nearest", "input", "programs"],
    place: |module| module.strip_prefix("runner::")?.split("::").next(),
};

impl Plan {
    /// Why a place may not use another one, if it may not.
    fn fault(&self, from: &str, to: &str) -> Option<String> {
        let Some((_, allowed)) = self.arrows.iter().find(|(place, _)| *place == from) else {
            return Some(format!("{from} is no place of the house"));
        };
        let common = self.ground.contains(&to) && !self.ground.contains(&from);
        let fine = from == to || common || allowed.contains(&to);
        (!fine).then(|| format!("{from} uses {to}"))
    }

    /// Modules that are in no place, and uses that run against the arrows. The place that counts is
    /// the one that the code names: for `cli`, a type of `client` that `runner` hands on is one of
    /// `runner`.
    fn faults(&self, tree: &Tree) -> Vec<String> {
        let lost = tree.modules().filter_map(|module| {
            let place = (self.place)(module)?;
            Some(format!("{}: {}", tree.file(module), self.fault(place, place)?))
        });
        let links = tree.links();
        let wrong = links.iter().filter_map(|link| {
            let from = (self.place)(&link.from)?;
            let to = (self.place)(&link.named).or_else(|| (self.place)(&link.home))?;
            let fault = self.fault(from, to)?;
            Some(format!("{}: {fault}, because of {}", tree.file(&link.from), link.item))
        });
        lost.chain(wrong).collect()
    }
}

/// The faults of one file among empty modules for all places.
fn faults_of(plan: &Plan, folder: &str, file: &str, text: &str) -> Vec<String> {
    let places =
        plan.arrows.iter().map(|(place, _)| (format!("{folder}/{place}.rs"), String::new()));
    let files: Vec<_> = [("src/runner.rs".into(), String::new())]
        .into_iter()
        .chain(places)
        .chain([(file.to_owned(), text.to_owned())])
        .collect();
    plan.faults(&Tree::of(&files))
}

#[test]
fn no_import_runs_against_the_layers() {
    assert_none(&LAYERS.faults(source()));
    for (file, text) in [
        ("src/client/http.rs", "use crate::store::Record;"),
        ("src/client/http.rs", "pub use crate::store::Record;"),
        ("src/cli/commands/x.rs", "use crate::{error::Error, client::{Client, Event}};"),
        ("src/process/mod.rs", "fn f() { crate::runner::start() }"),
        ("src/runner/stop.rs", "use super::super::cli::App;"),
        ("src/units.rs", "use super::error::Error;"),
        ("src/runner/stop.rs", "use crate::cli;\nfn f() { cli::print() }"),
        ("src/other.rs", ""),
    ] {
        assert!(!faults_of(&LAYERS, "src", file, text).is_empty(), "{file}: {text}");
    }
    for (file, text) in [
        ("src/runner/stop.rs", "use crate::{client::store_of, process};\nuse super::cli_like;"),
        (
            "src/client/http.rs",
            "// crate::store\n#[cfg(test)]\nmod tests {\n    use crate::store::Record;\n}\n",
        ),
        ("src/client/http.rs", "fn f() -> &str { \"crate::store::Record\" }"),
    ] {
        assert_none(&faults_of(&LAYERS, "src", file, text));
    }
}

#[test]
fn no_import_runs_against_the_rooms_of_the_runner() {
    assert_none(&ROOMS.faults(source()));
    for (file, text) in [
        ("src/runner/turn/mod.rs", "use super::session::Server;"),
        ("src/runner/prompt/hook.rs", "use crate::runner::lifecycle::stop;"),
        ("src/runner/lifecycle/stop.rs", "fn f(x: super::super::prompt::Hook) {}"),
        ("src/runner/asks/mod.rs", "pub use super::run::Options;"),
        ("src/runner/context.rs", "use super::session::{self, Server as Other};"),
        ("src/runner/turn/mod.rs", "pub use super::session;"),
        ("src/runner/attic/mod.rs", ""),
    ] {
        assert!(!faults_of(&ROOMS, "src/runner", file, text).is_empty(), "{file}: {text}");
    }
    for (file, text) in [
        ("src/runner/run.rs", "use super::{prompt::Hook, lifecycle::stop, context::Context};"),
        ("src/runner/mod.rs", "pub use lifecycle::stop;\npub use turn::Turn;"),
        ("src/runner/asks/mod.rs", "use super::conversation::{self, Found};"),
    ] {
        assert_none(&faults_of(&ROOMS, "src/runner", file, text));
    }
}

#[test]
fn a_re_export_of_the_runner_leads_to_the_room_behind_it() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let tree = Tree::of(&[
        file("src/runner/mod.rs", "pub use lifecycle::*;"),
        file("src/runner/lifecycle/mod.rs", "pub use stop::stop as end;"),
        file("src/runner/lifecycle/stop.rs", "pub fn stop() {}"),
        file("src/runner/turn/mod.rs", "use super::end;"),
    ]);
    assert_eq!(
        ROOMS.faults(&tree),
        ["src/runner/turn/mod.rs: turn uses lifecycle, because of stop"]
    );
}

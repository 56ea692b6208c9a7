//! What a turn cost, where the server reckons no cost.

use serde_json::{Value, json};

use crate::support::command::Outcome;
use crate::support::opencode::config;
use crate::support::sandbox::Sandbox;

/// A turn with one step that calls a tool, and another one that answers.
const TWO_STEPS: &str = "[[bash true]][[echo done]]";

/// A sandbox whose OpenCode also has a model without a price, and one whose price is 0.
fn sandbox(name: &str) -> (Sandbox, crate::support::model::Model) {
    let (sandbox, model) = Sandbox::real(name);
    let mut config = config(&model);
    let models = &mut config["provider"]["scripted"]["models"];
    models["bare"] = models["echo"].clone();
    models["bare"].as_object_mut().unwrap().remove("cost");
    models["free"] = models["echo"].clone();
    models["free"]["cost"] = json!({"input": 0, "output": 0});
    sandbox.configure(&sandbox.work(), &config);
    (sandbox, model)
}

#[test]
fn a_cost_of_nothing_is_told_only_where_the_price_is_nothing() {
    let (sandbox, _model) = sandbox("costs");
    let id = sandbox.start(&[]);
    let send = |model: &str, flags: &[&str]| -> Outcome {
        let words = ["send", &id, "--title", "t", "--wait", "--json", "-m", model, TWO_STEPS];
        sandbox.occtl(&words).args(flags).run()
    };
    let costs =
        |document: &Value| (document["cost_usd"].clone(), document["cost_known_usd"].clone());
    let usage = |record: &Value| {
        let conversation = record["conversation"].as_str().unwrap();
        sandbox.occtl(&["usage", &id, "-s", conversation, "--json"]).run().ok().json()
    };
    let bare = send("scripted/bare", &["--max-cost", "1"]).ok();
    let record = bare.json();
    assert_eq!(costs(&record), (Value::Null, Value::Null), "{record}");
    assert_eq!(record["limits_unenforceable"], json!(["--max-cost"]));
    assert!(bare.stderr.contains("scripted/bare has no price"), "{}", bare.stderr);
    assert_eq!(bare.stderr.matches("warning").count(), 1, "{}", bare.stderr);
    let told = usage(&record);
    assert_eq!(costs(&told["total"]), (Value::Null, Value::Null), "{told}");

    let free = send("scripted/free", &["--max-cost", "1"]).ok();
    let record = free.json();
    assert_eq!(costs(&record), (json!(0.0), json!(0.0)), "{record}");
    assert_eq!((&record["limits_unenforceable"], free.stderr.as_str()), (&json!([]), ""));
    assert_eq!(costs(&usage(&record)["total"]), (json!(0.0), json!(0.0)));

    let paid = send("scripted/echo", &["--max-cost", "1"]).ok();
    let record = paid.json();
    assert!(record["cost_usd"].as_f64().unwrap() > 0.0, "{record}");
    assert_eq!((&record["cost_usd"], paid.stderr.as_str()), (&record["cost_known_usd"], ""));
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

//! An answer is held against a schema only as far as that is understood.

use serde_json::{Value, json};

use super::{sandbox, send};

#[test]
fn an_answer_is_not_refused_for_what_is_not_understood_of_its_schema() {
    let sandbox = sandbox("schemas", json!({}));
    let session = sandbox.start(&[]);
    let path = sandbox.work().join("schema.json");
    let flags = ["--wait", "--json", "--schema", path.to_str().unwrap()];
    let answer = |schema: &Value, text: &str| {
        std::fs::write(&path, schema.to_string()).unwrap();
        send(&sandbox, &session, &json!({"turn": {"text": text}}), &flags)
    };
    let patterns = json!({"patternProperties": {"^x": {}}, "additionalProperties": false});
    let sent = answer(&patterns, r#"{"x1": 1}"#).ok();
    assert_eq!(sent.json()["structured"], json!({"x1": 1}));
    assert!(sent.stderr.contains("patternProperties is left to the model"), "{}", sent.stderr);
    let sent = answer(&json!({"const": 1}), "1.0").ok();
    assert_eq!(sent.stderr, "");
    // A schema that leads nowhere is refused before anything is asked.
    let asked = sandbox.stand_in_requests().len();
    let failed = answer(&json!({"$ref": "#/$defs/a%20b"}), "1").fails(2);
    assert!(failed.stderr.contains("$ref"), "{}", failed.stderr);
    assert_eq!(sandbox.stand_in_requests().len(), asked);
}

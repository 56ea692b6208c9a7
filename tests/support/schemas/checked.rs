//! Holds a document against a schema of `docs/json/`, more strictly than the schema says: a field
//! that it does not name is a fault, because it should have been documented. For everybody else it
//! may be there, so that a new field breaks nothing.

use serde_json::{Value, json};

/// What of a document is not as the schema says, in words. Of several forms, those of the form that
/// fits best.
pub fn faults(schema: &Value, document: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    Check { root: schema }.hold(schema, document, "", &mut faults);
    faults
}

struct Check<'a> {
    /// Where the shared objects are.
    root: &'a Value,
}

impl Check<'_> {
    fn hold(&self, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
        if let Some(path) = schema["$ref"].as_str() {
            let shared = self.root.pointer(path.trim_start_matches('#')).expect("the object");
            return self.hold(shared, value, place, faults);
        }
        if let Some(forms) = schema["anyOf"].as_array() {
            let of_form = |form| {
                let mut faults = Vec::new();
                self.hold(form, value, place, &mut faults);
                faults
            };
            let best = forms.iter().map(of_form).min_by_key(Vec::len);
            return faults.extend(best.unwrap_or_default());
        }
        if !has_type(&schema["type"], value) || !has_format(&schema["format"], value) {
            let wanted = if schema["format"].is_null() { "" } else { " (a time)" };
            faults.push(format!("`{place}` is {value}, not {}{wanted}", schema["type"]));
            return;
        }
        match value {
            Value::Array(items) => {
                let place = format!("{place}[]");
                items.iter().for_each(|item| self.hold(&schema["items"], item, &place, faults));
            }
            Value::Object(_) if !schema["type"].is_null() => {
                self.hold_fields(schema, value, place, faults);
            }
            _ => {}
        }
    }

    fn hold_fields(&self, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
        let within = |name: &str| match place {
            "" => name.to_owned(),
            _ => format!("{place}.{name}"),
        };
        for (name, inner) in value.as_object().into_iter().flatten() {
            let field = schema["properties"].get(name).or(schema.get("additionalProperties"));
            match field {
                Some(Value::Bool(true)) => {}
                Some(field) => self.hold(field, inner, &within(name), faults),
                None => faults.push(format!("`{}` is not described: {inner}", within(name))),
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if value.get(name).is_none() {
                faults.push(format!("`{}` is described, but not there", within(name)));
            }
        }
    }
}

/// Whether a value is of a type, or of one of several; everything is where none is named.
fn has_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap_or_default() {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the checker does not know the type {other:?}"),
    };
    match wanted {
        Value::Null => true,
        Value::Array(names) => names.iter().any(is),
        name => is(name),
    }
}

/// Whether a time is RFC 3339 in UTC.
fn has_format(format: &Value, value: &Value) -> bool {
    let Some(text) = value.as_str().filter(|_| format == "date-time") else { return true };
    text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
}

#[test]
fn each_way_to_be_wrong_is_named_with_its_place() {
    let schema = json!({
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "at": {"type": ["string", "null"], "format": "date-time"},
            "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}},
            "labels": {"type": "object", "additionalProperties": true},
            "free": {}},
        "required": ["id"],
        "$defs": {"row": {"type": "object", "properties": {"n": {"type": "number"}},
                          "required": ["n"]}}});
    let right = json!({"id": "a", "at": null, "rows": [{"n": 1}], "labels": {"x": "y"},
                       "free": {"any": 1}});
    assert_eq!(faults(&schema, &right), [""; 0]);
    for (wrong, fault) in [
        (json!({"id": "a", "new": 1}), "`new` is not described: 1"),
        (json!({}), "`id` is described, but not there"),
        (json!({"id": null}), "`id` is null, not \"string\""),
        (json!({"id": "a", "rows": [{"n": 1, "x": 2}]}), "`rows[].x` is not described: 2"),
        (json!({"id": "a", "rows": [{}]}), "`rows[].n` is described, but not there"),
        (json!({"id": "a", "at": "2026-01-01T00:00:00+01:00"}), "(a time)"),
    ] {
        let found = faults(&schema, &wrong);
        assert!(found.len() == 1 && found[0].contains(fault), "{wrong}: {found:?}");
    }
}

#[test]
fn of_several_forms_the_one_that_fits_best_is_spoken_of() {
    let form = |names: &[&str]| {
        let fields: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!({"type": "number"}))).collect();
        json!({"type": "object", "properties": fields, "required": names})
    };
    let schema = json!({"anyOf": [form(&["a", "b", "c"]), form(&["x"])]});
    assert_eq!(faults(&schema, &json!({"x": 1})), [""; 0]);
    let found = faults(&schema, &json!({"a": 1, "b": 2, "c": 3, "new": 4}));
    assert_eq!(found, ["`new` is not described: 4"]);
}

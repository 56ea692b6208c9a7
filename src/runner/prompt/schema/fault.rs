//! Whether a document is a JSON schema.

use serde_json::Value;

use super::place::find;

/// The types of JSON Schema.
const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "integer", "string"];

/// What is wrong with a schema, with its place in the document. A keyword with a misspelt value
/// would otherwise check nothing, or refuse every answer. Keywords that we do not know are left to
/// the server.
pub fn fault(root: &Value, schema: &Value, place: &str) -> Option<String> {
    let Some(rules) = schema.as_object() else {
        let wrong = || format!("{place} is neither an object nor a boolean");
        return (!schema.is_boolean()).then(wrong);
    };
    rules.iter().find_map(|(key, value)| {
        let here = format!("{place}/{key}");
        match wanted_instead(root, key, value) {
            Some(wanted) => Some(format!("{here} is {value}, and not {wanted}")),
            None => fault_below(root, key, value, &here),
        }
    })
}

/// What a keyword should have as its value, if this one is wrong. Schemas inside are not looked at.
fn wanted_instead(root: &Value, key: &str, value: &Value) -> Option<String> {
    match key {
        "type" => (!is_type(value)).then(|| format!("a type ({})", TYPES.join(", "))),
        "enum" if value.as_array().is_none_or(Vec::is_empty) => Some("a list of values".into()),
        // In the first drafts it was a boolean.
        "required" if !is_list_of_names(value) && !value.is_boolean() => {
            Some("a list of names".into())
        }
        // They were booleans up to the fourth draft.
        "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => None,
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "minLength"
        | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
            if !value.is_number() =>
        {
            Some("a number".into())
        }
        "$ref" if !may_be_found(root, value) => Some("a place within it".into()),
        _ => None,
    }
}

/// Whether this is the name of a type, or a list of such names.
fn is_type(value: &Value) -> bool {
    let is_name = |name: &Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
    match value {
        Value::Array(names) => !names.is_empty() && names.iter().all(is_name),
        name => is_name(name),
    }
}

fn is_list_of_names(value: &Value) -> bool {
    value.as_array().is_some_and(|names| names.iter().all(Value::is_string))
}

/// Whether a `$ref` leads somewhere. What it leads to in another document is not checked.
fn may_be_found(root: &Value, target: &Value) -> bool {
    let Some(target) = target.as_str() else { return false };
    !target.starts_with('#') || find(root, target).is_some()
}

/// What is wrong with the schemas inside a keyword's value.
fn fault_below(root: &Value, key: &str, value: &Value, here: &str) -> Option<String> {
    match (key, value) {
        ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(all)) => {
            all.iter().find_map(|(name, one)| fault(root, one, &format!("{here}/{name}")))
        }
        ("properties" | "patternProperties" | "$defs" | "definitions", _) => {
            Some(format!("{here} is no object"))
        }
        ("allOf" | "anyOf" | "oneOf" | "prefixItems" | "items", Value::Array(all)) => {
            let mut all = all.iter().enumerate();
            all.find_map(|(at, one)| fault(root, one, &format!("{here}/{at}")))
        }
        ("allOf" | "anyOf" | "oneOf" | "prefixItems", _) => Some(format!("{here} is no list")),
        ("items" | "additionalProperties" | "not", one) => fault(root, one, here),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_wrong_with_a_schema_is_named_with_its_place() {
        let fault = |schema: Value| super::fault(&schema, &schema, "");
        for good in [
            json!({}),
            json!({"type": ["string", "null"], "pattern": 5, "title": {}, "default": {"type": 1}}),
            json!({"type": "array", "items": false, "minItems": 1}),
            json!({"type": "object", "required": ["type"], "additionalProperties": false,
                "properties": {"type": {"type": "string"}, "of": {"$ref": "#/$defs/of"}},
                "$defs": {"of": {"enum": [1], "anyOf": [{"const": 1}]}}}),
            json!({"items": [{"type": "integer"}], "$ref": "#"}),
            json!({"minimum": 0, "exclusiveMinimum": true, "required": true}),
            json!({"anyOf": [{"$ref": "#leaf"}, {"$ref": "other.json"}, {"$anchor": "leaf"}]}),
            json!({"$ref": "#/$defs/a%20b", "$defs": {"a b": true}}),
        ] {
            assert_eq!(fault(good.clone()), None, "{good}");
        }
        for (bad, place) in [
            (json!({"type": "strng"}), "/type is \"strng\""),
            (json!({"type": ["string", 1]}), "/type is"),
            (json!({"properties": {"a": {"type": "int"}}}), "/properties/a/type is \"int\""),
            (json!({"properties": []}), "/properties is no object"),
            (json!({"required": "a"}), "/required is \"a\", and not a list of names"),
            (json!({"enum": "a"}), "/enum is"),
            (json!({"minimum": "1"}), "/minimum is \"1\", and not a number"),
            (json!({"items": "string"}), "/items is neither"),
            (json!({"anyOf": [true, {"not": 1}]}), "/anyOf/1/not is neither"),
            (json!({"oneOf": {}}), "/oneOf is no list"),
            (json!({"$ref": "#/$defs/none"}), "/$ref is"),
            (json!({"$ref": "#/$defs/a%20b"}), "/$ref is"),
            (json!({"$ref": "#leaf"}), "/$ref is"),
            (json!({"$ref": 1}), "/$ref is"),
            (json!({"type": []}), "/type is []"),
            (json!({"enum": []}), "/enum is []"),
        ] {
            let told = fault(bad.clone()).unwrap_or_default();
            assert!(told.starts_with(place), "{bad}: {told}");
        }
    }
}

//! Whether a document is a JSON schema.

use serde_json::Value;

/// The types of JSON Schema.
const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "integer", "string"];

/// What is wrong with a schema, with its place: a keyword that is misspelt in its value would otherwise check
/// nothing, or refuse every answer. Keywords that we do not know are the server's.
pub fn fault(root: &Value, schema: &Value, place: &str) -> Option<String> {
    let Some(rules) = schema.as_object() else {
        return (!schema.is_boolean())
            .then(|| format!("{place} is neither an object nor a boolean"));
    };
    let is_type = |name: &Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
    let texts = |all: &Value| all.as_array().is_some_and(|all| all.iter().all(Value::is_string));
    for (key, value) in rules {
        let here = format!("{place}/{key}");
        let wanted = match key.as_str() {
            "type" if !is_type(value) => {
                let many = value.as_array().filter(|all| !all.is_empty());
                let many = many.is_some_and(|all| all.iter().all(is_type));
                (!many).then(|| format!("a type ({})", TYPES.join(", ")))
            }
            "enum" if value.as_array().is_none_or(Vec::is_empty) => Some("a list of values".into()),
            // It was a boolean in the first drafts, as the exclusive limits were until the fourth.
            "required" if !texts(value) && !value.is_boolean() => Some("a list of names".into()),
            "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => None,
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "minLength"
            | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
                if !value.is_number() =>
            {
                Some("a number".into())
            }
            // Anchors, other documents and escapes are looked at when an answer needs them.
            "$ref" => {
                let plain = |path: &&str| path.starts_with('/') && !path.contains('%');
                let path = value.as_str().and_then(|path| path.strip_prefix('#')).filter(plain);
                let lost = path.is_some_and(|path| root.pointer(path).is_none());
                (lost || !value.is_string()).then(|| "a place within it".into())
            }
            _ => None,
        };
        if let Some(wanted) = wanted {
            return Some(format!("{here} is {value}, and not {wanted}"));
        }
        let deeper = match (key.as_str(), value) {
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
            ("items" | "additionalProperties" | "not", one) => fault(root, one, &here),
            _ => None,
        };
        if deeper.is_some() {
            return deeper;
        }
    }
    None
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
            json!({"anyOf": [{"$ref": "#leaf"}, {"$ref": "other.json"}, {"$ref": "#/$defs/a%20b"}]}),
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
            (json!({"$ref": 1}), "/$ref is"),
            (json!({"type": []}), "/type is []"),
            (json!({"enum": []}), "/enum is []"),
        ] {
            let told = fault(bad.clone()).unwrap_or_default();
            assert!(told.starts_with(place), "{bad}: {told}");
        }
    }
}

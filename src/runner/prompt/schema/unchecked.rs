//! What of a schema we do not check.

use std::collections::BTreeSet;

use serde_json::Value;

use super::place::find;

/// What is checked, and what only describes.
const UNDERSTOOD: [&str; 46] = [
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$id",
    "$recursiveAnchor",
    "$ref",
    "$schema",
    "$vocabulary",
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contentEncoding",
    "contentMediaType",
    "default",
    "definitions",
    "deprecated",
    "description",
    "enum",
    "example",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "id",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "not",
    "nullable",
    "oneOf",
    "prefixItems",
    "properties",
    "readOnly",
    "required",
    "title",
    "type",
    "writeOnly",
];

/// The keywords of a schema, and of all schemas in it, that are not checked.
pub fn unchecked(root: &Value, schema: &Value) -> BTreeSet<String> {
    let mut walk = Walk { root, seen: Vec::new(), found: BTreeSet::new() };
    walk.schema(schema);
    walk.found
}

struct Walk<'a> {
    root: &'a Value,
    /// The schemas that a `$ref` has led to.
    seen: Vec<&'a Value>,
    found: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    fn schema(&mut self, schema: &'a Value) {
        for (key, value) in schema.as_object().into_iter().flatten() {
            match (key.as_str(), value) {
                ("$ref", Value::String(target)) => self.reference(target),
                // They were booleans up to the fourth draft.
                ("exclusiveMinimum" | "exclusiveMaximum", Value::Bool(true)) => {
                    self.found.insert(key.clone());
                }
                ("properties" | "$defs" | "definitions", Value::Object(all)) => {
                    all.values().for_each(|one| self.schema(one));
                }
                ("allOf" | "anyOf" | "oneOf" | "prefixItems" | "items", Value::Array(all)) => {
                    all.iter().for_each(|one| self.schema(one));
                }
                ("items" | "additionalItems" | "additionalProperties" | "not", one) => {
                    self.schema(one);
                }
                (key, _) if UNDERSTOOD.contains(&key) => {}
                _ => {
                    self.found.insert(key.clone());
                }
            }
        }
    }

    fn reference(&mut self, target: &str) {
        match find(self.root, target) {
            None => {
                self.found.insert(format!("$ref {target}"));
            }
            Some(found) if self.seen.iter().any(|one| std::ptr::eq(*one, found)) => {}
            Some(found) => {
                self.seen.push(found);
                self.schema(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_checked_is_named() {
        let unchecked = |schema: Value| unchecked(&schema, &schema).into_iter().collect::<Vec<_>>();
        let good = json!({"title": "t", "properties": {"pattern": {"type": "string", "format":
            "uri"}}, "items": {"$ref": "#"}, "enum": [{"if": 1}]});
        assert_eq!(unchecked(good), Vec::<String>::new());
        let odd = json!({"patternProperties": {"^a": {}}, "properties": {"a": {"pattern": "x"}},
            "allOf": [{"if": {}}], "items": {"$ref": "other.json"}, "exclusiveMinimum": true});
        let names = ["$ref other.json", "exclusiveMinimum", "if", "pattern", "patternProperties"];
        assert_eq!(unchecked(odd), names);
    }
}

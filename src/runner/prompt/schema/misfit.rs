//! Whether an answer fits a JSON schema, by the part of the language that is used with models.
//!
//! Checked are `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`,
//! `prefixItems`, the limits of numbers, strings, arrays and objects, `anyOf`, `oneOf`, `allOf`,
//! `not`, and `$ref` within the document. Other keywords (`pattern`, `patternProperties`, …) are
//! left to the server. An answer that only they can tell from a wrong one fits.

use serde_json::Value;

use super::place::find;
use super::unchecked::unchecked;

/// How deeply schemas for one value may be nested: a `$ref` to itself must not run for ever.
const DEEPEST: usize = 32;

/// What in `value` does not fit, with its place; `None` if all of it fits.
pub fn misfit(schema: &Value, value: &Value) -> Option<String> {
    Check { root: schema }.value(schema, value, "", 0).err()
}

/// Checks values against parts of one schema.
struct Check<'a> {
    root: &'a Value,
}

/// The rules of a schema that is an object.
type Rules = serde_json::Map<String, Value>;

/// The error says what does not fit.
type Fit = std::result::Result<(), String>;

impl Check<'_> {
    /// Checks a value that stands at `place` of the answer, with a schema that is nested `depth`
    /// deep.
    fn value(&self, schema: &Value, value: &Value, place: &str, depth: usize) -> Fit {
        let no = |why: String| Err(format!("{} {why}", if place.is_empty() { "/" } else { place }));
        if depth > DEEPEST {
            return Ok(());
        }
        let Some(rules) = schema.as_object() else {
            let is_forbidden = *schema == Value::Bool(false);
            return if is_forbidden { no("is not allowed".into()) } else { Ok(()) };
        };
        if let Some(target) = rules.get("$ref").and_then(Value::as_str) {
            if let Some(found) = find(self.root, target) {
                self.value(found, value, place, depth + 1)?;
            }
            if self.refs_stand_alone() {
                return Ok(());
            }
        }
        if rules.get("const").is_some_and(|only| !is_same(only, value)) {
            return no(format!("is not {}", rules["const"]));
        }
        if let Some(Value::Array(choices)) = rules.get("enum")
            && !choices.iter().any(|choice| is_same(choice, value))
        {
            return no("is not one of the allowed values".into());
        }
        let may_be_null = value.is_null() && rules.get("nullable") == Some(&Value::Bool(true));
        if let Some(wanted) = rules.get("type").filter(|_| !may_be_null) {
            let names: Vec<&str> = match wanted {
                Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
                one => one.as_str().into_iter().collect(),
            };
            if !names.iter().any(|name| is_of(value, name)) {
                return no(format!("is not of type {}", names.join(" or ")));
            }
        }
        self.size(rules, value).or_else(no)?;
        self.object(rules, value, place)?;
        self.array(rules, value, place)?;
        self.combinations(rules, value, place, depth)
    }

    /// Whether a `$ref` hides what stands beside it, as up to the seventh draft.
    fn refs_stand_alone(&self) -> bool {
        self.root["$schema"].as_str().is_some_and(|draft| draft.contains("/draft-0"))
    }

    /// `allOf`, `anyOf`, `oneOf` and `not`.
    fn combinations(&self, rules: &Rules, value: &Value, place: &str, depth: usize) -> Fit {
        let no = |why: &str| Err(format!("{} {why}", if place.is_empty() { "/" } else { place }));
        let fits = |one: &Value| self.value(one, value, place, depth + 1);
        let list = |key: &str| rules.get(key).and_then(Value::as_array);
        list("allOf").into_iter().flatten().try_for_each(fits)?;
        if list("anyOf").is_some_and(|many| !many.iter().any(|one| fits(one).is_ok())) {
            return no("fits none of anyOf");
        }
        // What is not checked may be all that tells the schemas apart.
        let fits_surely = |one: &&Value| fits(one).is_ok() && unchecked(self.root, one).is_empty();
        if list("oneOf").is_some_and(|many| {
            !many.iter().any(|one| fits(one).is_ok()) || many.iter().filter(fits_surely).count() > 1
        }) {
            return no("does not fit exactly one of oneOf");
        }
        if rules.get("not").filter(fits_surely).is_some() {
            return no("fits what it must not");
        }
        Ok(())
    }

    /// Limits of numbers, and of how many characters, items or keys there are.
    fn size(&self, rules: &Rules, value: &Value) -> Fit {
        let limit = |key: &str| rules.get(key).and_then(Value::as_f64);
        let check = |size: f64, least: &str, most: &str, what: &str| {
            if let Some(least) = limit(least).filter(|least| size < *least) {
                return Err(format!("{what} {size}, below {least}"));
            }
            if let Some(most) = limit(most).filter(|most| size > *most) {
                return Err(format!("{what} {size}, above {most}"));
            }
            Ok(())
        };
        match value {
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                check(number, "minimum", "maximum", "is")?;
                if limit("exclusiveMinimum").is_some_and(|least| number <= least)
                    || limit("exclusiveMaximum").is_some_and(|most| number >= most)
                {
                    return Err(format!("is {number}, out of its limits"));
                }
                Ok(())
            }
            Value::String(text) => {
                check(text.chars().count() as f64, "minLength", "maxLength", "has length")
            }
            Value::Array(items) => check(items.len() as f64, "minItems", "maxItems", "has length"),
            Value::Object(map) => {
                check(map.len() as f64, "minProperties", "maxProperties", "has keys:")
            }
            _ => Ok(()),
        }
    }

    fn object(&self, rules: &Rules, value: &Value, place: &str) -> Fit {
        let Some(map) = value.as_object() else { return Ok(()) };
        let required = rules.get("required").and_then(Value::as_array).into_iter().flatten();
        for key in required.filter_map(Value::as_str) {
            if !map.contains_key(key) {
                return Err(format!("{place}/{key} is missing"));
            }
        }
        let properties = rules.get("properties").and_then(Value::as_object);
        // Without knowing which names the patterns match, no other name can be refused.
        let others = rules.get("additionalProperties");
        let others = others.filter(|_| !rules.contains_key("patternProperties"));
        for (key, inner) in map {
            let place = format!("{place}/{key}");
            let known = properties.and_then(|properties| properties.get(key));
            if let Some(schema) = known.or(others) {
                self.value(schema, inner, &place, 0)?;
            }
        }
        Ok(())
    }

    fn array(&self, rules: &Rules, value: &Value, place: &str) -> Fit {
        let Some(items) = value.as_array() else { return Ok(()) };
        // Until the draft of 2019 a list of schemas was in `items`.
        let in_items = rules.get("items").and_then(Value::as_array);
        let first = rules.get("prefixItems").and_then(Value::as_array).or(in_items);
        let rest = rules.get(if in_items.is_some() { "additionalItems" } else { "items" });
        for (index, item) in items.iter().enumerate() {
            let own = first.and_then(|schemas| schemas.get(index));
            if let Some(schema) = own.or(rest) {
                self.value(schema, item, &format!("{place}/{index}"), 0)?;
            }
        }
        Ok(())
    }
}

/// Whether two values are equal: `1` and `1.0` are.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same = |(key, a): (&String, &Value)| other.get(key).is_some_and(|b| is_same(a, b));
            one.len() == other.len() && one.iter().all(same)
        }
        _ => a == b,
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let schema = json!({"type": "object", "required": ["name", "ages"],
            "additionalProperties": false,
            "properties": {"name": {"type": "string", "minLength": 1}, "ages": {"type": "array",
            "items": {"$ref": "#/$defs/age"}}, "kind": {"enum": ["a", null]}},
            "$defs": {"age": {"type": "integer", "minimum": 0}}});
        let misfit = |value| misfit(&schema, &value);
        assert_eq!(misfit(json!({"name": "x", "ages": [1, 2.0], "kind": null})), None);
        assert_eq!(misfit(json!({"name": "x"})).as_deref(), Some("/ages is missing"));
        assert!(misfit(json!({"name": "", "ages": []})).unwrap().starts_with("/name has length 0"));
        assert!(misfit(json!({"name": "x", "ages": [1.5]})).unwrap().starts_with("/ages/0 is not"));
        assert!(misfit(json!({"name": "x", "ages": [-1]})).unwrap().contains("below 0"));
        assert!(misfit(json!({"name": "x", "ages": [], "b": 1})).unwrap().starts_with("/b "));
        assert!(misfit(json!([])).unwrap().starts_with("/ is not of type object"));
    }

    #[test]
    fn combinations() {
        let either = json!({"anyOf": [{"type": "string"}, {"type": "integer"}]});
        assert_eq!(misfit(&either, &json!(3)), None);
        assert!(misfit(&either, &json!(null)).is_some());
        let one = json!({"oneOf": [{"minimum": 0}, {"maximum": 10}]});
        assert!(misfit(&one, &json!(5)).is_some());
        assert_eq!(misfit(&one, &json!(50)), None);
        assert!(misfit(&json!({"not": {"type": "null"}}), &json!(null)).is_some());
        assert_eq!(misfit(&json!({"$ref": "#"}), &json!(1)), None, "it must not run for ever");
    }

    #[test]
    fn valid_answers_fit_whatever_the_schema_is_written_in() {
        let draft = "http://json-schema.org/draft-07/schema#";
        for (schema, value) in [
            (
                json!({"patternProperties": {"^x": {}}, "additionalProperties": false}),
                json!({"x1": 1}),
            ),
            (json!({"$ref": "#/$defs/a%20b", "$defs": {"a b": {"type": "string"}}}), json!("x")),
            (json!({"$ref": "#leaf", "$defs": {"l": {"$anchor": "leaf", "const": 1}}}), json!(1)),
            (json!({"$ref": "https://other.example/schema"}), json!(1)),
            (json!({"const": 1}), json!(1.0)),
            (json!({"enum": [{"a": [1.0]}, 2]}), json!({"a": [1]})),
            (json!({"oneOf": [{"pattern": "^a"}, {"pattern": "^b"}]}), json!("a")),
            (json!({"not": {"pattern": "^b"}}), json!("a")),
            (json!({"items": [{"type": "string"}, {"type": "integer"}]}), json!(["x", 1])),
            (json!({"type": "string", "nullable": true}), json!(null)),
            (
                json!({"$schema": draft, "$ref": "#/definitions/a", "type": "string",
                "definitions": {"a": {"type": "integer"}}}),
                json!(1),
            ),
        ] {
            assert_eq!(misfit(&schema, &value), None, "{schema} {value}");
        }
        let mut deep = json!(null);
        (0..60).for_each(|_| deep = json!({"next": deep}));
        let list = json!({"type": ["object", "null"], "properties": {"next": {"$ref": "#"}}});
        assert_eq!(misfit(&list, &deep), None);
        for (schema, value) in [
            (json!({"$ref": "#/$defs/a%20b", "$defs": {"a b": {"type": "string"}}}), json!(1)),
            (json!({"patternProperties": {"^x": {}}, "required": ["y"]}), json!({"x1": 1})),
            (json!({"items": [{"type": "string"}], "additionalItems": false}), json!(["x", 1])),
            (json!({"const": 1}), json!(1.5)),
            (json!({"oneOf": [{"type": "string", "pattern": "^a"}, {"type": "null"}]}), json!(1)),
        ] {
            assert!(misfit(&schema, &value).is_some(), "{schema} {value}");
        }
    }
}

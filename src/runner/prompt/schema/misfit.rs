//! Whether an answer fits a JSON schema, by the part of the language that is used with models.
//!
//! Checked are `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`,
//! `prefixItems`, the limits of numbers, strings, arrays and objects, `anyOf`, `oneOf`, `allOf`,
//! `not`, and `$ref` within the document. Other keywords (`pattern`, `format`, …) are left to the
//! server.

use serde_json::Value;

/// How deeply schemas may be nested: a `$ref` to itself must not run for ever.
const DEEPEST: usize = 64;

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
            return no("lies too deep".into());
        }
        let Some(rules) = schema.as_object() else {
            let is_forbidden = *schema == Value::Bool(false);
            return if is_forbidden { no("is not allowed".into()) } else { Ok(()) };
        };
        if let Some(target) = rules.get("$ref").and_then(Value::as_str) {
            let found = target.strip_prefix('#').and_then(|path| self.root.pointer(path));
            let Some(found) = found else { return no(format!("has an unknown $ref {target}")) };
            self.value(found, value, place, depth + 1)?;
        }
        if rules.get("const").is_some_and(|only| only != value) {
            return no(format!("is not {}", rules["const"]));
        }
        if let Some(Value::Array(choices)) = rules.get("enum")
            && !choices.contains(value)
        {
            return no("is not one of the allowed values".into());
        }
        if let Some(wanted) = rules.get("type") {
            let names: Vec<&str> = match wanted {
                Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
                one => one.as_str().into_iter().collect(),
            };
            if !names.iter().any(|name| is_of(value, name)) {
                return no(format!("is not of type {}", names.join(" or ")));
            }
        }
        self.size(rules, value).or_else(no)?;
        self.object(rules, value, place, depth)?;
        self.array(rules, value, place, depth)?;
        self.combinations(rules, value, place, depth)
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
        let count = |many: &Vec<Value>| many.iter().filter(|one| fits(one).is_ok()).count();
        if list("oneOf").is_some_and(|many| count(many) != 1) {
            return no("does not fit exactly one of oneOf");
        }
        if rules.get("not").is_some_and(|one| fits(one).is_ok()) {
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

    fn object(&self, rules: &Rules, value: &Value, place: &str, depth: usize) -> Fit {
        let Some(map) = value.as_object() else { return Ok(()) };
        let required = rules.get("required").and_then(Value::as_array).into_iter().flatten();
        for key in required.filter_map(Value::as_str) {
            if !map.contains_key(key) {
                return Err(format!("{place}/{key} is missing"));
            }
        }
        let properties = rules.get("properties").and_then(Value::as_object);
        for (key, inner) in map {
            let place = format!("{place}/{key}");
            let known = properties.and_then(|properties| properties.get(key));
            if let Some(schema) = known.or(rules.get("additionalProperties")) {
                self.value(schema, inner, &place, depth + 1)?;
            }
        }
        Ok(())
    }

    fn array(&self, rules: &Rules, value: &Value, place: &str, depth: usize) -> Fit {
        let Some(items) = value.as_array() else { return Ok(()) };
        let first = rules.get("prefixItems").and_then(Value::as_array);
        for (index, item) in items.iter().enumerate() {
            let own = first.and_then(|schemas| schemas.get(index));
            if let Some(schema) = own.or(rules.get("items")) {
                self.value(schema, item, &format!("{place}/{index}"), depth + 1)?;
            }
        }
        Ok(())
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
        assert!(misfit(&json!({"$ref": "#"}), &json!(1)).is_some(), "it must not run for ever");
    }
}

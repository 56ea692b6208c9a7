//! Schemas (JSON Schema, draft 2020-12), made from the tables of `docs/json.md`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::tables::{Form, Row, Tables};

/// The sections that are not commands and have a schema all the same, and the file of each.
const OTHERS: [(&str, &str); 3] =
    [("Errors", super::ERRORS), ("What --on-event gets", "on-event"), ("Result lines", "result")];

/// The name of the schema's file, without `.json`, of a command (`bench run`) or another section.
pub fn file_name(what: &str) -> String {
    let other = OTHERS.iter().find(|(heading, _)| *heading == what);
    other.map_or_else(|| what.replace(' ', "-"), |(_, file)| (*file).into())
}

/// All schemas, by the names of their files.
pub fn schemas(tables: &Tables) -> BTreeMap<String, Value> {
    let mut forms: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for heading in tables.headings() {
        // `occtl send --wait` is a heading for forms of `occtl send`.
        let command = heading.strip_prefix("occtl ").map(|words| {
            let words = words.split(' ').take_while(|word| !word.starts_with('-'));
            words.collect::<Vec<_>>().join("-")
        });
        let is_other = OTHERS.iter().any(|(other, _)| *other == heading);
        let Some(file) = command.or_else(|| is_other.then(|| file_name(heading))) else { continue };
        let of_section = tables.forms(heading).iter().map(|form| form_schema(tables, form));
        forms.entry(file).or_default().extend(of_section);
    }
    let schema = |(file, forms)| (String::clone(&file), whole(tables, &file, forms));
    forms.into_iter().filter(|(_, forms)| !forms.is_empty()).map(schema).collect()
}

/// One file's schema, with the shared objects that it refers to.
fn whole(tables: &Tables, file: &str, forms: Vec<Value>) -> Value {
    let mut schema = match <[Value; 1]>::try_from(forms) {
        Ok([form]) => form,
        Err(forms) => json!({"anyOf": forms}),
    };
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    let title = OTHERS.iter().find(|(_, other)| *other == file);
    schema["title"] = match title {
        Some((heading, _)) => json!(heading),
        None => json!(format!("occtl {} --json", file.replacen("bench-", "bench ", 1))),
    };
    let shared = shared(tables, &schema);
    if !shared.is_empty() {
        schema["$defs"] = Value::Object(shared);
    }
    schema
}

/// The objects with sections of their own that a schema refers to, directly or by others of them.
fn shared(tables: &Tables, schema: &Value) -> Map<String, Value> {
    let mut found = Map::new();
    let mut named = BTreeSet::new();
    references(schema, &mut named);
    while let Some(name) = named.pop_first() {
        if found.contains_key(&name) {
            continue;
        }
        let heading = format!("Object {name}");
        let form = tables.forms(&heading).first();
        let form = form.unwrap_or_else(|| panic!("`## {heading}` has no table"));
        let object = form_schema(tables, form);
        references(&object, &mut named);
        found.insert(name, object);
    }
    found
}

/// Adds the names of all shared objects that a schema refers to.
fn references(schema: &Value, named: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            let reference = object.get("$ref").and_then(Value::as_str);
            named.extend(reference.and_then(|path| path.strip_prefix("#/$defs/")).map(Into::into));
            object.values().for_each(|inner| references(inner, named));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, named)),
        _ => {}
    }
}

fn form_schema(tables: &Tables, form: &Form) -> Value {
    let mut document = Field::default();
    for row in tables.rows(form) {
        document.add(&row);
    }
    let mut schema = document.schema();
    if !form.about.is_empty() {
        schema["description"] = json!(form.about);
    }
    schema
}

/// A field, with the fields inside it.
#[derive(Default)]
struct Field {
    row: Option<Row>,
    fields: BTreeMap<String, Field>,
    item: Option<Box<Field>>,
}

impl Field {
    /// Puts a row at the place that its path names.
    fn add(&mut self, row: &Row) {
        let mut place = self;
        for step in row.field.split('.').filter(|step| !step.is_empty()) {
            let name = step.trim_end_matches("[]");
            place = place.fields.entry(name.into()).or_default();
            for _ in 0..(step.len() - name.len()) / 2 {
                place = place.item.get_or_insert_default();
            }
        }
        assert!(place.row.is_none(), "docs/json.md has `{}` twice in one table", row.field);
        place.row = Some(row.clone());
    }

    fn schema(&self) -> Value {
        let (kind, is_nullable) = match &self.row {
            Some(row) => match row.kind.strip_suffix(" or null") {
                Some(kind) => (kind, true),
                None => (row.kind.as_str(), false),
            },
            // A field that only holds others needs no row.
            None if self.item.is_some() => ("array", false),
            None => ("object", false),
        };
        let mut schema = match (&self.item, self.fields.is_empty()) {
            (Some(item), true) if kind == "array" => {
                json!({"type": "array", "items": item.schema()})
            }
            (None, false) if kind == "object" => self.object(),
            (None, true) => leaf(kind).unwrap_or_else(|| {
                panic!("docs/json.md has the type {kind:?}, which is none of: {}", super::TYPES)
            }),
            _ => panic!("docs/json.md has fields inside of {:?}, which is {kind}", self.row),
        };
        if is_nullable {
            make_nullable(&mut schema);
        }
        if let Some(row) = &self.row {
            schema["description"] = json!(row.is);
        }
        schema
    }

    fn object(&self) -> Value {
        let schemas = self.fields.iter().map(|(name, field)| (name.clone(), field.schema()));
        let required: Vec<&String> = self.fields.keys().collect();
        json!({"type": "object", "properties": schemas.collect::<Map<_, _>>(),
               "required": required})
    }
}

/// The schema of a type that has no rows of its own below it.
fn leaf(kind: &str) -> Option<Value> {
    if let Some(name) = kind.strip_prefix("object ") {
        return Some(json!({"$ref": format!("#/$defs/{name}")}));
    }
    if let Some(value) = kind.strip_prefix("map of ") {
        return Some(json!({"type": "object", "additionalProperties": one_of_many(value)?}));
    }
    if let Some(item) = kind.strip_prefix("array of ") {
        return Some(json!({"type": "array", "items": one_of_many(item)?}));
    }
    Some(match kind {
        "string" | "number" | "boolean" => json!({"type": kind}),
        "time" => json!({"type": "string", "format": "date-time"}),
        "any" => json!({}),
        // Its keys are the model's or the user's.
        "map" => json!({"type": "object", "additionalProperties": true}),
        _ => return None,
    })
}

/// The schema of one of `strings`, `numbers` or `object NAME`.
fn one_of_many(kind: &str) -> Option<Value> {
    leaf(kind.strip_suffix('s').filter(|_| !kind.starts_with("object ")).unwrap_or(kind))
}

fn make_nullable(schema: &mut Value) {
    if let Some(kind) = schema.get("type").cloned() {
        schema["type"] = json!([kind, "null"]);
    } else if schema.get("$ref").is_some() {
        *schema = json!({"anyOf": [schema.take(), {"type": "null"}]});
    }
}

#[test]
fn a_table_becomes_a_schema_with_all_its_fields_required() {
    let text = "\n## occtl x y\n\n| field | type | is |\n| --- | --- | --- |\n| `rows[].n` | \
                number or null | how many |\n| `rows[].by` | object who or null | who |\n\n## \
                Object who\n\n| field | type | is |\n| --- | --- | --- |\n| `at` | time | when |\n";
    let made = schemas(&Tables::read(text));
    let items = json!({"type": "object", "required": ["by", "n"], "properties": {
        "n": {"type": ["number", "null"], "description": "how many"},
        "by": {"anyOf": [{"$ref": "#/$defs/who"}, {"type": "null"}], "description": "who"}}});
    let who = json!({"type": "object", "required": ["at"], "properties": {
        "at": {"type": "string", "format": "date-time", "description": "when"}}});
    let schema = &made["x-y"];
    assert_eq!(schema["properties"]["rows"], json!({"type": "array", "items": items}));
    assert_eq!((&schema["required"], &schema["$defs"]), (&json!(["rows"]), &json!({"who": who})));
}

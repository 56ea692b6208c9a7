//! The keys of a `task.toml`, which errors name with their line.

use serde_json::{Map, Value, json};

use super::super::candidate::Refusal;

/// Seconds for the tests, and for building, where a task does not say.
const USUAL_SECONDS: f64 = 600.0;

/// Settings as Python read them, and the text that they stand in.
pub struct Keys<'a> {
    /// All of them.
    pub value: &'a Value,
    /// The TOML.
    pub text: &'a str,
}

type Read<T> = std::result::Result<T, Refusal>;

impl Keys<'_> {
    /// The value of a key, `table.key`; `None` if it is missing.
    pub fn get(&self, key: &str) -> Option<&Value> {
        key.split('.').try_fold(self.value, |value, name| value.get(name))
    }

    /// Whether a list or a table has something in it.
    pub fn has_any(&self, key: &str) -> bool {
        match self.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Array(all)) => !all.is_empty(),
            Some(Value::Object(all)) => !all.is_empty(),
            Some(_) => true,
        }
    }

    /// The reason that a value is wrong: `task.toml:7: agent.timeout_sec must be a number`.
    pub fn wrong(&self, key: &str, what: &str) -> Refusal {
        match line_of(self.text, key) {
            Some(line) => format!("task.toml:{line}: {key} {what}").into(),
            None => format!("task.toml: {key} {what}").into(),
        }
    }

    /// A string of one line; `None` if it is missing or empty.
    pub fn word(&self, key: &str) -> Read<Option<String>> {
        match self.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.contains(char::is_control) => {
                Err(self.wrong(key, "must be one line"))
            }
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.wrong(key, "must be a string")),
        }
    }

    /// Seconds.
    fn seconds(&self, key: &str) -> Read<Option<f64>> {
        match self.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64().filter(|seconds| *seconds > 0.0) {
                Some(seconds) => Ok(Some(seconds)),
                None => Err(self.wrong(key, "must be a number above 0")),
            },
        }
    }

    /// The limits of a run. An agent without one gets that of the plan: no run is endless.
    pub fn limits(&self) -> Read<Value> {
        let or_usual = |seconds: Option<f64>| seconds.unwrap_or(USUAL_SECONDS);
        let mut limits = json!({
            "check_s": or_usual(self.seconds("verifier.timeout_sec")?),
            "setup_s": or_usual(self.seconds("environment.build_timeout_sec")?),
        });
        if let Some(seconds) = self.seconds("agent.timeout_sec")? {
            limits["wall_s"] = json!(seconds);
        }
        Ok(limits)
    }

    /// Words that tasks can be chosen by.
    pub fn tags(&self) -> Read<Vec<String>> {
        let mut tags: Vec<String> = Vec::new();
        for key in ["metadata.tags", "task.keywords", "metadata.category", "metadata.difficulty"] {
            let words = match self.get(key) {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::Array(words)) => words.iter().collect(),
                Some(word) => vec![word],
            };
            for word in words {
                let Value::String(word) = word else {
                    return Err(self.wrong(key, "must be a string, or a list of strings"));
                };
                if word.contains(char::is_control) {
                    return Err(self.wrong(key, "must be one line"));
                }
                if !word.is_empty() && !tags.contains(word) {
                    tags.push(word.clone());
                }
            }
        }
        Ok(tags)
    }

    /// Variables of a table. What takes its value from Harbor's caller has none here: it would be
    /// a secret in a file.
    pub fn variables(&self, key: &str, notes: &mut Vec<String>) -> Read<Map<String, Value>> {
        let table = match self.get(key) {
            None | Some(Value::Null) => return Ok(Map::new()),
            Some(Value::Object(table)) => table,
            Some(_) => return Err(self.wrong(key, "must be a table")),
        };
        let mut variables = Map::new();
        for (name, value) in table {
            let place = format!("{key}.{name}");
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(self.wrong(key, &format!("has the name {name:?}")));
            }
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return Err(self.wrong(&place, "must be a string")),
            };
            let (text, defaults) = expand(&text).map_err(|variable| {
                let what = format!("needs {variable} of the caller, which no task can name");
                self.wrong(&place, &what)
            })?;
            for variable in defaults {
                notes.push(format!("{place} has the default of {variable}"));
            }
            variables.insert(name.clone(), json!(text));
        }
        Ok(variables)
    }
}

/// Fills in the defaults of `${NAME:-default}`, and tells the names. An error with the name of a
/// variable that has none.
fn expand(text: &str) -> std::result::Result<(String, Vec<String>), String> {
    let (mut filled, mut names) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        filled.push_str(before);
        let Some((inner, after)) = from.split_once('}') else {
            filled.push_str("${");
            rest = from;
            continue;
        };
        let (name, default) = inner.split_once(":-").ok_or_else(|| inner.to_owned())?;
        filled.push_str(default);
        names.push(name.to_owned());
        rest = after;
    }
    filled.push_str(rest);
    Ok((filled, names))
}

/// The line of a key, from 1, as far as it stands in a table of its own.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut current = String::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            current = header.split(']').next().unwrap_or_default().trim().to_owned();
            if current == key {
                return Some(at + 1);
            }
        } else if current == table
            && let Some((found, _)) = line.split_once('=')
            && found.trim().trim_matches('"') == name
        {
            return Some(at + 1);
        }
    }
    // `env = {…}` is a table on one line.
    (!table.is_empty()).then(|| line_of(text, table)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "version = \"1.0\"\n\n[agent]\ntimeout_sec = \"x\"\n[environment]\n\
                        env = {A = \"1\"}\n[verifier.env]\nB = 2\n";

    #[test]
    fn a_wrong_value_is_told_with_its_line() {
        for (key, line) in [
            ("version", Some(1)),
            ("agent.timeout_sec", Some(4)),
            ("environment.env.A", Some(6)),
            ("verifier.env", Some(7)),
            ("verifier.env.B", Some(8)),
            ("task.name", None),
        ] {
            assert_eq!(line_of(TEXT, key), line, "{key}");
        }
    }

    #[test]
    fn a_variable_of_the_caller_gives_its_default_or_is_named() {
        let both = Ok(("a1b2".to_owned(), vec!["X".to_owned(), "Y".to_owned()]));
        assert_eq!(expand("a${X:-1}b${Y:-2}"), both);
        assert_eq!(expand("${KEY}"), Err("KEY".into()));
        assert_eq!(expand("$HOME ${"), Ok(("$HOME ${".into(), Vec::new())));
    }

    #[test]
    fn limits_and_tags_have_the_defaults_of_harbor() {
        let value = json!({"metadata": {"tags": ["a", "b"], "category": "c", "difficulty": "hard"},
                           "task": {"keywords": ["b", "d"]}, "agent": {"timeout_sec": 30}});
        let keys = Keys { value: &value, text: "" };
        let Ok(tags) = keys.tags() else { panic!("no tags") };
        assert_eq!(tags, ["a", "b", "d", "c", "hard"]);
        let Ok(limits) = keys.limits() else { panic!("no limits") };
        assert_eq!(limits, json!({"wall_s": 30.0, "check_s": 600.0, "setup_s": 600.0}));
    }
}

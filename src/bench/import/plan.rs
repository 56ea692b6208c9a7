//! The plan of imported tasks, and a text that explains it.

use serde_json::{Value, json};

use super::candidate::Refusal;
use super::order::{Format, ImportOptions};
use super::output::Output;
use super::source::write as write_file;
use crate::bench::plan::plain;
use crate::error::{Error, Result};

/// Where nothing of a container can be mounted: bubblewrap shows these of the machine, read-only.
pub const SHOWN: [&str; 9] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt"];

/// Writes `plan.json` and `README.md`. `workdirs` are the paths under which tasks know their
/// working directory.
pub fn write(options: &ImportOptions, output: &Output, workdirs: &[String]) -> Result<()> {
    let mut keys = vec![
        ("schema", json!(1)),
        ("name", json!(name(options))),
        ("repeats", json!(1)),
        ("tasks", json!(["tasks/*"])),
        ("arms", json!(arms(options))),
    ];
    if let [first, _, ..] = &options.models[..] {
        keys.push(("base", json!(plain(first))));
    }
    match options.format {
        Format::Harbor => keys.push(("wrap", json!(wrap(workdirs)))),
        Format::Exercism => {
            keys.push(("defaults", json!({"tries": 2, "limits": {"check_s": 180}})));
        }
        Format::Swebench => keys.push(("defaults", json!({"limits": {"wall_s": 1800}}))),
    }
    let text = laid_out(&keys);
    let about = match options.format {
        Format::Harbor => include_str!("files/harbor.md"),
        Format::Exercism => include_str!("files/exercism.md"),
        Format::Swebench => include_str!("files/swebench.md"),
    };
    let readme = format!("{}\n{about}", include_str!("files/README.md"));
    for (file, text) in [("plan.json", text), ("README.md", readme)] {
        write_file(&output.path(file), &text, 0o666).map_err(|refusal| match refusal {
            Refusal::All(error) => error,
            Refusal::Task(reason) => Error::failed(format!("{file} {reason}")),
        })?;
    }
    Ok(())
}

/// JSON as a person would write it: a key a line, and of a long list each flag with its values.
fn laid_out(keys: &[(&str, Value)]) -> String {
    let line = |(key, value): &(&str, Value)| match value {
        Value::Array(all) if !all.is_empty() => {
            let mut text = String::new();
            for (at, one) in all.iter().enumerate() {
                let begins =
                    one.is_object() || one.as_str().is_some_and(|word| word.starts_with("--"));
                text.push_str(match (at, begins) {
                    (0, true) => "\n    ",
                    (0, false) => "",
                    (_, true) => ",\n    ",
                    (_, false) => ", ",
                });
                text.push_str(&one.to_string());
            }
            format!("  {}: [{text}]", json!(key))
        }
        value => format!("  {}: {value}", json!(key)),
    };
    let lines: Vec<String> = keys.iter().map(line).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

/// What the tasks are called as a whole.
fn name(options: &ImportOptions) -> String {
    let whole = std::fs::canonicalize(&options.source).unwrap_or_else(|_| options.source.clone());
    let name = whole.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if name.is_empty() { options.format.name().into() } else { name }
}

/// An arm for each model, or one that takes the model that OpenCode takes.
fn arms(options: &ImportOptions) -> Vec<Value> {
    let mut arms: Vec<Value> =
        options.models.iter().map(|model| json!({"id": plain(model), "model": model})).collect();
    if arms.is_empty() {
        arms.push(json!({"id": "plain"}));
    }
    if options.format == Format::Harbor {
        // Prompts name absolute paths, which lie outside of the directory that the server knows.
        for arm in &mut arms {
            arm["policy"] = json!({"allow": ["*"], "deny": ["doom_loop"]});
        }
    }
    arms
}

/// The words that put bubblewrap around agent, solution and check: the machine's programs, the
/// run's directory, and the places that tasks of Harbor know.
fn wrap(workdirs: &[String]) -> Vec<String> {
    let mut words: Vec<String> = vec!["bwrap".into()];
    let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
    for path in SHOWN {
        add(&["--ro-bind-try", path, path]);
    }
    // Where /etc/resolv.conf leads to on many machines.
    add(&["--ro-bind-try", "/run/systemd/resolve", "/run/systemd/resolve"]);
    add(&["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]);
    add(&["--dir", "/tests", "--dir", "/logs/agent", "--dir", "/logs/verifier"]);
    add(&["--ro-bind", "{occtl}", "{occtl}", "--ro-bind", "{opencode}", "{opencode}"]);
    add(&["--bind", "{run}", "{run}"]);
    for workdir in workdirs {
        add(&["--bind-try", "{run}/tree", workdir]);
    }
    add(&["--ro-bind-try", "{run}/solution", "/solution", "--die-with-parent"]);
    words
}

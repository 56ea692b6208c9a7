//! The columns that `list` can show.

use super::session;
use crate::cli::output::{Cell, Colour};
use crate::error::{Error, Result};
use crate::runner::session::Look;

/// One column.
pub struct Column {
    /// As it is named in `--format`.
    pub name: &'static str,
    /// Above it.
    pub heading: &'static str,
    /// In it.
    pub cell: fn(&Look) -> Cell,
}

/// Every column there is.
pub const COLUMNS: [Column; 16] = [
    Column { name: "id", heading: "ID", cell: |look| Cell::new(&look.facts.id) },
    Column { name: "name", heading: "Name", cell: |look| text(look.facts.name.as_deref()) },
    Column { name: "port", heading: "Port", cell: port },
    Column { name: "url", heading: "URL", cell: |look| Cell::new(&look.facts.url) },
    Column { name: "pid", heading: "PID", cell: pid },
    Column { name: "state", heading: "Status", cell: state },
    Column { name: "agent", heading: "Agent", cell: |look| text(look.facts.agent.as_deref()) },
    Column { name: "dirty", heading: "Dirty", cell: dirty },
    Column { name: "active", heading: "Last Activity", cell: active },
    Column { name: "created", heading: "Created", cell: created },
    Column {
        name: "workdir",
        heading: "Workdir",
        cell: |look| text(look.facts.workdir.as_deref()),
    },
    Column { name: "branch", heading: "Branch", cell: |look| text(look.facts.branch.as_deref()) },
    Column { name: "parent", heading: "Parent", cell: |look| text(look.facts.parent.as_deref()) },
    Column { name: "version", heading: "OpenCode", cell: version },
    Column { name: "labels", heading: "Labels", cell: labels },
    Column { name: "error", heading: "Error", cell: |look| text(look.trouble.as_deref()) },
];

/// Those that are shown where none are named.
pub const DEFAULT: &str = "id,port,pid,state,agent,dirty,active";

/// The columns that a list of names means.
pub fn columns(names: &str) -> Result<Vec<&'static Column>> {
    let find = |name: &str| {
        COLUMNS.iter().find(|column| column.name == name).ok_or_else(|| {
            let all: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
            Error::usage(format!("list has no column {name:?}")).hint(all.join(", "))
        })
    };
    names.split(',').map(str::trim).map(find).collect()
}

fn text(value: Option<&str>) -> Cell {
    Cell::new(value.unwrap_or("-"))
}

/// With its host where that is not this machine.
fn port(look: &Look) -> Cell {
    let local = format!("http://127.0.0.1:{}", look.facts.port);
    let remote = look.facts.url.strip_prefix("http://").filter(|_| look.facts.url != local);
    Cell::new(remote.map_or_else(|| look.facts.port.to_string(), String::from))
}

fn pid(look: &Look) -> Cell {
    Cell::new(look.facts.pid.map_or("-".into(), |pid| pid.to_string()))
}

fn state(look: &Look) -> Cell {
    Cell::new(look.state.name()).colour(session::colour(look.state))
}

fn dirty(look: &Look) -> Cell {
    match look.changes.dirty() {
        Some(true) => Cell::new("✓").colour(Colour::Yellow),
        Some(false) => Cell::new("✗"),
        None => Cell::new("-"),
    }
}

fn active(look: &Look) -> Cell {
    Cell::new(session::time(look.facts.last_active))
}

fn created(look: &Look) -> Cell {
    Cell::new(session::time(look.facts.created))
}

fn version(look: &Look) -> Cell {
    text(look.facts.opencode_version.as_deref())
}

fn labels(look: &Look) -> Cell {
    let pair = |(key, value): (&String, &String)| format!("{key}={value}");
    let all: Vec<String> = look.facts.labels.iter().map(pair).collect();
    text(Some(all.join(",")).filter(|all| !all.is_empty()).as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_in_the_order_that_is_asked_for() {
        let names = |text| columns(text).unwrap().iter().map(|one| one.name).collect::<Vec<_>>();
        assert_eq!(names("state, id"), ["state", "id"]);
        assert_eq!(names(DEFAULT).len(), 7);
        let error = columns("id,nope").err().unwrap();
        assert_eq!(error.code.exit(), 2);
        assert!(error.to_string().contains("workdir"), "{error}");
    }
}

//! The columns of `list`.

use super::session;
use crate::cli::output::{Cell, Colour};
use crate::error::{Error, Result};
use crate::runner::nearest::instead;
use crate::runner::session::SessionStatus;

/// One column of the table.
pub struct Column {
    /// Its name in `--format`.
    pub name: &'static str,
    /// The heading in the first line of the table.
    pub heading: &'static str,
    /// Makes the cell of one session.
    pub cell: fn(&SessionStatus) -> Cell,
}

/// Every column there is.
pub const COLUMNS: [Column; 16] = [
    Column { name: "id", heading: "ID", cell: |status| Cell::new(&status.facts.id) },
    Column {
        name: "name",
        heading: "Name",
        cell: |status| text(status.facts.name.as_deref()).free(),
    },
    Column { name: "port", heading: "Port", cell: port },
    Column { name: "url", heading: "URL", cell: |status| Cell::new(&status.facts.url) },
    Column { name: "pid", heading: "PID", cell: pid },
    Column { name: "state", heading: "Status", cell: state },
    Column {
        name: "agent",
        heading: "Agent",
        cell: |status| text(status.facts.agent.as_deref()).free(),
    },
    Column { name: "dirty", heading: "Dirty", cell: dirty },
    Column { name: "active", heading: "Last Activity", cell: active },
    Column { name: "created", heading: "Created", cell: created },
    Column {
        name: "workdir",
        heading: "Workdir",
        cell: |status| text(status.facts.workdir.as_deref()).free(),
    },
    Column {
        name: "branch",
        heading: "Branch",
        cell: |status| text(status.facts.branch.as_deref()).free(),
    },
    Column {
        name: "parent",
        heading: "Parent",
        cell: |status| text(status.facts.parent.as_deref()),
    },
    Column { name: "version", heading: "OpenCode", cell: version },
    Column { name: "labels", heading: "Labels", cell: labels },
    Column {
        name: "error",
        heading: "Error",
        cell: |status| text(status.trouble.as_deref()).free(),
    },
];

/// The columns that are shown if `--format` is not given.
pub const DEFAULT: &str = "id,port,pid,state,agent,dirty,active,name,workdir";

/// The columns named in `--format`, in that order.
pub fn columns(names: &str) -> Result<Vec<&'static Column>> {
    let find = |name: &str| {
        COLUMNS.iter().find(|column| column.name == name).ok_or_else(|| {
            let all: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
            Error::usage(format!("list has no column {name:?}")).hint(instead(name, &all))
        })
    };
    names.split(',').map(str::trim).map(find).collect()
}

fn text(value: Option<&str>) -> Cell {
    Cell::new(value.unwrap_or("-"))
}

/// The port alone if the address is 127.0.0.1, otherwise the host and the port.
fn port(status: &SessionStatus) -> Cell {
    let local = format!("http://127.0.0.1:{}", status.facts.port);
    let remote = status.facts.url.strip_prefix("http://").filter(|_| status.facts.url != local);
    Cell::new(remote.map_or_else(|| status.facts.port.to_string(), String::from))
}

fn pid(status: &SessionStatus) -> Cell {
    Cell::new(status.facts.pid.map_or("-".into(), |pid| pid.to_string()))
}

fn state(status: &SessionStatus) -> Cell {
    Cell::new(status.state.name()).colour(session::colour(status.state))
}

/// Whether there are uncommitted changes; `-` where that is unknown.
fn dirty(status: &SessionStatus) -> Cell {
    match status.changes.is_dirty() {
        Some(true) => Cell::new("✓").colour(Colour::Yellow),
        Some(false) => Cell::new("✗"),
        None => Cell::new("-"),
    }
}

fn active(status: &SessionStatus) -> Cell {
    session::time_cell(status.facts.last_active)
}

fn created(status: &SessionStatus) -> Cell {
    session::time_cell(status.facts.created)
}

fn version(status: &SessionStatus) -> Cell {
    text(status.facts.opencode_version.as_deref())
}

fn labels(status: &SessionStatus) -> Cell {
    let pair = |(key, value): (&String, &String)| format!("{key}={value}");
    let all: Vec<String> = status.facts.labels.iter().map(pair).collect();
    text(Some(all.join(",")).filter(|all| !all.is_empty()).as_deref()).free()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_in_the_order_that_is_asked_for() {
        let names = |text| columns(text).unwrap().iter().map(|one| one.name).collect::<Vec<_>>();
        assert_eq!(names("state, id"), ["state", "id"]);
        assert_eq!(names(DEFAULT)[7..], ["name", "workdir"]);
        let error = columns("id,xyzzy").err().unwrap();
        assert_eq!(error.code.exit(), 2);
        assert!(error.to_string().contains("workdir"), "{error}");
    }
}

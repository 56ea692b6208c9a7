//! What a server needs before its process is started.

use std::path::Path;

use super::attempt::Attempt;
use super::variables::{NewServer, variables};
use crate::error::Result;
use crate::process::Variables;
use crate::runner::lifecycle::isolate;
use crate::runner::lifecycle::lean::{self, MODELS_PATH};
use crate::runner::lifecycle::memory;
use crate::runner::lifecycle::remembered::Carried;
use crate::runner::lifecycle::template::Template;
use crate::runner::lifecycle::worktree;

impl Attempt<'_> {
    /// Makes the session's own directory, its worktree and its catalogue, as far as it has them.
    /// Gives the template that is to be taken from this session's database.
    pub(super) fn prepare(&mut self) -> Result<Option<Template>> {
        // Not the path in the record, which is text: the data directory need not be UTF-8.
        let place = self.context.store.isolated_path(&self.record.id);
        let own = self.record.isolated.as_ref().map(|_| place.as_path());
        if let Some(place) = own {
            let variables = isolate::prepare(&self.context.environment, place)?;
            for (name, value) in variables.iter() {
                self.extra.set(name, value);
            }
        }
        if let Some(worktree) = &self.record.worktree {
            let limits = worktree::Limits { deadline: self.deadline, signals: Some(self.signals) };
            let base = self.options.base.as_deref();
            worktree::create(worktree, base, &limits, self.context.say)?;
        }
        // The worktree may hold configuration.
        if self.options.lean {
            self.cut_catalogue(own);
        }
        // Behind the look for a database that the session had before.
        Ok(own.and_then(|place| self.lay_database(place)))
    }

    /// Copies a migrated database for the server, if there is one. The template, if there is none
    /// and this server's own can become it.
    fn lay_database(&self, place: &Path) -> Option<Template> {
        let data = place.join("data/opencode");
        // What a server before this one wrote is the session's alone.
        if data.join("opencode.db").exists() {
            return None;
        }
        let memory = self.context.store.programs_path();
        let template = Template::of(&self.program, memory::trusted(&memory)?, &data)?;
        (!template.lay()).then_some(template)
    }

    fn cut_catalogue(&mut self, own: Option<&Path>) {
        let programs = self.context.store.programs_path();
        let wanted = lean::Wanted {
            variables: &self.variables(),
            workdir: &self.workdir,
            program: &self.program,
            providers: &self.options.providers,
            memory: memory::trusted(&programs),
        };
        if let Some(path) = lean::prepare(&wanted, own) {
            self.extra.set(MODELS_PATH, path);
        }
    }

    /// The environment of the next server.
    pub(super) fn variables(&self) -> Variables {
        let record = &self.record;
        variables(
            &self.context.environment,
            &NewServer {
                session: &record.id,
                password: record.password.as_deref().unwrap_or_default(),
                data_directory: self.context.store.directory(),
                workdir: &self.workdir,
                parent: record.parent.as_deref(),
                allow_occtl: self.options.allow_occtl,
                carried: Carried::of(record),
                extra: &self.extra,
            },
        )
    }
}

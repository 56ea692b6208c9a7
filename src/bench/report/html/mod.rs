//! A report as HTML: pages without scripts, which load nothing from anywhere.
//!
//! Everything that comes from models, tools, plans and file names is hostile until `escape` has
//! made it text. No page is larger than two megabytes, and no more than one is in memory.

mod arms;
mod artifacts;
mod changes;
mod chart;
mod conditions;
mod escape;
mod facts;
mod folder;
mod frame;
mod heat;
mod night;
#[cfg(test)]
mod night_tests;
mod nights;
mod passage;
mod plot;
mod run;
mod step;
mod steps;
mod table;
#[cfg(test)]
mod tests;
mod tool;
mod verdict;
#[cfg(test)]
mod well_formed;
mod write;

pub use write::write;

//! What came of runs: the lines that are written, and how they are read again.

pub mod file;
pub mod line;
pub mod row;
pub mod stored;

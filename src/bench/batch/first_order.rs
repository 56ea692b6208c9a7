//! The order of a start that is no run: the file by which a later process finds what a killed one
//! has left of it.

use std::fs;
use std::path::Path;

use super::children::end_marked;
use crate::bench::schedule::Shard;
use crate::bench::trial::warm_up::WarmUpOrder;
use crate::bench::workspace;

/// What the names of these orders begin with.
const ORDER: &str = "warm-up-";

/// The name of a shard's order.
pub fn first_order(shard: Shard) -> String {
    format!("{ORDER}{}.json", shard.index)
}

/// Whether a file among those of running attempts is the order of a start that was no run.
pub fn is_order(name: &str) -> bool {
    name.starts_with(ORDER)
}

/// Ends what an earlier process of this shard has left of such a start.
pub fn recover(file: &Path, shard: Shard) {
    match WarmUpOrder::read(file) {
        Ok(order) if order.shard != shard.name() => {}
        Ok(order) => clean(&order, file),
        Err(_) => drop(fs::remove_file(file)),
    }
}

/// Ends and removes what such a start has left.
pub fn clean(order: &WarmUpOrder, file: &Path) {
    end_marked(&order.scratch);
    let _ = workspace::remove(&order.scratch);
    let _ = fs::remove_file(file);
}

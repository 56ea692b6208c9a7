//! What `bench` needs of processes: it starts programs that are no servers.

// TEMPORARY: until every part of `bench` is there.
#[allow(unused_imports)]
pub use crate::process::{
    Attended, Detached, Ending, Guardian, Handle, Identity, Variables, attend, become_subreaper,
    descriptor_limit, each_marked, end_everything, largest_child, marked, own_home, own_identity,
    own_uid, wait_all, wait_any,
};

//! What `bench` needs of processes: it starts programs that are no servers.

pub use crate::process::{
    Detached, Guardian, Handle, Identity, Variables, attend, become_subreaper, each_marked,
    end_everything, largest_child, own_home, own_uid, terminate_with_us, wait_any,
};

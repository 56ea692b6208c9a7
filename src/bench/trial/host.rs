//! What of the machine a result may depend on.

use std::fs;

/// How many cores this process may use.
pub fn cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1))
}

/// How much memory the control groups of this process allow; `None` without a limit.
pub fn mem_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (kind, path) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let (root, file) = match kind {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => return Vec::new(),
        };
        above(path).into_iter().map(|group| format!("{root}{group}/{file}")).collect()
    });
    let limit = |file: String| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    // The first version says "no limit" by a number that is larger than any memory.
    limits.filter_map(limit).min().filter(|bytes| *bytes < 1 << 60)
}

/// A group and all groups above it: each of them limits it. Within a container the path may not be
/// visible, and the root is that of the container.
fn above(path: &str) -> Vec<&str> {
    let mut groups = vec![path.trim_end_matches('/')];
    while let Some((parent, _)) = groups.last().and_then(|group| group.rsplit_once('/')) {
        groups.push(parent);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_limited_by_all_above_it() {
        assert_eq!(above("/a/b"), ["/a/b", "/a", ""]);
        assert_eq!(above("/"), [""]);
        assert!(cpus() >= 1);
    }
}

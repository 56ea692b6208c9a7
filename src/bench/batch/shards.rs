//! Which part of a batch this process does, as flags or the scheduler of a cluster say.

use crate::bench::schedule::Shard;
use crate::error::{Error, Result};
use crate::runner::Environment;

/// The shard that `--shard` names, or the whole. `auto` is for Kubernetes' indexed jobs and Slurm's
/// arrays; `count` is `--shards`, and `is_fresh` says that the directory holds no batch yet.
pub fn shard(
    environment: &Environment,
    word: Option<&str>,
    count: Option<u32>,
    is_fresh: bool,
) -> Result<Shard> {
    let shard = match word {
        None => return Ok(Shard::WHOLE),
        Some("auto") => automatic(environment, count, is_fresh)?,
        Some(word) => {
            let parts = word.split_once('/');
            let parts =
                parts.and_then(|(index, all)| Some((index.parse().ok()?, all.parse().ok()?)));
            let (index, all) = parts.ok_or_else(|| {
                Error::usage(format!("--shard cannot be {word:?}")).hint("for example 3/8, or auto")
            })?;
            if count.is_some_and(|count| count != all) {
                return Err(Error::usage("--shard and --shards name different numbers of parts"));
            }
            Shard { index, count: all }
        }
    };
    if shard.index == 0 || shard.index > shard.count {
        let (index, count) = (shard.index, shard.count);
        return Err(Error::usage(format!("there is no shard {index} of {count}"))
            .hint("they are counted from 1"));
    }
    Ok(shard)
}

fn automatic(environment: &Environment, count: Option<u32>, is_fresh: bool) -> Result<Shard> {
    let number = |name: &str| environment.get(name)?.to_str()?.parse::<u32>().ok();
    if let Some(index) = number("JOB_COMPLETION_INDEX") {
        let count = count.ok_or_else(|| {
            Error::usage("--shard auto in Kubernetes needs --shards N")
                .hint("the job's completions")
        })?;
        return Ok(Shard { index: index.saturating_add(1), count });
    }
    let Some(index) = number("SLURM_ARRAY_TASK_ID") else {
        return Err(Error::usage("--shard auto finds no part to do")
            .hint("it reads JOB_COMPLETION_INDEX (Kubernetes) or SLURM_ARRAY_TASK_ID (Slurm)"));
    };
    if let Some(count) = count {
        return Ok(Shard { index, count });
    }
    // Slurm's count is the number of parts only if the whole array runs: 1, 2, 3 without a gap.
    let all = number("SLURM_ARRAY_TASK_COUNT");
    let is_whole = is_fresh
        && number("SLURM_ARRAY_TASK_MIN") == Some(1)
        && all.is_some()
        && number("SLURM_ARRAY_TASK_MAX") == all
        && number("SLURM_ARRAY_TASK_STEP").is_none_or(|step| step == 1);
    match all.filter(|_| is_whole) {
        Some(count) => Ok(Shard { index, count }),
        None => Err(Error::usage("--shard auto cannot tell how many parts there are")
            .hint("--shards N says it: the array is not 1-N, or the directory is not new")),
    }
}

/// The id of a new batch: what was given, what the environment says, or random.
pub fn batch(environment: &Environment, given: Option<String>) -> String {
    let named =
        |name: &str| environment.get(name).and_then(|value| value.to_str()).map(String::from);
    let usable = |id: &String| !id.is_empty();
    given
        .or_else(|| named("OCCTL_BATCH").filter(usable))
        .or_else(|| named("SLURM_ARRAY_JOB_ID").filter(usable))
        .unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::environment::tests::environment;

    fn auto(pairs: &[(&str, &str)], count: Option<u32>, is_fresh: bool) -> Option<(u32, u32)> {
        let shard = shard(&environment(pairs), Some("auto"), count, is_fresh).ok()?;
        Some((shard.index, shard.count))
    }

    #[test]
    fn kubernetes_counts_from_0_and_slurm_as_its_array_does() {
        assert_eq!(auto(&[("JOB_COMPLETION_INDEX", "0")], Some(8), true), Some((1, 8)));
        assert_eq!(auto(&[("JOB_COMPLETION_INDEX", "0")], None, true), None);
        assert_eq!(auto(&[("JOB_COMPLETION_INDEX", "8")], Some(8), true), None);
        let slurm = |min, max, count| {
            [
                ("SLURM_ARRAY_TASK_ID", "3"),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_MAX", max),
                ("SLURM_ARRAY_TASK_COUNT", count),
            ]
        };
        assert_eq!(auto(&slurm("1", "8", "8"), None, true), Some((3, 8)));
        assert_eq!(auto(&slurm("1", "8", "8"), None, false), None, "an old directory");
        assert_eq!(auto(&slurm("1", "9", "8"), None, true), None, "an array with a gap");
        assert_eq!(auto(&slurm("0", "7", "8"), None, true), None);
        assert_eq!(auto(&slurm("1", "9", "8"), Some(9), false), Some((3, 9)));
        assert_eq!(auto(&[], Some(8), true), None);
    }

    #[test]
    fn a_part_is_one_of_all_parts() {
        let part = |word: &str| {
            let shard = shard(&environment(&[]), Some(word), None, true).ok()?;
            Some((shard.index, shard.count))
        };
        assert_eq!(part("3/8"), Some((3, 8)));
        for word in ["0/8", "9/8", "3", "3/", "x/8", "1/0", "-1/8"] {
            assert_eq!(part(word), None, "{word}");
        }
    }
}

//! Which part of a batch this process does, as flags or the scheduler of a cluster say.

use crate::bench::schedule::Shard;
use crate::error::{Error, Result};
use crate::runner::Environment;

/// More parts than any cluster has machines: each has a file of results and one for its lock.
const MOST: u32 = 10_000;

/// The shard that `--shard` names, or the whole. `auto` is for Kubernetes' indexed jobs and Slurm's
/// arrays; `count` is `--shards`, and `found` is the number of parts that the directory's batch
/// has, if it holds one.
pub fn shard(
    environment: &Environment,
    word: Option<&str>,
    count: Option<u32>,
    found: Option<u32>,
) -> Result<Shard> {
    let shard = match word {
        None => return Ok(Shard::WHOLE),
        Some("auto") => automatic(environment, count, found)?,
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
    if shard.count > MOST {
        return Err(Error::usage(format!("{} shards are too many", shard.count))
            .hint(format!("at most {MOST}")));
    }
    Ok(shard)
}

fn automatic(environment: &Environment, count: Option<u32>, found: Option<u32>) -> Result<Shard> {
    if let Some(index) = number(environment, "JOB_COMPLETION_INDEX")? {
        let count = count.ok_or_else(|| {
            Error::usage("--shard auto in Kubernetes needs --shards N")
                .hint("the job's completions")
        })?;
        return Ok(Shard { index: index.saturating_add(1), count });
    }
    let Some(index) = number(environment, "SLURM_ARRAY_TASK_ID")? else {
        return Err(Error::usage("--shard auto finds no part to do")
            .hint("it reads JOB_COMPLETION_INDEX (Kubernetes) or SLURM_ARRAY_TASK_ID (Slurm)"));
    };
    // Tasks of an array begin one after the other, some a second time: the first one has split the
    // directory.
    if let Some(count) = count.or(found) {
        return Ok(Shard { index, count });
    }
    // Slurm's count is the number of parts only if the whole array runs: 1, 2, 3 without a gap.
    let array = |name: &str| number(environment, &format!("SLURM_ARRAY_TASK_{name}"));
    let all = array("COUNT")?;
    let is_whole = array("MIN")? == Some(1)
        && array("MAX")? == all
        && array("STEP")?.is_none_or(|step| step == 1);
    match all.filter(|_| is_whole) {
        Some(count) => Ok(Shard { index, count }),
        None => Err(Error::usage("--shard auto cannot tell how many parts there are")
            .hint("the array is not 1-N without a gap, so --shards N must say it")),
    }
}

/// The number in a variable of a scheduler, if it is there.
fn number(environment: &Environment, name: &str) -> Result<Option<u32>> {
    let Some(value) = environment.get(name) else { return Ok(None) };
    match value.to_str().and_then(|value| value.parse().ok()) {
        Some(number) => Ok(Some(number)),
        None => Err(Error::usage(format!("--shard auto: {name} is no number: {value:?}"))),
    }
}

/// The name that the scheduler of a cluster has for this batch, which no other batch has.
pub fn scheduled(environment: &Environment) -> Option<String> {
    let names = ["OCCTL_BATCH", "SLURM_ARRAY_JOB_ID"].into_iter();
    let mut values = names.filter_map(|name| environment.get(name)?.to_str());
    values.find(|value| !value.is_empty()).map(String::from)
}

/// The id of a new batch: what was given, what the environment says, or random.
pub fn batch(environment: &Environment, given: Option<String>) -> String {
    let random = || crate::random::id().simple().to_string();
    given.or_else(|| scheduled(environment)).unwrap_or_else(random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::environment::tests::environment;

    fn auto(pairs: &[(&str, &str)], count: Option<u32>, found: Option<u32>) -> Option<(u32, u32)> {
        let shard = shard(&environment(pairs), Some("auto"), count, found).ok()?;
        Some((shard.index, shard.count))
    }

    /// What Slurm tells the third task of an array.
    fn slurm<'a>(min: &'a str, max: &'a str, count: &'a str) -> [(&'a str, &'a str); 4] {
        [
            ("SLURM_ARRAY_TASK_ID", "3"),
            ("SLURM_ARRAY_TASK_MIN", min),
            ("SLURM_ARRAY_TASK_MAX", max),
            ("SLURM_ARRAY_TASK_COUNT", count),
        ]
    }

    #[test]
    fn kubernetes_counts_from_0_and_slurm_as_its_array_does() {
        let kubernetes = |index| [("JOB_COMPLETION_INDEX", index)];
        assert_eq!(auto(&kubernetes("0"), Some(8), None), Some((1, 8)));
        assert_eq!(auto(&kubernetes("0"), None, None), None);
        assert_eq!(auto(&kubernetes("8"), Some(8), None), None);
        assert_eq!(auto(&kubernetes("x"), Some(8), None), None);
        assert_eq!(auto(&kubernetes("0"), Some(10_001), None), None, "no cluster is so large");
        assert_eq!(auto(&slurm("1", "8", "8"), None, None), Some((3, 8)));
        assert_eq!(auto(&slurm("1", "9", "9"), Some(8), None), Some((3, 8)));
        assert_eq!(auto(&[], Some(8), None), None);
    }

    #[test]
    fn an_array_with_gaps_or_from_0_says_how_many_parts_there_are_only_with_a_flag() {
        for (min, max, count) in [("1", "9", "8"), ("0", "7", "8"), ("3", "3", "1")] {
            let array = slurm(min, max, count);
            assert_eq!(auto(&array, None, None), None, "{min}-{max}");
            assert_eq!(auto(&array, Some(9), None), Some((3, 9)), "{min}-{max}");
        }
        let mut first = slurm("0", "7", "8");
        first[0].1 = "0";
        assert_eq!(auto(&first, Some(8), None), None, "parts are counted from 1");
    }

    #[test]
    fn a_task_that_comes_later_or_again_finds_the_number_in_the_directory() {
        assert_eq!(auto(&slurm("1", "8", "8"), None, Some(8)), Some((3, 8)));
        assert_eq!(auto(&slurm("3", "3", "1"), None, Some(8)), Some((3, 8)), "--array=3 again");
        assert_eq!(auto(&slurm("1", "8", "8"), None, Some(2)), None, "there is no third part");
    }

    #[test]
    fn a_batch_is_named_by_a_flag_a_variable_or_the_array() {
        let named = |pairs: &[(&str, &str)], given: Option<&str>| {
            batch(&environment(pairs), given.map(Into::into))
        };
        let both = [("OCCTL_BATCH", "uid"), ("SLURM_ARRAY_JOB_ID", "7")];
        assert_eq!(named(&both, Some("night")), "night");
        assert_eq!(named(&both, None), "uid");
        assert_eq!(named(&[("OCCTL_BATCH", ""), both[1]], None), "7");
        assert_eq!(named(&[], None).len(), 32);
    }

    #[test]
    fn a_part_is_one_of_all_parts() {
        let part = |word: &str| {
            let shard = shard(&environment(&[]), Some(word), None, None).ok()?;
            Some((shard.index, shard.count))
        };
        assert_eq!(part("3/8"), Some((3, 8)));
        for word in ["0/8", "9/8", "3", "3/", "x/8", "1/0", "-1/8"] {
            assert_eq!(part(word), None, "{word}");
        }
    }
}

//! What `docs/scale.md` shows works as it stands there: the manifests are ones that Kubernetes
//! takes, and the command lines of all engines do their part with the variables that they set.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Bench, SOON, all, task};
use crate::support::guides;
use crate::support::sandbox::set_mode;
use crate::support::yaml;

const SCALE: &str = include_str!("../../docs/scale.md");

/// The published fields of the objects that the guide uses (batch/v1 and v1 of Kubernetes 1.29 to
/// 1.34), with their types. A type in brackets is a list of them; `!` is for what must be there.
const SCHEMA: &[(&str, &str)] = &[
    ("CronJob", "apiVersion:string! kind:string! metadata:Meta! spec:CronJobSpec!"),
    ("PersistentVolumeClaim", "apiVersion:string! kind:string! metadata:Meta! spec:ClaimSpec!"),
    ("Meta", "name:string! labels:map annotations:map namespace:string"),
    (
        "CronJobSpec",
        "schedule:string! timeZone:string startingDeadlineSeconds:number concurrencyPolicy:string \
         suspend:bool jobTemplate:JobTemplate! successfulJobsHistoryLimit:number \
         failedJobsHistoryLimit:number",
    ),
    ("JobTemplate", "metadata:Meta spec:JobSpec!"),
    (
        "JobSpec",
        "parallelism:number completions:number activeDeadlineSeconds:number \
         podFailurePolicy:FailurePolicy backoffLimit:number backoffLimitPerIndex:number \
         maxFailedIndexes:number template:PodTemplate! ttlSecondsAfterFinished:number \
         completionMode:string suspend:bool podReplacementPolicy:string",
    ),
    ("FailurePolicy", "rules:[Rule]!"),
    ("Rule", "action:string! onExitCodes:ExitCodes onPodConditions:[Condition]"),
    ("ExitCodes", "containerName:string operator:string! values:[number]!"),
    ("Condition", "type:string! status:string"),
    ("PodTemplate", "metadata:Meta spec:PodSpec!"),
    (
        "PodSpec",
        "restartPolicy:string terminationGracePeriodSeconds:number securityContext:Security \
         containers:[Container]! initContainers:[Container] volumes:[Volume] nodeSelector:map",
    ),
    ("Security", "runAsUser:number runAsGroup:number fsGroup:number runAsNonRoot:bool"),
    (
        "Container",
        "name:string! image:string command:[string] args:[string] env:[Variable] \
         resources:Resources volumeMounts:[Mount] workingDir:string",
    ),
    ("Variable", "name:string! value:string valueFrom:Source"),
    ("Source", "fieldRef:Field secretKeyRef:Key configMapKeyRef:Key"),
    ("Field", "apiVersion:string fieldPath:string!"),
    ("Key", "name:string key:string! optional:bool"),
    ("Resources", "requests:map limits:map"),
    ("Mount", "name:string! mountPath:string! readOnly:bool subPath:string"),
    ("Volume", "name:string! persistentVolumeClaim:Claim emptyDir:Empty"),
    ("Claim", "claimName:string! readOnly:bool"),
    ("Empty", "medium:string sizeLimit:string"),
    ("ClaimSpec", "accessModes:[string] resources:Resources storageClassName:string"),
];

/// What of a document is not in the schema.
fn faults(kind: &str, value: &Value, place: &str) -> Vec<String> {
    if let Some(kind) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
        let Some(list) = value.as_array() else { return vec![format!("{place} is no list")] };
        let all = list.iter().enumerate();
        return all.flat_map(|(at, one)| faults(kind, one, &format!("{place}[{at}]"))).collect();
    }
    let is_right = match kind {
        "string" => value.is_string(),
        "number" => value.is_u64(),
        "bool" => value.is_boolean(),
        "map" => value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
        _ => value.is_object(),
    };
    if !is_right {
        return vec![format!("{place} is no {kind}: {value}")];
    }
    let Some((_, fields)) = SCHEMA.iter().find(|(name, _)| *name == kind) else { return vec![] };
    let known: Vec<(&str, &str)> =
        fields.split_whitespace().filter_map(|field| field.split_once(':')).collect();
    let mut found = Vec::new();
    for (name, kind) in &known {
        match value.get(name) {
            Some(inner) => {
                found.extend(faults(kind.trim_end_matches('!'), inner, &format!("{place}.{name}")));
            }
            None if kind.ends_with('!') => found.push(format!("{place} has no {name}")),
            None => {}
        }
    }
    let names = value.as_object().into_iter().flat_map(|map| map.keys());
    let strange = names.filter(|name| !known.iter().any(|(known, _)| known == name));
    found.extend(strange.map(|name| format!("{place} has no field {name}")));
    found
}

/// The manifests of the guide.
fn manifests() -> Vec<Value> {
    let blocks = guides::blocks(SCALE, "yaml");
    blocks
        .iter()
        .map(|text| yaml::read(text).unwrap_or_else(|why| panic!("{why}\n{text}")))
        .collect()
}

#[track_caller]
fn manifest(kind: &str) -> Value {
    manifests().into_iter().find(|one| one["kind"] == kind).expect("a manifest")
}

fn words(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap()).collect()
}

#[test]
fn the_manifests_have_only_fields_that_kubernetes_knows() {
    for (text, found) in guides::blocks(SCALE, "yaml").iter().zip(manifests()) {
        let kind = found["kind"].as_str().unwrap();
        assert_eq!(faults(kind, &found, kind), [""; 0]);
        let version = if kind == "CronJob" { "batch/v1" } else { "v1" };
        assert_eq!(found["apiVersion"], version);
        // Another reader must understand the same, where there is one.
        let read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
        let has_yaml = Command::new("python3").args(["-c", "import yaml"]).output();
        if has_yaml.is_ok_and(|output| output.status.success()) {
            let bench = Bench::new("scale-yaml", json!({}));
            let ended = bench.sandbox.command("python3", &["-c", read]).stdin(text).run().ok();
            assert_eq!(ended.json(), found);
        } else {
            println!("skipped: python3 has no yaml, so the manifests were read by one reader");
        }
    }
    let mut wrong = manifest("CronJob");
    wrong["spec"]["jobTemplate"]["spec"]["completionmode"] = json!("Indexed");
    wrong["spec"]["jobTemplate"]["spec"]["completions"] = json!("8");
    wrong["spec"].as_object_mut().unwrap().remove("schedule");
    assert_eq!(faults("CronJob", &wrong, "").len(), 3);
}

#[test]
fn the_job_keeps_the_rules_that_kubernetes_has_for_its_fields() {
    let job = &manifest("CronJob")["spec"]["jobTemplate"]["spec"];
    let pod = &job["template"]["spec"];
    let container = &pod["containers"][0];
    // Per-index backoff and FailIndex need an indexed job whose pods are not restarted.
    assert_eq!(
        (&job["completionMode"], &pod["restartPolicy"]),
        (&json!("Indexed"), &json!("Never"))
    );
    let (completions, limit) = (&job["completions"], &job["backoffLimitPerIndex"]);
    assert!(limit.is_u64() && job["parallelism"].as_u64() <= completions.as_u64(), "{job}");
    let mut seen = Vec::new();
    for rule in job["podFailurePolicy"]["rules"].as_array().unwrap() {
        let action = rule["action"].as_str().unwrap();
        assert!(["FailJob", "FailIndex", "Ignore", "Count"].contains(&action), "{rule}");
        assert_ne!(rule["onExitCodes"].is_null(), rule["onPodConditions"].is_null(), "{rule}");
        if rule["onPodConditions"].is_array() {
            assert_eq!(rule["onPodConditions"][0]["type"], "DisruptionTarget");
            continue;
        }
        let on = &rule["onExitCodes"];
        assert_eq!((&on["containerName"], &on["operator"]), (&container["name"], &json!("In")));
        let codes: Vec<u64> =
            on["values"].as_array().unwrap().iter().map(|code| code.as_u64().unwrap()).collect();
        assert!(codes.is_sorted_by(|one, next| one < next) && codes[0] > 0, "{codes:?}");
        seen.extend(codes.into_iter().map(|code| (code, action)));
    }
    // What the same command would meet again; all else is tried again.
    assert_eq!(seen, [(2, "FailJob"), (13, "FailIndex")]);
    // 8 seconds are promised, and what hangs is killed after them.
    assert!(pod["terminationGracePeriodSeconds"].as_u64() >= Some(20));
    let names = |list: &Value| {
        let all = list.as_array().unwrap().iter();
        all.map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&container["volumeMounts"]), names(&pod["volumes"]));
    let claim = manifest("PersistentVolumeClaim");
    assert_eq!(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], claim["metadata"]["name"]);
    assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteMany"]));
    let parts = words(&container["args"]);
    let at = parts.iter().position(|word| *word == "--shards").unwrap();
    assert_eq!(parts[at + 1], completions.to_string());
}

#[test]
fn every_status_that_the_guide_names_is_one_of_bench_run() {
    let told = SCALE.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let told = told.flat_map(|cell| cell.split(", ")).filter_map(|word| word.parse().ok());
    let told: Vec<u32> = told.take(8).collect();
    assert_eq!(told, [0, 1, 2, 9, 12, 13, 130, 143]);
}

/// A sandbox with a plan of eight tasks, in which `occtl` is on `PATH`.
fn place(name: &str) -> Bench {
    let bench = Bench::new(name, json!({}));
    let tasks: Vec<Value> = (0..8).map(|at| task(&format!("t{at}"), &["true"])).collect();
    bench.plan(&json!(tasks), &json!({}));
    let occtl = bench.sandbox.bin().join("occtl");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_occtl"), occtl).unwrap();
    bench
}

/// All eight parts are done, each once.
#[track_caller]
fn assert_whole(bench: &Bench, results: &Path, batch: Option<&str>) {
    let shown = results.display().to_string();
    let status = bench.sandbox.occtl(&["bench", "status", &shown, "--json"]).run().ok().json();
    assert_eq!((&status["finished"], &status["shards"]), (&json!(true), &json!(8)), "{status}");
    assert_eq!(status["progress"]["pass"], 8);
    assert!(batch.is_none_or(|batch| status["batch"] == batch), "{status}");
}

#[test]
fn the_command_of_the_job_does_its_part_with_the_variables_of_kubernetes() {
    let bench = place("scale-job");
    let job = &manifest("CronJob")["spec"]["jobTemplate"]["spec"];
    let container = &job["template"]["spec"]["containers"][0];
    let root = bench.sandbox.root().display().to_string();
    let uid = "5b0b1c3e-0000-4000-8000-000000000000";
    let pod = |index: u64| {
        let line = [words(&container["command"]), words(&container["args"])].concat();
        let line: Vec<String> = line
            .iter()
            .map(|word| word.replace("$(OCCTL_BATCH)", uid).replace("/results", &root))
            .map(|word| word.replace("/bench/plan.json", bench.plan_file().to_str().unwrap()))
            .collect();
        let run = bench.sandbox.command(&line[0], &line[1..]).timeout(SOON);
        let run = run.env("JOB_COMPLETION_INDEX", index.to_string());
        let variables = container["env"].as_array().unwrap();
        assert!(variables.iter().any(|one| one["name"] == "OCCTL_BATCH"), "{variables:?}");
        run.env("OCCTL_BATCH", uid).run()
    };
    let completions = job["completions"].as_u64().unwrap();
    (0..completions).for_each(|index| drop(pod(index).ok()));
    assert_whole(&bench, &bench.path(uid), Some(uid));
    // A pod whose end was lost is started again; an index too many is an error that stops the job.
    assert!(pod(completions - 1).ok().stderr.contains("nothing left"));
    pod(completions).fails(2);
}

#[test]
fn the_script_for_slurm_does_its_part_with_the_variables_of_an_array() {
    let bench = place("scale-slurm");
    let blocks = guides::blocks(SCALE, "bash");
    let script = blocks.iter().find(|text| text.contains("#SBATCH")).unwrap();
    assert!(script.starts_with("#!/bin/bash\n"), "sbatch wants an interpreter");
    let options = script.lines().filter_map(|line| line.strip_prefix("#SBATCH --"));
    let known =
        ["job-name", "array", "cpus-per-task", "mem", "time", "signal", "requeue", "open-mode"];
    let names: Vec<&str> = options.map(|option| option.split('=').next().unwrap()).collect();
    assert_eq!(names, known);
    // Slurm reads options only before the first command.
    let last = script.rfind("#SBATCH").unwrap();
    assert!(last < script.find("\nexec ").unwrap());
    let file = bench.sandbox.bin().join("nightly.sbatch");
    std::fs::write(&file, script).unwrap();
    set_mode(&file, 0o755);
    let plan = bench.plan_file();
    let task = |index: u32, [min, max]: [u32; 2]| {
        let run = bench.sandbox.command("bash", &[&file, &plan, &bench.results()]).timeout(SOON);
        let count = max - min + 1;
        let variables = [("ID", index), ("MIN", min), ("MAX", max), ("COUNT", count), ("STEP", 1)];
        variables
            .iter()
            .fold(run, |run, (name, value)| {
                run.env(format!("SLURM_ARRAY_TASK_{name}"), value.to_string())
            })
            .env("SLURM_ARRAY_JOB_ID", "17")
            .run()
    };
    task(0, [0, 7]).fails(2);
    (1..=7).for_each(|index| drop(task(index, [1, 8]).ok()));
    // The last one alone, as the guide submits a task again.
    task(8, [8, 8]).ok();
    assert_whole(&bench, &bench.results(), Some("17"));
}

#[test]
fn the_line_for_parallel_does_all_parts() {
    let bench = place("scale-parallel");
    let lines = guides::blocks(SCALE, "sh");
    let mut lines = lines.iter().flat_map(|block| block.lines());
    let line = lines.find(|line| line.starts_with("parallel ")).unwrap();
    let (command, parts) = line.split_once(" ::: ").unwrap();
    let (options, command) = command.split_at(command.find("occtl ").unwrap());
    let parts: Vec<&str> = parts.split(' ').collect();
    let commands: Vec<String> = parts.iter().map(|part| command.replace("{}", part)).collect();
    // A run has 8 seconds to end before it is killed.
    assert_eq!(options, "parallel -j8 --termseq TERM,10000,KILL ");
    for command in &commands {
        let run = bench.sandbox.command("sh", &["-c", command]);
        run.cwd(bench.sandbox.root()).timeout(SOON).run().ok();
    }
    assert_whole(&bench, &bench.results(), None);
    assert_eq!(all(&bench.lines(), "shard").len(), 8);
    // And what the guide asks of it for the next night.
    let mut lines = guides::blocks(SCALE, "sh").into_iter().flat_map(str::lines);
    let dry = lines.find(|line| line.contains(" --dry-run --from results ")).unwrap();
    let said = bench.sandbox.command("sh", &["-c", dry]).cwd(bench.sandbox.root()).run().ok();
    assert!(
        said.stderr.contains("as runs took before, 4 machines with 8 at once need"),
        "{said:?}"
    );
    if Path::new("/usr/bin/parallel").exists() {
        let dry = line.replacen("parallel ", "parallel --dry-run --will-cite ", 1);
        let said = bench.sandbox.command("sh", &["-c", &dry]).timeout(SOON).run().ok().stdout;
        let mut said: Vec<&str> = said.lines().collect();
        said.sort_unstable();
        assert_eq!(said, commands);
    } else {
        println!("skipped: without GNU parallel its line was run part by part only");
    }
}

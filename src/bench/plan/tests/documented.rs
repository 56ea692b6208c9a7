use std::collections::BTreeSet;

use super::*;
use crate::bench::plan::{arms, read};
use crate::bench::task;

const GUIDE: &str = include_str!("../../../../docs/benchmarking.md");

fn section(title: &str) -> &'static str {
    let (_, rest) = GUIDE.split_once(&format!("\n## {title}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// The keys in the first column of the table with that head.
fn rows(section: &str, head: &str) -> BTreeSet<String> {
    let (_, rest) = section.split_once(&format!("| {head} | ")).unwrap();
    let rows = rest.lines().take_while(|line| line.contains('|')).skip(2);
    rows.map(|line| line.split('`').nth(1).unwrap().to_owned()).collect()
}

/// The blocks of JSON.
fn blocks(section: &'static str) -> Vec<&'static str> {
    section.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn set(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|key| key.to_string()).collect()
}

#[test]
fn the_guide_has_a_row_for_every_key_and_for_nothing_else() {
    assert_eq!(rows(section("Task"), "key"), set(&task::read::KEYS));
    assert_eq!(rows(section("Plan"), "key"), set(&read::KEYS));
    assert_eq!(rows(section("Plan"), "key of an arm"), set(&arms::KEYS));
    let limits = task::TaskLimits::default().to_json();
    let limits: Vec<&str> = limits.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(rows(section("Task"), "limit"), set(&limits));
}

#[test]
fn the_plan_and_the_task_of_the_guide_are_read_as_they_are() {
    let place = Place::new();
    place.write("overlays/brief/AGENTS.md", "Be brief.\n");
    let [task] = blocks(section("Task"))[..] else { panic!("the guide shows one task") };
    place.write("tasks/ok/task.json", task);
    let [plan] = blocks(section("Plan"))[..] else { panic!("the guide shows one plan") };
    let plan = place.read(plan).unwrap();
    assert_eq!((plan.tasks.len(), plan.arms.len(), plan.tasks[0].answer.len()), (3, 2, 2));
    assert_eq!(plan.tasks[2].check[0], "sh");
}

#[test]
fn every_wrap_of_the_guide_is_accepted() {
    let place = Place::new();
    let wraps = GUIDE.split("```json\n\"wrap\"").skip(1);
    let texts: Vec<_> = wraps.filter_map(|rest| rest.split("```").next()).collect();
    for text in &texts {
        let plan = format!(
            "{{\"defaults\": {{\"image\": \"x\"}}, \"tasks\": [\"tasks/*\"], \
             \"arms\": [{{\"id\": \"a\"}}], \"wrap\"{text}}}"
        );
        let plan = place.read(&plan).unwrap();
        assert!(plan.wrap.len() > 5, "{text}");
    }
    assert!(texts.len() >= 2, "only {} were found", texts.len());
}

//! The rules that a prompt gives its conversation, in their order: the last one that matches wins.
//! Pure.

use super::policy::{Policy, flag};
use super::rules::{ALLOW, ASK, DENY, common, deny_all, matches};
use super::settings::Unlisted;
use crate::client::wire::{Agent, Rule};
use crate::runner::conversation::deny_occtl::no_occtl;
use crate::runner::turn::record::HeldRule;

/// What `--unlisted ask` and `deny` allow besides `--allow`: to read, and to keep the todo list. A
/// path outside of the working directory is a permission of its own, `external_directory`.
const READING: [&str; 6] = ["read", "glob", "grep", "list", "todowrite", "todoread"];

/// What starts a sub-agent, for which most rules of the conversation do not hold.
const SUB_AGENTS: &str = "task";

/// What the rules depend on besides the policy.
pub struct Given<'a> {
    /// The agent of the prompt; only `--unlisted ask` and `deny` need it.
    pub agent: Option<&'a Agent>,
    /// All agents.
    pub agents: &'a [Agent],
    /// The rules that the conversation has already.
    pub own: &'a [Rule],
    /// Whether denials of a conversation hold for its sub-agents.
    pub reaches_sub_agents: bool,
    /// Whether occtl is denied to the model.
    pub denies_occtl: bool,
}

/// The rules, each with what gives it.
pub fn imposed(policy: &Policy, given: &Given) -> Vec<HeldRule> {
    let mut list = match policy.unlisted {
        Unlisted::Config => Vec::new(),
        Unlisted::Ask => wall(policy, given, ASK),
        Unlisted::Deny => wall(policy, given, DENY),
    };
    if denies_sub_agents(policy, given) {
        list.push(held(SUB_AGENTS, "*", DENY, "--deny"));
    }
    list.extend(policy.deny.iter().map(|rule| with(rule, flag(rule))));
    let rules: Vec<Rule> = list.iter().map(|one| one.rule.clone()).collect();
    // Behind them the server would no longer take the tool away that is denied altogether.
    if given.denies_occtl && !deny_all(&rules, "bash") {
        list.extend(no_occtl().iter().map(|rule| with(rule, "occtl".into())));
    }
    list
}

/// Whether sub-agents are denied only because the server would not hold `--deny` against them.
pub fn denies_sub_agents(policy: &Policy, given: &Given) -> bool {
    let wanted = policy.unlisted == Unlisted::Config && !policy.deny.is_empty();
    wanted && !given.reaches_sub_agents && !deny_all(&policy.deny, SUB_AGENTS)
}

/// All but `--deny`, from the base up. What follows the agent's own rules can only deny.
fn wall(policy: &Policy, given: &Given, base: &str) -> Vec<HeldRule> {
    let unlisted = format!("--unlisted {}", policy.unlisted.name());
    let base = held("*", "*", base, &unlisted);
    let reading = READING.map(|permission| held(permission, "*", ALLOW, &unlisted));
    let mut list = vec![base.clone()];
    list.extend(reading.iter().cloned());
    let allowed: Vec<HeldRule> = policy.allow.iter().map(|rule| with(rule, flag(rule))).collect();
    if let Some(agent) = given.agent {
        list.extend(asks_of_reading(agent, &base.rule.action));
        list.extend(allowed.iter().cloned());
        list.extend(denials_of(agent, &base, &reading, &allowed));
    } else {
        list.extend(allowed);
    }
    list.extend(earlier_denials(policy, given));
    list.push(held(SUB_AGENTS, "*", DENY, &unlisted));
    list
}

/// What the agent asks for where it reads: with a base of `deny` that is denied. Reading must not
/// be freer than it is without these rules, for example in `.env`.
fn asks_of_reading(agent: &Agent, base: &str) -> Vec<HeldRule> {
    let mut list: Vec<HeldRule> = Vec::new();
    for permission in READING {
        let mut asks = false;
        for rule in agent.permission.iter().filter(|rule| matches(&rule.permission, permission)) {
            asks |= rule.action == ASK;
            match rule.action.as_str() {
                ASK => list.push(held(permission, &rule.pattern, base, &named(agent))),
                ALLOW if asks => list.push(held(permission, &rule.pattern, ALLOW, &named(agent))),
                _ => {}
            }
        }
    }
    list
}

/// What the agent denies, and what it lets be in spite of that: there the rules before hold again,
/// as far as rules can say it.
fn denials_of(
    agent: &Agent,
    base: &HeldRule,
    reading: &[HeldRule],
    allowed: &[HeldRule],
) -> Vec<HeldRule> {
    let mut list: Vec<HeldRule> = Vec::new();
    for rule in &agent.permission {
        if rule.action == DENY {
            list.push(with(rule, named(agent)));
            continue;
        }
        let meets = |denied: &HeldRule| {
            let (one, other) = (&denied.rule.permission, &rule.permission);
            denied.rule.action == DENY && (matches(one, other) || matches(other, one))
        };
        if !list.iter().any(meets) {
            continue;
        }
        let reading = if rule.action == ASK { &[] } else { reading };
        let again = [std::slice::from_ref(base), reading, allowed].concat();
        let within = |one: HeldRule| common(&one.rule, rule).map(|rule| HeldRule { rule, ..one });
        list.extend(again.into_iter().filter_map(within));
    }
    list
}

/// What the conversation denies already, by an earlier `--deny` or another client. A rule that is
/// one of ours or of an agent's is not meant: those are given anew.
fn earlier_denials(policy: &Policy, given: &Given) -> Vec<HeldRule> {
    let occtl = no_occtl();
    let of_agent = |rule: &Rule| {
        let all = given.agents.iter().flat_map(|agent| &agent.permission);
        all.into_iter()
            .any(|one| (&one.permission, &one.pattern) == (&rule.permission, &rule.pattern))
    };
    let ours = |rule: &Rule| {
        (rule.pattern == "*" && ["*", SUB_AGENTS].contains(&rule.permission.as_str()))
            || occtl.contains(rule)
            || policy.deny.contains(rule)
    };
    let mut list: Vec<HeldRule> = Vec::new();
    for rule in given.own.iter().filter(|rule| rule.action == DENY) {
        if !ours(rule) && !of_agent(rule) && !list.iter().any(|one| one.rule == *rule) {
            list.push(HeldRule { rule: rule.clone(), by: None });
        }
    }
    list
}

fn held(permission: &str, pattern: &str, action: &str, by: &str) -> HeldRule {
    let rule =
        Rule { permission: permission.into(), pattern: pattern.into(), action: action.into() };
    HeldRule { rule, by: Some(by.into()) }
}

fn with(rule: &Rule, by: String) -> HeldRule {
    HeldRule { rule: rule.clone(), by: Some(by) }
}

fn named(agent: &Agent) -> String {
    format!("agent {}", agent.name)
}

#[cfg(test)]
#[path = "imposed_tests.rs"]
mod tests;

use super::super::policy_file::PolicyFlags;
use super::super::rules::decide;
use super::super::settings::Otherwise;
use super::*;

/// `permission pattern action`, a line each.
fn rules(text: &str) -> Vec<Rule> {
    let rule = |line: &str| {
        let words: Vec<&str> = line.trim().split('|').collect();
        held(words[0], words[1], words[2], "").rule
    };
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(rule).collect()
}

fn agent(text: &str) -> Agent {
    let mut agent: Agent = serde_json::from_str(r#"{"name":"build"}"#).unwrap();
    agent.permission = rules(text);
    agent
}

/// The rules of `build` without a configuration, as OpenCode 1.18.33 resolves them, as far as they
/// matter here.
const BUILD: &str = "*|*|allow
    external_directory|*|ask
    question|*|deny
    plan_exit|*|deny
    read|*|allow
    read|*.env|ask
    read|*.env.*|ask
    read|*.env.example|allow
    question|*|allow";

struct Case {
    agent: Agent,
    own: Vec<Rule>,
    occtl: bool,
    reaches: bool,
}

impl Case {
    fn new(more: &str) -> Case {
        let agent = agent(&format!("{BUILD}\n{more}"));
        Case { agent, own: Vec::new(), occtl: false, reaches: true }
    }

    fn held(&self, unlisted: Unlisted, allow: &[&str], deny: &[&str]) -> Vec<HeldRule> {
        let texts = |list: &[&str]| list.iter().map(|text| text.to_string()).collect();
        let (allow, deny) = (texts(allow), texts(deny));
        let flags = PolicyFlags { allow, deny, unlisted: Some(unlisted), ..PolicyFlags::default() };
        let policy = Policy::new(&flags, Otherwise::Wait).unwrap();
        let given = Given {
            agent: Some(&self.agent),
            agents: std::slice::from_ref(&self.agent),
            own: &self.own,
            reaches_sub_agents: self.reaches,
            denies_occtl: self.occtl,
        };
        imposed(&policy, &given)
    }

    /// What the server would do about each `permission:pattern`.
    fn decided(&self, list: &[HeldRule], asked: &[&str]) -> Vec<String> {
        let mut all = self.agent.permission.clone();
        all.extend(self.own.iter().cloned());
        all.extend(list.iter().map(|one| one.rule.clone()));
        let action = |text: &&str| {
            let (permission, pattern) = text.split_once(':').unwrap();
            decide(&all, permission, pattern).map_or(ASK.into(), |rule| rule.action.clone())
        };
        asked.iter().map(action).collect()
    }
}

fn shown(list: &[HeldRule]) -> Vec<String> {
    let by = |one: &HeldRule| one.by.clone().unwrap_or("-".into());
    let line = |one: &HeldRule| {
        let Rule { permission, pattern, action } = &one.rule;
        format!("{permission}|{pattern}|{action} by {}", by(one))
    };
    list.iter().map(line).collect()
}

#[test]
fn the_rules_of_a_wall_stand_in_the_promised_order() {
    let case = Case { occtl: true, ..Case::new("") };
    let list = case.held(Unlisted::Deny, &["bash:git *", "edit"], &["bash:git push*"]);
    let expected = [
        "*|*|deny by --unlisted deny",
        "read|*|allow by --unlisted deny",
        "glob|*|allow by --unlisted deny",
        "grep|*|allow by --unlisted deny",
        "list|*|allow by --unlisted deny",
        "todowrite|*|allow by --unlisted deny",
        "todoread|*|allow by --unlisted deny",
        "read|*.env|deny by agent build",
        "read|*.env.*|deny by agent build",
        "read|*.env.example|allow by agent build",
        "bash|git *|allow by --allow bash:git *",
        "edit|*|allow by --allow edit:*",
        "question|*|deny by agent build",
        "plan_exit|*|deny by agent build",
        "question|*|deny by --unlisted deny",
        "task|*|deny by --unlisted deny",
        "bash|git push*|deny by --deny bash:git push*",
    ];
    let (own, last) = list.split_at(expected.len());
    assert_eq!(shown(own), expected);
    let against: Vec<Rule> = last.iter().map(|one| one.rule.clone()).collect();
    assert_eq!(against, no_occtl());
    let asked = ["bash:git status", "bash:git push", "bash:ls", "edit:a", "read:a", "read:.env"];
    let expected = ["allow", "deny", "deny", "allow", "allow", "deny"];
    assert_eq!(case.decided(&list, &asked), expected);
    let list = case.held(Unlisted::Ask, &["bash:git *", "edit"], &["bash:git push*"]);
    let expected = ["allow", "deny", "ask", "allow", "allow", "ask"];
    assert_eq!(case.decided(&list, &asked), expected);
}

#[test]
fn without_a_wall_only_denials_are_sent_and_what_asks_goes_on_asking() {
    let case = Case::new("bash|*|ask");
    let list = case.held(Unlisted::Config, &["bash:git *"], &["bash:git push*"]);
    assert_eq!(shown(&list), ["bash|git push*|deny by --deny bash:git push*"]);
    assert_eq!(case.decided(&list, &["bash:git status", "bash:git push"]), ["ask", "deny"]);
    assert_eq!(shown(&case.held(Unlisted::Config, &["bash"], &[])), [""; 0]);
}

#[test]
fn where_sub_agents_are_out_of_reach_a_denial_denies_them() {
    let case = Case { reaches: false, ..Case::new("") };
    let list = case.held(Unlisted::Config, &[], &["edit"]);
    assert_eq!(shown(&list), ["task|*|deny by --deny", "edit|*|deny by --deny edit:*"]);
    let list = case.held(Unlisted::Config, &[], &["task"]);
    assert_eq!(shown(&list), ["task|*|deny by --deny task:*"]);
    assert_eq!(shown(&case.held(Unlisted::Config, &["edit"], &[])), [""; 0]);
}

#[test]
fn no_flag_lifts_what_the_configuration_denies_and_its_exceptions_stay_exceptions() {
    let case = Case::new(
        "*|*|deny
        read|*|allow
        edit|src/*|allow
        bash|git *|allow
        bash|git push*|deny
        bash|make *|ask",
    );
    let allow = ["*", "bash:git status*", "edit"];
    let asked = [
        "bash:git status",
        "bash:git push",
        "bash:make x",
        "bash:ls",
        "edit:src/a",
        "edit:b",
        "read:a",
        "read:.env",
        "webfetch:x",
        "glob:*",
    ];
    let list = case.held(Unlisted::Deny, &allow[1..], &[]);
    let expected =
        ["allow", "deny", "deny", "deny", "allow", "deny", "allow", "allow", "deny", "deny"];
    assert_eq!(case.decided(&list, &asked), expected);
    // What the configuration itself asks for or allows is all that `*` can allow.
    let list = case.held(Unlisted::Deny, &allow[..1], &[]);
    let expected =
        ["allow", "deny", "allow", "deny", "allow", "deny", "allow", "allow", "deny", "deny"];
    assert_eq!(case.decided(&list, &asked), expected);
    let list = case.held(Unlisted::Ask, &[], &[]);
    let expected = ["ask", "deny", "ask", "deny", "ask", "deny", "allow", "allow", "deny", "deny"];
    assert_eq!(case.decided(&list, &asked), expected);
}

#[test]
fn reading_is_no_freer_than_the_configuration_has_it() {
    let case = Case::new("read|secret/*|ask\ngrep|*|ask\nread|*.key|deny");
    let asked = ["read:secret/a", "grep:x", "read:a.key", "read:a", "read:x.env.example"];
    for (unlisted, asks) in [(Unlisted::Ask, "ask"), (Unlisted::Deny, "deny")] {
        let list = case.held(unlisted, &[], &[]);
        assert_eq!(case.decided(&list, &asked), [asks, asks, "deny", "allow", "allow"]);
        let list = case.held(unlisted, &["read", "grep"], &[]);
        assert_eq!(case.decided(&list, &asked), ["allow", "allow", "deny", "allow", "allow"]);
    }
}

#[test]
fn what_an_earlier_turn_denied_stays_denied_behind_a_new_wall() {
    let mut case = Case { occtl: true, ..Case::new("edit|*|deny\nedit|plans/*|allow") };
    let first = case.held(Unlisted::Deny, &["bash"], &["bash:git push*"]);
    case.own = first.iter().map(|one| one.rule.clone()).collect();
    assert_eq!(case.held(Unlisted::Deny, &["bash"], &["bash:git push*"]), first);
    let second = case.held(Unlisted::Ask, &["bash"], &["bash:rm *"]);
    let asked = ["bash:git push", "bash:rm x", "bash:ls", "webfetch:x", "edit:a"];
    let expected = ["deny", "deny", "allow", "ask", "deny"];
    assert_eq!(case.decided(&second, &asked), expected);
    case.own.extend(second.iter().map(|one| one.rule.clone()));
    assert_eq!(case.held(Unlisted::Ask, &["bash"], &["bash:rm *"]), second);
}

#[test]
fn a_tool_that_is_denied_altogether_can_be_taken_away() {
    let case = Case { occtl: true, ..Case::new("") };
    let takes_away = |list: Vec<HeldRule>| {
        let rules: Vec<Rule> = list.into_iter().map(|one| one.rule).collect();
        deny_all(&rules, "bash")
    };
    assert!(takes_away(case.held(Unlisted::Config, &[], &["bash"])));
    assert!(takes_away(case.held(Unlisted::Deny, &["edit"], &[])));
    assert!(!takes_away(case.held(Unlisted::Deny, &["bash:git *"], &[])));
    assert!(!takes_away(case.held(Unlisted::Config, &[], &["bash:git *"])));
}

//! Which events a user wants. Most events are of other conversations or of other kinds, so that is
//! found out before anything of them is decoded.

use std::collections::BTreeMap;

use crate::client::{Label, Needle};
use crate::sorting;

/// Says which events are wanted.
pub struct Wanted {
    /// The kinds that are wanted, and how each is found; none if all are.
    kinds: Vec<(String, Needle)>,
    tree: Option<Tree>,
}

/// The conversations whose events are wanted.
struct Tree {
    root: String,
    /// The conversation and, where they are wanted, its sub-agents'; and how each is found.
    ids: BTreeMap<String, Needle>,
    grows: bool,
}

/// What becomes of an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is left out.
    Unwanted,
    /// It is handed over.
    Wanted,
    /// It says that the conversation was deleted; with whether it is handed over.
    Deleted(bool),
}

impl Wanted {
    /// Events of these kinds, or of all if there is none; and only those of a conversation if one
    /// is given, with whether those of its sub-agents are wanted too.
    pub fn new(kinds: &[String], conversation: Option<(&str, bool)>) -> Wanted {
        let kind = |kind: &String| (kind.clone(), Needle::new(kind));
        let tree = conversation.map(|(root, grows)| {
            let ids = sorting::map([(root.to_string(), Needle::new(root))]);
            Tree { root: root.into(), ids, grows }
        });
        Wanted { kinds: kinds.iter().map(kind).collect(), tree }
    }

    /// Whether the events of sub-agents are wanted as well.
    pub fn has_sub_agents(&self) -> bool {
        self.tree.as_ref().is_some_and(|tree| tree.grows)
    }

    /// From now on the events of these sub-agents are wanted too.
    pub fn add_sub_agents(&mut self, ids: Vec<String>) {
        if let Some(tree) = &mut self.tree {
            tree.ids.extend(ids.into_iter().map(|id| (id.clone(), Needle::new(&id))));
        }
    }

    /// Judges the data of one event. With `is_first` it is the first one of its stream.
    pub fn judge(&mut self, data: &[u8], is_first: bool) -> Verdict {
        let can_be_ours = is_first || self.tree.as_ref().is_none_or(|tree| tree.is_named_in(data));
        let learns = self.tree.is_some();
        // Only an event about the tree tells what grows there, so its kind comes second.
        let can_be_wanted = learns || self.may_have_kind(data);
        if !can_be_ours || !can_be_wanted {
            return Verdict::Unwanted;
        }
        let Some(label) = Label::read(data) else { return Verdict::Unwanted };
        let is_ours = match &mut self.tree {
            Some(tree) => tree.take(&label) || label.is_greeting(),
            None => !label.is_heartbeat(),
        };
        if !is_ours {
            return Verdict::Unwanted;
        }
        let has_kind = self.kinds.is_empty() || self.kinds.iter().any(|(kind, _)| label.is(kind));
        let root = self.tree.as_ref().map(|tree| tree.root.as_str());
        if root.is_some() && label.is_deletion() && label.conversation.as_deref() == root {
            Verdict::Deleted(has_kind)
        } else if has_kind {
            Verdict::Wanted
        } else {
            Verdict::Unwanted
        }
    }

    fn may_have_kind(&self, data: &[u8]) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|(_, needle)| needle.is_in(data))
    }
}

impl Tree {
    fn is_named_in(&self, data: &[u8]) -> bool {
        self.ids.values().any(|needle| needle.is_in(data))
    }

    /// Whether an event is about one of the conversations. A new sub-agent's becomes one of them.
    fn take(&mut self, label: &Label) -> bool {
        let Some(conversation) = label.conversation.as_deref() else { return false };
        let is_below = label.parent.as_deref().is_some_and(|id| self.ids.contains_key(id));
        if self.grows && is_below && !self.ids.contains_key(conversation) {
            self.ids.insert(conversation.into(), Needle::new(conversation));
        }
        self.ids.contains_key(conversation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(kinds: &[&str], conversation: Option<&str>, children: bool) -> Wanted {
        let kinds: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
        Wanted::new(&kinds, conversation.map(|id| (id, children)))
    }

    fn event(kind: &str, conversation: &str) -> String {
        format!(r#"{{"id":"evt_1","type":"{kind}","properties":{{"sessionID":"{conversation}"}}}}"#)
    }

    fn opened(id: &str, parent: &str) -> String {
        let info = format!(r#"{{"id":"{id}","parentID":"{parent}"}}"#);
        format!(r#"{{"type":"session.created","properties":{{"info":{info}}}}}"#)
    }

    fn passes(wanted: &mut Wanted, data: &str) -> bool {
        wanted.judge(data.as_bytes(), false) == Verdict::Wanted
    }

    #[test]
    fn without_a_wish_everything_is_wanted_but_heartbeats_and_what_is_no_event() {
        let mut all = wanted(&[], None, false);
        assert!(passes(&mut all, &event("message.updated", "ses_1")));
        assert!(passes(&mut all, r#"{"type":"server.connected","properties":{}}"#));
        assert!(!passes(&mut all, r#"{"type":"server.heartbeat","properties":{}}"#));
        assert!(!passes(&mut all, "{not json") && !passes(&mut all, "[1]"));
    }

    #[test]
    fn kinds_are_wanted_by_their_name_or_its_beginning() {
        let mut some = wanted(&["session.idle", "permission"], None, false);
        for (kind, is_wanted) in [
            ("session.idle", true),
            ("session.idler", false),
            ("permission.asked", true),
            ("message.updated", false),
        ] {
            assert_eq!(passes(&mut some, &event(kind, "ses_1")), is_wanted, "{kind}");
        }
        let mentions = r#"{"type":"message.updated","properties":{"text":"session.idle"}}"#;
        assert!(!passes(&mut some, mentions));
    }

    #[test]
    fn of_a_conversation_only_its_own_events_and_the_greeting_are_wanted() {
        let mut one = wanted(&[], Some("ses_1"), false);
        assert!(passes(&mut one, &event("message.updated", "ses_1")));
        assert!(!passes(&mut one, &event("message.updated", "ses_2")));
        assert!(!passes(&mut one, &event("message.updated", "ses_12")));
        assert!(!passes(&mut one, &opened("ses_2", "ses_1")), "a sub-agent's is another one");
        assert!(!passes(&mut one, &event("message.updated", "ses_2")));
        let mention = r#"{"type":"x.y","properties":{"sessionID":"ses_2","text":"ses_1"}}"#;
        assert!(!passes(&mut one, mention));
        let greeting = r#"{"type":"server.connected","properties":{}}"#;
        assert_eq!(one.judge(greeting.as_bytes(), true), Verdict::Wanted);
    }

    #[test]
    fn sub_agents_join_when_they_are_opened_whatever_kinds_are_wanted() {
        let mut tree = wanted(&["message"], Some("ses_1"), true);
        tree.add_sub_agents(vec!["ses_old".into()]);
        assert!(tree.has_sub_agents());
        assert!(passes(&mut tree, &event("message.updated", "ses_old")));
        assert!(!passes(&mut tree, &opened("ses_2", "ses_1")), "another kind");
        assert!(!passes(&mut tree, &opened("ses_3", "ses_2")));
        assert!(!passes(&mut tree, &opened("ses_4", "ses_9")));
        assert!(passes(&mut tree, &event("message.updated", "ses_2")));
        assert!(passes(&mut tree, &event("message.updated", "ses_3")));
        assert!(!passes(&mut tree, &event("message.updated", "ses_4")));
    }

    #[test]
    fn only_the_deletion_of_the_conversation_itself_ends_its_events() {
        let mut tree = wanted(&["message"], Some("ses_1"), true);
        tree.add_sub_agents(vec!["ses_2".into()]);
        let of_a_child = tree.judge(event("session.deleted", "ses_2").as_bytes(), false);
        assert_eq!(of_a_child, Verdict::Unwanted);
        let of_itself = tree.judge(event("session.deleted", "ses_1").as_bytes(), false);
        assert_eq!(of_itself, Verdict::Deleted(false));
        let mut all = wanted(&[], Some("ses_1"), false);
        let printed = all.judge(event("session.deleted", "ses_1").as_bytes(), false);
        assert_eq!(printed, Verdict::Deleted(true));
    }
}

//! Reads arms, and makes them from a `matrix`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Arm, Prices};
use crate::bench::hash;
use crate::bench::json::{Object, Piece};
use crate::bench::task::read::{id, is_id};
use crate::bench::variables;
use crate::error::Result;
use crate::runner::asks::policy_file;
use crate::runner::asks::{Otherwise, Policy};

pub(super) const KEYS: [&str; 11] = [
    "id", "model", "agent", "variant", "opencode", "config", "overlay", "prompt", "policy",
    "prices", "env",
];

/// The keys that an arm has besides in a plan that was resolved before.
const RESOLVED_KEYS: [&str; 2] = ["overlay_sha256", "twin"];

/// What stands for the task's instruction in a prompt.
const INSTRUCTION: &str = "{instruction}";

impl Arm {
    /// All arms of a plan: those that it lists, then those of its matrix.
    pub(super) fn all(plan: &Object) -> Result<Vec<Arm>> {
        let mut arms: Vec<Arm> = Vec::new();
        if let Some(list) = plan.some("arms") {
            for piece in list.list()? {
                add(&mut arms, arm(&piece)?, &piece)?;
            }
        }
        if let Some(piece) = plan.some("matrix") {
            for arm in matrix(&piece)? {
                add(&mut arms, arm, &piece)?;
            }
        }
        if arms.is_empty() {
            let hint = r#"for example "arms": [{"id": "a", "model": "provider/model"}]"#;
            return Err(plan.piece.wrong("has no arms").hint(hint));
        }
        Ok(arms)
    }
}

fn add(arms: &mut Vec<Arm>, mut arm: Arm, piece: &Piece) -> Result<()> {
    if arms.iter().any(|other| other.id == arm.id) {
        return Err(piece.wrong(&format!("has the id {:?}, as another arm has", arm.id)));
    }
    // A plan that was resolved before may have lost the other arms.
    if !piece.source.resolved {
        let twins = |other: &&Arm| {
            let alike = Arm { twin: 0, ..(*other).clone() };
            alike.identity() == arm.identity()
        };
        arm.twin = arms.iter().filter(twins).count() as u32;
    }
    arms.push(arm);
    Ok(())
}

fn arm(piece: &Piece) -> Result<Arm> {
    let resolved = piece.source.resolved;
    let mut known = KEYS.to_vec();
    if resolved {
        known.extend(RESOLVED_KEYS);
    }
    let object = piece.object(&known)?;
    let word = |key: &str| object.some(key).map(|piece| piece.word()).transpose();
    let overlay = object.some("overlay").map(|piece| piece.directory()).transpose()?;
    let overlay_sha256 = match &overlay {
        _ if resolved => word("overlay_sha256")?,
        Some(path) => Some(hash::tree(path)?),
        None => None,
    };
    let twin = object.some("twin").map(|piece| piece.whole(0, u32::MAX.into())).transpose()?;
    Ok(Arm {
        id: id(&object.required("id")?)?,
        model: object.some("model").map(|piece| model(&piece)).transpose()?,
        agent: word("agent")?,
        variant: word("variant")?,
        opencode: object.some("opencode").map_or(Ok("opencode".into()), |it| program(&it))?,
        config: object.some("config").map_or(Ok(json!({})), |piece| config(&piece))?,
        overlay,
        prompt: object.some("prompt").map_or(Ok(INSTRUCTION.into()), |piece| prompt(&piece))?,
        policy: policy(object.some("policy").as_ref())?,
        prices: object.some("prices").map(|piece| prices(&piece)).transpose()?,
        env: object.some("env").map_or(Ok(BTreeMap::new()), |it| variables::read(&it))?,
        overlay_sha256,
        twin: twin.unwrap_or(0) as u32,
    })
}

/// `provider/model`. The model's own id may have more slashes.
pub fn model(piece: &Piece) -> Result<String> {
    let name = piece.word()?;
    match name.split_once('/') {
        Some((provider, model)) if !provider.is_empty() && !model.is_empty() => Ok(name),
        _ => Err(piece.wrong(&format!("cannot be {name:?}")).hint("provider/model")),
    }
}

/// A name is looked for in PATH when a run needs it, a path begins where the plan is.
fn program(piece: &Piece) -> Result<String> {
    let name = piece.word()?;
    if !name.contains('/') {
        return Ok(name);
    }
    let path: PathBuf = piece.path()?;
    if !piece.source.resolved && !path.is_file() {
        return Err(piece.wrong(&format!("is no program: {}", path.display())));
    }
    path.into_os_string().into_string().map_err(|_| piece.wrong("is not UTF-8"))
}

fn config(piece: &Piece) -> Result<Value> {
    piece.map()?;
    piece.value()
}

fn prompt(piece: &Piece) -> Result<String> {
    let prompt = piece.word()?;
    if prompt.contains(INSTRUCTION) {
        return Ok(prompt);
    }
    let error = piece.wrong("must contain {instruction}");
    Err(error.hint("it stands for the task's instruction, which the agent would never see"))
}

/// A policy as `--policy` takes it. An empty one is the default; in every other one, what is not
/// said of asks is `fail`: no user is there to answer.
fn policy(piece: Option<&Piece>) -> Result<Value> {
    let given = match piece {
        Some(piece) => piece.map()?.piece.value()?,
        None => json!({}),
    };
    let mut policy = given;
    if policy.as_object().is_none_or(|keys| keys.is_empty()) {
        policy = json!({"allow": ["*"], "deny": ["external_directory", "doom_loop"]});
    }
    let Some(piece) = piece else {
        policy["on_permission"] = json!("fail");
        policy["on_question"] = json!("fail");
        return Ok(policy);
    };
    for key in ["on_permission", "on_question"] {
        if policy.get(key).is_none_or(Value::is_null) {
            policy[key] = json!("fail");
        }
        if policy[key] == "wait" {
            return Err(piece.wrong(&format!("cannot have {key} wait: nobody answers in a run")));
        }
    }
    let checked = policy_file::parse(&policy.to_string(), &piece.place)
        .and_then(|flags| Policy::new(&flags, Otherwise::Fail));
    checked.map_err(|error| {
        let mut wrong = piece.wrong(&format!("is wrong: {}", error.message));
        wrong.hint = error.hint.clone();
        wrong
    })?;
    Ok(policy)
}

fn prices(piece: &Piece) -> Result<Prices> {
    let object = piece.object(&["input", "output", "cache_read", "cache_write"])?;
    let price = |key: &str| {
        object.required(key)?.number(|usd| usd >= 0.0, "US dollars for a million tokens, 0 or more")
    };
    Ok(Prices {
        input: price("input")?,
        output: price("output")?,
        cache_read: price("cache_read")?,
        cache_write: price("cache_write")?,
    })
}

/// An arm for each combination. Its id says which: `provider-model_agent_variant`.
fn matrix(piece: &Piece) -> Result<Vec<Arm>> {
    let object = piece.object(&["models", "agents", "variants"])?;
    let axis = |key: &str| -> Result<Vec<Option<String>>> {
        let Some(piece) = object.some(key) else { return Ok(vec![None]) };
        let values = piece.list()?;
        if values.is_empty() {
            return Err(piece.wrong("must not be empty"));
        }
        let one = |piece: &Piece| if key == "models" { model(piece) } else { piece.word() };
        values.iter().map(|piece| one(piece).map(Some)).collect()
    };
    let (models, agents, variants) = (axis("models")?, axis("agents")?, axis("variants")?);
    let mut arms = Vec::new();
    for model in &models {
        for agent in &agents {
            for variant in &variants {
                let parts = [model, agent, variant];
                let id = parts.into_iter().flatten().map(|part| plain(part));
                let id = id.collect::<Vec<_>>().join("_");
                if !is_id(&id) {
                    return Err(piece
                        .wrong(&format!("makes an arm with the id {id:?}"))
                        .hint("list such arms by themselves, with ids of at most 100 letters"));
                }
                arms.push(of_matrix(id, parts)?);
            }
        }
    }
    Ok(arms)
}

fn of_matrix(id: String, parts: [&Option<String>; 3]) -> Result<Arm> {
    let [model, agent, variant] = parts.map(Option::clone);
    Ok(Arm {
        id,
        model,
        agent,
        variant,
        opencode: "opencode".into(),
        config: json!({}),
        overlay: None,
        prompt: INSTRUCTION.into(),
        policy: policy(None)?,
        prices: None,
        env: BTreeMap::new(),
        overlay_sha256: None,
        twin: 0,
    })
}

/// A word with `-` for every letter that no id may have: the id of an arm that has only a model.
pub fn plain(word: &str) -> String {
    let may_stay = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    word.chars().map(|c| if may_stay(c) { c } else { '-' }).collect()
}

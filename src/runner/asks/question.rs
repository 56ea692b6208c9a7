//! Pending questions of models: find them and answer.

use super::ids::{Found, unique};
use super::reach::{Scope, directories};
use crate::client::Limit;
use crate::client::wire::QuestionText;
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;

/// A question that waits for an answer. One may ask several things at once.
#[derive(Clone, Debug)]
pub struct PendingQuestion {
    /// `que_…`.
    pub id: String,
    /// The session.
    pub session: String,
    /// The conversation whose model asks.
    pub conversation: String,
    /// The conversation's directory.
    pub directory: String,
    /// What is asked, in the order of the answers.
    pub questions: Vec<QuestionText>,
}

/// What is said to a question.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These labels; see [`assign`]. With `custom` also words of one's own.
    Labels {
        /// As typed.
        labels: Vec<String>,
        /// Whether words that are no label are meant as they are.
        custom: bool,
    },
    /// Nothing.
    Reject,
}

/// The pending questions of a session.
pub fn questions(context: &Context, session: &str) -> Result<Vec<PendingQuestion>> {
    let server = Server::open(context, session)?;
    pending(context, &server, Scope::Live)
}

fn pending(context: &Context, server: &Server, scope: Scope) -> Result<Vec<PendingQuestion>> {
    let ask = || list(server, &directories(context, server)?, scope);
    ask().map_err(|error| server.explain(context, error))
}

fn list(server: &Server, directories: &[String], scope: Scope) -> Result<Vec<PendingQuestion>> {
    let mut found = Vec::new();
    for directory in directories {
        let listed = server.client.questions(directory, Limit::Ordinary)?;
        for one in scope.choose(server, directory, listed)? {
            found.push(PendingQuestion {
                id: one.id,
                session: server.record.id.clone(),
                conversation: one.conversation,
                directory: directory.clone(),
                questions: one.questions,
            });
        }
    }
    Ok(found)
}

/// Answers a question and makes sure that it is settled.
pub fn answer(
    context: &Context,
    session: &str,
    word: &str,
    answer: &Answer,
) -> Result<PendingQuestion> {
    let server = Server::open(context, session)?;
    let id = &server.record.id;
    // One that is left out of lists can still be named.
    let mut pending = pending(context, &server, Scope::All)?;
    let missing = || {
        Error::not_found(format!("session {id} has no pending question {word}"))
            .hint(format!("occtl questions {id} shows {}", pending.len()))
    };
    let index = match unique(pending.iter().map(|one| one.id.as_str()), word, "que_") {
        Found::One(index) => index,
        Found::Many(candidates) => {
            let message = format!("more than one pending question begins with {word}");
            return Err(Error::not_found(message).hint(candidates.join(", ")));
        }
        Found::None => return Err(missing()),
    };
    let question = pending.swap_remove(index);
    let sent = match answer {
        Answer::Reject => server.client.reject_question(&question.id, &question.directory),
        Answer::Labels { labels, custom } => {
            let answers = assign(&question.questions, labels, *custom)?;
            server.client.reply_question(&question.id, &question.directory, &answers)
        }
    };
    sent.map_err(|failure| match failure.status() {
        // It was pending a moment ago.
        Some(404) => {
            Error::not_found(format!("question {} was answered by another client", question.id))
        }
        _ => server.explain(context, failure),
    })?;
    server.note_use(context, None);
    let left = list(&server, std::slice::from_ref(&question.directory), Scope::All)
        .map_err(|error| server.explain(context, error))?;
    if left.iter().any(|other| other.id == question.id) {
        let message = format!("the server took the answer to {} and still lists it", question.id);
        return Err(Error::failed(message));
    }
    Ok(question)
}

/// One list of labels for each question. A single question takes all words; of several each takes
/// one word, in their order, and several labels for one of them are joined by commas.
fn assign(questions: &[QuestionText], words: &[String], custom: bool) -> Result<Vec<Vec<String>>> {
    if let [only] = questions {
        return Ok(vec![labels(only, words, custom)?]);
    }
    if questions.len() != words.len() {
        let (asked, given) = (questions.len(), words.len());
        return Err(Error::usage(format!("{asked} things are asked and {given} are answered"))
            .hint("one LABEL each, in their order; several labels of one are joined by commas"));
    }
    let each = questions.iter().zip(words);
    each.map(|(question, word)| {
        let whole = known(question, word).is_some() || !question.multiple.unwrap_or(false);
        let words: Vec<String> = if whole {
            vec![word.clone()]
        } else {
            word.split(',').map(|part| part.trim().to_string()).collect()
        };
        labels(question, &words, custom)
    })
    .collect()
}

fn labels(question: &QuestionText, words: &[String], custom: bool) -> Result<Vec<String>> {
    let shown = &question.question;
    if words.len() > 1 && !question.multiple.unwrap_or(false) {
        return Err(Error::usage(format!("only one answer can be chosen for: {shown}")));
    }
    let label = |word: &String| {
        if let Some(label) = known(question, word) {
            return Ok(label);
        }
        let allowed = question.custom.unwrap_or(custom);
        if allowed {
            return Ok(word.clone());
        }
        let known: Vec<&str> = question.options.iter().map(|one| one.label.as_str()).collect();
        let free = match question.custom {
            Some(false) => "",
            _ => "; --custom sends words of your own",
        };
        Err(Error::usage(format!("{word} is no answer to: {shown}"))
            .hint(format!("one of {}{free}", known.join(", "))))
    };
    words.iter().map(label).collect()
}

/// The label that a word names: in exactly that spelling, or else the only one that differs in
/// case.
fn known(question: &QuestionText, word: &str) -> Option<String> {
    let labels = || question.options.iter().map(|option| &option.label);
    if let Some(label) = labels().find(|label| *label == word) {
        return Some(label.clone());
    }
    let mut near = labels().filter(|label| label.to_lowercase() == word.to_lowercase());
    near.next().filter(|_| near.next().is_none()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::wire::QuestionOption;

    fn question(labels: &[&str], multiple: bool, custom: Option<bool>) -> QuestionText {
        let option = |label: &&str| QuestionOption { label: (*label).into(), ..Default::default() };
        QuestionText {
            question: "Which?".into(),
            options: labels.iter().map(option).collect(),
            multiple: Some(multiple),
            custom,
            ..Default::default()
        }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| word.to_string()).collect()
    }

    #[test]
    fn answers_are_labels_unless_words_of_ones_own_are_wanted() {
        let one = [question(&["Red", "Blue, dark"], false, None)];
        assert_eq!(assign(&one, &words(&["red"]), false).unwrap(), [["Red"]]);
        assert_eq!(assign(&one, &words(&["Blue, dark"]), false).unwrap(), [["Blue, dark"]]);
        let error = assign(&one, &words(&["green"]), false).unwrap_err().to_string();
        assert!(error.contains("Red") && error.contains("--custom"), "{error}");
        assert_eq!(assign(&one, &words(&["green"]), true).unwrap(), [["green"]]);
        assert!(assign(&one, &words(&["Red", "Blue, dark"]), false).is_err());
        let closed = [question(&["Red"], false, Some(false))];
        assert!(assign(&closed, &words(&["green"]), true).is_err());
        let open = [question(&["Red"], false, Some(true))];
        assert_eq!(assign(&open, &words(&["green"]), false).unwrap(), [["green"]]);
    }

    #[test]
    fn several_questions_take_one_word_each() {
        let two = [question(&["a", "b"], true, None), question(&["c"], false, None)];
        assert_eq!(
            assign(&two, &words(&["a,b", "c"]), false).unwrap(),
            [words(&["a", "b"]), words(&["c"])]
        );
        assert_eq!(assign(&two, &words(&["a"]), false).unwrap_err().code.exit(), 2);
    }
}

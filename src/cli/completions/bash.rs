//! Bash hands over a line as it was typed, and replaces a part of its last word: what stands behind
//! the last of the characters that it breaks words at. Quotes and backslashes are still in it.

use super::candidate::Candidate;

/// A line that is being typed in bash, up to the cursor.
#[derive(Debug, PartialEq, Eq)]
pub struct Typed {
    /// The words before the last one, as the program would get them.
    pub words: Vec<String>,
    /// The last word, which may be empty.
    pub current: String,
    /// How much of the last word stands before what bash replaces, as the program would get it.
    kept: String,
    /// The quote that is open.
    quote: Option<char>,
}

/// What a backslash keeps its meaning before, within double quotes.
const SPECIAL_IN_QUOTES: &str = "\"$`\\";
/// What needs a backslash outside of quotes.
const SPECIAL: &str = " \t\"'\\$`&|;<>()*?[]{}!#~";

impl Typed {
    /// Reads a line. `breaks` are the characters of `COMP_WORDBREAKS`.
    pub fn read(line: &str, breaks: &str) -> Typed {
        let mut words = Vec::new();
        let mut typed = Typed::fresh();
        // Whether the last word has begun: a word may be empty, in quotes.
        let mut begun = false;
        let mut rest = line.chars().peekable();
        while let Some(c) = rest.next() {
            match (typed.quote, c) {
                (None, ' ' | '\t' | '\n') => {
                    if std::mem::take(&mut begun) {
                        words.push(std::mem::replace(&mut typed, Typed::fresh()).current);
                    }
                    continue;
                }
                (None, '\'' | '"') => {
                    typed.quote = Some(c);
                    typed.kept = typed.current.clone();
                }
                (Some(quote), c) if c == quote => typed.quote = None,
                (None, '\\') => typed.current.extend(rest.next()),
                (Some('"'), '\\') => match rest.peek() {
                    Some(c) if SPECIAL_IN_QUOTES.contains(*c) => typed.current.extend(rest.next()),
                    _ => typed.current.push('\\'),
                },
                (quote, c) => {
                    typed.current.push(c);
                    if quote.is_none() && breaks.contains(c) {
                        typed.kept = typed.current.clone();
                    }
                }
            }
            begun = true;
        }
        Typed { words, ..typed }
    }

    fn fresh() -> Typed {
        let (current, kept) = Default::default();
        Typed { words: Vec::new(), current, kept, quote: None }
    }

    /// What bash shall put in the place of what it replaces; `None` if that cannot be typed.
    pub fn inserted(&self, candidate: &Candidate) -> Option<String> {
        let tail = candidate.word.strip_prefix(&self.kept)?;
        match self.quote {
            Some('\'') if tail.contains('\'') => None,
            Some('\'') => Some(tail.into()),
            Some(_) => Some(escaped(tail, SPECIAL_IN_QUOTES)),
            None => Some(escaped(tail, SPECIAL)),
        }
    }
}

fn escaped(text: &str, special: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if special.contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The default of bash.
    const BREAKS: &str = " \t\n\"'><=;|&(:";

    fn insert(line: &str, word: &str) -> Option<String> {
        let typed = Typed::read(line, BREAKS);
        assert!(word.starts_with(&typed.current), "{typed:?}");
        typed.inserted(&Candidate { word: word.into(), what: String::new() })
    }

    #[test]
    fn words_are_read_as_the_shell_would_hand_them_over() {
        let typed = Typed::read(r#"occtl send "a b" c\ d '' e"#, BREAKS);
        assert_eq!(typed.words, ["occtl", "send", "a b", "c d", ""]);
        assert_eq!(typed.current, "e");
        assert_eq!(Typed::read("occtl ", BREAKS).words, ["occtl"]);
        assert_eq!(Typed::read("occtl ", BREAKS).current, "");
    }

    #[test]
    fn what_bash_replaces_begins_behind_the_last_break_or_the_open_quote() {
        assert_eq!(insert("occtl -m any/cl", "any/claude:free").unwrap(), "any/claude:free");
        assert_eq!(insert("occtl -m any/claude:", "any/claude:free").unwrap(), "free");
        assert_eq!(insert("occtl -m any/claude:fr", "any/claude:free").unwrap(), "free");
        assert_eq!(insert("occtl --model=a", "--model=any/x:y").unwrap(), "any/x:y");
        assert_eq!(insert("occtl -a my", "my agent").unwrap(), "my\\ agent");
        assert_eq!(insert("occtl -a my\\ a", "my agent").unwrap(), "my\\ agent");
        assert_eq!(insert("occtl -a \"my a", "my agent").unwrap(), "my agent");
        assert_eq!(insert("occtl -a 'my a", "my agent's"), None);
        assert_eq!(insert("occtl -a \"a:", "a:$b").unwrap(), "a:\\$b");
    }
}

//! Which commands a line of shell runs, as far as permissions are concerned. Pure.
//!
//! OpenCode parses the line with a real grammar and asks about every simple command in it, with its
//! redirections, its assignments and the commands inside substitutions. This is a reading of the
//! same that is good for what people and models write; `test-permission`'s tests compare both.

/// Words that begin a simple command for the grammar and yet are never asked about: `cd` because
/// its directory is, the others because the grammar gives them kinds of their own.
const NEVER_ASKED: [&str; 9] =
    ["cd", "export", "declare", "typeset", "readonly", "local", "unset", "[", "[["];

/// Words after which a command begins anew.
const OPENERS: [&str; 8] = ["if", "then", "else", "elif", "while", "until", "do", "!"];

/// Words that end a compound command; what follows them is at most a redirection.
const CLOSERS: [&str; 5] = ["fi", "done", "esac", "}", ")"];

/// How deep commands may stand within commands. No line that is meant to run is that
/// deep.
const DEEPEST: usize = 200;

/// The simple commands of a line, in order, those in substitutions behind the one they are part of.
/// Empty if nothing in it is asked about.
pub fn commands(line: &str) -> Vec<String> {
    let mut reader =
        Reader { text: line.as_bytes(), at: 0, joined: false, depth: 0, found: Vec::new() };
    reader.list(None);
    let mut commands: Vec<String> = Vec::new();
    for range in reader.found {
        let command = line.get(range).unwrap_or("").trim();
        if asked(command) && !commands.iter().any(|known| known == command) {
            commands.push(command.into());
        }
    }
    commands
}

fn asked(command: &str) -> bool {
    let assignment = |word: &&str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let first = command.split_whitespace().find(|word| !assignment(word));
    first.is_some_and(|word| !NEVER_ASKED.contains(&word))
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// Whether the next command follows `&&`, `||`, `|` or `!`. To the grammar its redirections
    /// then belong to the whole and not to it.
    joined: bool,
    /// How many brackets and substitutions are open.
    depth: usize,
    found: Vec<std::ops::Range<usize>>,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Reads commands up to an unquoted `end`, or to the end of the text.
    fn list(&mut self, end: Option<u8>) {
        while self.at < self.text.len() {
            self.separators();
            if self.at >= self.text.len() {
                return;
            }
            if Some(self.peek(0)) == end {
                self.at += 1;
                return;
            }
            match self.peek(0) {
                b'#' => self.skip_line(),
                b'(' => self.inner(1, b')'),
                b'{' if self.peek(1).is_ascii_whitespace() => self.at += 1,
                _ => self.compound_or_simple(end),
            }
        }
    }

    fn separators(&mut self) {
        loop {
            match self.peek(0) {
                b' ' | b'\t' | b'\r' => {}
                b'\n' | b';' => self.joined = false,
                b'&' if self.peek(1) == b'&' => {
                    self.joined = true;
                    self.at += 1;
                }
                b'&' => self.joined = false,
                b'|' => self.joined = true,
                _ => return,
            }
            self.at += 1;
        }
    }

    fn compound_or_simple(&mut self, end: Option<u8>) {
        let rest = &self.text[self.at..];
        let stops = |byte: &u8| byte.is_ascii_whitespace() || b";&|()<>".contains(byte);
        let length = rest.iter().position(stops).unwrap_or(rest.len());
        let word = std::str::from_utf8(&rest[..length]).unwrap_or("");
        if OPENERS.contains(&word) {
            self.joined = word == "!";
            self.at += length;
        } else if CLOSERS.contains(&word) || matches!(word, "for" | "select" | "case" | "function")
        {
            // The head of a loop or what is left of its end holds no command of its own.
            let start = self.found.len();
            self.simple(end);
            self.found.truncate(start);
        } else if rest[length..].starts_with(b"()") {
            self.at += length + 2;
        } else {
            self.simple(end);
        }
    }

    /// One simple command with its redirections, and behind it those inside of it.
    fn simple(&mut self, end: Option<u8>) {
        let (start, place) = (self.at, self.found.len());
        let (joined, mut redirected) = (std::mem::take(&mut self.joined), None);
        let mut here: Option<Vec<u8>> = None;
        while self.at < self.text.len() {
            let byte = self.peek(0);
            if Some(byte) == end && byte != b'`' || end == Some(b'`') && byte == b'`' {
                break;
            }
            if redirected.is_none() && self.redirects() {
                redirected = Some(self.at);
            }
            match byte {
                b'\\' => self.at += 2,
                b'\'' => self.quote(),
                b'"' => self.double_quote(),
                b'`' => self.inner(1, b'`'),
                b'$' if self.peek(1) == b'(' && self.peek(2) == b'(' => self.arithmetic(),
                b'$' | b'<' | b'>' if self.peek(1) == b'(' => self.inner(2, b')'),
                b'<' if self.peek(1) == b'<' && self.peek(2) != b'<' => here = Some(self.here()),
                b'>' | b'<' if self.peek(1) == b'&' => self.at += 2,
                b'&' if self.peek(1) == b'>' => self.at += 2,
                b'#' if self.at > start && self.text[self.at - 1].is_ascii_whitespace() => break,
                b'\n' => match here.take() {
                    Some(mark) => self.skip_here(&mark),
                    None => break,
                },
                b';' | b'&' | b'|' | b')' if here.is_none() => break,
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.text.len());
        let end_of_text = redirected.filter(|_| joined).unwrap_or(self.at).min(self.at);
        self.found.insert(place, start..end_of_text);
        if self.peek(0) == b')' && end != Some(b')') {
            // An unmatched bracket: nothing to make of it, but the reader must move on.
            self.at += 1;
        }
    }

    fn inner(&mut self, skip: usize, end: u8) {
        self.at += skip;
        if self.depth == DEEPEST {
            // What is in there belongs to the command around it.
            return;
        }
        let joined = std::mem::take(&mut self.joined);
        self.depth += 1;
        self.list(Some(end));
        self.depth -= 1;
        self.joined = joined;
    }

    /// Whether a redirection begins here: `>`, `<`, `2>`, `&>`, but not `<(`.
    fn redirects(&self) -> bool {
        let rest = &self.text[self.at..];
        let begins = self.at == 0 || self.text[self.at - 1].is_ascii_whitespace();
        // Only where a word begins: to count them at every place would take quadratic time.
        let digits = rest.iter().take_while(|byte| begins && byte.is_ascii_digit()).count();
        match rest[digits..] {
            [b'&', b'>', ..] => true,
            [b'<' | b'>', next, ..] => next != b'(',
            _ => false,
        }
    }

    fn quote(&mut self) {
        self.at += 1;
        while self.at < self.text.len() && self.peek(0) != b'\'' {
            self.at += 1;
        }
        self.at += 1;
    }

    fn double_quote(&mut self) {
        self.at += 1;
        while self.at < self.text.len() {
            match self.peek(0) {
                b'"' => break,
                b'\\' => self.at += 2,
                b'`' => self.inner(1, b'`'),
                b'$' if self.peek(1) == b'(' && self.peek(2) != b'(' => self.inner(2, b')'),
                _ => self.at += 1,
            }
        }
        self.at += 1;
    }

    fn arithmetic(&mut self) {
        while self.at < self.text.len() && !self.text[self.at..].starts_with(b"))") {
            self.at += 1;
        }
        self.at += 2;
    }

    /// `<<WORD`, `<<-WORD`, `<<'WORD'`: the line at which the text that follows ends.
    fn here(&mut self) -> Vec<u8> {
        self.at += 2;
        while matches!(self.peek(0), b'-' | b' ' | b'\'' | b'"' | b'\\') {
            self.at += 1;
        }
        let start = self.at;
        while self.peek(0).is_ascii_alphanumeric() || self.peek(0) == b'_' {
            self.at += 1;
        }
        let mark = self.text[start..self.at].to_vec();
        if matches!(self.peek(0), b'\'' | b'"') {
            self.at += 1;
        }
        mark
    }

    fn skip_here(&mut self, mark: &[u8]) {
        self.at += 1;
        loop {
            let start = self.at;
            self.skip_line();
            if self.text[start..self.at].trim_ascii() == mark || self.at >= self.text.len() {
                return;
            }
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        while self.at < self.text.len() && self.peek(0) != b'\n' {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Left the line, right what the real server (1.18.33) asked about.
    #[test]
    fn the_commands_are_those_that_the_real_server_asks_about() {
        for (line, expected) in [
            ("ls", &["ls"][..]),
            ("ls -la  x", &["ls -la  x"]),
            ("  true  ", &["true"]),
            ("echo a && echo b", &["echo a", "echo b"]),
            ("true||echo b;echo c", &["true", "echo b", "echo c"]),
            ("echo a\necho b", &["echo a", "echo b"]),
            ("echo a | cat", &["echo a", "cat"]),
            ("true &", &["true"]),
            ("true > out.txt", &["true > out.txt"]),
            ("echo a > out && echo b", &["echo a > out", "echo b"]),
            ("ls && ls > o.txt", &["ls"]),
            ("ls | cat > o; ls > o2", &["ls", "cat", "ls > o2"]),
            ("ls && cat <<X\nhey\nX", &["ls", "cat"]),
            ("ls | cat 2>&1 | cat > x", &["ls", "cat"]),
            ("ls && (ls > o)", &["ls", "ls > o"]),
            ("if ls > o; then ls && ls > p; fi", &["ls > o", "ls"]),
            ("! ls > o", &["ls"]),
            ("echo 'a > b' && ls > o extra", &["echo 'a > b'", "ls"]),
            ("FOO=1 true", &["FOO=1 true"]),
            ("(echo a)", &["echo a"]),
            ("{ true; }", &["true"]),
            ("! true", &["true"]),
            ("echo $(echo inner)", &["echo $(echo inner)", "echo inner"]),
            ("echo `echo tick`", &["echo `echo tick`", "echo tick"]),
            ("echo \"$(echo q)\"", &["echo \"$(echo q)\"", "echo q"]),
            ("cat <(echo x)", &["cat <(echo x)", "echo x"]),
            ("echo 'a && b'", &["echo 'a && b'"]),
            ("echo a\\ b", &["echo a\\ b"]),
            ("if true; then echo y; fi", &["true", "echo y"]),
            ("for i in 1 2; do echo $i; done", &["echo $i"]),
            ("f() { echo in; }; f", &["echo in", "f"]),
            ("cat <<X\nhey; rm\nX", &["cat <<X\nhey; rm\nX"]),
            ("time true", &["time true"]),
            ("true # c", &["true"]),
            ("# c", &[]),
            ("x=1", &[]),
            ("export A=1", &[]),
            ("cd work", &[]),
            ("cd work && ls", &["ls"]),
            ("sh -c 'a; b'", &["sh -c 'a; b'"]),
            ("echo é 😀", &["echo é 😀"]),
        ] {
            assert_eq!(commands(line), expected, "{line:?}");
        }
    }

    #[test]
    fn lines_of_any_depth_and_length_are_read_in_little_time_and_stack() {
        for piece in ["(", "$(", "`", "\"$(", "1", "((", "<(", "a;", "<<A\n", "\\"] {
            let began = std::time::Instant::now();
            commands(&format!("git {}", piece.repeat(100_000)));
            // All pieces together take 4 s of a processor, which a busy machine may not give at
            // once. In quadratic time each would take many minutes.
            assert!(began.elapsed() < std::time::Duration::from_secs(120), "{piece}");
        }
        assert_eq!(commands("git status; echo $(ls (")[0], "git status");
    }

    #[test]
    fn nonsense_ends() {
        for line in [
            "", ")", "))((", "$((", "\"", "'", "`", "\\", "<<", "<<X", "a <<X\nb", "$(", "{ ",
            "<(", "& & ;", "é\\",
        ] {
            let _ = commands(line);
            let _ = commands(&line.repeat(50));
        }
    }
}

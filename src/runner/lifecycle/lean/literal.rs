//! A literal of JavaScript as JSON: what a program holds that was built from a file of JSON.

/// How deep objects and arrays may lie in each other.
const DEEPEST: usize = 32;

/// The literal at the beginning of a text, as JSON. `None` if it is anything but objects, arrays,
/// strings, numbers and words that JSON has too.
pub fn to_json(text: &[u8]) -> Option<String> {
    let mut reader = Reader { text, at: 0, json: Vec::new(), depth: 0 };
    reader.value()?;
    String::from_utf8(reader.json).ok()
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    json: Vec<u8>,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// The next byte that is no white space. It is not passed.
    fn solid(&mut self) -> Option<u8> {
        while self.peek()?.is_ascii_whitespace() {
            self.at += 1;
        }
        self.peek()
    }

    fn value(&mut self) -> Option<()> {
        match self.solid()? {
            b'{' => self.members(b'}', Self::pair),
            b'[' => self.members(b']', Self::value),
            quote @ (b'"' | b'\'' | b'`') => self.string(quote),
            b'!' => {
                self.at += 1;
                let word = match self.next()? {
                    b'0' => "true",
                    b'1' => "false",
                    _ => return None,
                };
                self.json.extend_from_slice(word.as_bytes());
                Some(())
            }
            _ => {
                let word = self.word();
                let is_known = matches!(word, b"true" | b"false" | b"null");
                if !is_known && !word.first()?.is_ascii_digit() && *word.first()? != b'-' {
                    return None;
                }
                self.json.extend_from_slice(word);
                Some(())
            }
        }
    }

    /// What is between a bracket and its partner.
    fn members(&mut self, end: u8, member: fn(&mut Self) -> Option<()>) -> Option<()> {
        self.depth += 1;
        let open = self.next()?;
        self.json.push(open);
        let mut is_first = true;
        while self.solid()? != end {
            if !is_first {
                self.json.push(b',');
            }
            is_first = false;
            if self.depth > DEEPEST {
                return None;
            }
            member(self)?;
            match self.solid()? {
                b',' => self.at += 1,
                byte if byte == end => {}
                _ => return None,
            }
        }
        self.at += 1;
        self.depth -= 1;
        self.json.push(end);
        Some(())
    }

    fn pair(&mut self) -> Option<()> {
        match self.solid()? {
            quote @ (b'"' | b'\'') => self.string(quote)?,
            _ => {
                let word = self.word();
                if word.is_empty() || word.contains(&b'.') {
                    return None;
                }
                self.json.push(b'"');
                self.json.extend_from_slice(word);
                self.json.push(b'"');
            }
        }
        if self.solid()? != b':' {
            return None;
        }
        self.at += 1;
        self.json.push(b':');
        self.value()
    }

    /// A name or a number.
    fn word(&mut self) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let is_part =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | b'-');
        let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn string(&mut self, quote: u8) -> Option<()> {
        self.at += 1;
        self.json.push(b'"');
        loop {
            match self.next()? {
                byte if byte == quote => break,
                b'\\' => self.escape()?,
                b'$' if quote == b'`' && self.peek() == Some(b'{') => return None,
                b'"' => self.json.extend_from_slice(b"\\\""),
                byte if byte < b' ' => self.code(&format!("{byte:04x}")),
                byte => self.json.push(byte),
            }
        }
        self.json.push(b'"');
        Some(())
    }

    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            byte @ (b'n' | b't' | b'r' | b'b' | b'f' | b'\\' | b'"') => {
                self.json.extend_from_slice(&[b'\\', byte]);
            }
            b'v' => self.code("000b"),
            b'0' => self.code("0000"),
            b'x' => {
                let digits = self.digits(2)?;
                self.code(&format!("00{digits}"));
            }
            b'u' => {
                let digits = self.digits(4)?;
                self.code(&digits);
            }
            b'\n' => {}
            byte if byte.is_ascii_alphanumeric() => return None,
            byte => self.json.push(byte),
        }
        Some(())
    }

    fn digits(&mut self, count: usize) -> Option<String> {
        let digits = self.text.get(self.at..self.at + count)?;
        self.at += count;
        let digits = str::from_utf8(digits).ok()?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| digits.to_string())
    }

    fn code(&mut self, digits: &str) {
        self.json.extend_from_slice(b"\\u");
        self.json.extend_from_slice(digits.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Option<Value> {
        serde_json::from_str(&to_json(text.as_bytes())?).ok()
    }

    #[test]
    fn what_bundlers_write_becomes_the_json_that_it_was_made_from() {
        let text = r#"{a:{id:"a", "b-c":[!0,!1,null,true], 'd':1e6, $e_1: -0.5, 302: []}},"#;
        let expected = json!({"a": {"id": "a", "b-c": [true, false, null, true], "d": 1e6,
                                    "$e_1": -0.5, "302": []}});
        assert_eq!(read(text), Some(expected));
        let text = r#"{a: "x\x41\u00e9\ud83d\ude00\n\t\"\\", b: 'it\'s "so"', c: `two
lines`, d: "ü",}"#;
        let expected = json!({"a": "xAé😀\n\t\"\\", "b": "it's \"so\"", "c": "two\nlines",
                              "d": "ü"});
        assert_eq!(read(text), Some(expected));
    }

    #[test]
    fn what_would_have_to_be_computed_is_no_literal() {
        for text in [
            "{a: b}",
            "{a: f()}",
            "{...a}",
            "{a: 1 + 2}",
            "{a: `${b}`}",
            "{a: void 0}",
            "{a}",
            "{",
            "[1, 2",
            "{a: \"x",
            "{a: 0x10}",
            "{a: \"\\u{41}\"}",
            "",
            "{a.b: 1}",
            "{: 1}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let deep = "[".repeat(5000);
        assert_eq!(read(&deep), None);
    }
}

//! How long functions are, and what they are given.

use super::hold;
use super::text::{rust, without_comments, without_strings, words};

/// No function has more lines, its first and its last one included.
const MOST_LINES: usize = 60;
/// No function has more parameters; `self` is none. What travels together is a struct.
const MOST_PARAMETERS: usize = 5;

struct Function {
    name: String,
    lines: usize,
    parameters: usize,
}

/// The functions of a file, with those of its unit tests.
fn functions(text: &str) -> Vec<Function> {
    let bare = without_strings(&without_comments(text));
    let words = words(&bare);
    let named = |at: &usize| {
        words[*at].1 == "fn" && words.get(at + 1).is_some_and(|(_, name)| *name != "(")
    };
    (0..words.len()).filter(named).map(|at| function(&words[at..])).collect()
}

/// The function that words begin with.
fn function(words: &[(usize, &str)]) -> Function {
    let brackets = |open: &[&str], close: &[&str], from: usize| {
        let mut depth = 0;
        let ends = |(_, word): &(usize, &str)| {
            depth += i32::from(open.contains(word)) - i32::from(close.contains(word));
            depth == 0
        };
        from + words[from..].iter().position(ends).unwrap_or(words.len() - from - 1)
    };
    let mut at = 2;
    if words[at].1 == "<" {
        at = brackets(&["<"], &[">"], at) + 1;
    }
    let end = brackets(&["("], &[")"], at);
    let parameters = parameters(&words[at + 1..end]);
    let body = words[end..].iter().position(|(_, word)| ["{", ";"].contains(word));
    let last = brackets(&["{"], &["}"], end + body.unwrap_or(0));
    Function { name: words[1].1.into(), lines: words[last].0 - words[0].0 + 1, parameters }
}

/// How many parameters words between brackets are, without `self`, which is the first one where it
/// is not the beginning of a path.
fn parameters(words: &[(usize, &str)]) -> usize {
    let (mut depth, mut count, mut fresh) = (0, 0, true);
    for (at, (_, word)) in words.iter().enumerate() {
        count += usize::from(fresh);
        fresh = false;
        match *word {
            "(" | "[" | "{" | "<" => depth += 1,
            ")" | "]" | "}" | ">" => depth -= 1,
            "," if depth == 0 => fresh = true,
            "self" if count == 1 && words.get(at + 1).is_none_or(|(_, next)| *next != "::") => {
                count = 0;
            }
            _ => {}
        }
    }
    count
}

/// The functions of which something is more than allowed.
fn large(text: &str, most: usize, what: &str, size: impl Fn(&Function) -> usize) -> Vec<String> {
    let all = functions(text).into_iter().map(|function| (size(&function), function.name));
    let large = all.filter(|(size, _)| *size > most);
    large.map(|(size, name)| format!("{name} has {size} {what}")).collect()
}

fn too_long(_: &str, text: &str) -> Vec<String> {
    large(text, MOST_LINES, "lines", |function| function.lines)
}

fn too_many_parameters(_: &str, text: &str) -> Vec<String> {
    large(text, MOST_PARAMETERS, "parameters", |function| function.parameters)
}

#[test]
fn no_function_is_longer_than_a_screen() {
    hold(&rust(), too_long);
    let of = |lines: usize| format!("fn f() {{\n{}}}\n", "    x;\n".repeat(lines - 2));
    assert_eq!(too_long("", &of(MOST_LINES)), [""; 0]);
    assert_eq!(too_long("", &of(MOST_LINES + 1)), ["f has 61 lines"]);
    let inner = format!("#[cfg(test)]\nmod tests {{\n    // fn g() {{\n    {}}}\n", of(80));
    assert_eq!(too_long("", &inner), ["f has 80 lines"]);
    let many = "fn f() -> [u8; 2] {}\n".repeat(80)
        + "trait T {\n    fn g();\n}\nconst S: &str = \"fn h() {\";\n";
    assert_eq!(too_long("", &many.repeat(2)), [""; 0]);
}

#[test]
fn no_function_has_more_parameters_than_a_reader_keeps_apart() {
    hold(&rust(), too_many_parameters);
    for fine in [
        "fn f(a: A, b: B, c: C, d: D, e: E)",
        "pub fn f<'a, A: Fn(B, C) -> D>(&'a mut self, a: A, b: B, c: C, d: D, e: &'a E,)",
        "fn f(a: HashMap<K, V>, b: (A, B), c: [u8; 2], d: impl Fn(A, B, C) -> D)",
        "fn f(a: fn(A, B, C, D, E, F) -> G)",
    ] {
        assert_eq!(too_many_parameters("", &format!("{fine} {{}}")), [""; 0], "{fine}");
    }
    for wrong in [
        "fn f(a: A, b: B, c: C, d: D, e: E, f: F)",
        "fn f<T>(self, a: A, b: B, c: C, d: D, e: E, f: impl Fn(T) -> F)",
        "fn f(a: self::A, b: B, c: C, d: D, e: E, (f, g): (F, G))",
    ] {
        let found = too_many_parameters("", &format!("{wrong} {{}}"));
        assert_eq!(found, ["f has 6 parameters"], "{wrong}");
    }
}

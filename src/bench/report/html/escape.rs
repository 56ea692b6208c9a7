//! Text as HTML shows it. Whatever comes from models, tools, plans and file names goes through
//! here.

use std::fmt::Write as _;

/// The most of a text within a line, in characters: a title or a name is shorter.
const LONGEST_LINE: usize = 240;
/// The same for a sentence of ours, which may name many tasks or arms.
const LONGEST_SENTENCE: usize = 2000;

/// A text of several lines, for the inside of an element that keeps them. Returns how many bytes of
/// the text it took: no more than makes about `most` bytes of HTML.
pub fn add_lines(html: &mut String, text: &str, most: usize) -> usize {
    add(html, text, most, |c| matches!(c, '\n' | '\t'))
}

/// A text within a line, in an element that keeps its direction from reaching beyond it. What is
/// too long is cut, and ends in `…`.
pub fn inline(text: &str) -> String {
    within(text, LONGEST_LINE)
}

/// The same for a sentence, which may be longer than a name.
pub fn sentence(text: &str) -> String {
    within(text, LONGEST_SENTENCE)
}

fn within(text: &str, most: usize) -> String {
    let mut html = String::from("<bdi>");
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    add(&mut html, &text[..end], usize::MAX, |_| false);
    html.push_str(if end < text.len() { "…</bdi>" } else { "</bdi>" });
    html
}

/// A text where no element can be: in an attribute and in the title of a page.
pub fn plain(text: &str) -> String {
    inline(text).replace("<bdi>", "").replace("</bdi>", "").replace("<i>", "").replace("</i>", "")
}

/// Adds text, with characters that cannot be seen spelled out in `<i>`: the style sheet sets them
/// apart from the same letters in the text.
fn add(html: &mut String, text: &str, most: usize, keep: impl Fn(char) -> bool) -> usize {
    let most = html.len().saturating_add(most);
    let mut spelled = false;
    let mut taken = text.len();
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if html.len() >= most {
            taken = at;
            break;
        }
        let ends_line = c == '\r' && characters.peek().is_some_and(|(_, next)| *next == '\n');
        if ends_line && keep('\n') {
            continue;
        }
        let hidden = is_hidden(c) && !keep(c);
        if hidden != spelled {
            html.push_str(if hidden { "<i>" } else { "</i>" });
            spelled = hidden;
        }
        match c {
            _ if hidden => spell(html, c),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
    if spelled {
        html.push_str("</i>");
    }
    taken
}

fn spell(html: &mut String, c: char) {
    let _ = match c {
        '\n' => write!(html, "\\n"),
        '\t' => write!(html, "\\t"),
        '\r' => write!(html, "\\r"),
        _ if (c as u32) < 0x100 => write!(html, "\\x{:02x}", c as u32),
        _ => write!(html, "\\u{{{:x}}}", c as u32),
    };
}

/// Whether a reader would not see a character for what it is: it controls, changes the direction of
/// text, or has no width. Joiners and the selectors of emoji stay, because writing needs them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || (c as u32) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> String {
        let mut html = String::new();
        assert_eq!(add_lines(&mut html, text, usize::MAX), text.len());
        html
    }

    #[test]
    fn markup_stays_text_and_what_cannot_be_seen_is_spelled_out() {
        let shown = lines("</pre><script a='b' c=\"d\">&amp;\r\n\tx\r\u{1b}[0m\0");
        let expected = "&lt;/pre&gt;&lt;script a=&#39;b&#39; c=&quot;d&quot;&gt;&amp;amp;\n\t\
                        x<i>\\r\\x1b</i>[0m<i>\\x00</i>";
        assert_eq!(shown, expected);
        assert_eq!(
            lines("a\u{202e}b\u{2066}\u{e0041}c"),
            "a<i>\\u{202e}</i>b<i>\\u{2066}\\u{e0041}</i>c"
        );
        // Right-to-left text, accents and emoji of several characters are no trick.
        for fine in ["שלום", "مرحبا", "e\u{301}", "👩\u{200d}💻", "❤\u{fe0f}", "你好\u{a0}!"]
        {
            assert_eq!(lines(fine), fine);
        }
    }

    #[test]
    fn a_text_within_a_line_stays_there() {
        assert_eq!(inline("a\nb\tc\r\nd"), "<bdi>a<i>\\n</i>b<i>\\t</i>c<i>\\r\\n</i>d</bdi>");
        let long = inline(&"ü".repeat(LONGEST_LINE + 1));
        assert_eq!(long, format!("<bdi>{}…</bdi>", "ü".repeat(LONGEST_LINE)));
        assert_eq!(plain("\"><i>\u{202e}"), "&quot;&gt;&lt;i&gt;\\u{202e}");
    }

    #[test]
    fn no_more_than_a_share_of_the_page_is_used() {
        for text in ["x", "<", "\u{1b}", "ü<\u{202e}\n"] {
            let text = text.repeat(10_000);
            let mut html = String::from("before");
            let taken = add_lines(&mut html, &text, 1000);
            assert!(taken > 0 && taken < text.len());
            assert!(html.len() <= 6 + 1000 + 30, "{}", html.len());
            assert_eq!(html.matches("<i>").count(), html.matches("</i>").count());
            let mut rest = String::new();
            add_lines(&mut rest, &text[taken..], usize::MAX);
        }
    }
}

//! `docs/recording.svg`: a terminal in which the first commands are typed. `make recording` makes
//! it from what the commands print in the playground, and the test compares it with that.

use std::path::Path;

use super::playground::{Playground, lasting};
use super::versions::can;
use crate::support::terminal::screen;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/recording.svg");
/// How wide the picture is, and the terminal: on that one no path of a test is shortened.
const COLUMNS: usize = 80;
const TERMINAL: usize = 300;
/// What is typed, line by line. The last words of the third line make the model use a tool.
const TYPED: [&str; 5] = [
    "occtl start --name web",
    "occtl send web --stream 'Say hello.'",
    "occtl send web --wait '[[bash date > today]] [[echo It is noted.]]'",
    "occtl list",
    "occtl stop web",
];
/// The size of a character in a monospaced font of [`FONT`] pixels, and how far lines are apart.
const FONT: f64 = 14.0;
const WIDTH: f64 = 8.43;
const HEIGHT: f64 = 20.0;
/// How long the typing of a command, the wait for its first line and every further one seem to
/// take, in seconds.
const PAUSES: [f64; 3] = [1.2, 0.8, 0.1];

/// The lines that a terminal shows after all commands.
fn recorded() -> Vec<String> {
    let playground = Playground::new("recording");
    let typed: Vec<String> = TYPED.iter().map(|line| format!("{}\n{line}\n", say(line))).collect();
    let lines = playground.sandbox.root().join("lines");
    std::fs::write(&lines, format!("stty cols {TERMINAL} <&1\n{}", typed.concat())).unwrap();
    let inner = format!("'{}' <'{}'", Playground::script().display(), lines.display());
    let run = playground.sandbox.command("script", &["-qec", &inner, "/dev/null"]);
    let ended =
        run.env("SHELL", "/bin/sh").env("TERM", "xterm").timeout(super::playground::EXAMPLES);
    let shown = screen(&ended.run().ok().stdout, TERMINAL);
    playground.ends();
    shown.into_iter().filter(|line| !line.is_empty()).collect()
}

/// Prints a line as a prompt with what is typed.
fn say(line: &str) -> String {
    format!("printf '%s\\n' '$ {}'", line.replace('\'', "'\\''"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The lines as a picture in which they appear one after the other. A viewer without animations
/// shows all of them.
fn picture(lines: &[String]) -> String {
    let (width, height) = (WIDTH * COLUMNS as f64 + 32.0, HEIGHT * lines.len() as f64 + 36.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xml:space=\"preserve\" role=\"img\" \
         width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         <title>occtl starts a server, sends two prompts, lists and stops it</title>\n\
         <style>\n\
         text {{ font: {FONT}px monospace; fill: #d6deeb; white-space: pre; \
         animation: 0.01s backwards appear; }}\n\
         .typed {{ fill: #8bd5a0; font-weight: bold; }}\n\
         @keyframes appear {{ from {{ opacity: 0; }} }}\n\
         @media (prefers-reduced-motion) {{ text {{ animation: none; }} }}\n\
         </style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#171c26\"/>\n"
    );
    let mut moment = 0.0;
    let mut was_typed = false;
    for (at, line) in lines.iter().enumerate() {
        let is_typed = line.starts_with("$ ");
        moment += match (is_typed, was_typed) {
            (true, _) => PAUSES[0],
            (false, true) => PAUSES[1],
            (false, false) => PAUSES[2],
        };
        was_typed = is_typed;
        let class = if is_typed { " class=\"typed\"" } else { "" };
        let y = 34.0 + HEIGHT * at as f64;
        let text = escaped(line);
        svg.push_str(&format!(
            "<text{class} x=\"16\" y=\"{y}\" style=\"animation-delay: {moment:.1}s\">\
             {text}</text>\n"
        ));
    }
    svg + "</svg>\n"
}

/// The texts of a picture, without what differs each time.
fn texts(svg: &str) -> Vec<String> {
    let texts = svg.split("<text").skip(1).map(|part| part.split('>').nth(1).unwrap());
    let texts = texts.map(|text| text.trim_end_matches("</text"));
    let plain = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    texts.map(|text| lasting(&plain(text))).collect()
}

#[test]
fn the_recording_shows_what_the_commands_print_now() {
    if !Path::new("/usr/bin/script").exists() {
        println!("skipped: a terminal is recorded where script is (Debian's bsdutils)");
        return;
    }
    // Such a server has one line more, a warning.
    if !can("the server asks for its password") {
        return;
    }
    let now = recorded();
    let typed = now.iter().filter(|line| line.starts_with("$ "));
    assert_eq!(typed.count(), TYPED.len(), "{now:#?}");
    if std::env::var_os("OCCTL_WRITE_DOCS").is_some() {
        // The project is in a temporary directory, whose name says nothing.
        let named = |line: &String| {
            let words = line.split_inclusive(' ');
            let place = |word: &str| word.starts_with("/tmp/").then(|| "/srv/demo".to_owned());
            words.map(|word| place(word).unwrap_or_else(|| word.into())).collect()
        };
        let lines: Vec<String> = now.iter().map(named).collect();
        std::fs::write(FILE, picture(&lines)).unwrap();
    }
    let svg = std::fs::read_to_string(FILE).expect("docs/recording.svg");
    let shown: Vec<String> = now.iter().map(|line| lasting(line)).collect();
    assert_eq!(texts(&svg), shown, "`make recording` makes docs/recording.svg anew");
    assert!(svg.len() < 8 * 1024, "{} bytes", svg.len());
    for foreign in ["<script", "href", " on", "url(", "@import", "<!"] {
        assert!(!svg.contains(foreign), "{foreign}");
    }
}

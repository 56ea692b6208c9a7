//! How the tests of a language are run.

/// A language.
pub struct Language {
    /// Its name in ids and tags.
    pub name: &'static str,
    endings: &'static [&'static str],
    /// The lines of a shell that run the tests.
    run: &'static str,
    /// What is changed in the tests, so that none of them is skipped.
    pub change: Option<fn(&str) -> String>,
}

/// The languages of which the tests can be run.
const LANGUAGES: [Language; 6] = [
    Language { name: "python", endings: &[".py"], run: "pytest -q", change: None },
    Language {
        name: "rust",
        endings: &[".rs"],
        run: "cargo test -- --include-ignored",
        change: None,
    },
    Language { name: "go", endings: &[".go"], run: "go test ./...", change: None },
    Language {
        name: "java",
        endings: &[".java"],
        run: "./gradlew test --offline",
        change: Some(without_disabled),
    },
    Language {
        name: "javascript",
        endings: &[".spec.js", ".spec.mjs"],
        run: "npm run test",
        change: Some(without_skipped),
    },
    // Its build takes the name of the exercise from the directory that it runs in.
    Language {
        name: "cpp",
        endings: &[".cpp", ".cc"],
        run: "cp -R . \"$TMPDIR/@SLUG@\" && cd \"$TMPDIR/@SLUG@\" &&\n    \
              rm -rf build && mkdir build && cd build &&\n    \
              cmake -DEXERCISM_RUN_ALL_TESTS=1 -G 'Unix Makefiles' .. && make",
        change: None,
    },
];

impl Language {
    /// The language of a file with tests.
    pub fn of(test: &str) -> Option<&'static Language> {
        let fits = |language: &&Language| language.endings.iter().any(|end| test.ends_with(end));
        LANGUAGES.iter().find(fits)
    }

    /// The program that checks an answer. After a failure it ends with what an agent should know
    /// that has another try: its next prompt is the end of the output.
    pub fn check(&self, slug: &str, answer: &[&String]) -> String {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let slug: String = slug.chars().filter(is_plain).collect();
        let run = self.run.replace("@SLUG@", &slug);
        let files: Vec<&str> = answer.iter().map(|name| name.as_str()).collect();
        let files = files.join(", ").replace('\'', "'\\''");
        format!(
            "#!/bin/sh\n# Made by `occtl bench import exercism`: runs the tests.\n{run}\n\
             status=$?\n[ $status -eq 0 ] || printf '\\n%s\\n' \\\n    \
             'Those are the errors of the tests. The tests are right. \
             Mend {files} so that they pass.'\n\
             exit $status\n"
        )
    }
}

/// Java's tests without `@Disabled("…")`, and without the lines that are empty then.
fn without_disabled(text: &str) -> String {
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        let Some((before, after)) = line.split_once("@Disabled") else {
            kept.push_str(line);
            continue;
        };
        let after = match after.strip_prefix('(') {
            // The text of a reason may hold brackets, and stands between quotes.
            Some(inner) => {
                match inner.rfind("\")").map(|at| at + 2).or(inner.find(')').map(|at| at + 1)) {
                    Some(end) => &inner[end..],
                    None => after,
                }
            }
            None => after,
        };
        let rest = format!("{before}{after}");
        if !rest.trim().is_empty() {
            kept.push_str(&rest);
        }
    }
    kept
}

/// JavaScript's tests with `test(` for `xtest(`.
fn without_skipped(text: &str) -> String {
    let mut changed = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("xtest(") {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
        let begins = !rest[..at].ends_with(is_word);
        changed.push_str(&rest[..at]);
        changed.push_str(if begins { "test(" } else { "xtest(" });
        rest = &rest[at + "xtest(".len()..];
    }
    changed + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_test_of_java_or_javascript_stays_skipped() {
        let java = "    @Disabled(\"Remove (it) to run\")\n    @Test\n  @Disabled @Test\n\
                    @Disabled\n@Disabled(\"x\") @Test\nvoid a() {}\n";
        assert_eq!(without_disabled(java), "    @Test\n   @Test\n @Test\nvoid a() {}\n");
        let script = "xtest('a', f);\n  xtest('b');\nmyxtest(1); test('c');\n";
        let expected = "test('a', f);\n  test('b');\nmyxtest(1); test('c');\n";
        assert_eq!(without_skipped(script), expected);
    }

    #[test]
    fn the_language_is_that_of_the_tests() {
        let name = |test: &str| Language::of(test).map(|language| language.name);
        assert_eq!(name("bob_test.py"), Some("python"));
        assert_eq!(name("src/test/java/BobTest.java"), Some("java"));
        assert_eq!(name("bob.spec.js"), Some("javascript"));
        assert_eq!(name("bob.test.ts"), None);
        assert_eq!(name("test/bob_test.rb"), None);
    }
}

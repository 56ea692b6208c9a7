//! `docs/json.md`, read: a section for each `## ` heading, and in it a form for each table.

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// A path as `jq` has it, for example `sessions[].id`; `.` is the document itself.
    pub field: String,
    /// One of the types of `docs/json.md`.
    pub kind: String,
    /// What it is, in words.
    pub is: String,
}

/// One form that the documents of a section may have.
#[derive(Debug, Default)]
pub struct Form {
    /// The paragraph above the table.
    pub about: String,
    /// Sections whose fields belong to the form, each with what stands before their names.
    pub includes: Vec<(String, String)>,
    /// The rows of the form's own table.
    rows: Vec<Row>,
}

/// All sections, in their order.
#[derive(Debug)]
pub struct Tables {
    sections: Vec<(String, Vec<Form>)>,
}

/// The first line of a table of fields.
const TABLE: &str = "| field | type | is |";
/// What a paragraph says before the name of a section whose fields belong to its form.
const INCLUDES: &str = "ll fields of `";

impl Tables {
    pub fn read(text: &str) -> Tables {
        let section = |section: &str| {
            let (heading, rest) = section.split_once('\n').unwrap_or((section, ""));
            (heading.to_owned(), forms(rest))
        };
        Tables { sections: text.split("\n## ").skip(1).map(section).collect() }
    }

    /// The headings, in their order.
    pub fn headings(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|(heading, _)| heading.as_str())
    }

    /// The forms below a heading; fails the test if there is no such heading.
    #[track_caller]
    pub fn forms(&self, heading: &str) -> &[Form] {
        let found = self.sections.iter().find(|(name, _)| name == heading);
        &found.unwrap_or_else(|| panic!("docs/json.md has no section `## {heading}`")).1
    }

    /// All rows of a form, those of the sections that it includes too.
    #[track_caller]
    pub fn rows(&self, form: &Form) -> Vec<Row> {
        let mut rows = form.rows.clone();
        for (heading, prefix) in &form.includes {
            let first = self.forms(heading).first();
            let first = first.unwrap_or_else(|| panic!("`## {heading}` has no table"));
            // A row of the form's own says more than one that it includes.
            let included = self
                .rows(first)
                .into_iter()
                .map(|row| Row { field: format!("{prefix}{}", row.field), ..row });
            for row in included {
                if rows.iter().all(|own| own.field != row.field) {
                    rows.push(row);
                }
            }
        }
        rows
    }
}

/// The forms of a section: each table, and each paragraph that includes another section, begins
/// one. A table belongs to the paragraph right above it.
fn forms(section: &str) -> Vec<Form> {
    let blocks: Vec<&str> = section.split("\n\n").map(str::trim).collect();
    let mut forms: Vec<Form> = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        if block.starts_with(TABLE) {
            if at == 0 || blocks[at - 1].is_empty() || blocks[at - 1].starts_with('|') {
                forms.push(Form::default());
            }
            let form = forms.last_mut().expect("the paragraph began one");
            form.rows = block.lines().filter_map(rows_of_line).flatten().collect();
            continue;
        }
        let includes = includes(block);
        let before_table = blocks.get(at + 1).is_some_and(|next| next.starts_with(TABLE));
        if before_table || !includes.is_empty() {
            forms.push(Form { about: block.replace('\n', " "), includes, rows: Vec::new() });
        }
    }
    forms
}

/// `All fields of X` and `All fields of X with P before them`.
fn includes(paragraph: &str) -> Vec<(String, String)> {
    let paragraph = paragraph.replace('\n', " ");
    let parts = paragraph.split(INCLUDES).skip(1);
    let include = |part: &str| {
        let (heading, rest) = part.split_once('`')?;
        let prefix = rest.strip_prefix(" with `").and_then(|rest| rest.split('`').next());
        Some((heading.to_owned(), prefix.unwrap_or_default().to_owned()))
    };
    parts.filter_map(include).collect()
}

/// The rows of a line, of which there is one for each name that it begins with.
fn rows_of_line(line: &str) -> Option<Vec<Row>> {
    let (names, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
    let (kind, is) = rest.split_once(" | ")?;
    let is = is.strip_suffix(" |").unwrap_or_else(|| panic!("an unfinished row: {line}"));
    let row = |name: &str| Row { field: name.into(), kind: kind.into(), is: is.into() };
    Some(names.split("`, `").map(row).collect())
}

#[test]
fn tables_are_read_with_their_forms_and_with_what_they_include() {
    let text = "# T\n\n## A\n\n| field | type | is |\n| --- | --- | --- |\n| `a`, `b` | number | \
                n |\n\n## B\n\nSome words.\n\nAll fields of `A` with\n`x[].` before them, and:\n\n\
                | field | type | is |\n| --- | --- | --- |\n| `c` | string | s |\n\nWith `-o` all \
                fields of `A`.\n";
    let tables = Tables::read(text);
    assert_eq!(tables.headings().collect::<Vec<_>>(), ["A", "B"]);
    let fields = |form: &Form| {
        tables.rows(form).into_iter().map(|row| row.field).collect::<Vec<_>>().join(" ")
    };
    let forms: Vec<String> = tables.forms("B").iter().map(fields).collect();
    assert_eq!(forms, ["c x[].a x[].b", "a b"]);
}

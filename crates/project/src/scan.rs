//! Finds and reads the files of a project, and compiles their templates. Nothing runs yet.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use forebay_core::{Diagnostic, Diagnostics, Location};
use regex::Regex;

use crate::ignored::Ignored;
use crate::jinja::{BlockKind, Engine, MacroSet, blocks, docs};
use crate::package::Package;
use crate::problems::Problems;
use crate::{files, text};

/// dbt does not read a larger one while it reads a project.
pub(crate) const LARGE_SEED: u64 = 1024 * 1024;

/// A piece of SQL with Jinja: a model's file, or one snapshot of a file.
#[derive(Clone, Debug)]
pub(crate) struct SqlFile {
    pub name: String,
    pub file: String,
    /// Where it is defined: the file, or a place in it.
    pub at: Location,
    /// The configured folder that it was found in.
    pub folder: String,
    pub text: Arc<str>,
    pub range: Range<usize>,
    /// Its name in the engine.
    pub template: String,
    /// A byte order mark is before the text: dbt counts it to it.
    pub has_mark: bool,
}

impl SqlFile {
    pub fn raw(&self) -> &str {
        &self.text[self.range.clone()]
    }

    /// Where it defines a generic test, which is no part of a query.
    pub fn defines_test(&self) -> Option<usize> {
        // Comments and what is raw come first: what stands there defines nothing.
        static BLOCKS: LazyLock<Regex> = LazyLock::new(|| {
            let blocks = r"(?s)\{#.*?#\}|\{%[-+]?\s*raw\b.*?endraw|\{%[-+]?\s*test\s+\w+\s*\(";
            Regex::new(blocks).expect("a valid pattern")
        });
        let raw = self.raw();
        if !raw.contains("endtest") {
            return None;
        }
        let mut blocks = BLOCKS.find_iter(raw);
        let test = blocks.find(|block| block.as_str().ends_with('('))?;
        Some(test.start())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct SeedFile {
    pub name: String,
    pub file: String,
    pub folder: String,
}

/// One `{% docs %}` block.
#[derive(Clone, Debug)]
pub(crate) struct DocBlock {
    pub text: String,
    pub file: String,
}

/// The files of a project by what they are.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    pub models: Vec<SqlFile>,
    pub snapshots: Vec<SqlFile>,
    pub tests: Vec<SqlFile>,
    pub analyses: Vec<SqlFile>,
    pub functions: Vec<SqlFile>,
    pub seeds: Vec<SeedFile>,
    /// Property files: path and text.
    pub properties: Vec<(String, String)>,
    /// Files with rows for unit tests, by name.
    pub fixtures: BTreeMap<String, String>,
    pub docs: BTreeMap<String, DocBlock>,
    /// Nodes whose template cannot be read or does not compile: known by name, so that nobody else is blamed.
    pub broken: Vec<SqlFile>,
}

pub(crate) struct Scanner<'a> {
    pub root: &'a Path,
    pub package: &'a Package,
    pub problems: &'a Problems,
    pub engine: &'a mut Engine,
    pub macros: &'a mut MacroSet,
    pub ignored: Ignored,
    pub found: Scanned,
}

impl Scanner<'_> {
    pub fn scan(mut self) -> Scanned {
        let file = &self.package.file;
        for folder in &file.macros_in {
            self.macros(folder);
        }
        for folder in &file.tests_in {
            self.macros(&format!("{folder}/generic"));
            self.tests(folder);
            self.fixtures(folder);
        }
        for folder in &file.models_in {
            self.models(folder);
        }
        for folder in &file.snapshots_in {
            self.snapshots(folder);
        }
        for folder in &file.seeds_in {
            self.seeds(folder);
        }
        for folder in &file.analyses_in {
            let found = self.templates(folder);
            self.found.analyses.extend(found);
        }
        for folder in &file.functions_in {
            let found = self.templates(folder);
            self.found.functions.extend(found);
        }
        let mut folders = file.folders();
        folders.sort();
        folders.dedup();
        for folder in &folders {
            self.properties(folder);
        }
        for folder in file
            .docs_in
            .as_ref()
            .map_or(folders, |docs| docs.iter().collect())
        {
            self.docs_of(folder);
        }
        self.found
    }

    fn list(&self, folder: &str, extensions: &[&str]) -> Vec<String> {
        let found = files::list(self.root, folder, extensions);
        let mut found = self.problems.keep(found).unwrap_or_default();
        found.retain(|file| !self.ignored.has(self.package.path(file)));
        found
    }

    fn read(&self, file: &str) -> Option<String> {
        self.problems.keep(text::read(self.root, file))
    }

    fn macros(&mut self, folder: &str) {
        for file in self.list(folder, &["sql"]) {
            let Some(content) = self.read(&file) else {
                continue;
            };
            let added = self
                .engine
                .add_macros(&self.package.name, &file, &content, self.macros);
            if let Err(Diagnostics(problems)) = added {
                problems
                    .into_iter()
                    .for_each(|problem| self.problems.push(problem));
            }
        }
    }

    fn models(&mut self, folder: &str) {
        for file in self.list(folder, &["sql"]) {
            if let Some(sql) = self.whole(&file, folder)
                && let Some(sql) = self.compiled(sql)
            {
                self.found.models.push(sql);
            }
        }
        for file in self.list(folder, &["py"]) {
            let whole = self.whole(&file, folder);
            self.found.models.extend(whole);
        }
    }

    fn tests(&mut self, folder: &str) {
        let others = ["generic", "fixtures"].map(|other| format!("{folder}/{other}/"));
        let is_singular = |file: &&String| !others.iter().any(|other| file.starts_with(other));
        for file in self.list(folder, &["sql"]).iter().filter(is_singular) {
            if let Some(sql) = self.whole(file, folder)
                && let Some(sql) = self.compiled(sql)
            {
                self.found.tests.push(sql);
            }
        }
    }

    fn templates(&mut self, folder: &str) -> Vec<SqlFile> {
        let files = self.list(folder, &["sql"]);
        let read = |file: &String| {
            let whole = self.whole(file, folder)?;
            self.compiled(whole)
        };
        files.iter().filter_map(read).collect()
    }

    fn fixtures(&mut self, folder: &str) {
        for file in self.list(&format!("{folder}/fixtures"), &["csv", "sql"]) {
            let name = files::stem(&file).to_owned();
            if let Some(other) = self.found.fixtures.insert(name.clone(), file.clone()) {
                let problem = Diagnostic::error(format!("two fixtures are called '{name}'"));
                self.problems.push(
                    problem
                        .at(Location::file(file))
                        .hint(format!("the other is {other}")),
                );
            }
        }
    }

    /// As in dbt, a file with nothing in it is a node that never runs.
    fn whole(&mut self, file: &str, folder: &str) -> Option<SqlFile> {
        let read = self.problems.keep(text::read_marked(self.root, file));
        let is_read = read.is_some();
        let (text, has_mark) = read.unwrap_or_default();
        let text: Arc<str> = Arc::from(text);
        let whole = SqlFile {
            name: files::stem(file).to_owned(),
            file: file.to_owned(),
            at: Location::file(file),
            folder: folder.to_owned(),
            range: 0..text.len(),
            text,
            template: file.to_owned(),
            has_mark,
        };
        if !is_read {
            self.found.broken.push(whole);
            return None;
        }
        Some(whole)
    }

    fn snapshots(&mut self, folder: &str) {
        for file in self.list(folder, &["sql"]) {
            let Some(whole) = self.whole(&file, folder) else {
                continue;
            };
            let found = blocks(&whole.text).map_err(|error| {
                Diagnostic::error(format!("Jinja syntax error: {}", error.message))
                    .at(text::locate(&file, &whole.text, error.offset))
            });
            for block in self.problems.keep(found).unwrap_or_default() {
                if block.kind != BlockKind::Snapshot {
                    continue;
                }
                let sql = SqlFile {
                    template: format!("{file}#{}", block.name),
                    name: block.name,
                    at: text::locate(&file, &whole.text, block.open.start),
                    range: block.body,
                    ..whole.clone()
                };
                if let Some(sql) = self.compiled(sql) {
                    self.found.snapshots.push(sql);
                }
            }
        }
    }

    /// Keeps what does not compile aside.
    fn compiled(&mut self, sql: SqlFile) -> Option<SqlFile> {
        // Nothing is rendered of a file that cannot run.
        let range = match sql.defines_test() {
            Some(_) => 0..0,
            None => sql.range.clone(),
        };
        let added = self
            .engine
            .add_part(&sql.template, &sql.file, &sql.text, range);
        match self.problems.keep(added) {
            Some(()) => Some(sql),
            None => {
                self.found.broken.push(sql);
                None
            }
        }
    }

    fn seeds(&mut self, folder: &str) {
        for file in self.list(folder, &["csv"]) {
            self.check_seed(&file);
            self.found.seeds.push(SeedFile {
                name: files::stem(&file).to_owned(),
                folder: folder.to_owned(),
                file,
            });
        }
    }

    /// As in dbt, a seed that is not too large has to be text when the project is read.
    fn check_seed(&self, file: &str) {
        let small = std::fs::metadata(self.root.join(file));
        if small.is_ok_and(|found| found.len() <= LARGE_SEED) {
            self.read(file);
        }
    }

    fn properties(&mut self, folder: &str) {
        for file in self.list(folder, &["yml", "yaml"]) {
            if let Some(content) = self.read(&file) {
                self.found.properties.push((file, content));
            }
        }
    }

    fn docs_of(&mut self, folder: &str) {
        for file in self.list(folder, &["md"]) {
            if let Some(content) = self.read(&file) {
                self.docs(&file, &content);
            }
        }
    }

    fn docs(&mut self, file: &str, content: &str) {
        let (blocks, open) = docs(content);
        if let Some(open) = open {
            let problem = Diagnostic::error("the {% docs %} block is never closed");
            let problem = problem.at(text::locate(file, content, open));
            self.problems.push(problem.hint("{% enddocs %} is missing"));
        }
        for (name, offset, body) in blocks {
            let block = DocBlock {
                text: shown(body),
                file: file.to_owned(),
            };
            if let Some(other) = self.found.docs.insert(name.to_owned(), block) {
                self.problems.push(
                    Diagnostic::error(format!("two {{% docs %}} blocks are called '{name}'"))
                        .at(text::locate(file, content, offset))
                        .hint(format!("the other is in {}", other.file)),
                );
            }
        }
    }
}

/// As in dbt, a block is a template: what it marks as raw is shown without the marks.
fn shown(body: &str) -> String {
    static RAW: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\{%[-+]?\s*(?:end)?raw\s*[-+]?%\}").expect("a valid pattern")
    });
    RAW.replace_all(body, "").trim().to_owned()
}

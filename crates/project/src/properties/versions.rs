//! `versions:` of a model: one entry of the property file describes several nodes.

use forebay_core::Diagnostic;
use forebay_core::graph::Version;

use super::columns::{self, Declared};
use super::contract::{constraints, deprecation_date};
use super::tests::{self, TestDecl};
use super::{Patch, config};
use crate::config::merge;
use crate::docs;
use crate::yaml::{Doc, Fields, Unknown, Yaml};

/// What all versions have in common.
pub(super) struct Common {
    pub patch: Patch,
    pub columns: Vec<Declared>,
    /// Tests of the model as a whole.
    pub tests: Vec<TestDecl>,
}

/// The patch of each version. Without versions, the one of the model itself.
pub(super) fn patches(doc: Doc<'_>, fields: &mut Fields<'_>, common: Common) -> Vec<Patch> {
    let latest = fields.text("latest_version");
    let items = fields.list("versions");
    if items.is_empty() {
        if latest.is_some() {
            let message = format!("{} has a latest_version but no versions", fields.what);
            doc.error(message, fields.at("latest_version"));
        }
        return vec![common.with(None)];
    }
    let found = numbered(doc, items, &fields.what);
    let numbers: Vec<&str> = found.iter().map(|(_, v)| v.as_str()).collect();
    let Some(newest) = numbers.iter().copied().max_by(|a, b| order(a, b)) else {
        return Vec::new();
    };
    let latest = latest.unwrap_or_else(|| newest.to_owned());
    if !numbers.contains(&&*latest) {
        let what = &fields.what;
        let message = format!("latest_version {latest} is not one of the versions of {what}");
        doc.problems.push(
            Diagnostic::error(message)
                .at(fields.at("latest_version").in_file(doc.file))
                .hint(format!("it has: {}", numbers.join(", "))),
        );
    }
    let patches = found.iter().filter_map(|(item, v)| {
        let version = Version {
            v: v.clone(),
            latest: latest.clone(),
        };
        common.version(doc, item, version)
    });
    patches.collect()
}

/// The entries and their numbers, each number once.
fn numbered<'a>(doc: Doc<'_>, items: &'a [Yaml], what: &str) -> Vec<(&'a Yaml, String)> {
    let mut found: Vec<(&Yaml, String)> = Vec::new();
    for item in items {
        let fields = Fields::of(doc, item, format!("a version of {what}"));
        let Some(v) = fields.and_then(|mut fields| fields.required("v")) else {
            continue;
        };
        if found.iter().any(|(_, other)| *other == v) {
            let problem = Diagnostic::error(format!("{what} has two versions {v}"));
            let problem = problem.at(item.at.in_file(doc.file));
            doc.problems
                .push(problem.hint("give one of them another v: or take it away"));
        } else {
            found.push((item, v));
        }
    }
    found
}

/// Numbers by size, other names by their letters.
fn order(a: &str, b: &str) -> std::cmp::Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.cmp(b),
    }
}

impl Common {
    fn with(&self, version: Option<Version>) -> Patch {
        let (columns, mut tests) = columns::split(self.columns.clone());
        tests.extend(self.tests.iter().cloned());
        Patch {
            columns,
            tests,
            version,
            ..self.patch.clone()
        }
    }

    fn version(&self, doc: Doc<'_>, item: &Yaml, version: Version) -> Option<Patch> {
        let name = &self.patch.name;
        let v = version.v.clone();
        let mut fields = Fields::of(doc, item, format!("version {v} of model '{name}'"))?;
        fields.ignore(&["v", "docs"]);
        let own = columns(doc, &mut fields, &self.columns, name);
        let mut patch = Self {
            columns: own,
            ..self.tested(doc, &mut fields)
        }
        .with(Some(version));
        patch.at = item.at.in_file(doc.file);
        patch.defined_in = fields
            .text("defined_in")
            .or_else(|| Some(format!("{name}_v{v}")));
        if let Some(description) = fields.text("description") {
            patch.description = description;
            patch.docs = docs::called(fields.written("description").as_deref());
        }
        merge(&mut patch.config, config(doc, &mut fields));
        if fields.get("constraints").is_some() {
            let what = fields.what.clone();
            patch.constraints = constraints(doc, fields.list("constraints"), &what);
        }
        patch.deprecation_date = deprecation_date(&mut fields);
        fields.finish(Unknown::Warn);
        Some(patch)
    }

    /// The version's own tests take the place of those that all have.
    fn tested(&self, doc: Doc<'_>, fields: &mut Fields<'_>) -> Self {
        let written = fields.get("data_tests").or(fields.get("tests"));
        let own = tests::read_all(doc, fields, None);
        Self {
            patch: self.patch.clone(),
            columns: Vec::new(),
            tests: match written {
                Some(_) => own,
                None => self.tests.clone(),
            },
        }
    }
}

/// `[{include: all, exclude: [country]}, {name: region}]`: of the common ones, and its own.
fn columns(
    doc: Doc<'_>,
    fields: &mut Fields<'_>,
    common: &[Declared],
    name: &str,
) -> Vec<Declared> {
    let items = fields.list("columns");
    let is_rule = |item: &&Yaml| item.get("include").is_some() || item.get("exclude").is_some();
    let rules: Vec<&Yaml> = items.iter().filter(is_rule).collect();
    if let Some(second) = rules.get(1) {
        let message = format!("{} has more than one include/exclude", fields.what);
        doc.error(message, second.at);
    }
    let rule = rules
        .first()
        .and_then(|rule| Rule::read(doc, rule, &fields.what));
    let own: Vec<Yaml> = items
        .iter()
        .filter(|item| !is_rule(item))
        .cloned()
        .collect();
    let own = columns::read(doc, &own, name, false);
    // Its own word on a common column counts, and the tests of both.
    let kept = common.iter().filter(|declared| {
        let name = &declared.column.name;
        rule.as_ref().is_none_or(|rule| rule.keeps(name))
    });
    kept.cloned().chain(own.iter().cloned()).collect()
}

/// Which of the common columns a version has.
struct Rule {
    /// `None` for all of them.
    include: Option<Vec<String>>,
    exclude: Vec<String>,
}

impl Rule {
    fn read(doc: Doc<'_>, yaml: &Yaml, what: &str) -> Option<Self> {
        let mut fields = Fields::of(doc, yaml, format!("a column rule of {what}"))?;
        let include = fields.texts("include");
        let exclude = fields.texts("exclude");
        let all = matches!(include.as_slice(), [one] if one == "*" || one == "all");
        let single = fields
            .peek("include")
            .is_some_and(|yaml| yaml.to_json().is_string());
        if single && !all {
            let message = format!(
                "'include' of {} must be 'all', or a list of columns",
                fields.what
            );
            fields.error(message, fields.at("include"));
        }
        fields.finish(Unknown::Warn);
        Some(Self {
            include: (!all).then_some(include),
            exclude,
        })
    }

    fn keeps(&self, name: &String) -> bool {
        self.include
            .as_ref()
            .is_none_or(|names| names.contains(name))
            && !self.exclude.contains(name)
    }
}

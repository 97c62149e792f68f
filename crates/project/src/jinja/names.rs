//! What `ref` and `source` can name, once every file has been read.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::graph::{Access, Version};
use forebay_core::{Diagnostic, NodeId, Relation, suggest};

use crate::config::Quoting;

/// A node that can be referred to.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub id: NodeId,
    pub package: String,
    /// Of a model with several versions.
    pub version: Option<Version>,
    pub access: Access,
    pub group: Option<String>,
    /// Where its rows are; for an ephemeral model only the name matters.
    pub relation: Relation,
    /// How it is written.
    pub quoting: Quoting,
    pub ephemeral: bool,
    /// The SQL text that reads a source which is files.
    pub location: Option<String>,
    /// The column that says when its rows happened.
    pub event_time: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The project's own package.
    pub project: String,
    /// A package's nodes look in their own package before they look in the project.
    pub own_first: bool,
    pub refs: BTreeMap<String, Vec<Known>>,
    /// By source name, then by table name.
    pub sources: BTreeMap<String, BTreeMap<String, Vec<Known>>>,
    /// Functions of the database.
    pub functions: BTreeMap<String, Vec<Known>>,
    /// Packages whose models are not for others, unless they are public.
    pub restricted: BTreeSet<String>,
    /// Switched off by `enabled: false`, and where.
    pub disabled: BTreeMap<String, String>,
}

/// Who refers to something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    pub package: &'a str,
    pub group: Option<&'a str>,
}

impl Names {
    /// The model, seed or snapshot that somebody means, and may read; the problem comes without a
    /// place.
    pub fn reference(
        &self,
        asker: Asker<'_>,
        package: Option<&str>,
        name: &str,
        version: Option<&str>,
    ) -> Result<&Known, Diagnostic> {
        let named = self.refs.get(name).map_or(&[][..], Vec::as_slice);
        let of = |package: &str| named.iter().any(|known| known.package == package);
        let package = match package {
            Some(package) => Some(package),
            None => self
                .nearest(asker.package, named)
                .map(|known| &*known.package),
        };
        let named = named.iter().filter(|k| Some(&*k.package) == package);
        let mut named = named.filter(|known| known.answers_to(version));
        let found = named.next().ok_or_else(|| match package {
            Some(package) if of(package) => self.no_version(package, name, version),
            package => self.no_reference(package, name),
        })?;
        if let Some(other) = named.find(|other| other.id != found.id) {
            return Err(ambiguous(name, found, other));
        }
        self.check_access(asker, name, found)?;
        Ok(found)
    }

    fn check_access(&self, asker: Asker<'_>, name: &str, known: &Known) -> Result<(), Diagnostic> {
        let elsewhere = asker.package != known.package && self.restricted.contains(&known.package);
        let same_group = known.group.is_some() && asker.group == known.group.as_deref();
        match known.access {
            Access::Private if !same_group || elsewhere => {
                let group = known.group.as_deref().unwrap_or_default();
                Err(Diagnostic::error(format!(
                    "the model '{name}' is private to the group '{group}'"
                ))
                .hint(format!(
                    "put the node that reads it into that group: group: {group}"
                ))
                .hint("or give the model access: protected"))
            }
            Access::Protected if elsewhere => {
                let package = &known.package;
                Err(Diagnostic::error(format!(
                    "the model '{name}' is protected in the package '{package}'"
                ))
                .hint("only a model with access: public can be read from another package"))
            }
            _ => Ok(()),
        }
    }

    /// The project's, then the asking package's own, or the other way round, then any.
    fn nearest<'a>(&self, from: &str, named: &'a [Known]) -> Option<&'a Known> {
        let of = |package: &str| named.iter().find(|known| known.package == package);
        let (first, second) = match self.own_first {
            true => (from, &*self.project),
            false => (&*self.project, from),
        };
        of(first).or_else(|| of(second)).or(named.first())
    }

    fn no_reference(&self, package: Option<&str>, name: &str) -> Diagnostic {
        if let Some(file) = self.disabled.get(name) {
            return Diagnostic::error(format!("ref('{name}') names a model that is disabled"))
                .hint(format!("it is in {file}, with enabled: false"));
        }
        if let (Some(package), Some(known)) = (package, self.refs.get(name)) {
            return Diagnostic::error(format!("the package '{package}' has no model '{name}'"))
                .hint(format!("the package '{}' has one", known[0].package));
        }
        let near = suggest::nearest(name, self.refs.keys().map(String::as_str));
        let rule = "a model and a seed are called as their files are, without the ending";
        Diagnostic::error(format!("no model, seed or snapshot is called '{name}'"))
            .hint(near.unwrap_or_else(|| rule.to_owned()))
    }

    fn no_version(&self, package: &str, name: &str, version: Option<&str>) -> Diagnostic {
        let named = self.refs.get(name).into_iter().flatten();
        let known = named.filter(|known| known.package == package);
        let versions = known.filter_map(|known| Some(&*known.version.as_ref()?.v));
        let versions: Vec<&str> = versions.collect();
        let version = version.unwrap_or("latest");
        let problem = Diagnostic::error(format!("the model '{name}' has no version {version}"));
        match versions.is_empty() {
            true => problem.hint("it has no versions at all"),
            false => problem.hint(format!("it has: {}", versions.join(", "))),
        }
    }

    pub fn function(
        &self,
        from: &str,
        package: Option<&str>,
        name: &str,
    ) -> Result<&Known, Diagnostic> {
        let named = self.functions.get(name).map_or(&[][..], Vec::as_slice);
        let found = match package {
            Some(package) => named.iter().find(|known| known.package == package),
            None => self.nearest(from, named),
        };
        found.ok_or_else(|| {
            let problem = Diagnostic::error(format!("no function of the database is called '{name}'"));
            let near = suggest::nearest(name, self.functions.keys().map(String::as_str));
            problem.hint(near.unwrap_or_else(|| {
                format!("write it to functions/{name}.sql, and describe it under functions: in a property file")
            }))
        })
    }

    pub fn source(&self, from: &str, source: &str, table: &str) -> Result<&Known, Diagnostic> {
        let there = self.sources.get(source);
        let is_there = there.is_some_and(|tables| tables.contains_key(table));
        let disabled = self.disabled.get(&format!("{source}.{table}"));
        if let Some(file) = disabled.filter(|_| !is_there) {
            let message = format!("source('{source}', '{table}') names a table that is disabled");
            let problem = Diagnostic::error(message);
            return Err(problem.hint(format!("it is in {file}, with enabled: false")));
        }
        let Some(tables) = there else {
            let near = suggest::nearest(source, self.sources.keys().map(String::as_str));
            let rule = || format!("declare it in a property file: sources: - name: {source}");
            let problem = Diagnostic::error(format!("no source is called '{source}'"));
            return Err(problem.hint(near.unwrap_or_else(rule)));
        };
        let named = tables.get(table).map_or(&[][..], Vec::as_slice);
        self.nearest(from, named).ok_or_else(|| {
            let near = suggest::nearest(table, tables.keys().map(String::as_str));
            let known: Vec<&str> = tables.keys().map(String::as_str).collect();
            let rule = || format!("it has: {}", known.join(", "));
            Diagnostic::error(format!("the source '{source}' has no table '{table}'"))
                .hint(near.unwrap_or_else(rule))
        })
    }
}

fn ambiguous(name: &str, one: &Known, other: &Known) -> Diagnostic {
    let (one, other) = (&one.id, &other.id);
    let message = format!("ref('{name}') may mean {one} or {other}");
    Diagnostic::error(message).hint("rename one of them")
}

impl Known {
    /// Without a version, the latest is meant.
    fn answers_to(&self, version: Option<&str>) -> bool {
        match (&self.version, version) {
            (None, version) => version.is_none(),
            (Some(own), None) => own.is_latest(),
            (Some(own), Some(version)) => own.v == version,
        }
    }
}

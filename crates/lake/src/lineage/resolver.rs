//! The resolver of statements: the schemas that it knows and how deep it is.

use std::cell::Cell;
use std::rc::Rc;

use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use forebay_core::{Diagnostic, suggest};

use super::origin::{Column, Origin, Table};
use super::{Schemas, names};

/// Levels of nesting that are followed. The resolver recurses, and has a stack for this many.
const MAX_DEPTH: usize = 2_000;

/// Columns that one table of a statement may have: `SELECT *` over self-joins doubles them.
const MAX_COLUMNS: usize = 20_000;

/// Follows a statement's syntax from its outputs to the columns of the schemas.
pub(super) struct Resolver<'a> {
    schemas: &'a Schemas,
    depth: Cell<usize>,
}

/// One level of nesting, left when dropped.
pub(super) struct Level<'a>(&'a Cell<usize>);

impl Drop for Level<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<'a> Resolver<'a> {
    pub fn new(schemas: &'a Schemas) -> Self {
        Self {
            schemas,
            depth: Cell::new(0),
        }
    }

    /// Enters one more level of nesting.
    pub fn deeper(&self) -> Result<Level<'_>, Diagnostic> {
        self.depth.set(self.depth.get() + 1);
        let level = Level(&self.depth);
        match self.depth.get() {
            ..=MAX_DEPTH => Ok(level),
            _ => Err(Diagnostic::error(format!(
                "the statement nests deeper than {MAX_DEPTH} levels"
            ))),
        }
    }

    /// Refuses a table that grew out of all proportion.
    pub fn bounded(&self, columns: &[Column]) -> Result<(), Diagnostic> {
        match columns.len() {
            ..=MAX_COLUMNS => Ok(()),
            n => Err(Diagnostic::error(format!(
                "the statement makes a table of {n} columns; lineage follows {MAX_COLUMNS}"
            ))),
        }
    }

    /// Whether a bare name is the keyword DEFAULT in VALUES or SET.
    pub fn is_default(&self, ident: &Ident) -> bool {
        ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default")
    }

    /// A table of the schemas, all of its columns as they are.
    pub fn stored(&self, name: &ObjectName) -> Result<Table, Diagnostic> {
        let key = self.declared(name).ok_or_else(|| self.unknown(name))?;
        Ok(self.table(key))
    }

    /// A written table: its name in the schemas, or as the statement has it, and its columns, which
    /// are unknown if the statement writes a table that no schema declares.
    pub fn target(&self, name: &ObjectName) -> (String, Table) {
        match self.declared(name) {
            Some(key) => (key.to_owned(), self.table(key)),
            None => {
                let written = names::path(name).join(".");
                let open = Some(Rc::from(written.as_str()));
                let table = Table {
                    open,
                    ..Table::default()
                };
                (written, table)
            }
        }
    }

    fn table(&self, key: &str) -> Table {
        let table: Rc<str> = Rc::from(key);
        let declared = self.schemas.0.get(key).map_or(&[][..], Vec::as_slice);
        let columns: Vec<Column> = declared
            .iter()
            .map(|(name, _)| Column::new(name, Origin::column(&table, name)))
            .collect();
        Table {
            open: columns.is_empty().then_some(table),
            columns,
            ..Table::default()
        }
    }

    /// The schemas' name of a table: as written, without catalogue or a default schema before it,
    /// with the only schema that has a table of this name, or in another case.
    fn declared(&self, name: &ObjectName) -> Option<&'a str> {
        let path = names::path(name);
        let exact = |path: &[String]| self.find(|key| key == path.join("."));
        exact(&path)
            .or_else(|| (path.len() > 2).then(|| exact(&path[1..])).flatten())
            .or_else(|| match path.as_slice() {
                [.., schema, table] if matches!(schema.as_str(), "public" | "main") => {
                    exact(std::slice::from_ref(table))
                }
                _ => None,
            })
            .or_else(|| {
                let suffix = format!(".{}", path.join("."));
                self.find_only(|key| key.ends_with(&suffix))
            })
            .or_else(|| {
                let written = path.join(".").to_lowercase();
                self.find_only(|key| key.to_lowercase() == written)
            })
    }

    fn find(&self, is: impl Fn(&str) -> bool) -> Option<&'a str> {
        let mut keys = self.schemas.0.keys().map(String::as_str);
        keys.find(|key| is(key))
    }

    fn find_only(&self, is: impl Fn(&str) -> bool) -> Option<&'a str> {
        let mut keys = self.schemas.0.keys().map(String::as_str);
        let first = keys.find(|key| is(key))?;
        keys.all(|key| !is(key)).then_some(first)
    }

    fn unknown(&self, name: &ObjectName) -> Diagnostic {
        let written = names::path(name).join(".");
        let known = self.schemas.0.keys().map(String::as_str);
        let place = names::place(&names::last(name));
        Diagnostic::error(format!("table '{written}' is not known{place}"))
            .maybe_hint(suggest::nearest(&written, known))
            .hint("declare its columns in a source's or model's properties")
    }
}

//! Names in force at one place of a statement, and what each stands for.

use std::rc::Rc;

use datafusion::sql::sqlparser::ast::{Ident, NamedWindowDefinition};
use forebay_core::{Diagnostic, suggest};

use super::origin::{Column, Origin, Steering, Table};
use super::{Subtype, names};

/// One table of a FROM clause under the name by which its columns can be qualified.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// `["c"]` for an alias, `["crm", "customers"]` for a table without one, empty for neither.
    pub path: Vec<String>,
    pub columns: Vec<Column>,
    pub open: Option<Rc<str>>,
}

/// A FROM clause.
#[derive(Clone, Debug, Default)]
pub(super) struct FromClause {
    pub items: Vec<Item>,
    /// The columns in the order of `*`. USING and NATURAL merge two columns to one here; qualified,
    /// both are still to be had from their items.
    pub visible: Vec<Column>,
    pub steering: Steering,
    pub shaping: Steering,
}

impl FromClause {
    /// A clause of one table.
    pub fn one(path: Vec<String>, table: Table) -> Self {
        let item = Item {
            path,
            columns: table.columns.clone(),
            open: table.open,
        };
        Self {
            items: vec![item],
            visible: table.columns,
            steering: table.steering,
            shaping: table.shaping,
        }
    }

    /// Adds a table or join beside those that are there.
    pub fn add(&mut self, right: FromClause) {
        self.items.extend(right.items);
        self.visible.extend(right.visible);
        self.steering.extend(right.steering);
        self.shaping.extend(right.shaping);
    }

    /// The item that a qualifier names. `customers` and `db.crm.customers` name `crm.customers` too,
    /// where nothing is called just that.
    pub fn item(&self, path: &[String]) -> Option<&Item> {
        let find = |named: &dyn Fn(&Item) -> bool| self.items.iter().find(|item| named(item));
        find(&|item| item.path == path)
            .or_else(|| find(&|item| !path.is_empty() && item.path.ends_with(path)))
            .or_else(|| find(&|item| item.path.len() > 1 && path.ends_with(&item.path)))
    }

    /// The column of this name, if there is one; an error if there are several.
    fn column(&self, name: &Ident) -> Result<Option<Rc<Origin>>, Diagnostic> {
        let found = names::matching(&self.visible, name);
        match found.as_slice() {
            [one] => return Ok(Some(Rc::clone(&one.origin))),
            [] => {}
            _ => return Err(ambiguous(name)),
        }
        let mut open = self.items.iter().filter_map(|item| item.open.as_ref());
        match (open.next(), open.next()) {
            (Some(table), None) => Ok(Some(open_column(table, name))),
            (Some(_), Some(_)) => Err(ambiguous(name)),
            (None, _) => Ok(None),
        }
    }
}

fn open_column(table: &Rc<str>, name: &Ident) -> Rc<Origin> {
    Rc::new(Origin::column(table, &names::fold(name)))
}

/// One layer of names. Inner layers hide outer ones.
pub(super) enum Layer<'a> {
    Outermost,
    /// The columns of a FROM clause.
    Tables(&'a FromClause),
    /// Common table expressions.
    Ctes(&'a [(String, Rc<Table>)]),
    /// Select-list names, for the clauses that may use them: columns come first.
    Names(&'a [Column]),
    /// WINDOW clauses.
    Windows(&'a [NamedWindowDefinition]),
}

/// The layers in force, innermost first.
pub(super) struct Scope<'a> {
    pub parent: Option<&'a Scope<'a>>,
    pub layer: Layer<'a>,
}

impl<'a> Scope<'a> {
    pub const OUTERMOST: Scope<'static> = Scope {
        parent: None,
        layer: Layer::Outermost,
    };

    pub fn within(parent: &'a Scope<'a>, layer: Layer<'a>) -> Self {
        Self {
            parent: Some(parent),
            layer,
        }
    }

    fn layers(&self) -> impl Iterator<Item = &Layer<'a>> {
        let mut next = Some(self);
        std::iter::from_fn(move || {
            let scope = next?;
            next = scope.parent;
            Some(&scope.layer)
        })
    }

    fn clauses(&self) -> impl Iterator<Item = &FromClause> {
        self.layers().filter_map(|layer| match layer {
            Layer::Tables(from) => Some(*from),
            _ => None,
        })
    }

    /// What an unqualified name stands for: a column, else a name of the select list, else a whole
    /// row of the table of that name.
    pub fn column(&self, name: &Ident) -> Result<Rc<Origin>, Diagnostic> {
        for from in self.clauses() {
            if let Some(origin) = from.column(name)? {
                return Ok(origin);
            }
        }
        for layer in self.layers() {
            if let Layer::Names(columns) = layer
                && let Some(column) = names::matching(columns, name).first()
            {
                return Ok(Rc::clone(&column.origin));
            }
        }
        self.item(&[names::fold(name)])
            .map(|item| Rc::new(row(item)))
            .ok_or_else(|| self.unknown_column(name))
    }

    /// What `a.b`, `a.b.c`... stands for: the column of the table that the longest qualifier names,
    /// or a field of a column, which is a step on from it.
    pub fn qualified(&self, parts: &[Ident]) -> Result<Rc<Origin>, Diagnostic> {
        let path: Vec<String> = parts.iter().map(names::fold).collect();
        for split in (1..parts.len()).rev() {
            let Some(item) = self.item(&path[..split]) else {
                continue;
            };
            let origin = column_of(item, &parts[split])?;
            return Ok(field(origin, parts.len() - split - 1));
        }
        match parts {
            [first, fields @ ..] => self
                .column(first)
                .map(|origin| field(origin, fields.len()))
                .map_err(|_| self.unknown_table(&path[..path.len() - 1], first)),
            [] => Err(Diagnostic::internal("a column reference without a name")),
        }
    }

    /// The table that a qualifier names.
    pub fn item(&self, path: &[String]) -> Option<&Item> {
        self.clauses().find_map(|from| from.item(path))
    }

    /// The common table expression of this name.
    pub fn cte(&self, name: &str) -> Option<Rc<Table>> {
        self.layers().find_map(|layer| match layer {
            Layer::Ctes(ctes) => ctes
                .iter()
                .rev()
                .find(|(cte, _)| cte == name)
                .map(|(_, table)| Rc::clone(table)),
            _ => None,
        })
    }

    /// The WINDOW clause of this name.
    pub fn window(&self, name: &Ident) -> Result<&NamedWindowDefinition, Diagnostic> {
        self.layers()
            .find_map(|layer| match layer {
                Layer::Windows(windows) => windows
                    .iter()
                    .find(|window| names::fold(&window.0) == names::fold(name)),
                _ => None,
            })
            .ok_or_else(|| {
                Diagnostic::error(format!("no WINDOW named '{name}'{}", names::place(name)))
            })
    }

    /// The expression between parentheses before `.field`, if it is a table's name: `(c).id`.
    pub fn whole_row(&self, name: &Ident) -> Option<&Item> {
        let is_column = self
            .clauses()
            .any(|from| matches!(from.column(name), Ok(Some(_))));
        (!is_column)
            .then(|| self.item(&[names::fold(name)]))
            .flatten()
    }

    fn unknown_column(&self, name: &Ident) -> Diagnostic {
        let known: Vec<&str> = self
            .clauses()
            .flat_map(|from| from.visible.iter().map(|column| column.name.as_str()))
            .collect();
        let tables: Vec<String> = self
            .clauses()
            .flat_map(|from| from.items.iter().map(|item| item.path.join(".")))
            .filter(|path| !path.is_empty())
            .collect();
        let message = if tables.is_empty() {
            format!("no table is read that could have column '{}'", name.value)
        } else {
            format!("no column '{}' in {}", name.value, tables.join(", "))
        };
        Diagnostic::error(message + &names::place(name))
            .maybe_hint(suggest::nearest(&name.value, known))
    }

    fn unknown_table(&self, path: &[String], first: &Ident) -> Diagnostic {
        let known: Vec<String> = self
            .clauses()
            .flat_map(|from| from.items.iter().map(|item| item.path.join(".")))
            .collect();
        let wrong = path.join(".");
        Diagnostic::error(format!(
            "no table '{wrong}' in the FROM clause{}",
            names::place(first)
        ))
        .maybe_hint(suggest::nearest(&wrong, known.iter().map(String::as_str)))
    }
}

/// A column of one item.
pub(super) fn column_of(item: &Item, name: &Ident) -> Result<Rc<Origin>, Diagnostic> {
    if let Some(column) = names::matching(&item.columns, name).first() {
        return Ok(Rc::clone(&column.origin));
    }
    if let Some(table) = &item.open {
        return Ok(open_column(table, name));
    }
    let known = item.columns.iter().map(|column| column.name.as_str());
    Err(Diagnostic::error(format!(
        "no column '{}' in {}{}",
        name.value,
        item.path.join("."),
        names::place(name)
    ))
    .maybe_hint(suggest::nearest(&name.value, known)))
}

/// All columns of an item as one value.
pub(super) fn row(item: &Item) -> Origin {
    item.columns
        .iter()
        .fold(Origin::default(), |row, column| row.and(&column.origin))
        .step(Subtype::Transformation)
}

fn field(origin: Rc<Origin>, depth: usize) -> Rc<Origin> {
    match depth {
        0 => origin,
        _ => Rc::new(Origin::clone(&origin).step(Subtype::Transformation)),
    }
}

fn ambiguous(name: &Ident) -> Diagnostic {
    Diagnostic::error(format!(
        "column '{}' is in several tables{}",
        name.value,
        names::place(name)
    ))
    .hint(format!("say which: <table>.{name}"))
}

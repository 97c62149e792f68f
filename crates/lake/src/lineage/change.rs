//! Statements that write: which columns of the target they write, and from what.

use std::rc::Rc;

use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, ConflictTarget, Delete, Expr, FromTable, Function,
    FunctionArgExpr, FunctionArguments, Ident, Insert, ObjectName, OnConflictAction, OnInsert,
    SelectItem, Statement, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind,
};
use forebay_core::Diagnostic;

use super::Subtype::{Filter, Join, Sort};
use super::calls::value;
use super::expr::bare;
use super::names;
use super::operands::refused;
use super::origin::{Column, Origin, Steering, Table};
use super::resolver::Resolver;
use super::scope::{FromClause, Item, Layer, Scope};

/// What a statement that writes does.
pub(super) struct Change<'a> {
    /// The written table, by its name in the schemas.
    pub target: String,
    /// The written columns.
    pub written: Vec<Column>,
    /// What decides which rows are written.
    pub steering: Steering,
    /// What RETURNING gives back, if it is there, out of these rows.
    pub returning: Option<&'a [SelectItem]>,
    pub rows: FromClause,
}

impl Resolver<'_> {
    /// What a statement that writes into an existing table does.
    pub fn change<'a>(
        &self,
        statement: &'a Statement,
        scope: &Scope<'_>,
    ) -> Result<Change<'a>, Diagnostic> {
        match statement {
            Statement::Insert(insert) => self.insert(insert, scope),
            Statement::Update(update) => self.update(update, scope),
            Statement::Delete(delete) => self.delete(delete, scope),
            Statement::Merge(merge) => self.merge(merge, scope),
            other => Err(refused(&format!("the statement {other}"))),
        }
    }

    fn insert<'a>(&self, insert: &'a Insert, scope: &Scope<'_>) -> Result<Change<'a>, Diagnostic> {
        if insert.multi_table_insert_type.is_some() {
            return Err(refused("INSERT into several tables"));
        }
        let TableObject::TableName(name) = &insert.table else {
            return Err(refused("INSERT into a function or a query"));
        };
        let (target, stored) = self.target(name);
        let alias = insert
            .table_alias
            .as_ref()
            .map(|alias| names::fold(&alias.alias));
        let path = alias.map_or_else(|| names::path(name), |alias| vec![alias]);
        let mut rows = FromClause::one(path, stored.clone());
        let source = self.inserted(insert, &rows, scope)?;
        let columns: Vec<Ident> = insert
            .columns
            .iter()
            .map(names::last)
            .chain(insert.after_columns.iter().cloned())
            .collect();
        let mut written = place(source.columns, &columns, &stored, &target)?;
        let mut steering = source.steering;
        if let Some(on) = &insert.on {
            steering.extend(self.on_insert(on, &mut written, &stored, &rows, scope)?);
        }
        overlay(&mut rows, &written);
        Ok(Change {
            target,
            written,
            steering,
            returning: insert.returning.as_deref(),
            rows,
        })
    }

    /// The rows to insert: of a query, or of MySQL's `SET a = 1`.
    fn inserted(
        &self,
        insert: &Insert,
        target: &FromClause,
        scope: &Scope<'_>,
    ) -> Result<Table, Diagnostic> {
        let mut table = match &insert.source {
            Some(query) => self.query(query, scope)?,
            None => Table {
                columns: self.assign(&insert.assignments, target, scope)?,
                ..Table::default()
            },
        };
        table.settle();
        Ok(table)
    }

    /// ON CONFLICT: the target's row and the row that was to be inserted (`excluded`) meet where
    /// their keys are equal, as in a join.
    fn on_insert(
        &self,
        on: &OnInsert,
        written: &mut Vec<Column>,
        stored: &Table,
        target: &FromClause,
        scope: &Scope<'_>,
    ) -> Result<Steering, Diagnostic> {
        let mut rows = target.clone();
        rows.items.push(Item {
            path: vec!["excluded".to_owned()],
            columns: excluded(written, stored),
            open: None,
        });
        let mut steering = Steering::new();
        let (assignments, selection) = match on {
            OnInsert::DuplicateKeyUpdate(assignments) => (assignments.as_slice(), None),
            OnInsert::OnConflict(conflict) => {
                if let Some(ConflictTarget::Columns(keys)) = &conflict.conflict_target {
                    for table in [&stored.columns, written] {
                        let keys = keys.iter().flat_map(|key| names::matching(table, key));
                        steering.extend(keys.flat_map(|key| key.origin.steering(Join)));
                    }
                }
                match &conflict.action {
                    OnConflictAction::DoUpdate(update) => {
                        (update.assignments.as_slice(), update.selection.as_ref())
                    }
                    OnConflictAction::DoNothing => (&[][..], None),
                }
            }
            other => return Err(refused(&format!("INSERT {other}"))),
        };
        let updated = self.assign(assignments, &rows, scope)?;
        merge_columns(written, updated);
        let scope = Scope::within(scope, Layer::Tables(&rows));
        steering.extend(self.steering_of(selection, Filter, &scope)?);
        Ok(steering)
    }

    fn update<'a>(&self, update: &'a Update, scope: &Scope<'_>) -> Result<Change<'a>, Diagnostic> {
        let (target, mut rows) = self.target_rows(&update.table, scope)?;
        let from = match &update.from {
            Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) => {
                from.as_slice()
            }
            None => &[],
        };
        rows.add(self.from(from, scope)?);
        let written = self.assign(&update.assignments, &rows, scope)?;
        let inner = Scope::within(scope, Layer::Tables(&rows));
        let mut steering = self.steering_of(&update.selection, Filter, &inner)?;
        let sorted = update.order_by.iter().map(|key| &key.expr);
        steering.extend(self.steering_of(sorted, Sort, &inner)?);
        steering.extend(rows.steering.iter().cloned());
        overlay(&mut rows, &written);
        Ok(Change {
            target,
            written,
            steering,
            returning: update.returning.as_deref(),
            rows,
        })
    }

    fn delete<'a>(&self, delete: &'a Delete, scope: &Scope<'_>) -> Result<Change<'a>, Diagnostic> {
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
        let [table, others @ ..] = tables.as_slice() else {
            return Err(refused("DELETE without a table"));
        };
        let (target, mut rows) = self.target_rows(table, scope)?;
        rows.add(self.from(others, scope)?);
        rows.add(self.from(delete.using.as_deref().unwrap_or_default(), scope)?);
        let inner = Scope::within(scope, Layer::Tables(&rows));
        let mut steering = self.steering_of(&delete.selection, Filter, &inner)?;
        let sorted = delete.order_by.iter().map(|key| &key.expr);
        steering.extend(self.steering_of(sorted, Sort, &inner)?);
        steering.extend(rows.steering.iter().cloned());
        Ok(Change {
            target,
            written: Vec::new(),
            steering,
            returning: delete.returning.as_deref(),
            rows,
        })
    }

    /// The table that UPDATE or DELETE names first, with what is joined to it.
    fn target_rows(
        &self,
        table: &TableWithJoins,
        scope: &Scope<'_>,
    ) -> Result<(String, FromClause), Diagnostic> {
        let TableFactor::Table { name, .. } = &table.relation else {
            return Err(refused(&format!("a change of {}", table.relation)));
        };
        // a common table expression of that name is not what is written
        let (target, stored) = self.target(name);
        let known = [(names::path(name).join("."), Rc::new(stored))];
        let scope = Scope::within(scope, Layer::Ctes(&known));
        Ok((target, self.from(std::slice::from_ref(table), &scope)?))
    }

    /// The columns that SET writes, in its order.
    pub fn assign(
        &self,
        assignments: &[Assignment],
        rows: &FromClause,
        scope: &Scope<'_>,
    ) -> Result<Vec<Column>, Diagnostic> {
        let scope = Scope::within(scope, Layer::Tables(rows));
        let columns = rows.items.first().map_or(&[][..], |target| &target.columns);
        let mut written = Vec::new();
        for Assignment { target, value } in assignments {
            let new = match target {
                AssignmentTarget::ColumnName(name) => {
                    vec![(names::last(name), self.expr(value, &scope)?)]
                }
                AssignmentTarget::Tuple(targets) => self.assign_row(targets, value, &scope)?,
            };
            let new = new
                .into_iter()
                .map(|(name, origin)| Column::new(declared(columns, &name), origin));
            merge_columns(&mut written, new.collect());
        }
        Ok(written)
    }

    /// `SET (a, b) = (x, y)`, or `= (SELECT x, y ...)`, or `= ROW(x, y)`.
    fn assign_row(
        &self,
        targets: &[ObjectName],
        value: &Expr,
        scope: &Scope<'_>,
    ) -> Result<Vec<(Ident, Origin)>, Diagnostic> {
        let origins = match bare(value) {
            Expr::Subquery(query) => {
                let table = self.query(query, scope)?;
                let steering = &table.steering;
                let columns = table.columns.iter();
                columns
                    .map(|c| Origin::clone(&c.origin).steered_by(steering.clone()))
                    .collect()
            }
            Expr::Tuple(values) => self.each(values, scope)?,
            Expr::Function(f) if names::fold(&names::last(&f.name)) == "row" => {
                self.each(arguments(f), scope)?
            }
            other => vec![self.expr(other, scope)?; targets.len()],
        };
        if origins.len() != targets.len() {
            return Err(Diagnostic::error(format!(
                "SET writes {} columns from {} values",
                targets.len(),
                origins.len()
            )));
        }
        Ok(targets.iter().map(names::last).zip(origins).collect())
    }

    fn each<'e>(
        &self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        scope: &Scope<'_>,
    ) -> Result<Vec<Origin>, Diagnostic> {
        exprs
            .into_iter()
            .map(|expr| self.expr(expr, scope))
            .collect()
    }
}

fn arguments(f: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &f.args else {
        return Vec::new();
    };
    let expr = |argument| match value(argument) {
        FunctionArgExpr::Expr(expr) => Some(expr),
        _ => None,
    };
    list.args.iter().filter_map(expr).collect()
}

/// A query's columns as those of the target: by the column list, else in the target's order.
fn place(
    source: Vec<Column>,
    listed: &[Ident],
    stored: &Table,
    target: &str,
) -> Result<Vec<Column>, Diagnostic> {
    let names: Vec<String> = match (listed, stored.columns.as_slice()) {
        ([], []) => source.iter().map(|column| column.name.clone()).collect(),
        ([], columns) => columns.iter().map(|column| column.name.clone()).collect(),
        (listed, columns) => listed.iter().map(|name| declared(columns, name)).collect(),
    };
    if source.len() > names.len() {
        return Err(Diagnostic::error(format!(
            "INSERT gives {} values for {} columns of '{target}'",
            source.len(),
            names.len()
        )));
    }
    let placed = source.iter().zip(names);
    Ok(placed.map(|(column, name)| column.renamed(name)).collect())
}

/// A written column as the schemas spell it.
pub(super) fn declared(columns: &[Column], name: &Ident) -> String {
    match names::matching(columns, name).first() {
        Some(column) => column.name.clone(),
        None => names::fold(name),
    }
}

/// The row that was to be inserted: columns that the statement does not write hold defaults.
fn excluded(written: &[Column], stored: &Table) -> Vec<Column> {
    let defaults = stored
        .columns
        .iter()
        .filter(|column| written.iter().all(|w| w.name != column.name))
        .map(|column| Column::new(&column.name, Origin::default()));
    written.iter().cloned().chain(defaults).collect()
}

/// Adds written columns; one that is written twice has the sources of both.
pub(super) fn merge_columns(written: &mut Vec<Column>, new: Vec<Column>) {
    for column in new {
        match written.iter_mut().find(|old| old.name == column.name) {
            Some(old) => {
                *old = Column::new(&column.name, Origin::clone(&old.origin).and(&column.origin));
            }
            None => written.push(column),
        }
    }
}

/// The target's rows after the change, for RETURNING.
fn overlay(rows: &mut FromClause, written: &[Column]) {
    let Some(target) = rows.items.first_mut() else {
        return;
    };
    let width = target.columns.len();
    let visible = rows.visible.iter_mut().take(width);
    for column in target.columns.iter_mut().chain(visible) {
        if let Some(new) = written.iter().find(|new| new.name == column.name) {
            *column = new.clone();
        }
    }
}

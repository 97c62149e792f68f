//! MERGE: rows of a source meet those of a target, and each case writes its own columns.

use datafusion::sql::sqlparser::ast::{
    Merge, MergeAction, MergeInsertExpr, MergeInsertKind, OutputClause, TableFactor, TableWithJoins,
};
use forebay_core::Diagnostic;

use super::Subtype::{Filter, Join};
use super::change::{Change, declared, merge_columns};
use super::names;
use super::operands::refused;
use super::origin::{Column, Steering};
use super::resolver::Resolver;
use super::scope::{FromClause, Layer, Scope};

impl Resolver<'_> {
    pub(super) fn merge<'a>(
        &self,
        merge: &'a Merge,
        scope: &Scope<'_>,
    ) -> Result<Change<'a>, Diagnostic> {
        let TableFactor::Table { name, .. } = &merge.table else {
            return Err(refused(&format!("MERGE INTO {}", merge.table)));
        };
        let (target, stored) = self.target(name);
        let path = match &merge.table {
            TableFactor::Table { alias: Some(a), .. } => vec![names::fold(&a.name)],
            _ => names::path(name),
        };
        let source = TableWithJoins {
            relation: merge.source.clone(),
            joins: Vec::new(),
        };
        let source = self.from(std::slice::from_ref(&source), scope)?;
        let mut rows = FromClause::one(path, stored.clone());
        rows.add(source.clone());
        let both = Scope::within(scope, Layer::Tables(&rows));
        // what is inserted is the source's: where a name is in both, it means that one
        let source_first = Scope::within(&both, Layer::Tables(&source));
        let mut steering = self.steering(&merge.on, Join, &both)?;
        let mut written = Vec::new();
        for clause in &merge.clauses {
            steering.extend(self.steering_of(&clause.predicate, Filter, &both)?);
            match &clause.action {
                MergeAction::Update(update) => {
                    merge_columns(
                        &mut written,
                        self.assign(&update.assignments, &rows, scope)?,
                    );
                    let when = update
                        .update_predicate
                        .iter()
                        .chain(&update.delete_predicate);
                    steering.extend(self.steering_of(when, Filter, &both)?);
                }
                MergeAction::Insert(insert) => {
                    let columns = &stored.columns;
                    let (new, when) = self.merge_insert(insert, columns, &source, &source_first)?;
                    merge_columns(&mut written, new);
                    steering.extend(when);
                }
                MergeAction::Delete { .. } => {}
            }
        }
        steering.extend(rows.steering.iter().cloned());
        in_order_of(&mut written, &stored.columns);
        let returning = match &merge.output {
            Some(OutputClause::Returning { select_items, .. }) => Some(select_items.as_slice()),
            _ => None,
        };
        Ok(Change {
            target,
            written,
            steering,
            returning,
            rows,
        })
    }

    fn merge_insert(
        &self,
        insert: &MergeInsertExpr,
        stored: &[Column],
        source: &FromClause,
        scope: &Scope<'_>,
    ) -> Result<(Vec<Column>, Steering), Diagnostic> {
        let mut listed: Vec<String> = insert
            .columns
            .iter()
            .map(|name| declared(stored, &names::last(name)))
            .collect();
        if listed.is_empty() {
            listed = stored.iter().map(|column| column.name.clone()).collect();
        }
        let mut new: Vec<Column> = Vec::new();
        match &insert.kind {
            MergeInsertKind::Values(values) => {
                for row in &values.rows {
                    for (name, expr) in listed.iter().zip(&row.content) {
                        let column = Column::new(name, self.expr(expr, scope)?);
                        merge_columns(&mut new, vec![column]);
                    }
                }
            }
            MergeInsertKind::Row => {
                let columns = listed.iter().zip(&source.visible);
                new.extend(columns.map(|(name, column)| column.renamed(name)));
            }
        }
        let when = self.steering_of(&insert.insert_predicate, Filter, scope)?;
        Ok((new, when))
    }
}

/// Puts the written columns into the target's order; unknown ones stay behind, in theirs.
fn in_order_of(written: &mut [Column], stored: &[Column]) {
    written.sort_by_key(|column| {
        stored
            .iter()
            .position(|s| s.name == column.name)
            .unwrap_or(usize::MAX)
    });
}

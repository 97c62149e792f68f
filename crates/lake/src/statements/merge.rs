//! `MERGE INTO`: what is done with rows that match, and with those of either side that do not.

use arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::{
    AssignmentTarget, Expr, Ident, Merge, MergeAction, MergeClause, MergeClauseKind,
    MergeInsertKind, ObjectName,
};
use forebay_core::{Diagnostic, Relation, quote};

use super::change::{Action, Case, Change, Which};
use super::names::{alias, qualified, target_of};
use super::rows::{Assigned, assigned};
use super::{known, last};
use crate::Lake;
use crate::dialect::{ALL_COLUMNS, NOTHING};
use crate::warehouse::Declared;

impl Lake {
    pub(super) async fn merge(&self, merge: &Merge) -> Result<(), Diagnostic> {
        if merge.output.is_some() {
            return Err(Diagnostic::error("MERGE is understood without RETURNING"));
        }
        let target = target_of(&merge.table)?;
        let schema = self.schema(&target.relation).await?;
        let declared = self.declared(&target.relation).await?;
        let Some(source) = alias(&merge.source) else {
            return Err(Diagnostic::error("the source of a MERGE needs a name")
                .hint("USING (select ...) AS source ON ..."));
        };
        let given = self
            .schema_of(&format!("select * from {}", merge.source))
            .await?;
        let reader = Reader {
            schema: &schema,
            declared: &declared,
            table: &target.relation,
            target: alias(&merge.table).unwrap_or_else(|| source.clone()),
            source,
            given: given.fields().iter().map(|f| f.name().clone()).collect(),
        };
        let cases = merge.clauses.iter().map(|clause| reader.case(clause));
        let change = Change {
            cases: cases.collect::<Result<_, _>>()?,
            table: target.relation.sql(),
            alias: target.alias,
            source: merge.source.to_string(),
            on: format!("({})", merge.on),
            schema: schema.clone(),
            declared: &declared,
        };
        let rows = change.sql();
        self.overwrite(&target.relation, rows, declared).await
    }
}

/// What the clauses of a MERGE are read against.
struct Reader<'a> {
    schema: &'a SchemaRef,
    declared: &'a Declared,
    table: &'a Relation,
    target: Ident,
    source: Ident,
    /// The source's columns.
    given: Vec<String>,
}

impl Reader<'_> {
    fn case(&self, clause: &MergeClause) -> Result<Case, Diagnostic> {
        let rows = match clause.clause_kind {
            MergeClauseKind::Matched => Which::Matched,
            MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => Which::OnlySource,
            MergeClauseKind::NotMatchedBySource => Which::OnlyTable,
        };
        let condition = clause.predicate.clone();
        Ok(Case {
            rows,
            condition: condition.map(|condition| self.of(rows, condition).to_string()),
            action: self.action(rows, &clause.action)?,
        })
    }

    /// Where there is but one side, bare columns are its.
    fn of(&self, rows: Which, expr: Expr) -> Expr {
        match rows {
            Which::Matched => expr,
            Which::OnlySource => qualified(expr, &self.source),
            Which::OnlyTable => qualified(expr, &self.target),
        }
    }

    fn action(&self, rows: Which, action: &MergeAction) -> Result<Action, Diagnostic> {
        match action {
            MergeAction::Delete { .. } => Ok(Action::Delete),
            MergeAction::Update(update) => {
                if update.update_predicate.is_some() || update.delete_predicate.is_some() {
                    return Err(Diagnostic::error(
                        "UPDATE inside of a MERGE is understood without WHERE and DELETE",
                    )
                    .hint("WHEN MATCHED AND condition THEN ..."));
                }
                let mut assignments = update.assignments.clone();
                if let [only] = assignments.as_slice()
                    && let AssignmentTarget::ColumnName(name) = &only.target
                {
                    match last(name)?.value.as_str() {
                        ALL_COLUMNS => return Ok(Action::Update(self.by_name()?)),
                        NOTHING => return Ok(Action::Nothing),
                        _ => {}
                    }
                }
                for assignment in &mut assignments {
                    assignment.value = self.of(rows, assignment.value.clone());
                }
                let set = assigned(&assignments, self.schema, self.table, self.declared)?;
                Ok(Action::Update(set))
            }
            MergeAction::Insert(insert) => {
                if insert.insert_predicate.is_some() {
                    return Err(Diagnostic::error(
                        "INSERT inside of a MERGE is understood without WHERE",
                    )
                    .hint("WHEN NOT MATCHED AND condition THEN ..."));
                }
                self.insert(&insert.columns, &insert.kind)
            }
        }
    }

    fn insert(&self, columns: &[ObjectName], kind: &MergeInsertKind) -> Result<Action, Diagnostic> {
        let values = match kind {
            MergeInsertKind::Row => return Ok(Action::Insert(self.by_name()?)),
            MergeInsertKind::Values(values) => match values.rows.as_slice() {
                [values] => values.iter().cloned().collect::<Vec<Expr>>(),
                _ => {
                    return Err(Diagnostic::error(
                        "INSERT inside of a MERGE gives the values of one row",
                    ));
                }
            },
        };
        if let [Expr::Identifier(only)] = values.as_slice() {
            match only.value.as_str() {
                ALL_COLUMNS => return Ok(Action::Insert(self.by_name()?)),
                NOTHING => return Ok(Action::Nothing),
                _ => {}
            }
        }
        let columns: Vec<String> = match columns.is_empty() {
            true => {
                let all = self.schema.fields().iter().map(|f| f.name().clone());
                all.collect()
            }
            false => {
                let named = columns
                    .iter()
                    .map(|name| known(self.schema, self.table, &last(name)?));
                named.collect::<Result<_, _>>()?
            }
        };
        if columns.len() != values.len() {
            return Err(Diagnostic::error(format!(
                "INSERT inside of a MERGE names {} columns and {} values",
                columns.len(),
                values.len()
            )));
        }
        let values = values
            .into_iter()
            .map(|value| self.of(Which::OnlySource, value).to_string());
        Ok(Action::Insert(columns.into_iter().zip(values).collect()))
    }

    /// Each column of the source to the table's column of that name.
    fn by_name(&self) -> Result<Vec<Assigned>, Diagnostic> {
        let each = self.given.iter().map(|name| {
            let column = known(self.schema, self.table, &Ident::with_quote('"', name))?;
            Ok((column, format!("{}.{}", self.source, quote(name))))
        });
        each.collect()
    }
}

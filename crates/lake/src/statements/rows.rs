//! `INSERT`, `UPDATE` and `DELETE`.

use arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, ConflictTarget, Delete, DoUpdate, Expr, FromTable, Ident, Insert,
    OnConflict, OnConflictAction, OnInsert, SetExpr, SqliteOnConflict, TableObject, TableWithJoins,
    Update, UpdateTableFromKind,
};
use forebay_core::{Diagnostic, Relation, quote};

use super::change::{Action, Case, Change, Which, exactly, typed};
use super::names::{Target, qualified, target};
use super::{declared, known, last, relation};
use crate::Lake;
use crate::dialect::BY_NAME;
use crate::types::{Input, WriteMode, WriteOptions};
use crate::warehouse::Declared;

/// A column with the SQL of its new value.
pub(super) type Assigned = (String, String);

impl Lake {
    pub(super) async fn insert(&self, insert: &Insert) -> Result<(), Diagnostic> {
        let TableObject::TableName(name) = &insert.table else {
            return Err(Diagnostic::error(
                "an INSERT needs a table and a query or VALUES",
            ));
        };
        if insert.returning.is_some() || insert.overwrite {
            return Err(Diagnostic::error(
                "INSERT is understood without RETURNING and OVERWRITE",
            ));
        }
        let table = relation(name)?;
        let schema = self.schema(&table).await?;
        let declared = self.declared(&table).await?;
        let mut source = insert.source.clone();
        let given = source.as_ref().map(|source| source.to_string());
        let mut columns = Vec::new();
        for column in &insert.columns {
            columns.push(last(column)?);
        }
        let columns: Vec<String> = match columns.as_slice() {
            [] if given.is_none() => Vec::new(),
            [] => schema.fields().iter().map(|f| f.name().clone()).collect(),
            [only] if only.value == BY_NAME => {
                let given = self.schema_of(given.as_deref().unwrap_or_default()).await?;
                let given = given.fields().iter().map(|f| f.name().as_str());
                let known = given.map(|name| known(&schema, &table, &Ident::with_quote('"', name)));
                known.collect::<Result<_, _>>()?
            }
            columns => {
                let known = columns.iter().map(|name| known(&schema, &table, name));
                known.collect::<Result<_, _>>()?
            }
        };
        if let Some(SetExpr::Values(values)) = source.as_mut().map(|query| &mut *query.body) {
            declared::fill(values, &columns, &declared);
        }
        let rows = Inserted {
            schema: &schema,
            declared: &declared,
            columns: &columns,
            source: source.map(|source| source.to_string()),
        };
        let on = match (insert.or, &insert.on) {
            (Some(or), None) => Some(OnInsert::OnConflict(rows.instead(or)?)),
            (_, on) => on.clone(),
        };
        match on {
            None => {
                let new = rows.typed();
                for key in &declared.keys {
                    let names: Vec<String> = key.iter().map(|name| quote(name)).collect();
                    let all = format!(
                        "(select {0} from {1} union all by name select * from ({new}) as new_) as all_",
                        names.join(", "),
                        table.sql()
                    );
                    self.check_key(&table, key, &all).await?;
                }
                let options = WriteOptions::new(WriteMode::Append);
                self.write(&table, Input::Sql(new), options).await?;
                Ok(())
            }
            Some(OnInsert::OnConflict(conflict)) => {
                let alias = insert.table_alias.as_ref().map(|alias| &alias.alias);
                let alias = alias.cloned().map_or_else(|| last(name), Ok)?;
                let change = rows.unless(&conflict, &table, alias)?;
                let changed = change.sql();
                self.overwrite(&table, changed, declared).await
            }
            Some(other) => Err(
                Diagnostic::error(format!("INSERT ... {other} is not understood"))
                    .hint("ON CONFLICT (key) DO UPDATE SET ... is"),
            ),
        }
    }

    pub(super) async fn update(&self, update: &Update) -> Result<(), Diagnostic> {
        if update.returning.is_some() || update.limit.is_some() || update.or.is_some() {
            return Err(Diagnostic::error(
                "UPDATE is understood without RETURNING, LIMIT and OR",
            ));
        }
        let target = target(&update.table)?;
        let schema = self.schema(&target.relation).await?;
        let declared = self.declared(&target.relation).await?;
        let set = assigned(&update.assignments, &schema, &target.relation, &declared)?;
        let rows = match &update.from {
            None => updated(&target, &schema, &set, update.selection.as_ref()),
            Some(
                UpdateTableFromKind::BeforeSet(tables) | UpdateTableFromKind::AfterSet(tables),
            ) => Change {
                table: target.relation.sql(),
                alias: target.alias,
                schema,
                declared: &declared,
                source: crossed(tables),
                on: condition(update.selection.as_ref()),
                cases: vec![Case {
                    rows: Which::Matched,
                    condition: None,
                    action: Action::Update(set),
                }],
            }
            .sql(),
        };
        self.overwrite(&target.relation, rows, declared).await
    }

    pub(super) async fn delete(&self, delete: &Delete) -> Result<(), Diagnostic> {
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
        let [table] = &tables[..] else {
            return Err(Diagnostic::error("DELETE takes rows from one table"));
        };
        if delete.returning.is_some() || delete.limit.is_some() {
            return Err(Diagnostic::error(
                "DELETE is understood without RETURNING and LIMIT",
            ));
        }
        let target = target(table)?;
        self.schema(&target.relation).await?;
        let wanted = condition(delete.selection.as_ref());
        let rest = match &delete.using {
            None => format!("select * from {} where {wanted} is not true", target.sql()),
            Some(tables) => format!(
                "select * from {} anti join ({} cross join (select 1) as forebay_mark) on {wanted}",
                target.sql(),
                crossed(tables)
            ),
        };
        let declared = self.declared(&target.relation).await?;
        self.overwrite(&target.relation, rest, declared).await
    }
}

/// The rows of an INSERT.
struct Inserted<'a> {
    schema: &'a SchemaRef,
    declared: &'a Declared,
    columns: &'a [String],
    /// None: one row of defaults.
    source: Option<String>,
}

impl Inserted<'_> {
    fn named(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| quote(column)).collect();
        match &self.source {
            Some(source) => format!("({source}) as rows_({})", columns.join(", ")),
            None => "(select 1) as rows_".to_owned(),
        }
    }

    /// In the types of the table's columns, as an assignment casts.
    fn typed(&self) -> String {
        let given = self.columns.iter().filter_map(|column| {
            let field = self.schema.field_with_name(column).ok()?;
            Some((field, quote(column)))
        });
        let fields = self.schema.fields().iter().map(|field| &**field);
        let others = fields.filter(|field| !self.columns.contains(field.name()));
        let others = others.map(|field| {
            let value = self.declared.default_of(field.name()).unwrap_or("null");
            (field, value.to_owned())
        });
        let all = given.chain(others);
        let columns = all.map(|(field, value)| exactly(field, &typed(field, &value)));
        let columns: Vec<String> = columns.collect();
        format!("select {} from {}", columns.join(", "), self.named())
    }

    /// What `INSERT OR ...` stands for.
    fn instead(&self, or: SqliteOnConflict) -> Result<OnConflict, Diagnostic> {
        let action = match (or, &self.declared.keys[..]) {
            (SqliteOnConflict::Ignore, _) => OnConflictAction::DoNothing,
            (SqliteOnConflict::Replace, [key]) => {
                let others = self.columns.iter().filter(|column| !key.contains(column));
                let assignments = others.map(|column| {
                    let name = Ident::with_quote('"', column);
                    Assignment {
                        target: AssignmentTarget::ColumnName(name.clone().into()),
                        value: Expr::CompoundIdentifier(vec![Ident::new("excluded"), name]),
                    }
                });
                OnConflictAction::DoUpdate(DoUpdate {
                    assignments: assignments.collect(),
                    selection: None,
                })
            }
            (SqliteOnConflict::Replace, _) => {
                return Err(Diagnostic::error(
                    "INSERT OR REPLACE is understood of tables with one PRIMARY KEY",
                )
                .hint("ON CONFLICT (key) DO UPDATE SET ... replaces rows"));
            }
            (other, _) => {
                return Err(Diagnostic::error(format!(
                    "INSERT {other} is not understood"
                )));
            }
        };
        Ok(OnConflict {
            conflict_target: None,
            action,
        })
    }

    /// As a change of the table: rows whose key it has are not inserted.
    fn unless(
        &self,
        conflict: &OnConflict,
        table: &Relation,
        alias: Ident,
    ) -> Result<Change<'_>, Diagnostic> {
        let keys: Vec<String> = match (&conflict.conflict_target, &self.declared.keys[..]) {
            (Some(ConflictTarget::Columns(keys)), _) => {
                let keys = keys.iter().map(|key| known(self.schema, table, key));
                keys.collect::<Result<_, _>>()?
            }
            (None, [key]) => key.clone(),
            _ => {
                return Err(Diagnostic::error(format!(
                    "ON CONFLICT needs the columns of the key: '{table}' has no key of its own"
                ))
                .hint("ON CONFLICT (id) DO NOTHING"));
            }
        };
        let insert = Case {
            rows: Which::OnlySource,
            condition: None,
            action: Action::Insert(
                self.columns
                    .iter()
                    .map(|column| (column.clone(), format!("excluded.{}", quote(column))))
                    .collect(),
            ),
        };
        let mut cases = vec![insert];
        if let OnConflictAction::DoUpdate(update) = &conflict.action {
            let own = |expr: &Expr| qualified(expr.clone(), &alias);
            let mut assignments = update.assignments.clone();
            for assignment in &mut assignments {
                assignment.value = own(&assignment.value);
            }
            cases.push(Case {
                rows: Which::Matched,
                condition: update.selection.as_ref().map(|expr| own(expr).to_string()),
                action: Action::Update(assigned(&assignments, self.schema, table, self.declared)?),
            });
        }
        let on = keys.iter().map(|key| {
            let key = quote(key);
            format!("{alias}.{key} = excluded.{key}")
        });
        let on: Vec<String> = on.collect();
        let updates = cases.len() > 1;
        Ok(Change {
            table: table.sql(),
            alias: alias.to_string(),
            schema: self.schema.clone(),
            declared: self.declared,
            source: format!("({}) as excluded", self.once(&keys, updates)),
            on: on.join(" and "),
            cases,
        })
    }

    /// Rows that have a key twice: the first of them, or an error where both would update. Keys with
    /// a null are all different.
    fn once(&self, keys: &[String], updates: bool) -> String {
        let keys: Vec<String> = keys.iter().map(|key| quote(key)).collect();
        let all = keys.join(", ");
        let is_null: Vec<String> = keys.iter().map(|key| format!("{key} is null")).collect();
        let is_null = is_null.join(" or ");
        let kept = match updates {
            true => format!("at_most_once(case when {is_null} then null else 1 end, forebay_of)"),
            false => format!("(forebay_place = 1 or {is_null})"),
        };
        let columns: Vec<String> = self.columns.iter().map(|column| quote(column)).collect();
        format!(
            "select {} from (select *, count(*) over (partition by {all}) as forebay_of, \
             row_number() over (partition by {all} order by forebay_at) as forebay_place \
             from (select *, row_number() over () as forebay_at from {}) as numbered_) as placed_ \
             where {kept}",
            columns.join(", "),
            self.named()
        )
    }
}

/// The table with some of its columns set where the condition holds.
fn updated(target: &Target, schema: &SchemaRef, set: &[Assigned], wanted: Option<&Expr>) -> String {
    let wanted = condition(wanted);
    let columns = schema.fields().iter().map(|field| {
        let name = quote(field.name());
        match set.iter().find(|(column, _)| column == field.name()) {
            Some((_, value)) => {
                let value = typed(field, value);
                exactly(
                    field,
                    &format!("case when {wanted} then {value} else {name} end"),
                )
            }
            None => name,
        }
    });
    let columns: Vec<String> = columns.collect();
    format!("select {} from {}", columns.join(", "), target.sql())
}

pub(super) fn assigned(
    assignments: &[Assignment],
    schema: &SchemaRef,
    table: &Relation,
    declared: &Declared,
) -> Result<Vec<Assigned>, Diagnostic> {
    let mut set = Vec::new();
    let given = |column: &str, value: &Expr| match declared::is_default(value) {
        true => declared.default_of(column).unwrap_or("null").to_owned(),
        false => value.to_string(),
    };
    for Assignment { target, value } in assignments {
        match (target, value) {
            (AssignmentTarget::ColumnName(name), value) => {
                let column = known(schema, table, &last(name)?)?;
                let value = given(&column, value);
                set.push((column, value));
            }
            (AssignmentTarget::Tuple(names), Expr::Tuple(values))
                if names.len() == values.len() =>
            {
                for (name, value) in names.iter().zip(values) {
                    let column = known(schema, table, &last(name)?)?;
                    let value = given(&column, value);
                    set.push((column, value));
                }
            }
            _ => {
                return Err(
                    Diagnostic::error(format!("SET {target} = {value} is not understood"))
                        .hint("set one column at a time"),
                );
            }
        }
    }
    Ok(set)
}

fn crossed(tables: &[TableWithJoins]) -> String {
    let tables: Vec<String> = tables.iter().map(ToString::to_string).collect();
    tables.join(" cross join ")
}

fn condition(wanted: Option<&Expr>) -> String {
    wanted.map_or("true".to_owned(), |wanted| format!("({wanted})"))
}

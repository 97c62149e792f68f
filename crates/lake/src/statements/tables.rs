//! Statements that make, change and drop tables and views.

use datafusion::sql::sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, CreateTable, CreateView, ObjectName,
    RenameTableNameKind,
};
use forebay_core::{Diagnostic, Relation, quote};

use super::{declared, known, missing, relation};
use crate::Lake;
use crate::dialect::spelled;
use crate::types::Dialect;
use crate::warehouse::Stored;

impl Lake {
    pub(super) async fn create_table(&self, create: &CreateTable) -> Result<(), Diagnostic> {
        let table = relation(&create.name)?;
        if !create.or_replace && self.info(&table).await?.is_some() {
            return match create.if_not_exists {
                true => Ok(()),
                false => Err(Diagnostic::error(format!("'{table}' is there already"))
                    .hint("CREATE OR REPLACE TABLE replaces it")),
            };
        }
        let declared = declared::of(create, self.dialect())?;
        let rows = match &create.query {
            Some(query) => query.to_string(),
            None => {
                let columns = create.columns.iter().map(|column| {
                    let name = quote(&spelled(&column.name, self.dialect()));
                    format!("cast(null as {}) as {name}", column.data_type)
                });
                let columns: Vec<String> = columns.collect();
                format!("select {} where false", columns.join(", "))
            }
        };
        self.overwrite(&table, rows, declared).await
    }

    pub(super) async fn define_view(&self, view: &CreateView) -> Result<(), Diagnostic> {
        let name = relation(&view.name)?;
        let is_there = self.info(&name).await?.is_some();
        if is_there && view.if_not_exists {
            return Ok(());
        }
        if is_there && !view.or_replace {
            return Err(Diagnostic::error(format!("'{name}' is there already"))
                .hint("CREATE OR REPLACE VIEW replaces it"));
        }
        let mut sql = view.query.to_string();
        if !view.columns.is_empty() {
            let columns = view
                .columns
                .iter()
                .map(|c| quote(&spelled(&c.name, self.dialect())));
            let columns: Vec<String> = columns.collect();
            sql = format!("select * from ({sql}) as rows_({})", columns.join(", "));
        }
        self.create_view(&name, &sql).await
    }

    pub(super) async fn alter(&self, alter: &AlterTable) -> Result<(), Diagnostic> {
        let mut table = relation(&alter.name)?;
        if alter.if_exists && self.info(&table).await?.is_none() {
            return Ok(());
        }
        for operation in &alter.operations {
            if let AlterTableOperation::RenameTable {
                table_name: RenameTableNameKind::To(name) | RenameTableNameKind::As(name),
            } = operation
            {
                table = self.rename(&table, name).await?;
                continue;
            }
            if is_of_rights(operation) {
                continue;
            }
            let schema = self.schema(&table).await?;
            let mut declared = self.declared(&table).await?;
            let mut columns: Vec<(String, String)> = schema
                .fields()
                .iter()
                .map(|field| (field.name().clone(), quote(field.name())))
                .collect();
            match operation {
                AlterTableOperation::AddColumn {
                    column_def,
                    if_not_exists,
                    ..
                } => {
                    let name = spelled(&column_def.name, self.dialect());
                    let is_there = schema.index_of(&name).is_ok();
                    match (is_there, if_not_exists) {
                        (true, true) => continue,
                        (true, false) => {
                            let message = format!("'{table}' has a column '{name}' already");
                            return Err(Diagnostic::error(message));
                        }
                        _ => {}
                    }
                    declared::add_column(&mut declared, column_def, self.dialect())?;
                    let value = declared.default_of(&name).unwrap_or("null");
                    let value = format!("cast({value} as {})", column_def.data_type);
                    columns.push((name, value));
                }
                AlterTableOperation::DropColumn {
                    column_names,
                    if_exists,
                    ..
                } => {
                    for column in column_names {
                        match known(&schema, &table, column) {
                            Ok(name) => {
                                columns.retain(|(column, _)| *column != name);
                                declared.forget(&name);
                            }
                            Err(_) if *if_exists => {}
                            Err(problem) => return Err(problem),
                        }
                    }
                }
                AlterTableOperation::RenameColumn {
                    old_column_name,
                    new_column_name,
                } => {
                    let old = known(&schema, &table, old_column_name)?;
                    for (column, _) in columns.iter_mut().filter(|(column, _)| *column == old) {
                        *column = spelled(new_column_name, self.dialect());
                    }
                    declared.rename(&old, &spelled(new_column_name, self.dialect()));
                }
                AlterTableOperation::AlterColumn {
                    column_name,
                    op:
                        AlterColumnOperation::SetDataType {
                            data_type, using, ..
                        },
                } => {
                    let name = known(&schema, &table, column_name)?;
                    for (column, value) in columns.iter_mut().filter(|(c, _)| *c == name) {
                        let of = using.as_ref().map_or(quote(column), ToString::to_string);
                        *value = format!("cast({of} as {data_type})");
                    }
                }
                AlterTableOperation::AlterColumn { column_name, op }
                    if !matches!(op, AlterColumnOperation::AddGenerated { .. }) =>
                {
                    let name = known(&schema, &table, column_name)?;
                    declared::change_column(&mut declared, &name, op);
                }
                AlterTableOperation::AddConstraint { constraint, .. } => {
                    self.constrain(&mut declared, &table, constraint).await?;
                }
                other => {
                    return Err(Diagnostic::error(format!(
                        "ALTER TABLE ... {other} is not understood"
                    ))
                    .hint("columns can be added, dropped, renamed, given another type, a default and NOT NULL, keys be added, and the table renamed"));
                }
            }
            let columns = columns.iter().map(|(n, e)| format!("{e} as {}", quote(n)));
            let columns: Vec<String> = columns.collect();
            let rows = format!("select {} from {}", columns.join(", "), table.sql());
            self.overwrite(&table, rows, declared).await?;
        }
        Ok(())
    }

    /// The new name first: between the two steps there are two tables, never none.
    async fn rename(&self, from: &Relation, to: &ObjectName) -> Result<Relation, Diagnostic> {
        let mut named = relation(to)?;
        // A table stays where it is.
        if to.0.len() == 1 {
            named.schema.clone_from(&from.schema);
        }
        let to = named;
        match self.warehouse().lookup(from).await? {
            None => return Err(missing(from)),
            Some(Stored::View(view)) => self.create_view_in(&to, &view.sql, view.dialect).await?,
            Some(Stored::Table(_)) => {
                let rows = format!("select * from {}", from.sql());
                let declared = self.declared(from).await?;
                self.overwrite(&to, rows, declared).await?;
            }
        }
        self.drop(from).await?;
        Ok(to)
    }

    pub(super) async fn remove(
        &self,
        name: &ObjectName,
        if_exists: bool,
    ) -> Result<(), Diagnostic> {
        let mut relation = relation(name)?;
        if self.dialect() == Dialect::DuckDb {
            relation = self.warehouse().alike(&relation).unwrap_or(relation);
        }
        // A view whose query does not plan any more is there, too.
        if !if_exists && !self.relations().await?.contains(&relation) {
            return Err(missing(&relation));
        }
        self.drop(&relation).await
    }

    pub(super) async fn drop_schema(&self, name: &ObjectName) -> Result<(), Diagnostic> {
        let schema = self.schema_named(name)?;
        for relation in self.relations().await? {
            if relation.schema == schema {
                self.drop(&relation).await?;
            }
        }
        self.named().sequences.drop_schema(&schema)
    }
}

/// Who may do what with the table: there are no users.
fn is_of_rights(operation: &AlterTableOperation) -> bool {
    use AlterTableOperation::{DisableRowLevelSecurity, EnableRowLevelSecurity, OwnerTo};
    matches!(
        operation,
        OwnerTo { .. } | EnableRowLevelSecurity | DisableRowLevelSecurity
    )
}

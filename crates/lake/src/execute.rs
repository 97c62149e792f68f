//! Statements: what a hook, a macro or a person runs beside queries. Each that changes a table is one
//! commit of it, made of the same writes as any other.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::sql::sqlparser::ast::{
    AlterTable, AlterTableOperation, Assignment, AssignmentTarget, ColumnDef, ColumnOption,
    ColumnOptionDef, CreateTable, CreateView, Delete, Expr, FromTable, Ident, Insert, ObjectName,
    ObjectNamePart, ObjectType, RenameTableNameKind, SchemaName, Statement, TableFactor,
    TableObject, TableWithJoins, Update,
};
use forebay_core::name::DATABASE;
use forebay_core::{Diagnostic, Relation, quote, suggest};
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::Lake;
use crate::dialect::{folded, parse};
use crate::engine::from_parser;
use crate::types::{Input, TableKind, WriteMode, WriteOptions};

/// What a statement gave.
#[derive(Clone, Debug)]
pub enum Executed {
    /// A query's answer.
    Rows(SchemaRef, Vec<RecordBatch>),
    /// The warehouse is as the statement wants it.
    Done,
    /// It means nothing here, and why: rights, indexes, transactions.
    Ignored(&'static str),
}

impl Lake {
    /// Runs one statement, or several that are separated by semicolons; the last one's result counts.
    ///
    /// Tables and views are created, dropped, renamed and altered, rows inserted, updated and
    /// deleted; each statement is a commit of its own, so there is nothing to roll back.
    ///
    /// # Errors
    /// A statement that is not understood, and whatever keeps one from being done; those before it
    /// have been done then.
    pub fn execute<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Executed, Diagnostic>> {
        Box::pin(async move {
            let depth = self.state().config_options().sql_parser.recursion_limit;
            let statements = parse(sql, depth.get()).map_err(|error| from_parser(&error))?;
            let mut last = Executed::Done;
            let only = statements.len() == 1;
            for statement in statements {
                let text = match only {
                    // As it was written, so that errors point into it.
                    true => sql.to_owned(),
                    false => statement.to_string(),
                };
                last = self.statement(&statement, &text).await?;
            }
            Ok(last)
        })
    }

    async fn statement(&self, statement: &Statement, sql: &str) -> Result<Executed, Diagnostic> {
        match statement {
            Statement::Query(_) | Statement::Explain { .. } => {
                let rows = self.query(sql).await?;
                let schema = rows.schema;
                return Ok(Executed::Rows(schema, rows.stream.try_collect().await?));
            }
            Statement::Insert(insert) => self.insert(insert).await?,
            Statement::Update(update) => self.update(update).await?,
            Statement::Delete(delete) => self.delete(delete).await?,
            Statement::CreateTable(table) => self.create_table(table).await?,
            Statement::CreateView(view) => self.define_view(view).await?,
            Statement::AlterTable(change) => self.alter(change).await?,
            Statement::Truncate(truncate) => {
                for target in &truncate.table_names {
                    let table = target.name.to_string();
                    let none = format!("select * from {table} where false");
                    self.overwrite(&relation(&target.name)?, none).await?;
                }
            }
            Statement::Drop {
                object_type,
                if_exists,
                names,
                ..
            } => match object_type {
                ObjectType::Table | ObjectType::View | ObjectType::MaterializedView => {
                    for name in names {
                        self.remove(name, *if_exists).await?;
                    }
                }
                ObjectType::Schema => {
                    for name in names {
                        self.drop_schema(name).await?;
                    }
                }
                ObjectType::Index => return Ok(Executed::Ignored("there are no indexes")),
                _ => return Err(refused(statement)),
            },
            Statement::CreateSchema { schema_name, .. } => {
                if let SchemaName::Simple(name) | SchemaName::NamedAuthorization(name, _) =
                    schema_name
                {
                    last(name)?;
                }
                return Ok(Executed::Ignored("a schema is there with its first table"));
            }
            Statement::Grant { .. } | Statement::Revoke { .. } => {
                return Ok(Executed::Ignored("there are no users to have rights"));
            }
            Statement::CreateIndex(_) => return Ok(Executed::Ignored("there are no indexes")),
            Statement::StartTransaction { .. } | Statement::Commit { .. } => {
                return Ok(Executed::Ignored("every statement is a commit of its own"));
            }
            Statement::Analyze { .. } | Statement::Vacuum(_) => {
                return Ok(Executed::Ignored("tables keep their own statistics"));
            }
            Statement::Comment { .. } => {
                return Ok(Executed::Ignored("descriptions are the project's"));
            }
            Statement::Set(_) | Statement::Pragma { .. } => {
                return Ok(Executed::Ignored("settings are forebay.yml's"));
            }
            _ => return Err(refused(statement)),
        }
        Ok(Executed::Done)
    }

    async fn insert(&self, insert: &Insert) -> Result<(), Diagnostic> {
        let (TableObject::TableName(name), Some(source)) = (&insert.table, &insert.source) else {
            return Err(Diagnostic::error(
                "an INSERT needs a table and a query or VALUES",
            ));
        };
        if insert.on.is_some() || insert.returning.is_some() || insert.overwrite {
            return Err(Diagnostic::error(
                "INSERT is understood without ON CONFLICT, RETURNING and OVERWRITE",
            ));
        }
        let table = relation(name)?;
        let schema = self.schema(&table).await?;
        let mut columns = Vec::new();
        for column in &insert.columns {
            columns.push(known(&schema, &table, &last(column)?)?);
        }
        if columns.is_empty() {
            columns = schema.fields().iter().map(|f| f.name().clone()).collect();
        }
        let columns: Vec<String> = columns.iter().map(|column| quote(column)).collect();
        let rows = format!("select * from ({source}) as rows_({})", columns.join(", "));
        let options = WriteOptions::new(WriteMode::Append);
        self.write(&table, Input::Sql(rows), options).await?;
        Ok(())
    }

    async fn update(&self, update: &Update) -> Result<(), Diagnostic> {
        if update.from.is_some() || update.returning.is_some() || update.limit.is_some() {
            return Err(Diagnostic::error(
                "UPDATE is understood without FROM, RETURNING and LIMIT",
            )
            .hint("read the other table in a subquery"));
        }
        let (table, from) = target(&update.table)?;
        let schema = self.schema(&table).await?;
        let mut assigned = Vec::new();
        for Assignment { target, value } in &update.assignments {
            let AssignmentTarget::ColumnName(name) = target else {
                return Err(Diagnostic::error("UPDATE sets one column at a time"));
            };
            assigned.push((known(&schema, &table, &last(name)?)?, value));
        }
        let wanted = condition(update.selection.as_ref());
        let columns = schema.fields().iter().map(|field| {
            let name = quote(field.name());
            match assigned.iter().find(|(column, _)| column == field.name()) {
                Some((_, value)) => format!(
                    "arrow_cast(case when {wanted} then {value} else {name} end, {}) as {name}",
                    literal(&field.data_type().to_string())
                ),
                None => name,
            }
        });
        let columns: Vec<String> = columns.collect();
        let rows = format!("select {} from {from}", columns.join(", "));
        self.overwrite(&table, rows).await
    }

    async fn delete(&self, delete: &Delete) -> Result<(), Diagnostic> {
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
        let [table] = &tables[..] else {
            return Err(Diagnostic::error("DELETE takes rows from one table"));
        };
        if delete.using.is_some() || delete.returning.is_some() || delete.limit.is_some() {
            return Err(Diagnostic::error(
                "DELETE is understood without USING, RETURNING and LIMIT",
            )
            .hint("read the other table in a subquery"));
        }
        let (table, from) = target(table)?;
        let wanted = condition(delete.selection.as_ref());
        let rest = format!("select * from {from} where {wanted} is not true");
        self.overwrite(&table, rest).await
    }

    async fn create_table(&self, create: &CreateTable) -> Result<(), Diagnostic> {
        let table = relation(&create.name)?;
        if !create.or_replace && self.info(&table).await?.is_some() {
            return match create.if_not_exists {
                true => Ok(()),
                false => Err(Diagnostic::error(format!("'{table}' is there already"))
                    .hint("CREATE OR REPLACE TABLE replaces it")),
            };
        }
        if let Some(column) = create.columns.iter().find(|column| has_default(column)) {
            return Err(Diagnostic::error(format!(
                "column '{}' has a DEFAULT, which tables here do not keep",
                column.name
            ))
            .hint("leave it out, and give the value in each INSERT"));
        }
        let rows = match &create.query {
            Some(query) => query.to_string(),
            None => {
                let columns = create.columns.iter().map(|column| {
                    let name = quote(&folded(&column.name));
                    format!("cast(null as {}) as {name}", column.data_type)
                });
                let columns: Vec<String> = columns.collect();
                format!("select {} where false", columns.join(", "))
            }
        };
        self.overwrite(&table, rows).await
    }

    async fn define_view(&self, view: &CreateView) -> Result<(), Diagnostic> {
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
            let columns = view.columns.iter().map(|c| quote(&folded(&c.name)));
            let columns: Vec<String> = columns.collect();
            sql = format!("select * from ({sql}) as rows_({})", columns.join(", "));
        }
        self.create_view(&name, &sql).await
    }

    async fn alter(&self, alter: &AlterTable) -> Result<(), Diagnostic> {
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
            let schema = self.schema(&table).await?;
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
                    let name = folded(&column_def.name);
                    let is_there = schema.index_of(&name).is_ok();
                    match (is_there, if_not_exists) {
                        (true, true) => continue,
                        (true, false) => {
                            let message = format!("'{table}' has a column '{name}' already");
                            return Err(Diagnostic::error(message));
                        }
                        _ => {}
                    }
                    columns.push((name, format!("cast(null as {})", column_def.data_type)));
                }
                AlterTableOperation::DropColumn {
                    column_names,
                    if_exists,
                    ..
                } => {
                    for column in column_names {
                        match known(&schema, &table, column) {
                            Ok(name) => columns.retain(|(column, _)| *column != name),
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
                        *column = folded(new_column_name);
                    }
                }
                other => {
                    return Err(Diagnostic::error(format!(
                        "ALTER TABLE ... {other} is not understood"
                    ))
                    .hint("columns can be added, dropped and renamed, and the table renamed"));
                }
            }
            let columns = columns.iter().map(|(n, e)| format!("{e} as {}", quote(n)));
            let columns: Vec<String> = columns.collect();
            let rows = format!("select {} from {}", columns.join(", "), table.sql());
            self.overwrite(&table, rows).await?;
        }
        Ok(())
    }

    /// The new name first: between the two steps there are two tables, never none.
    async fn rename(&self, from: &Relation, to: &ObjectName) -> Result<Relation, Diagnostic> {
        let mut to = relation(to)?;
        if to.schema.is_empty() {
            to.schema.clone_from(&from.schema);
        }
        let info = self.info(from).await?.ok_or_else(|| missing(from))?;
        match (info.kind, info.view_sql) {
            (TableKind::View, Some(sql)) => self.create_view(&to, &sql).await?,
            _ => {
                let rows = format!("select * from {}", from.sql());
                self.overwrite(&to, rows).await?;
            }
        }
        self.drop(from).await?;
        Ok(to)
    }

    async fn remove(&self, name: &ObjectName, if_exists: bool) -> Result<(), Diagnostic> {
        let relation = relation(name)?;
        // A view whose query does not plan any more is there, too.
        if !if_exists && !self.relations().await?.contains(&relation) {
            return Err(missing(&relation));
        }
        self.drop(&relation).await
    }

    async fn drop_schema(&self, name: &ObjectName) -> Result<(), Diagnostic> {
        let schema = folded(&last(name)?);
        for relation in self.relations().await? {
            if relation.schema == schema {
                self.drop(&relation).await?;
            }
        }
        Ok(())
    }

    async fn overwrite(&self, table: &Relation, rows: String) -> Result<(), Diagnostic> {
        let options = WriteOptions::new(WriteMode::Overwrite);
        self.write(table, Input::Sql(rows), options).await?;
        Ok(())
    }

    async fn schema(&self, table: &Relation) -> Result<SchemaRef, Diagnostic> {
        match self.info(table).await? {
            Some(info) if info.kind == TableKind::Table => Ok(info.schema),
            Some(_) => Err(Diagnostic::error(format!(
                "'{table}' is a view, and holds no rows"
            ))),
            None => Err(missing(table)),
        }
    }
}

/// The table that a name means, in the schema `main` where it has none.
fn relation(name: &ObjectName) -> Result<Relation, Diagnostic> {
    let parts = name.0.iter().map(|part| match part {
        ObjectNamePart::Identifier(ident) => Some(folded(ident)),
        ObjectNamePart::Function(_) => None,
    });
    match parts.collect::<Option<Vec<_>>>().as_deref() {
        Some([name]) => Ok(Relation::new("main", name)),
        Some([schema, name]) => Ok(Relation::new(schema, name)),
        Some([database, schema, name]) if database.eq_ignore_ascii_case(DATABASE) => {
            Ok(Relation::new(schema, name))
        }
        _ => Err(Diagnostic::error(format!("'{name}' names no table here"))),
    }
}

fn last(name: &ObjectName) -> Result<Ident, Diagnostic> {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => Ok(ident.clone()),
        _ => Err(Diagnostic::error(format!("'{name}' is no name"))),
    }
}

/// The table, and its name as the statement writes it, with its alias.
fn target(table: &TableWithJoins) -> Result<(Relation, String), Diagnostic> {
    match &table.relation {
        TableFactor::Table { name, .. } if table.joins.is_empty() => {
            Ok((relation(name)?, table.relation.to_string()))
        }
        _ => Err(Diagnostic::error(format!("'{table}' is no single table"))),
    }
}

fn known(schema: &SchemaRef, table: &Relation, column: &Ident) -> Result<String, Diagnostic> {
    let name = folded(column);
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let same = |known: &&&str| match column.quote_style {
        Some(_) => **known == name,
        None => known.eq_ignore_ascii_case(&name),
    };
    match names.iter().find(same) {
        Some(known) => Ok((*known).to_owned()),
        None => Err(
            Diagnostic::error(format!("'{table}' has no column '{name}'"))
                .maybe_hint(suggest::nearest(&name, names.iter().copied())),
        ),
    }
}

fn condition(wanted: Option<&Expr>) -> String {
    wanted.map_or("true".to_owned(), |wanted| format!("({wanted})"))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn has_default(column: &ColumnDef) -> bool {
    let is_default = |option: &ColumnOptionDef| match &option.option {
        ColumnOption::Default(value) => value.to_string().to_lowercase() != "null",
        ColumnOption::Generated { .. } | ColumnOption::Identity(_) => true,
        _ => false,
    };
    column.options.iter().any(is_default)
}

fn missing(relation: &Relation) -> Diagnostic {
    Diagnostic::error(format!("there is no table or view '{relation}'"))
}

fn refused(statement: &Statement) -> Diagnostic {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    Diagnostic::error(format!("'{} ...' is not understood", words.join(" "))).hint(
        "queries, INSERT, UPDATE, DELETE, TRUNCATE, and CREATE, ALTER and DROP of tables and views are",
    )
}

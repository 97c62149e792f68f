//! Statements: what a hook, a macro or a person runs beside queries. Each that changes a table is one
//! commit of it, made of the same writes as any other.

mod change;
mod copy;
mod declared;
mod describe;
mod merge;
mod names;
mod rows;
mod tables;

use std::ops::ControlFlow;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::sql::sqlparser::ast::{
    DataType, DescribeAlias, Ident, ObjectName, ObjectNamePart, ObjectType, SchemaName, Statement,
    VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use forebay_core::{Diagnostic, Relation, suggest};
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::Lake;
use crate::dialect::{Syntax, created, database_of, described, folded, local, parse_in};
use crate::engine::{from_parser, placed};
use crate::types::{Dialect, Input, TableKind, WriteMode, WriteOptions};
use crate::warehouse::Declared;

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
            let state = self.state();
            let written = sql;
            let sql = local(sql, database_of(&state));
            if let Some(reason) = passed_over(&sql) {
                return Ok(Executed::Ignored(reason));
            }
            if let Some(problem) = attached(&sql) {
                return Err(problem.within(written));
            }
            let depth = state.config_options().sql_parser.recursion_limit;
            let statements = parse_in(self.dialect(), &sql, depth.get());
            let statements = statements.map_err(|error| placed(from_parser(&error), written))?;
            let mut last = Executed::Done;
            let only = statements.len() == 1;
            for mut statement in statements {
                if self.dialect() == Dialect::DuckDb {
                    let _ = statement.visit(&mut Stored(self));
                }
                let text = match only {
                    // As it was written, so that errors point into it.
                    true => written.to_owned(),
                    false => statement.to_string(),
                };
                last = self.statement(&statement, &text).await?;
            }
            Ok(last)
        })
    }

    async fn statement(&self, statement: &Statement, sql: &str) -> Result<Executed, Diagnostic> {
        match statement {
            Statement::Explain {
                describe_alias: DescribeAlias::Describe | DescribeAlias::Desc,
                statement,
                ..
            } => {
                let schema = self.schema_of(&statement.to_string()).await?;
                return self
                    .answer(&described::listing(&schema, self.dialect()))
                    .await;
            }
            Statement::ExplainTable { table_name, .. } => {
                let described = self.described_table(&relation(table_name)?).await?;
                return self.answer(&described).await;
            }
            Statement::ShowTables { .. } => return self.answer(described::TABLES).await,
            Statement::Query(_) | Statement::Explain { .. } => return self.answer(sql).await,
            Statement::CreateMacro { or_replace, .. } => {
                self.named().macros.create(statement, *or_replace)?;
            }
            Statement::DropFunction(dropped) => {
                for function in &dropped.func_desc {
                    self.named()
                        .macros
                        .drop(&function.name, dropped.if_exists)?;
                }
            }
            Statement::CreateSequence {
                name,
                if_not_exists,
                sequence_options: options,
                owned_by,
                ..
            } => {
                let or_replace = created::replaces(owned_by.as_ref());
                let name = relation(name)?;
                let sequences = &self.named().sequences;
                sequences.create(&name, options, or_replace, *if_not_exists)?;
            }
            Statement::CreateType {
                name,
                representation,
            } => {
                let meaning = created::meaning(representation.as_ref());
                let (meant, or_replace, if_not_exists) =
                    meaning.ok_or_else(|| refused(statement))?;
                let types = &self.named().types;
                let plain = types.plain(meant)?;
                if !matches!(plain, DataType::Enum(..)) {
                    // That it is one.
                    let value = format!("select cast(null as {plain})");
                    self.schema_of(&value).await?;
                }
                types.create(name, &plain, or_replace, if_not_exists)?;
            }
            Statement::Load { extension_name } | Statement::Install { extension_name } => {
                return Ok(Executed::Ignored(describe::extension(
                    &extension_name.value,
                )));
            }
            Statement::Insert(insert) => self.insert(insert).await?,
            Statement::Update(update) => self.update(update).await?,
            Statement::Delete(delete) => self.delete(delete).await?,
            Statement::Merge(merge) => self.merge(merge).await?,
            Statement::CreateTable(table) => self.create_table(table).await?,
            Statement::CreateView(view) => self.define_view(view).await?,
            Statement::AlterTable(change) => self.alter(change).await?,
            Statement::Truncate(truncate) => {
                for target in &truncate.table_names {
                    let table = target.name.to_string();
                    let none = format!("select * from {table} where false");
                    let table = relation(&target.name)?;
                    let declared = self.declared(&table).await?;
                    self.overwrite(&table, none, declared).await?;
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
                ObjectType::Sequence => {
                    for name in names {
                        let sequences = &self.named().sequences;
                        sequences.remove(&relation(name)?, *if_exists)?;
                    }
                }
                ObjectType::Type => {
                    for name in names {
                        self.named().types.remove(name, *if_exists)?;
                    }
                }
                ObjectType::Index => return Ok(Executed::Ignored("there are no indexes")),
                _ => return Err(refused(statement)),
            },
            Statement::CreateSchema { schema_name, .. } => {
                if let SchemaName::Simple(name) | SchemaName::NamedAuthorization(name, _) =
                    schema_name
                {
                    self.schema_named(name)?;
                }
                return Ok(Executed::Ignored("a schema is there with its first table"));
            }
            Statement::Copy { .. } => self.copy(statement).await?,
            Statement::Grant { .. } | Statement::Revoke { .. } => {
                return Ok(Executed::Ignored(RIGHTS));
            }
            Statement::CreateIndex(_) => return Ok(Executed::Ignored("there are no indexes")),
            Statement::StartTransaction { .. } | Statement::Commit { .. } => {
                return Ok(Executed::Ignored("every statement is a commit of its own"));
            }
            Statement::Analyze { .. } => {
                return Ok(Executed::Ignored(STATISTICS));
            }
            Statement::Comment { .. } => {
                return Ok(Executed::Ignored("descriptions are the project's"));
            }
            Statement::Set(_) | Statement::Pragma { .. } => {
                self.settings().check(statement)?;
                return Ok(Executed::Ignored(SETTINGS));
            }
            _ => return Err(refused(statement)),
        }
        Ok(Executed::Done)
    }

    async fn answer(&self, sql: &str) -> Result<Executed, Diagnostic> {
        let rows = self.query(sql).await?;
        let schema = rows.schema;
        Ok(Executed::Rows(schema, rows.stream.try_collect().await?))
    }

    /// `main` or `"shop"."main"`.
    fn schema_named(&self, name: &ObjectName) -> Result<String, Diagnostic> {
        let parts = parts(name).unwrap_or_default();
        match parts.as_slice() {
            [schema] => Ok(schema.clone()),
            [database, schema] if database.eq_ignore_ascii_case(self.database()) => {
                Ok(schema.clone())
            }
            _ => Err(Diagnostic::error(format!("'{name}' names no schema here"))),
        }
    }

    async fn overwrite(
        &self,
        table: &Relation,
        rows: String,
        declared: Declared,
    ) -> Result<(), Diagnostic> {
        let options = WriteOptions::new(WriteMode::Overwrite);
        self.write_declared(table, Input::Sql(rows), options, Some(declared))
            .await?;
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

/// Names of relations as they are stored, where they differ in capitals alone.
struct Stored<'a>(&'a Lake);

impl VisitorMut for Stored<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<()> {
        if let Ok(relation) = relation(name)
            && let Some(alike) = self.0.warehouse().alike(&relation)
            && alike != relation
        {
            let parts = [alike.schema, alike.name].map(|part| Ident::with_quote('"', part));
            *name = ObjectName::from(parts.to_vec());
        }
        ControlFlow::Continue(())
    }
}

/// The table that a name means, in the schema `main` where it has none.
fn relation(name: &ObjectName) -> Result<Relation, Diagnostic> {
    match parts(name).as_deref() {
        Some([name]) => Ok(Relation::new("main", name)),
        Some([schema, name]) => Ok(Relation::new(schema, name)),
        Some([_, _, _]) => Err(Diagnostic::error(format!(
            "'{name}' is in another database, and there is but one here"
        ))),
        _ => Err(Diagnostic::error(format!("'{name}' names no table here"))),
    }
}

fn parts(name: &ObjectName) -> Option<Vec<String>> {
    let part = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) => Some(folded(ident)),
        ObjectNamePart::Function(_) => None,
    };
    name.0.iter().map(part).collect()
}

fn last(name: &ObjectName) -> Result<Ident, Diagnostic> {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => Ok(ident.clone()),
        _ => Err(Diagnostic::error(format!("'{name}' is no name"))),
    }
}

fn known(schema: &SchemaRef, table: &Relation, column: &Ident) -> Result<String, Diagnostic> {
    let name = folded(column);
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let exact = names.iter().find(|known| **known == name);
    let alike = || names.iter().find(|known| known.eq_ignore_ascii_case(&name));
    match exact.or_else(alike) {
        Some(known) => Ok((*known).to_owned()),
        None => Err(
            Diagnostic::error(format!("'{table}' has no column '{name}'"))
                .maybe_hint(suggest::nearest(&name, names.iter().copied())),
        ),
    }
}

fn missing(relation: &Relation) -> Diagnostic {
    Diagnostic::error(format!("there is no table or view '{relation}'"))
}

/// Statements that mean nothing here and that the parser has not, by their first words, and why they do not.
const PASSED_OVER: &[(&str, &str)] = &[
    ("alter default privileges", RIGHTS),
    ("create extension", "functions are those of the dialect"),
    ("lock table", "every statement is a commit of its own"),
    ("reset", SETTINGS),
    ("vacuum", STATISTICS),
];

const RIGHTS: &str = "there are no users to have rights";
const SETTINGS: &str = "settings are forebay.yml's";
const STATISTICS: &str = "tables keep their own statistics";

fn passed_over(sql: &str) -> Option<&'static str> {
    let (statement, rest) = sql.split_once(';').unwrap_or((sql, ""));
    let words = statement.replace('(', " (").to_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    let begins = |known: &str| {
        let known: Vec<&str> = known.split(' ').collect();
        words.starts_with(&known)
    };
    let found = PASSED_OVER.iter().find(|(known, _)| begins(known))?;
    rest.trim().is_empty().then_some(found.1)
}

/// A statement that opens or closes the file of a database, which the parser knows in part.
fn attached(sql: &str) -> Option<Diagnostic> {
    let tokens = Tokenizer::new(&Syntax, sql).tokenize_with_location().ok()?;
    let tokens = tokens
        .iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)));
    let mut begins = true;
    for token in tokens {
        let found = match &token.token {
            Token::Word(word) if begins => word.value.to_uppercase(),
            _ => String::new(),
        };
        if ["ATTACH", "DETACH"].contains(&found.as_str()) {
            let at = token.span.start;
            let problem = Diagnostic::error(format!(
                "{found}: the files of other databases are not opened (line {}, column {})",
                at.line, at.column
            ));
            return Some(problem.hint("write their tables to Parquet or CSV, and read those as a source with external_location, or by read_parquet('...')"));
        }
        begins = token.token == Token::SemiColon;
    }
    None
}

fn refused(statement: &Statement) -> Diagnostic {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    Diagnostic::error(format!("'{} ...' is not understood", words.join(" "))).hint(
        "queries, INSERT, UPDATE, DELETE, MERGE, TRUNCATE, COPY ... TO, CREATE, ALTER and DROP of tables and views, and CREATE and DROP of macros, sequences and types are",
    )
}

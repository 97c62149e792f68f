//! Whole statements, from their text to their lineage.

use datafusion::sql::sqlparser::ast::{
    CopySource, CreateTable, CreateView, ObjectName, Query, SetExpr, Statement,
};
use datafusion::sql::sqlparser::dialect::{
    Dialect, DuckDbDialect, GenericDialect, PostgreSqlDialect, SnowflakeDialect,
};
use datafusion::sql::sqlparser::parser::ParserError;
use forebay_core::{Diagnostic, Fault};

use super::change::Change;
use super::operands::refused;
use super::origin::{Table, steering_edges};
use super::plan;
use super::resolver::Resolver;
use super::scope::{Layer, Scope};
use super::{ColumnLineage, Output, Schemas, names};
use crate::dialect::{Syntax, chained, parse_as};

/// Longest statement that is read, bytes.
const MAX_LENGTH: usize = 1 << 20;

/// Levels of nesting that the parser follows.
const PARSER_DEPTH: usize = 300;

/// Stack of the thread that resolves, bytes of address space: memory is used as deep as it goes.
const STACK: usize = 256 << 20;

/// The lineage of a statement: from its syntax, or from the engine's plan where it holds a construct
/// that the syntax is not followed through. A name that is not known is final.
///
/// It runs on a thread of its own, whose stack is deep enough for the longest chain of operators
/// that a statement of the permitted length can hold: syntax trees are dropped by recursion.
pub(super) fn lineage(sql: &str, schemas: &Schemas) -> Result<ColumnLineage, Diagnostic> {
    if sql.len() > MAX_LENGTH {
        return Err(Diagnostic::error(format!(
            "the statement has {} bytes; column lineage reads up to {MAX_LENGTH}",
            sql.len()
        )));
    }
    std::thread::scope(|threads| {
        std::thread::Builder::new()
            .name("lineage".to_owned())
            .stack_size(STACK)
            .spawn_scoped(threads, || from_syntax_or_plan(sql, schemas))
            .map_err(|e| Diagnostic::environment(format!("no thread for column lineage: {e}")))?
            .join()
            .unwrap_or_else(|_| Err(Diagnostic::internal("column lineage panicked")))
    })
}

fn from_syntax_or_plan(sql: &str, schemas: &Schemas) -> Result<ColumnLineage, Diagnostic> {
    from_syntax(sql, schemas).or_else(|diagnostic| match diagnostic.fault {
        Fault::Internal => plan::lineage(sql, schemas).map_err(|_| Diagnostic {
            fault: Fault::User,
            ..diagnostic
        }),
        Fault::User | Fault::Environment => Err(diagnostic),
    })
}

/// The lineage of a statement from its syntax alone: by our own grammar, else by those that know
/// what it does not have.
pub(super) fn from_syntax(sql: &str, schemas: &Schemas) -> Result<ColumnLineage, Diagnostic> {
    let dialects: [&dyn Dialect; 5] = [
        &Syntax,
        &PostgreSqlDialect {},
        &GenericDialect {},
        &DuckDbDialect {},
        &SnowflakeDialect {},
    ];
    let (mut unread, mut unresolved) = (None, None);
    for dialect in dialects {
        match parse_as(dialect, sql, PARSER_DEPTH) {
            Err(error) => unread = unread.or(Some(error)),
            Ok(mut statements) => {
                statements.iter_mut().for_each(chained);
                match resolve(&statements, schemas) {
                    Ok(lineage) => return Ok(lineage),
                    Err(diagnostic) => unresolved = unresolved.or(Some(diagnostic)),
                }
            }
        }
    }
    Err(unresolved.unwrap_or_else(|| unreadable(unread)))
}

fn resolve(statements: &[Statement], schemas: &Schemas) -> Result<ColumnLineage, Diagnostic> {
    match statements {
        [statement] => Resolver::new(schemas).statement(statement, &Scope::OUTERMOST),
        [] => Err(Diagnostic::error("there is no SQL statement")),
        several => Err(Diagnostic::error(format!(
            "there are {} SQL statements; column lineage is of one",
            several.len()
        ))),
    }
}

fn unreadable(error: Option<ParserError>) -> Diagnostic {
    let why = match error {
        Some(ParserError::ParserError(why) | ParserError::TokenizerError(why)) => why,
        Some(ParserError::RecursionLimitExceeded) => {
            format!("it nests deeper than {PARSER_DEPTH} levels")
        }
        None => String::new(),
    };
    Diagnostic::error(format!("the SQL cannot be read: {why}"))
}

impl Resolver<'_> {
    fn statement(
        &self,
        statement: &Statement,
        scope: &Scope<'_>,
    ) -> Result<ColumnLineage, Diagnostic> {
        match statement {
            Statement::Query(query) => self.query_statement(query, scope),
            Statement::CreateView(view) => self.create_view(view, scope),
            Statement::CreateTable(table) => self.create_table(table, scope),
            Statement::Insert(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::Merge(_) => Ok(written(self.change(statement, scope)?)),
            Statement::Explain { statement, .. } => self.statement(statement, scope),
            Statement::Copy {
                source: CopySource::Query(query),
                ..
            } => self.query_statement(query, scope),
            other => Err(refused(&format!("the statement {}", verb(other)))),
        }
    }

    /// A query, or a statement that writes behind a WITH clause.
    fn query_statement(
        &self,
        query: &Query,
        scope: &Scope<'_>,
    ) -> Result<ColumnLineage, Diagnostic> {
        match query.body.as_ref() {
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement)
            | SetExpr::Merge(statement) => {
                let ctes = self.with(query.with.as_ref(), scope)?;
                self.statement(statement, &Scope::within(scope, Layer::Ctes(&ctes)))
            }
            SetExpr::Select(select) => {
                let target = select.into.as_ref().map(|into| self.target(&into.name).0);
                Ok(selected(self.query(query, scope)?, target))
            }
            _ => Ok(selected(self.query(query, scope)?, None)),
        }
    }

    fn create_view(
        &self,
        view: &CreateView,
        scope: &Scope<'_>,
    ) -> Result<ColumnLineage, Diagnostic> {
        let columns = view.columns.iter().map(|column| names::fold(&column.name));
        self.created(&view.name, columns.collect(), &view.query, scope)
    }

    fn create_table(
        &self,
        table: &CreateTable,
        scope: &Scope<'_>,
    ) -> Result<ColumnLineage, Diagnostic> {
        let Some(query) = &table.query else {
            return Err(refused("CREATE TABLE without a query"));
        };
        let columns = table.columns.iter().map(|column| names::fold(&column.name));
        self.created(&table.name, columns.collect(), query, scope)
    }

    /// A table or view made of a query, whose first columns may have been given other names.
    fn created(
        &self,
        name: &ObjectName,
        columns: Vec<String>,
        query: &Query,
        scope: &Scope<'_>,
    ) -> Result<ColumnLineage, Diagnostic> {
        let mut table = self.query(query, scope)?;
        for (column, name) in table.columns.iter_mut().zip(columns) {
            column.name = name;
        }
        Ok(selected(table, Some(names::path(name).join("."))))
    }
}

fn selected(mut table: Table, target: Option<String>) -> ColumnLineage {
    table.settle();
    ColumnLineage {
        target,
        outputs: table.outputs(),
        dataset: steering_edges(&table.steering),
    }
}

fn written(change: Change<'_>) -> ColumnLineage {
    let output = |column: &super::origin::Column| Output {
        name: column.name.clone(),
        inputs: column.origin.edges(),
    };
    ColumnLineage {
        target: Some(change.target),
        outputs: change.written.iter().map(output).collect(),
        dataset: steering_edges(&change.steering),
    }
}

/// The words that a statement begins with.
fn verb(statement: &Statement) -> String {
    let text = statement.to_string();
    text.split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

//! Tables that functions make: unnest, generate_series, json_each, JSON_TABLE and any other.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArguments, Ident, JsonTableColumn, TableAlias, TableFactor,
};
use forebay_core::Diagnostic;

use super::Subtype::{Join, Transformation};
use super::expr::bare;
use super::functions;
use super::names;
use super::operands::refused;
use super::origin::{Column, Origin, Steering, Table};
use super::resolver::Resolver;
use super::scope::{FromClause, Scope};

/// A call in FROM: what its columns are made of.
struct Call<'a> {
    name: String,
    arguments: Vec<Origin>,
    alias: Option<&'a TableAlias>,
    ordinality: bool,
    /// The name of the column that BigQuery's WITH OFFSET adds.
    offset: Option<&'a Ident>,
}

impl Resolver<'_> {
    /// A table function's rows. They can read the tables to the left.
    pub fn function_table(
        &self,
        factor: &TableFactor,
        left: &Scope<'_>,
    ) -> Result<FromClause, Diagnostic> {
        let call = match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_ordinality,
                ..
            } => {
                let args = args.iter().flat_map(|args| &args.args);
                self.call_of(names::last(name), args, alias, *with_ordinality, left)?
            }
            TableFactor::Function {
                name,
                args,
                with_ordinality,
                alias,
                ..
            } => self.call_of(names::last(name), args, alias, *with_ordinality, left)?,
            TableFactor::TableFunction { expr, alias } => self.table_expr(expr, alias, left)?,
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset,
                with_offset_alias,
                with_ordinality,
            } => {
                let arguments: Result<_, _> = array_exprs
                    .iter()
                    .map(|expr| self.expr(expr, left))
                    .collect();
                Call {
                    name: "unnest".to_owned(),
                    arguments: arguments?,
                    alias: alias.as_ref(),
                    ordinality: *with_ordinality || *with_offset,
                    offset: with_offset_alias.as_ref(),
                }
            }
            TableFactor::JsonTable {
                json_expr,
                columns,
                alias,
                ..
            } => return self.json_table(json_expr, columns, alias.as_ref(), left),
            other => return Err(refused(&format!("the table {other}"))),
        };
        Ok(call.rows())
    }

    fn call_of<'a>(
        &self,
        name: Ident,
        arguments: impl IntoIterator<Item = &'a FunctionArg>,
        alias: &'a Option<TableAlias>,
        ordinality: bool,
        left: &Scope<'_>,
    ) -> Result<Call<'a>, Diagnostic> {
        let name = names::fold(&name);
        let arguments: Result<_, _> = arguments
            .into_iter()
            .map(|argument| self.argument(argument, &name, left))
            .collect();
        Ok(Call {
            arguments: arguments?,
            name,
            alias: alias.as_ref(),
            ordinality,
            offset: None,
        })
    }

    /// `TABLE(f(x))`.
    fn table_expr<'a>(
        &self,
        expr: &'a Expr,
        alias: &'a Option<TableAlias>,
        left: &Scope<'_>,
    ) -> Result<Call<'a>, Diagnostic> {
        match bare(expr) {
            Expr::Function(f) => {
                let arguments = match &f.args {
                    FunctionArguments::List(list) => list.args.as_slice(),
                    _ => &[],
                };
                self.call_of(names::last(&f.name), arguments, alias, false, left)
            }
            other => Err(refused(&format!("TABLE({other})"))),
        }
    }

    fn json_table(
        &self,
        json: &Expr,
        columns: &[JsonTableColumn],
        alias: Option<&TableAlias>,
        left: &Scope<'_>,
    ) -> Result<FromClause, Diagnostic> {
        let origin = self.expr(json, left)?.step(Transformation);
        let mut names = Vec::new();
        json_columns(columns, &mut names);
        let columns = names.into_iter().map(|name| match name {
            (name, true) => Column::new(name, origin.clone()),
            (name, false) => Column::new(name, Origin::default()),
        });
        let table = Table {
            columns: columns.collect(),
            steering: origin.steering(Join),
            ..Table::default()
        };
        super::from::named(table, alias, Vec::new())
    }
}

/// Names of JSON_TABLE's columns, each with whether it holds values of the document.
fn json_columns(columns: &[JsonTableColumn], into: &mut Vec<(String, bool)>) {
    for column in columns {
        match column {
            JsonTableColumn::Named(named) => into.push((names::fold(&named.name), true)),
            JsonTableColumn::ForOrdinality(name) => into.push((names::fold(name), false)),
            JsonTableColumn::Nested(nested) => json_columns(&nested.columns, into),
        }
    }
}

impl Call<'_> {
    /// The call's table. How many rows it makes hangs on its arguments.
    fn rows(self) -> FromClause {
        let steering: Steering = self
            .arguments
            .iter()
            .flat_map(|argument| argument.steering(Join))
            .collect();
        let path = match self.alias {
            Some(alias) => names::fold(&alias.name),
            None => self.name.clone(),
        };
        let table = Table {
            columns: self.columns(&steering),
            steering,
            ..Table::default()
        };
        FromClause::one(vec![path], table)
    }

    fn columns(&self, steering: &Steering) -> Vec<Column> {
        let whole = self
            .arguments
            .iter()
            .fold(Origin::default(), |a, b| a.and(b));
        let given: Vec<String> = self
            .alias
            .iter()
            .flat_map(|alias| &alias.columns)
            .map(|column| names::fold(&column.name))
            .collect();
        let own = self.own_names(given.len());
        let mut columns: Vec<Column> = own
            .iter()
            .enumerate()
            .map(|(i, name)| {
                // unnest(a, b) makes one column of each
                let origin = match (self.name.as_str(), self.arguments.get(i)) {
                    ("unnest", Some(argument)) => argument.clone(),
                    _ => whole.clone(),
                };
                Column::new(name, origin.step(Transformation))
            })
            .collect();
        if self.ordinality {
            let name = self.offset.map_or("ordinality".to_owned(), names::fold);
            columns.push(Column::new(name, Origin::steered(steering.clone())));
        }
        for (column, name) in columns.iter_mut().zip(given) {
            column.name = name;
        }
        columns
    }

    /// The columns before renaming: a function's known ones, else one for each name that the alias
    /// gives, else one that is called like the alias or the function.
    fn own_names(&self, given: usize) -> Vec<String> {
        if let Some(columns) = functions::row_columns(&self.name) {
            return columns.iter().map(|&name| name.to_owned()).collect();
        }
        let count = match self.name.as_str() {
            "unnest" => self.arguments.len(),
            _ => given.saturating_sub(usize::from(self.ordinality)),
        };
        let name = match self.alias {
            Some(alias) if count <= 1 => names::fold(&alias.name),
            _ => self.name.clone(),
        };
        vec![name; count.max(1)]
    }
}

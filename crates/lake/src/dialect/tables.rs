//! Functions in `FROM` that give rows: series of dates, and all that read a column of what stands
//! before them, as lateral queries over `unnest`.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Query, Select, SelectItem, SetExpr, Statement, TableAlias, TableAliasColumnDef,
    TableFactor, Visit, VisitMut, Visitor, VisitorMut,
};

use super::calls::fill;
use super::json_rows::{self, VALUE, gives_items};
use super::{folded, hidden, json_each, parse, reads_before, series_names};
use crate::types::Dialect;

pub(super) fn rewrite(query: &mut Query, dialect: Dialect) {
    let mut rewriter = Rewriter {
        dialect,
        around: Vec::new(),
        order: Vec::new(),
    };
    let _ = query.visit(&mut rewriter);
}

struct Rewriter {
    dialect: Dialect,
    /// The tables of the queries around, the innermost last.
    around: Vec<HashSet<String>>,
    /// The `ORDER BY` of the queries around, which may name what a query does not give.
    order: Vec<String>,
}

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if self.dialect == Dialect::DuckDb {
            let ctes = query.with.iter_mut().flat_map(|with| &mut with.cte_tables);
            ctes.for_each(|cte| name_values(&cte.query, &mut cte.alias));
        }
        let order = query.order_by.as_ref();
        self.order
            .push(order.map(ToString::to_string).unwrap_or_default());
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.order.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.around.push(hidden::tables(select));
        if self.dialect == Dialect::DuckDb {
            reads_before::rewrite(select, &self.around);
            series_names::rewrite(select);
        }
        if self.dialect == Dialect::Postgres {
            json_rows::rewrite(select);
        }
        let around = match self.dialect {
            Dialect::DuckDb => json_each::around(select, self.order.last()),
            Dialect::Postgres => String::new(),
        };
        for item in &mut select.from {
            factor(&mut item.relation, self.dialect, &around);
            for join in &mut item.joins {
                factor(&mut join.relation, self.dialect, &around);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<()> {
        self.around.pop();
        ControlFlow::Continue(())
    }
}

/// To DuckDB the columns of `VALUES` are `col0` and so on.
fn name_values(query: &Query, alias: &mut TableAlias) {
    if let SetExpr::Values(values) = query.body.as_ref()
        && alias.columns.is_empty()
    {
        let count = values.rows.first().map_or(0, |row| row.content.len());
        let columns = (0..count).map(|at| TableAliasColumnDef {
            name: Ident::new(format!("col{at}")),
            data_type: None,
        });
        alias.columns = columns.collect();
    }
}

/// `around` is the text of what may name its columns.
fn factor(factor: &mut TableFactor, dialect: Dialect, around: &str) {
    let rewritten = match factor {
        TableFactor::Derived {
            subquery, alias, ..
        } if dialect == Dialect::DuckDb && matches!(*subquery.body, SetExpr::Values(_)) => {
            name_values(subquery, alias.get_or_insert_with(|| named("valueslist")));
            None
        }
        TableFactor::UNNEST {
            alias,
            array_exprs,
            with_offset: false,
            with_ordinality,
            ..
        } => match array_exprs.as_slice() {
            [list] => {
                let rows = Rows::of("unnest", list.clone(), *with_ordinality);
                rows.derived(alias, has_column(list))
            }
            _ => None,
        },
        TableFactor::Table {
            name,
            alias,
            args: Some(args),
            with_ordinality,
            ..
        } => call(name, &args.args, alias, *with_ordinality, dialect, around),
        TableFactor::Function {
            name,
            args,
            alias,
            with_ordinality,
            ..
        } => call(name, args, alias, *with_ordinality, dialect, around),
        _ => None,
    };
    if let Some(rewritten) = rewritten {
        *factor = rewritten;
    }
}

/// What each function unnests.
fn list_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "unnest" => "",
        "generate_series" => "generate_series",
        "range" => "range",
        "json_array_elements" | "jsonb_array_elements" => "json_items",
        "json_array_elements_text" | "jsonb_array_elements_text" => "json_item_texts",
        "json_object_keys" | "jsonb_object_keys" => "json_keys",
        "regexp_split_to_table" => "regexp_split_to_array",
        "string_to_table" => "string_to_array",
        _ => return None,
    })
}

fn call(
    name: &ObjectName,
    args: &[FunctionArg],
    alias: &Option<TableAlias>,
    numbered: bool,
    dialect: Dialect,
    around: &str,
) -> Option<TableFactor> {
    let name = name.to_string().to_lowercase();
    match (name.as_str(), dialect) {
        ("json_each" | "json_tree", Dialect::DuckDb) => {
            return json_each::of_duckdb(&name, args, alias, around);
        }
        ("json_each" | "jsonb_each", Dialect::Postgres) => {
            return json_each::of_postgres(&name, "json_each_values", args, alias);
        }
        ("json_each_text" | "jsonb_each_text", Dialect::Postgres) => {
            return json_each::of_postgres(&name, "json_each_texts", args, alias);
        }
        _ => {}
    }
    let function = list_of(&name)?;
    let plain: Option<Vec<Expr>> = args
        .iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect();
    let plain = plain?;
    let is_lateral = plain.iter().any(has_column);
    // The engine's own series need no list in memory.
    let is_number = |arg: &Expr| arg.to_string().parse::<i64>().is_ok();
    let is_series = matches!(function, "generate_series" | "range");
    if is_series && !numbered && plain.iter().all(is_number) {
        return series(&name, &plain, alias, dialect);
    }
    let list = match function {
        "" => plain.first()?.clone(),
        function => list_call(function, plain),
    };
    let column = match gives_items(&name) {
        true => VALUE,
        false => &name,
    };
    Rows::of(column, list, numbered).derived(alias, is_lateral)
}

/// The engine's series with the column as it is called elsewhere: the engine says `value`. To PostgreSQL it is of the
/// numbers' type.
fn series(
    name: &str,
    args: &[Expr],
    alias: &Option<TableAlias>,
    dialect: Dialect,
) -> Option<TableFactor> {
    let column = forebay_core::quote(&column_name(alias, name));
    let alias = alias.clone().unwrap_or_else(|| named(name));
    let name = forebay_core::quote(name);
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    let are_short = args.iter().all(|arg| arg.parse::<i32>().is_ok());
    let value = match dialect {
        Dialect::Postgres if are_short => "value::integer",
        _ => "value",
    };
    // In quotes it is not taken for a call to be rewritten once more.
    let text = format!(
        "SELECT {value} AS {column} FROM {name}({})",
        args.join(", ")
    );
    let Some(Statement::Query(subquery)) = parse(&text, 10).ok()?.pop() else {
        return None;
    };
    Some(TableFactor::Derived {
        lateral: false,
        subquery,
        alias: Some(alias),
        sample: None,
    })
}

pub(super) fn named(name: &str) -> TableAlias {
    TableAlias {
        explicit: true,
        name: Ident::with_quote('"', name),
        columns: Vec::new(),
        at: None,
    }
}

fn list_call(function: &str, args: Vec<Expr>) -> Expr {
    let unnamed = |expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
    Expr::Function(Function {
        name: super::calls::named(function),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into_iter().map(unnamed).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// The one column of a function is called as its alias, but where the function has a name for it.
fn column_name(alias: &Option<TableAlias>, own: &str) -> String {
    match alias {
        Some(alias) if own != VALUE => folded(&alias.name),
        _ => own.to_owned(),
    }
}

/// A list as rows.
struct Rows<'a> {
    /// The name of their column.
    column: &'a str,
    list: Expr,
    /// With their numbers, from one, in a second column.
    numbered: bool,
}

impl<'a> Rows<'a> {
    fn of(column: &'a str, list: Expr, numbered: bool) -> Self {
        // A literal list is planned without what stands before it.
        let list = match list {
            Expr::Array(array) => list_call("make_array", array.elem),
            other => other,
        };
        Self {
            column,
            list,
            numbered,
        }
    }

    /// `(SELECT unnest(list) AS column) AS alias`.
    fn derived(self, alias: &Option<TableAlias>, lateral: bool) -> Option<TableFactor> {
        let column = column_name(alias, self.column);
        let mut text = format!("SELECT unnest(1) AS {}", forebay_core::quote(&column));
        let mut items = vec![fill("unnest(_1)", std::slice::from_ref(&self.list))?];
        if self.numbered {
            text.push_str(", unnest(1) AS ordinality");
            let numbers = "unnest(range(1, len(_1) + 1))";
            items.push(fill(numbers, std::slice::from_ref(&self.list))?);
        }
        let Some(Statement::Query(mut query)) = parse(&text, 10).ok()?.pop() else {
            return None;
        };
        if let SetExpr::Select(select) = query.body.as_mut() {
            for (item, value) in select.projection.iter_mut().zip(items) {
                if let SelectItem::ExprWithAlias { expr, .. } = item {
                    *expr = value;
                }
            }
        }
        let alias = alias.clone().or_else(|| Some(named(&column)));
        Some(TableFactor::Derived {
            lateral,
            subquery: query,
            alias,
            sample: None,
        })
    }
}

/// Whether the expression names a column.
pub(super) fn has_column(expr: &Expr) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    Visit::visit(expr, &mut Finder).is_break()
}

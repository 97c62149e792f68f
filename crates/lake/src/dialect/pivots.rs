//! `FROM t PIVOT (sum(x) FOR k IN ('a', 'b'))` as aggregates with filters, and `FROM t UNPIVOT (x FOR k IN (a, b))`
//! as a union. Columns that neither names stay; a pivot groups by them.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, ExprWithAlias, Ident, NullInclusion, PivotValueSource, Query, Select, Statement,
    TableFactor, TableWithJoins, Value, Visit, Visitor, With,
};
use forebay_core::{Diagnostic, quote};

use super::calls::{args, fill, name_of};
use super::pivot_keys::{Choice, choices, keys, label, of_key};
use super::turned::GROUP;
use super::using::Columns;
use super::{Probe, columns, folded, naming, own, parse, scopes, selects, spelled};
use crate::types::Dialect;

pub(super) fn rewrite(
    query: &mut Query,
    dialect: Dialect,
    is_aggregate: &dyn Fn(&str) -> bool,
    probe: &Probe<'_>,
) -> Result<(), Diagnostic> {
    scopes::each_select(query, probe, &has_pivot, &|select, _, columns| {
        for item in &mut select.from {
            of_factor(&mut item.relation, dialect, is_aggregate, columns)?;
            for join in &mut item.joins {
                of_factor(&mut join.relation, dialect, is_aggregate, columns)?;
            }
        }
        Ok(())
    })
}

/// A query for the values, as texts, of each key of the first pivot whose columns are what it finds. They are looked up
/// before the query is planned.
pub(crate) fn values_wanted(query: &mut Query) -> Result<Vec<String>, Diagnostic> {
    let wanted = RefCell::new(Vec::new());
    each_open(query, &|factor, with| {
        let is_first = wanted.borrow().is_empty();
        if let (
            TableFactor::Pivot {
                table,
                value_column,
                ..
            },
            true,
        ) = (factor, is_first)
        {
            let with = with.map(|with| format!("{with} ")).unwrap_or_default();
            let sql = |by: Expr| {
                format!(
                    "{with}select cast({by} as varchar) from {table} where {by} is not null \
                     group by {by} order by {by}"
                )
            };
            wanted.replace(keys(value_column).into_iter().map(sql).collect());
        }
    })?;
    Ok(wanted.into_inner())
}

/// Gives the first such pivot the values of each of its keys.
pub(crate) fn give_values(query: &mut Query, values: &[Vec<String>]) -> Result<(), Diagnostic> {
    let given = Cell::new(false);
    each_open(query, &|factor, _| {
        if let TableFactor::Pivot {
            value_column,
            value_source,
            ..
        } = factor
            && !given.replace(true)
        {
            let texts = keys(value_column).into_iter();
            let texts = texts.filter_map(|by| fill("cast(_1 as varchar)", &[by]));
            *value_column = texts.collect();
            let value = |text: &String| Expr::Value(Value::SingleQuotedString(text.clone()).into());
            let lists = values.iter().map(|values| values.iter().map(value));
            let all = match values {
                [one] => one.iter().map(value).collect(),
                _ => lists.filter_map(|list| of_key(list.collect())).collect(),
            };
            let plain = |expr: Expr| ExprWithAlias { expr, alias: None };
            *value_source = PivotValueSource::List(Vec::into_iter(all).map(plain).collect());
        }
    })
}

/// Each pivot without values, inner ones first, with the common table expressions that it can name.
fn each_open(
    query: &mut Query,
    with: &dyn Fn(&mut TableFactor, Option<&With>),
) -> Result<(), Diagnostic> {
    let is_open = |factor: &TableFactor| {
        matches!(
            factor,
            TableFactor::Pivot {
                value_source: PivotValueSource::Any(_),
                ..
            }
        )
    };
    let has = |select: &Select| {
        let factors = |item: &TableWithJoins| {
            is_open(&item.relation) || item.joins.iter().any(|join| is_open(&join.relation))
        };
        select.from.iter().any(factors)
    };
    let none = |_| datafusion::common::plan_err!("nothing is planned yet");
    scopes::each_select(query, &none, &has, &|select, _, columns| {
        for item in &mut select.from {
            let joined = item.joins.iter_mut().map(|join| &mut join.relation);
            for factor in std::iter::once(&mut item.relation).chain(joined) {
                if is_open(factor) {
                    with(factor, columns.with);
                }
            }
        }
        Ok(())
    })
}

fn has_pivot(select: &Select) -> bool {
    let is_pivot = |factor: &TableFactor| {
        matches!(
            factor,
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. }
        )
    };
    let has = |item: &TableWithJoins| {
        is_pivot(&item.relation) || item.joins.iter().any(|join| is_pivot(&join.relation))
    };
    select.from.iter().any(has)
}

fn of_factor(
    factor: &mut TableFactor,
    dialect: Dialect,
    is_aggregate: &dyn Fn(&str) -> bool,
    columns: &Columns<'_>,
) -> Result<(), Diagnostic> {
    let (text, alias) = match factor {
        TableFactor::Pivot {
            table,
            aggregate_functions,
            value_column,
            value_source,
            default_on_null: None,
            alias,
        } => {
            of_factor(table, dialect, is_aggregate, columns)?;
            let PivotValueSource::List(values) = value_source else {
                return Err(Diagnostic::error("PIVOT is understood with its values")
                    .hint("pivot (sum(x) for k in ('a', 'b'))"));
            };
            let by = keys(value_column);
            let choices = choices(values, dialect);
            if let Some(wrong) = choices.iter().find(|one| one.values.len() != by.len()) {
                let (values, keys) = (wrong.values.len(), by.len());
                return Err(Diagnostic::error(format!(
                    "PIVOT has {values} values where it is by {keys}"
                )));
            }
            let source = Source::of(table, dialect, columns)?;
            let text = source.pivot(aggregate_functions, &by, &choices, is_aggregate)?;
            (text, alias.take())
        }
        TableFactor::Unpivot {
            table,
            value: Expr::Identifier(value),
            name,
            columns: unpivoted,
            null_inclusion,
            alias,
        } => {
            of_factor(table, dialect, is_aggregate, columns)?;
            let with_nulls = matches!(null_inclusion, Some(NullInclusion::IncludeNulls));
            let source = Source::of(table, dialect, columns)?;
            (
                source.unpivot(value, name, unpivoted, with_nulls, columns.probe)?,
                alias.take(),
            )
        }
        TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => {
            return Err(Diagnostic::error(format!(
                "this is not supported: {factor}"
            )));
        }
        _ => return Ok(()),
    };
    let parsed = parse(&text, 100).ok().and_then(|mut all| all.pop());
    let Some(Statement::Query(subquery)) = parsed else {
        return Err(Diagnostic::error(format!(
            "this pivot is not supported: {text}"
        )));
    };
    *factor = TableFactor::Derived {
        lateral: false,
        subquery,
        alias,
        sample: None,
    };
    Ok(())
}

/// What is pivoted, with the names of its columns.
struct Source {
    table: String,
    columns: Vec<String>,
    dialect: Dialect,
}

impl Source {
    fn of(
        table: &TableFactor,
        dialect: Dialect,
        columns: &Columns<'_>,
    ) -> Result<Self, Diagnostic> {
        let item = TableWithJoins {
            relation: table.clone(),
            joins: Vec::new(),
        };
        let found = columns.of(&item)?;
        Ok(Self {
            table: table.to_string(),
            columns: found.into_iter().map(|column| column.name).collect(),
            dialect,
        })
    }

    /// The columns that are not named, each with a comma behind it.
    fn rest(&self, named: &HashSet<String>) -> Vec<String> {
        let rest = self.columns.iter().filter(|name| !named.contains(*name));
        rest.map(|name| quote(name)).collect()
    }

    fn pivot(
        &self,
        aggregates: &[ExprWithAlias],
        by: &[Expr],
        choices: &[Choice],
        is_aggregate: &dyn Fn(&str) -> bool,
    ) -> Result<String, Diagnostic> {
        let (aggregates, groups) = parted(aggregates);
        let mut named: HashSet<String> = by.iter().flat_map(names).collect();
        aggregates
            .iter()
            .for_each(|aggregate| named.extend(names(&aggregate.expr)));
        let rest = match &groups {
            Some(columns) => columns.iter().map(ToString::to_string).collect(),
            None => self.rest(&named),
        };
        let mut items = rest.clone();
        let mut taken: HashSet<String> = match &groups {
            Some(columns) => columns.iter().flat_map(names).collect(),
            None => {
                let rest = self.columns.iter().filter(|name| !named.contains(*name));
                rest.cloned().collect()
            }
        };
        for choice in choices {
            let pairs = by.iter().cloned().zip(choice.values.iter().cloned());
            let pairs: Vec<Expr> = pairs.flat_map(|(by, value)| [by, value]).collect();
            let tests = (0..by.len()).map(|at| format!("_{} = _{}", 2 * at + 1, 2 * at + 2));
            let test = format!("({})", tests.collect::<Vec<_>>().join(" and "));
            for aggregate in &aggregates {
                let mut name = column(&choice.label, aggregate, aggregates.len(), self.dialect);
                if self.dialect == Dialect::DuckDb {
                    name.make_ascii_lowercase();
                    name = selects::numbered(&name, &mut taken);
                }
                let is_value = fill(&test, &pairs);
                let is_value = is_value.ok_or_else(|| Diagnostic::internal("no condition"))?;
                let of_value = filtered(&aggregate.expr, &is_value, is_aggregate)?;
                items.push(format!("{of_value} as {}", quote(&name)));
            }
        }
        let group = match rest.is_empty() {
            true => String::new(),
            false => format!(" group by {}", rest.join(", ")),
        };
        Ok(format!(
            "select {} from {}{group}",
            items.join(", "),
            self.table
        ))
    }

    fn unpivot(
        &self,
        value: &Ident,
        name: &Ident,
        columns: &[ExprWithAlias],
        with_nulls: bool,
        probe: &Probe<'_>,
    ) -> Result<String, Diagnostic> {
        let columns = self.listed(columns, probe)?;
        let named = columns
            .iter()
            .flat_map(|column| names(&column.expr))
            .collect();
        let rest: String = self
            .rest(&named)
            .iter()
            .map(|column| format!("{column}, "))
            .collect();
        let parts = columns.iter().map(|column| {
            let Expr::Identifier(_) = &column.expr else {
                return Err(Diagnostic::error(format!(
                    "UNPIVOT takes columns, not {}",
                    column.expr
                )));
            };
            let label = label(column, self.dialect).replace('\'', "''");
            let kept = match with_nulls {
                true => String::new(),
                false => format!(" where {} is not null", column.expr),
            };
            Ok(format!(
                "select {rest}'{label}' as {name}, {} as {value} from {}{kept}",
                column.expr, self.table
            ))
        });
        let parts: Vec<String> = parts.collect::<Result<_, _>>()?;
        Ok(parts.join(" union all "))
    }
}

impl Source {
    /// With `COLUMNS(...)` as the columns that it means.
    fn listed(
        &self,
        columns: &[ExprWithAlias],
        probe: &Probe<'_>,
    ) -> Result<Vec<ExprWithAlias>, Diagnostic> {
        let mut listed = Vec::new();
        for column in columns {
            let Some(call) = columns::call(&column.expr) else {
                listed.push(column.clone());
                continue;
            };
            let chosen = columns::choose(call, &self.columns, probe)?;
            listed.extend(chosen.into_iter().map(|(name, spelled)| ExprWithAlias {
                expr: Expr::Identifier(Ident::with_quote('"', name)),
                alias: Some(Ident::with_quote('"', spelled)),
            }));
        }
        Ok(listed)
    }
}

/// The expression with its aggregates over the rows that meet the condition.
fn filtered(
    expr: &Expr,
    condition: &Expr,
    is_aggregate: &dyn Fn(&str) -> bool,
) -> Result<Expr, Diagnostic> {
    let mut made = expr.clone();
    let (mut count, mut has_more) = (0, false);
    own::change(&mut made, |part| {
        if let Expr::Function(function) = part
            && name_of(function).is_some_and(|name| is_aggregate(&name))
        {
            has_more |= function.over.is_some() || function.filter.is_some();
            count += 1;
            function.filter = Some(Box::new(condition.clone()));
        }
    });
    match (count, has_more) {
        (0, _) => Err(Diagnostic::error(format!(
            "PIVOT takes aggregates, not {expr}"
        ))),
        (_, true) => Err(Diagnostic::error(
            "PIVOT takes aggregates without FILTER and OVER",
        )),
        _ => Ok(made),
    }
}

/// The aggregates, and the columns that a pivot as a statement groups by.
pub(super) fn parted(all: &[ExprWithAlias]) -> (Vec<ExprWithAlias>, Option<Vec<Expr>>) {
    let aggregates = all.iter().filter(|given| group(given).is_none());
    (aggregates.cloned().collect(), all.iter().find_map(group))
}

fn group(given: &ExprWithAlias) -> Option<Vec<Expr>> {
    match &given.expr {
        Expr::Function(function) if name_of(function).as_deref() == Some(GROUP) => args(function),
        _ => None,
    }
}

/// Names the aggregates of a pivot that has several, as DuckDB does, by what is written: they become other calls.
pub(super) fn name_aggregates(factor: &mut TableFactor) {
    let TableFactor::Pivot {
        table,
        aggregate_functions: all,
        ..
    } = factor
    else {
        return;
    };
    name_aggregates(table);
    if parted(all).0.len() > 1 {
        for given in all {
            if given.alias.is_none() && group(given).is_none() {
                let name = naming::name(&given.expr, Dialect::DuckDb);
                given.alias = Some(Ident::with_quote('"', name));
            }
        }
    }
}

/// What the column of a choice and an aggregate is called.
pub(super) fn column(
    label: &str,
    aggregate: &ExprWithAlias,
    aggregates: usize,
    dialect: Dialect,
) -> String {
    match (&aggregate.alias, aggregates) {
        (None, 1) => label.to_owned(),
        (None, _) => format!("{label}_{}", aggregate.expr),
        (Some(alias), _) => format!("{label}_{}", spelled(alias, dialect)),
    }
}

/// The columns that an expression names.
fn names(expr: &Expr) -> HashSet<String> {
    struct Names(HashSet<String>);
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(column) => self.0.insert(folded(column)),
                Expr::CompoundIdentifier(parts) => parts
                    .last()
                    .is_some_and(|column| self.0.insert(folded(column))),
                _ => false,
            };
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(HashSet::new());
    let _ = expr.visit(&mut names);
    names.0
}

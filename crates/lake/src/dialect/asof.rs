//! `a ASOF JOIN b ON a.k = b.k AND a.at >= b.at`: of the rows of `b` that match, the one nearest. Each row of
//! `b` counts until the next of its key, so that the join is one by equality and by that span.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, ExcludeSelectItem, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName,
    Query, Select, SelectItem, SelectItemQualifiedWildcardKind, Statement, TableAlias, TableFactor,
    Visit, Visitor, WildcardAdditionalOptions,
};
use forebay_core::{Diagnostic, quote};

use super::calls::fill;
use super::{folded, parse};

/// The parser knows no such join: its first word stands there as `GLOBAL`, which says nothing otherwise.
pub(super) fn rewrite(select: &mut Select) -> Result<(), Diagnostic> {
    let mut added = Vec::new();
    for item in &mut select.from {
        for join in item.joins.iter_mut().filter(|join| join.global) {
            join.global = false;
            let renamed = by_condition(join)?;
            if let Some((table, _)) = renamed.first()
                && select.projection.iter().any(|item| is_all_of(item, table))
            {
                return Err(refused(&format!(
                    "{table}.* beside USING: name its columns"
                )));
            }
            added.extend(renamed);
            let column = format!("forebay_next_{}", added.len());
            added.push((convert(join, &column)?, column));
        }
    }
    for item in &mut select.projection {
        hide(item, &added);
    }
    Ok(())
}

/// What the right table's columns of `USING` are called.
const RENAMED: &str = "forebay_using_";

fn is_renamed(column: &Expr) -> bool {
    match column {
        Expr::CompoundIdentifier(parts) => parts
            .last()
            .is_some_and(|name| name.value.starts_with(RENAMED)),
        _ => false,
    }
}

/// `USING (k, at)` is `ON` the equality of all but the last, and `>=` of that. The right table's columns get other names,
/// so that those of both are the left one's; they are told with the table.
fn by_condition(join: &mut Join) -> Result<Vec<(String, String)>, Diagnostic> {
    use JoinOperator::{Inner, Join as Plain, Left, LeftOuter};
    let (Plain(on) | Inner(on) | Left(on) | LeftOuter(on)) = &mut join.join_operator else {
        return Ok(Vec::new());
    };
    let JoinConstraint::Using(columns) = on else {
        return Ok(Vec::new());
    };
    let no_table = || refused("its right side is a table or query with a name");
    let table = name_of(&join.relation).ok_or_else(no_table)?;
    let columns = columns.iter().map(|name| name.to_string());
    let columns: Vec<String> = columns.collect();
    let renamed = |column: &String| format!("{RENAMED}{}", column.trim_matches('"'));
    let items = columns
        .iter()
        .map(|column| format!("{column} as {}", quote(&renamed(column))));
    let text = format!(
        "select * exclude ({}), {} from {}",
        columns.join(", "),
        items.collect::<Vec<_>>().join(", "),
        join.relation
    );
    let last = columns.len().saturating_sub(1);
    let conditions = columns.iter().enumerate().map(|(at, column)| {
        let op = if at == last { ">=" } else { "=" };
        let other = format!("{}.{}", quote(&table), quote(&renamed(column)));
        format!("{column} {op} {other}")
    });
    let condition =
        fill(&conditions.collect::<Vec<_>>().join(" and "), &[]).ok_or_else(no_table)?;
    let parsed = parse(&text, 100).ok().and_then(|mut all| all.pop());
    let Some(Statement::Query(subquery)) = parsed else {
        return Err(no_table());
    };
    join.relation = derived(subquery, &table);
    *on = JoinConstraint::On(condition);
    let hidden = columns
        .iter()
        .map(|column| (table.clone(), renamed(column)));
    Ok(hidden.collect())
}

fn derived(subquery: Box<Query>, table: &str) -> TableFactor {
    TableFactor::Derived {
        lateral: false,
        subquery,
        alias: Some(TableAlias {
            explicit: true,
            name: Ident::with_quote('"', table),
            columns: Vec::new(),
            at: None,
        }),
        sample: None,
    }
}

/// Joins by the span, and says under which name the table is known.
fn convert(join: &mut Join, column: &str) -> Result<String, Diagnostic> {
    use JoinOperator::{Inner, Join as Plain, Left, LeftOuter};
    let (Plain(on) | Inner(on) | Left(on) | LeftOuter(on)) = &mut join.join_operator else {
        return Err(refused("it is an inner or a left join"));
    };
    let JoinConstraint::On(condition) = on else {
        return Err(refused(
            "it takes USING, or ON with equalities and one of >=, >, <=, <",
        ));
    };
    let table = name_of(&join.relation)
        .ok_or_else(|| refused("its right side is a table or query with a name"))?;
    let span = Span::of(condition, &table)?;
    let next = format!("{}.{}", quote(&table), quote(column));
    let keys = match span.keys.is_empty() {
        true => String::new(),
        false => format!("partition by {} ", span.keys.join(", ")),
    };
    let (function, by) = (span.function(), &span.by);
    let filter = match span.filters.is_empty() {
        true => String::new(),
        false => format!(" where {}", span.filters.join(" and ")),
    };
    let text = format!(
        "select *, {function}({by}) over ({keys}order by {by}) as {column} from {}{filter}",
        join.relation
    );
    let condition_text = format!("_1 and ({next} is null or _2 {} {next})", span.until());
    let spanned = fill(&condition_text, &[condition.clone(), span.at]);
    let parsed = parse(&text, 100).ok().and_then(|mut all| all.pop());
    let (Some(spanned), Some(Statement::Query(subquery))) = (spanned, parsed) else {
        return Err(refused("its right side is a table or query with a name"));
    };
    *condition = spanned;
    join.relation = derived(subquery, &table);
    Ok(table)
}

fn refused(what: &str) -> Diagnostic {
    Diagnostic::error(format!("this ASOF JOIN is not understood: {what}"))
        .hint("a asof join b on a.key = b.key and a.at >= b.at")
}

fn name_of(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table {
            alias: Some(alias), ..
        }
        | TableFactor::Derived {
            alias: Some(alias), ..
        } => Some(folded(&alias.name)),
        TableFactor::Table {
            name, alias: None, ..
        } => name.0.last()?.as_ident().map(folded),
        _ => None,
    }
}

/// How the right table's rows follow each other.
struct Span {
    keys: Vec<String>,
    /// What is asked of those rows alone: the nearest is one of which it is true.
    filters: Vec<String>,
    /// The column that orders them.
    by: String,
    /// What it is compared with.
    at: Expr,
    /// `at >= by` and its like.
    op: BinaryOperator,
}

impl Span {
    fn of(condition: &Expr, table: &str) -> Result<Self, Diagnostic> {
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq};
        let (mut keys, mut found, mut filters) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts(condition) {
            match is_of(part, table) {
                Some(true) => {
                    filters.push(format!("({part})"));
                    continue;
                }
                // Of the left table's rows it stays a part of the condition.
                Some(false) => continue,
                None => {}
            }
            let Expr::BinaryOp { left, op, right } = part else {
                return Err(refused("it compares columns by =, and one by >=, >, <=, <"));
            };
            let (other, own, op) = match (is_of(left, table), is_of(right, table)) {
                (Some(false), Some(true)) => (left, right, op.clone()),
                (Some(true), Some(false)) => (right, left, turned(op)),
                // A key of `USING`.
                (None, Some(true)) if is_renamed(right) => (left, right, op.clone()),
                _ => {
                    return Err(refused(
                        "each side of a comparison is of one table, with its name",
                    ));
                }
            };
            match op {
                Eq => keys.push(own.to_string()),
                Gt | GtEq | Lt | LtEq => found.push((own.to_string(), other.as_ref().clone(), op)),
                _ => return Err(refused("it compares columns by =, and one by >=, >, <=, <")),
            }
        }
        match <[_; 1]>::try_from(found) {
            Ok([(by, at, op)]) => Ok(Self {
                keys,
                filters,
                by,
                at,
                op,
            }),
            Err(_) => Err(refused("one of its comparisons is >=, >, <= or <")),
        }
    }

    /// The row after the nearest one, as seen from the value.
    fn function(&self) -> &'static str {
        match self.op {
            BinaryOperator::Gt | BinaryOperator::GtEq => "lead",
            _ => "lag",
        }
    }

    fn until(&self) -> &'static str {
        match self.op {
            BinaryOperator::GtEq => "<",
            BinaryOperator::Gt => "<=",
            BinaryOperator::LtEq => ">",
            _ => ">=",
        }
    }
}

fn parts(condition: &Expr) -> Vec<&Expr> {
    match condition {
        Expr::Nested(inner) => parts(inner),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => [parts(left), parts(right)].concat(),
        other => vec![other],
    }
}

fn turned(op: &BinaryOperator) -> BinaryOperator {
    use BinaryOperator::{Gt, GtEq, Lt, LtEq};
    match op {
        Gt => Lt,
        GtEq => LtEq,
        Lt => Gt,
        LtEq => GtEq,
        other => other.clone(),
    }
}

/// Whether all of the expression's columns are of the table, or none. None: some are, or have no table.
fn is_of(expr: &Expr, table: &str) -> Option<bool> {
    struct Tables(Vec<Option<String>>);
    impl Visitor for Tables {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(_) => self.0.push(None),
                Expr::CompoundIdentifier(parts) => {
                    let table = parts.len().checked_sub(2).and_then(|at| parts.get(at));
                    self.0.push(table.map(folded));
                }
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }
    let mut tables = Tables(Vec::new());
    let _ = expr.visit(&mut tables);
    let mut own = tables
        .0
        .into_iter()
        .map(|found| found.map(|found| found == table));
    let first = own.next()??;
    own.all(|other| other == Some(first)).then_some(first)
}

fn is_all_of(item: &SelectItem, table: &str) -> bool {
    match item {
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            let of = name.0.last().and_then(|part| part.as_ident());
            of.is_some_and(|of| folded(of) == table)
        }
        _ => false,
    }
}

/// `*` does not show the columns that were added.
fn hide(item: &mut SelectItem, added: &[(String, String)]) {
    let (options, columns): (&mut WildcardAdditionalOptions, Vec<&String>) = match item {
        SelectItem::Wildcard(options) => {
            (options, added.iter().map(|(_, column)| column).collect())
        }
        SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(name),
            options,
        ) => {
            let table = name.0.last().and_then(|part| part.as_ident()).map(folded);
            let of_table = added.iter().filter(|(of, _)| Some(of) == table.as_ref());
            (options, of_table.map(|(_, column)| column).collect())
        }
        _ => return,
    };
    if columns.is_empty() {
        return;
    }
    let mut hidden: Vec<ObjectName> = match options.opt_exclude.take() {
        Some(ExcludeSelectItem::Single(one)) => vec![one],
        Some(ExcludeSelectItem::Multiple(all)) => all,
        None => Vec::new(),
    };
    hidden.extend(
        columns
            .into_iter()
            .map(|column| super::calls::named(column)),
    );
    options.opt_exclude = Some(ExcludeSelectItem::Multiple(hidden));
}

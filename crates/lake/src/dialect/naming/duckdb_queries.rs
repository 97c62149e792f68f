//! Queries within expressions as DuckDB writes them into names. None: it has what is written otherwise there, and keeps its
//! own text.

use datafusion::sql::sqlparser::ast::{
    Distinct, GroupByExpr, Join, JoinConstraint, JoinOperator, LimitClause, OrderBy, OrderByKind,
    Query, Select, SelectItem, SelectItemQualifiedWildcardKind as Qualified, SetExpr,
    SetQuantifier, TableAlias, TableFactor, TableWithJoins, With,
};

use super::duckdb::written;
use super::duckdb_calls::{items, orders};
use super::{quoted, windows};

/// Without the brackets around it.
pub(super) fn query(of: &Query) -> String {
    known(of).unwrap_or_else(|| of.to_string())
}

fn known(of: &Query) -> Option<String> {
    let mut text = match &of.with {
        Some(of) => with(of)?,
        None => String::new(),
    };
    text += &body(&of.body)?;
    if let Some(keys) = &of.order_by {
        text += &format!(" ORDER BY {}", order_by(keys)?);
    }
    match &of.limit_clause {
        None => {}
        Some(LimitClause::LimitOffset {
            limit,
            offset,
            limit_by,
        }) if limit_by.is_empty() => {
            if let Some(limit) = limit {
                text += &format!(" LIMIT {}", written(limit));
            }
            if let Some(offset) = offset {
                text += &format!(" OFFSET {}", written(&offset.value));
            }
        }
        Some(_) => return None,
    }
    of.fetch.is_none().then_some(text)
}

fn with(of: &With) -> Option<String> {
    let tables: Option<Vec<String>> = of
        .cte_tables
        .iter()
        .map(|cte| {
            let is_plain = cte.materialized.is_none();
            let text = known(&cte.query).filter(|_| is_plain)?;
            Some(format!("{} AS ({text})", alias(&cte.alias)))
        })
        .collect();
    let word = if of.recursive { "RECURSIVE " } else { "" };
    Some(format!("WITH {word}{} ", tables?.join(", ")))
}

fn body(of: &SetExpr) -> Option<String> {
    match of {
        SetExpr::Select(of) => select(of),
        SetExpr::Query(of) => known(of),
        SetExpr::SetOperation {
            left,
            op,
            right,
            set_quantifier,
        } => {
            let all = match set_quantifier {
                SetQuantifier::All => " ALL",
                SetQuantifier::None => "",
                _ => return None,
            };
            // More of the same stand behind one another.
            let is_same = |side: &SetExpr| {
                matches!(side, SetExpr::SetOperation { op: other, set_quantifier: of, .. }
                    if op == other && set_quantifier == of)
            };
            match is_same(left) {
                true => Some(format!("{}{op}{all} ({})", body(left)?, body(right)?)),
                false => Some(format!("({}) {op}{all} ({})", body(left)?, body(right)?)),
            }
        }
        _ => None,
    }
}

fn select(of: &Select) -> Option<String> {
    let is_plain = of.top.is_none()
        && of.into.is_none()
        && of.lateral_views.is_empty()
        && of.prewhere.is_none()
        && of.exclude.is_none();
    if !is_plain {
        return None;
    }
    let distinct = match &of.distinct {
        None => String::new(),
        Some(Distinct::Distinct) => "DISTINCT ".to_owned(),
        Some(Distinct::On(keys)) => format!("DISTINCT ON ({}) ", items(keys)),
        Some(_) => return None,
    };
    let columns = of.projection.iter().map(|of_select| item(of_select, of));
    let columns: Option<Vec<String>> = columns.collect();
    let mut text = format!("SELECT {distinct}{}", columns?.join(", "));
    let from: Option<Vec<String>> = of.from.iter().map(tables).collect();
    let from = from?;
    if !from.is_empty() {
        text += &format!(" FROM {}", from.join(" , "));
    }
    if let Some(condition) = &of.selection {
        text += &format!(" WHERE {}", written(condition));
    }
    match &of.group_by {
        GroupByExpr::All(more) if more.is_empty() => text += " GROUP BY ALL",
        GroupByExpr::Expressions(keys, more) if more.is_empty() => {
            if !keys.is_empty() {
                text += &format!(" GROUP BY {}", items(keys));
            }
        }
        _ => return None,
    }
    if let Some(condition) = &of.having {
        text += &format!(" HAVING {}", written(condition));
    }
    if let Some(condition) = &of.qualify {
        let condition = windows::spelled_out(condition, &of.named_window);
        text += &format!(" QUALIFY {}", written(&condition));
    }
    Some(text)
}

fn item(item: &SelectItem, of: &Select) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => {
            Some(written(&windows::spelled_out(expr, &of.named_window)))
        }
        SelectItem::ExprWithAlias { expr, alias } => {
            let expr = written(&windows::spelled_out(expr, &of.named_window));
            Some(format!("{expr} AS {}", quoted::ident(alias)))
        }
        SelectItem::Wildcard(options) if options.to_string().is_empty() => Some("*".to_owned()),
        SelectItem::QualifiedWildcard(Qualified::ObjectName(table), options)
            if options.to_string().is_empty() =>
        {
            Some(format!("{}.*", quoted::object(table)))
        }
        _ => None,
    }
}

fn tables(of: &TableWithJoins) -> Option<String> {
    let mut text = factor(&of.relation)?;
    for join in &of.joins {
        text = format!("({text} {})", joined(join)?);
    }
    Some(text)
}

fn joined(of: &Join) -> Option<String> {
    let table = factor(&of.relation)?;
    let (word, on) = match &of.join_operator {
        JoinOperator::Join(on) | JoinOperator::Inner(on) => ("INNER JOIN", on),
        JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => ("LEFT JOIN", on),
        JoinOperator::Right(on) | JoinOperator::RightOuter(on) => ("RIGHT JOIN", on),
        JoinOperator::FullOuter(on) => ("FULL JOIN", on),
        JoinOperator::Semi(on) => ("SEMI JOIN", on),
        JoinOperator::Anti(on) => ("ANTI JOIN", on),
        JoinOperator::CrossJoin(on) => ("CROSS JOIN", on),
        _ => return None,
    };
    Some(match on {
        JoinConstraint::On(condition) => format!("{word} {table} ON ({})", written(condition)),
        JoinConstraint::Using(keys) => {
            let keys: Vec<String> = keys.iter().map(quoted::object).collect();
            format!("{word} {table} USING ({})", keys.join(", "))
        }
        JoinConstraint::Natural => format!("NATURAL {word} {table}"),
        JoinConstraint::None => format!("{word} {table}"),
    })
}

fn factor(of: &TableFactor) -> Option<String> {
    let (text, named) = match of {
        TableFactor::Table {
            name,
            alias,
            args: None,
            sample: None,
            with_hints,
            version: None,
            ..
        } if with_hints.is_empty() => (quoted::object(name), alias),
        TableFactor::Derived {
            subquery,
            alias,
            sample: None,
            ..
        } => (format!("({})", known(subquery)?), alias),
        _ => return None,
    };
    Some(match named {
        Some(named) => format!("{text} AS {}", alias(named)),
        None => text,
    })
}

fn alias(of: &TableAlias) -> String {
    let columns: Vec<String> = of
        .columns
        .iter()
        .map(|column| quoted::ident(&column.name))
        .collect();
    match columns.is_empty() {
        true => quoted::ident(&of.name),
        false => format!("{}({})", quoted::ident(&of.name), columns.join(", ")),
    }
}

fn order_by(of: &OrderBy) -> Option<String> {
    match &of.kind {
        OrderByKind::Expressions(keys) => Some(orders(keys)),
        OrderByKind::All(_) => None,
    }
}

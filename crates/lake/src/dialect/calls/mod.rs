//! Calls of functions, and operators that are calls, in the engine's words: other names, templates of
//! SQL, and rewrites of their own.

mod aggregates;
mod collations;
mod comparisons;
mod forms;
mod items;
mod jsonb;
mod lambdas;
mod names;
pub(super) mod records;
mod settings;
mod shaped;
mod sized;
mod subqueries;
mod templates;
mod times;
mod tries;
mod types;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, Ident, ObjectName, Query, Select, Subscript, Value,
    VisitMut, VisitorMut, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowType,
};
use forebay_core::Diagnostic;

use super::own;
use crate::functions::{is_wild, of_ascii, of_postgres};
use crate::types::Dialect;

pub(crate) use templates::fill;

/// Rewrites all calls in the query, statement or expression.
pub(crate) fn rewrite(node: &mut impl VisitMut, dialect: Dialect) -> Result<(), Diagnostic> {
    match node.visit(&mut Rewriter { dialect }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(problem) => Err(*problem),
    }
}

struct Rewriter {
    dialect: Dialect,
}

impl VisitorMut for Rewriter {
    type Break = Box<Diagnostic>;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match self.dialect {
            Dialect::Postgres => records::rewrite(expr),
            Dialect::DuckDb => collations::compared(expr),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        if self.dialect == Dialect::DuckDb {
            collations::ordered(query);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        match select.selection.as_mut().map(comparisons::needed) {
            Some(Err(problem)) => ControlFlow::Break(Box::new(problem)),
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        let each = select.projection.iter_mut();
        each.for_each(|item| records::item(item, self.dialect));
        for item in &mut select.projection {
            own::change(item, |part| {
                if let Some(value) = subqueries::value(part) {
                    *part = value;
                }
            });
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        if let (Expr::Cast { expr: of, .. }, Dialect::DuckDb) = (&mut *expr, self.dialect) {
            records::structure(of, self.dialect);
        }
        as_cast(expr);
        if let Expr::Cast { data_type, .. } = expr
            && let Err(problem) = types::rename(data_type)
        {
            return ControlFlow::Break(Box::new(problem));
        }
        if let Expr::Cast {
            expr: of,
            data_type,
            ..
        } = expr
        {
            shaped::name_fields(of, data_type);
        }
        if let Some(map) = shaped::to_map(expr) {
            *expr = map;
        }
        let rewritten = match expr {
            Expr::Function(function) => call(function, self.dialect),
            Expr::Extract { .. }
            | Expr::AtTimeZone { .. }
            | Expr::Interval(_)
            | Expr::UnaryOp { .. } => times::rewrite(expr, self.dialect),
            Expr::Position { expr, r#in } => {
                let sides = [r#in.as_ref().clone(), expr.as_ref().clone()];
                Ok(fill("strpos(_1, _2)", &sides))
            }
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr,
                data_type: DataType::Blob(_) | DataType::Bytea | DataType::Varbinary(_),
                ..
            } if self.dialect == Dialect::DuckDb => {
                Ok(fill("bytes_of_ascii(_1)", std::slice::from_ref(expr)))
            }
            Expr::Substring { .. } | Expr::Cast { .. } => Ok(sized::rewrite(expr, self.dialect)),
            Expr::Lambda(lambda) => {
                lambdas::fields(lambda);
                Ok(None)
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                qualified(root, access_chain);
                access_chain.iter_mut().for_each(bounded);
                access_chain.iter_mut().for_each(by_text);
                Ok(None)
            }
            Expr::Identifier(name) if name.quote_style.is_none() => {
                Ok(moment(&name.value).or_else(|| user(&name.value, self.dialect)))
            }
            Expr::BinaryOp {
                op: BinaryOperator::Arrow | BinaryOperator::LongArrow,
                right,
                ..
            } if self.dialect == Dialect::DuckDb && matches!(right.as_ref(), Expr::Array(_)) => {
                Ok(by_paths(expr))
            }
            _ => comparisons::rewrite(expr, self.dialect),
        };
        match rewritten {
            Ok(Some(rewritten)) => *expr = rewritten,
            Ok(None) => {}
            Err(problem) => return ControlFlow::Break(Box::new(problem)),
        }
        ControlFlow::Continue(())
    }
}

/// `JSON '{"a": 1}'`, of a type whose texts have a form of their own: the engine reads the others.
fn as_cast(expr: &mut Expr) {
    if let Expr::TypedString(typed) = expr
        && let DataType::JSON
        | DataType::JSONB
        | DataType::Uuid
        | DataType::Bytea
        | DataType::Blob(_)
        | DataType::Varbinary(_) = typed.data_type
    {
        *expr = Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(Expr::Value(typed.value.clone())),
            data_type: typed.data_type.clone(),
            array: false,
            format: None,
        };
    }
}

/// `t.list[2:]` is of a column of a table, or of a field.
fn qualified(root: &mut Expr, chain: &mut Vec<AccessExpr>) {
    let Expr::Identifier(first) = &*root else {
        return;
    };
    let name = |access: &AccessExpr| match access {
        AccessExpr::Dot(Expr::Identifier(name)) => Some(name.clone()),
        _ => None,
    };
    let names: Vec<Ident> = chain.iter().map_while(name).collect();
    if names.is_empty() || names.len() == chain.len() {
        return;
    }
    chain.drain(..names.len());
    *root = Expr::CompoundIdentifier(std::iter::once(first.clone()).chain(names).collect());
}

/// A field is named by a text to the engine.
fn by_text(access: &mut AccessExpr) {
    if let AccessExpr::Dot(field) = access
        && let Expr::Identifier(name) = field
    {
        *field = text(&name.value);
    }
}

/// `list[2:]` ends with the last item, `list[:2]` begins with the first.
fn bounded(access: &mut AccessExpr) {
    if let AccessExpr::Subscript(Subscript::Slice {
        lower_bound,
        upper_bound,
        ..
    }) = access
    {
        *lower_bound = lower_bound.take().or_else(|| fill("1", &[]));
        *upper_bound = upper_bound.take().or_else(|| fill("-1", &[]));
    }
}

/// `localtimestamp` and `localtime`, which no column can be called.
fn moment(name: &str) -> Option<Expr> {
    match name.to_ascii_lowercase().as_str() {
        "localtimestamp" => fill("now()::timestamp", &[]),
        "localtime" => fill("now()::timestamp::time", &[]),
        _ => None,
    }
}

/// Who asks, as a database of that kind calls its first user: a project knows no users.
fn user(name: &str, dialect: Dialect) -> Option<Expr> {
    match (name.to_ascii_lowercase().as_str(), dialect) {
        ("current_user" | "session_user", Dialect::DuckDb) => fill("'duckdb'", &[]),
        ("current_user" | "session_user" | "current_role" | "user", Dialect::Postgres) => {
            fill("'postgres'", &[])
        }
        _ => None,
    }
}

fn call(function: &mut Function, dialect: Dialect) -> Result<Option<Expr>, Diagnostic> {
    if dialect == Dialect::Postgres
        && let Some(mut plain) = jsonb::plain(function)
    {
        let rewritten = call(&mut plain, dialect)?;
        return Ok(jsonb::in_one_form(
            rewritten.unwrap_or(Expr::Function(plain)),
        ));
    }
    ordered_inside(function);
    let Some(name) = name_of(function) else {
        return Ok(None);
    };
    if let (FunctionArguments::None, Some(known)) = (
        &function.args,
        moment(&name).or_else(|| user(&name, dialect)),
    ) {
        return Ok(Some(known));
    }
    if let ("contains", Some([Expr::Array(list), value])) =
        (name.as_str(), args(function).as_deref())
        && (dialect == Dialect::Postgres || list.elem.iter().all(comparisons::is_value))
    {
        return Ok(Some(Expr::InList {
            expr: Box::new(value.clone()),
            list: list.elem.clone(),
            negated: false,
        }));
    }
    if name == "try" && dialect == Dialect::DuckDb {
        return tries::tried(function);
    }
    if name == "current_setting"
        && let Some([setting]) = args(function).as_deref()
    {
        return settings::value(setting).map(Some);
    }
    if name == "struct_pack" {
        return Ok(structure(function));
    }
    if let "struct_insert" | "struct_update" = name.as_str() {
        return Ok(with_fields(function, &name));
    }
    if name == "row" && dialect == Dialect::DuckDb {
        return Ok(args(function).and_then(|values| records::structure_of(&values, dialect)));
    }
    if let ("json_extract" | "json_extract_string" | "json_extract_path", Some([value, paths])) =
        (name.as_str(), args(function).as_deref())
        && let Expr::Array(paths) = paths
    {
        return Ok(Some(each_path(function, value, &paths.elem)));
    }
    if let (
        "json_extract" | "json_extract_string" | "json_extract_path" | "json_extract_path_text",
        Some([_, path]),
    ) = (name.as_str(), args(function).as_deref())
        && dialect == Dialect::DuckDb
        && literal(path).is_some_and(|path| is_wild(&path))
    {
        function.name = named(match name.ends_with('g') || name.ends_with("text") {
            true => "json_all_texts",
            false => "json_all",
        });
        return Ok(None);
    }
    if let ("regexp_extract", Some([of, pattern, Expr::Array(names)])) =
        (name.as_str(), args(function).as_deref())
    {
        return Ok(groups(of, pattern, &names.elem));
    }
    if let FunctionArguments::Subquery(query) = &function.args {
        return match name.as_str() {
            "array" => subqueries::listed(query).map(Some),
            _ => Ok(None),
        };
    }
    if let "from_json" | "json_transform" | "from_json_strict" | "json_transform_strict" =
        name.as_str()
        && let Some([json, structure]) = args(function).as_deref()
    {
        return types::from_json(json, structure, !name.ends_with("_strict")).map(Some);
    }
    match dialect {
        Dialect::DuckDb if name.starts_with("regexp_") || name.ends_with("split_regex") => {
            in_ascii(function);
        }
        Dialect::Postgres if name.starts_with("regexp_") => in_postgres(&name, function),
        _ => {}
    }
    if lambdas::rewrite(&name, function) {
        return Ok(None);
    }
    if let Some(rewritten) = forms::rewrite(&name, function) {
        return Ok(Some(rewritten));
    }
    if let Some(rewritten) = times::part_call(&name, function, dialect)? {
        return Ok(Some(rewritten));
    }
    if let Some(rewritten) = aggregates::rewrite(&name, function, dialect)? {
        return Ok(Some(rewritten));
    }
    if let Some(engine) = names::of_engine(&name, dialect) {
        function.name = named(engine);
        return Ok(None);
    }
    Ok(args(function).and_then(|args| templates::expand(&name, &args, dialect)))
}

/// `string_agg(s, ',' ORDER BY x) OVER (PARTITION BY k)`: the whole window in that order.
fn ordered_inside(function: &mut Function) {
    let (FunctionArguments::List(list), Some(WindowType::WindowSpec(spec))) =
        (&mut function.args, &mut function.over)
    else {
        return;
    };
    let is_order =
        |clause: &FunctionArgumentClause| matches!(clause, FunctionArgumentClause::OrderBy(_));
    if !spec.order_by.is_empty() || spec.window_frame.is_some() || spec.window_name.is_some() {
        return;
    }
    if let Some(at) = list.clauses.iter().position(is_order)
        && let FunctionArgumentClause::OrderBy(keys) = list.clauses.remove(at)
    {
        spec.order_by = keys;
        spec.window_frame = Some(WindowFrame {
            units: WindowFrameUnits::Rows,
            start_bound: WindowFrameBound::Preceding(None),
            end_bound: Some(WindowFrameBound::Following(None)),
        });
    }
}

/// `regexp_extract(s, p, ['year', 'month'])` has a field for each group.
fn groups(of: &Expr, pattern: &Expr, names: &[Expr]) -> Option<Expr> {
    let fields = names.iter().enumerate().map(|(at, name)| {
        let name = literal(name)?.replace('\'', "''");
        Some(format!("'{name}', regexp_extract(_1, _2, {})", at + 1))
    });
    let fields: Vec<String> = fields.collect::<Option<_>>()?;
    let pattern = match literal(pattern) {
        Some(written) => text(&of_ascii(&written)),
        None => pattern.clone(),
    };
    fill(
        &format!(
            "case when _1 is not null then named_struct({}) end",
            fields.join(", ")
        ),
        &[of.clone(), pattern],
    )
}

/// A pattern that is written out, of ASCII's classes of letters.
fn in_ascii(function: &mut Function) {
    let mut args = args(function).unwrap_or_default();
    if let Some(pattern) = args.get_mut(1)
        && let Some(written) = literal(pattern)
    {
        *pattern = text(&of_ascii(&written));
        set_args(function, args);
    }
}

/// A pattern that is written out, as PostgreSQL reads it where no option tells new lines apart.
fn in_postgres(name: &str, function: &mut Function) {
    let mut args = args(function).unwrap_or_default();
    let options = args.get(if name == "regexp_replace" { 3 } else { 2 });
    let tells_lines = options
        .and_then(literal)
        .is_some_and(|options| options.contains(['n', 'p']));
    if let Some(pattern) = args.get_mut(1)
        && let Some(written) = literal(pattern)
        && !tells_lines
    {
        *pattern = text(&of_postgres(&written));
        set_args(function, args);
    }
}

/// `json_extract(x, ['$.a', '$.b'])` has an answer for each path.
fn each_path(function: &Function, value: &Expr, paths: &[Expr]) -> Expr {
    let each = paths.iter().map(|path| {
        let mut one = function.clone();
        set_args(&mut one, vec![value.clone(), path.clone()]);
        Expr::Function(one)
    });
    let each: Vec<Expr> = each.collect();
    let mut list = function.clone();
    list.name = named("make_array");
    set_args(&mut list, each);
    let list = Expr::Function(list);
    let filled = fill(
        "(case when _1 is not null then _2 end)",
        &[value.clone(), list.clone()],
    );
    filled.unwrap_or(list)
}

/// `j ->> ['$.a', '$.b']`, likewise.
fn by_paths(expr: &Expr) -> Option<Expr> {
    let Expr::BinaryOp { left, op, right } = expr else {
        return None;
    };
    let Expr::Array(paths) = right.as_ref() else {
        return None;
    };
    let each = (2..=paths.elem.len() + 1).map(|at| format!("(_1 {op} _{at})"));
    let each = each.collect::<Vec<_>>().join(", ");
    let all = [std::slice::from_ref(left.as_ref()), paths.elem.as_slice()].concat();
    fill(
        &format!("(case when _1 is not null then make_array({each}) end)"),
        &all,
    )
}

/// `struct_pack(a := 1)` names its fields in front of their values.
fn structure(function: &mut Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let field = |arg: &FunctionArg| match arg {
        FunctionArg::Named {
            name,
            arg: FunctionArgExpr::Expr(expr),
            ..
        } => Some([text(&name.value), expr.clone()]),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(ident))) => {
            Some([text(&ident.value), Expr::Identifier(ident.clone())])
        }
        _ => None,
    };
    let fields: Option<Vec<[Expr; 2]>> = list.args.iter().map(field).collect();
    if let Some(fields) = fields {
        function.name = named("named_struct");
        set_args(function, fields.into_iter().flatten().collect());
    }
    None
}

/// `struct_insert(s, b := 2)` puts the structure of the named values behind the first, or over it.
fn with_fields(function: &mut Function, name: &str) -> Option<Expr> {
    let FunctionArguments::List(list) = &mut function.args else {
        return None;
    };
    if list.args.len() < 2 {
        return None;
    }
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(of)) = list.args.remove(0) else {
        return None;
    };
    structure(function);
    let joined = match name {
        "struct_insert" => "struct_concat(_1, _2)",
        _ => "struct_over(_1, _2)",
    };
    fill(joined, &[of, Expr::Function(function.clone())])
}

fn text(text: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.to_owned()).into())
}

/// The function's name in lower case. None: it is qualified, or quoted.
pub(super) fn name_of(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [part] => {
            let ident = part.as_ident()?;
            ident
                .quote_style
                .is_none()
                .then(|| ident.value.to_lowercase())
        }
        _ => None,
    }
}

pub(crate) fn named(name: &str) -> ObjectName {
    ObjectName::from(vec![Ident::new(name)])
}

/// The arguments of a plain call. None: it has more than plain arguments.
pub(in crate::dialect) fn args(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let arg = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    list.args.iter().map(arg).collect()
}

/// The arguments, to be changed in place.
pub(super) fn set_args(function: &mut Function, args: Vec<Expr>) {
    if let FunctionArguments::List(list) = &mut function.args {
        let unnamed = |expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
        list.args = args.into_iter().map(unnamed).collect();
    }
}

/// The text of a literal.
pub(in crate::dialect) fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => value.value.clone().into_string(),
        Expr::Nested(inner) => literal(inner),
        _ => None,
    }
}

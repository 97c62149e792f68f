//! `COLUMNS(*)`, `COLUMNS('pattern')` and `COLUMNS(['a', 'b'])` in an item: the item once for each of these
//! columns.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr as Planned, LogicalPlan};
use datafusion::physical_expr::create_physical_expr;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, LambdaFunction,
    OneOrManyWithParens, Query, Select, SelectItem, Value, Visit, Visitor,
    WildcardAdditionalOptions,
};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};
use forebay_core::Diagnostic;
use regex::Regex;

use super::calls::{fill, literal, name_of};
use super::spelling::{self, Spelled};
use super::using::{Columns, left_out};
use super::{Probe, folded, naming, own, parse, scopes, selects};
use crate::engine::from_engine;
use crate::functions::replacement;
use crate::types::Dialect;

pub(super) fn rewrite(
    query: &mut Query,
    dialect: Dialect,
    probe: &Probe<'_>,
) -> Result<(), Diagnostic> {
    scopes::each_select(query, probe, &has_columns_itself, &|select, _, columns| {
        let mut items = Vec::new();
        let mut taken = HashSet::new();
        for item in std::mem::take(&mut select.projection) {
            match has_columns(&item) {
                true => {
                    for mut one in spread(&item, &select.from, columns, dialect)? {
                        if let SelectItem::ExprWithAlias { alias, .. } = &mut one {
                            alias.value = selects::numbered(&alias.value, &mut taken);
                        }
                        items.push(one);
                    }
                }
                false => {
                    taken.extend(selects::given_name(&item));
                    items.push(item);
                }
            }
        }
        select.projection = items;
        Ok(())
    })
}

/// Whether an item of it has such a call.
pub(super) fn has_columns_itself(select: &Select) -> bool {
    select.projection.iter().any(has_columns)
}

/// Whether there is such a call, in queries within too.
pub(super) fn has_columns(node: &impl Visit) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match call(expr) {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        }
    }
    node.visit(&mut Finder).is_break()
}

pub(super) fn call(expr: &Expr) -> Option<&Function> {
    match expr {
        Expr::Function(function)
            if matches!(name_of(function).as_deref(), Some("columns" | UNPACKED)) =>
        {
            Some(function)
        }
        _ => None,
    }
}

/// What `*COLUMNS(...)` is called among the arguments of a call, which it stands for.
pub(super) const UNPACKED: &str = "forebay_columns";

/// Calls `*COLUMNS(...)` among arguments by that name: the parser knows no such star.
pub(super) fn star_arguments(tokens: &mut [TokenWithSpan]) {
    let filled: Vec<usize> = (0..tokens.len())
        .filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_)))
        .collect();
    for four in filled.windows(4) {
        let [before, star, word, open] = [four[0], four[1], four[2], four[3]];
        let is_argument = matches!(tokens[before].token, Token::LParen | Token::Comma)
            && tokens[star].token == Token::Mul
            && tokens[open].token == Token::LParen;
        if let (true, Token::Word(name)) = (is_argument, &mut tokens[word].token)
            && name.quote_style.is_none()
            && name.value.eq_ignore_ascii_case("columns")
        {
            name.value = UNPACKED.to_owned();
            tokens[star].token = Token::Whitespace(Whitespace::Space);
        }
    }
}

/// Puts the columns in the place of each such argument.
fn unpack(function: &mut Function, names: &[String], probe: &Probe<'_>) -> Result<(), Diagnostic> {
    let FunctionArguments::List(list) = &mut function.args else {
        return Ok(());
    };
    let mut args = Vec::new();
    for arg in std::mem::take(&mut list.args) {
        let chosen = match &arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(inner)))
                if name_of(inner).as_deref() == Some(UNPACKED) =>
            {
                choose(inner, names, probe)?
            }
            _ => {
                args.push(arg);
                continue;
            }
        };
        args.extend(chosen.into_iter().map(|(name, _)| {
            let column = Expr::Identifier(Ident::with_quote('"', name));
            FunctionArg::Unnamed(FunctionArgExpr::Expr(column))
        }));
    }
    list.args = args;
    Ok(())
}

/// Tells the calls in an item how the columns are spelled: a pattern is of that, and they are planned in
/// small letters.
pub(super) fn tell(item: &mut SelectItem, spelled: &Spelled) {
    own::change(item, |part| tell_call(part, spelled));
}

pub(super) fn tell_call(part: &mut Expr, spelled: &Spelled) {
    if call(part).is_some()
        && let Expr::Function(function) = part
        && let FunctionArguments::List(list) = &mut function.args
        && list.args.len() == 1
    {
        let names = spelled
            .values()
            .map(|name| format!("'{}'", name.replace('\'', "''")));
        let names: Vec<String> = names.collect();
        let names = fill(&format!("[{}]", names.join(", ")), &[]);
        let arg = |names| FunctionArg::Unnamed(FunctionArgExpr::Expr(names));
        list.args.extend(names.map(arg));
    }
}

fn refused(what: &str) -> Diagnostic {
    Diagnostic::error(format!("COLUMNS() is not understood {what}")).hint(
        "columns(*), columns('pattern'), columns(['a', 'b']) and columns(lambda c: c like 'a%') are",
    )
}

fn spread(
    item: &SelectItem,
    from: &[datafusion::sql::sqlparser::ast::TableWithJoins],
    columns: &Columns<'_>,
    dialect: Dialect,
) -> Result<Vec<SelectItem>, Diagnostic> {
    let (expr, given) = match item {
        SelectItem::UnnamedExpr(expr) => (expr, None),
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.value.as_str())),
        _ => return Err(refused("there")),
    };
    let mut expr = expr.clone();
    let table = table_of(&mut expr);
    let is_of_table = |column: &Expr| match (column, &table) {
        (_, None) => true,
        (Expr::CompoundIdentifier(parts), Some(table)) => {
            let of = parts.iter().rev().nth(1);
            of.is_some_and(|of| folded(of) == folded(table))
        }
        _ => false,
    };
    let mut names: Vec<String> = Vec::new();
    for item in from {
        let all = columns.of(item)?.into_iter();
        let all = all.filter(|column| is_of_table(&column.expr));
        names.extend(all.map(|column| column.name));
    }
    let mut unpacked = Ok(());
    own::change(&mut expr, |part| {
        if let (Expr::Function(function), true) = (part, unpacked.is_ok()) {
            unpacked = unpack(function, &names, columns.probe);
        }
    });
    unpacked?;
    if !has_columns(&expr) {
        let name = given.map_or_else(|| naming::name(&expr, dialect), str::to_owned);
        return Ok(vec![SelectItem::ExprWithAlias {
            alias: Ident::with_quote('"', small(name, dialect)),
            expr,
        }]);
    }
    let mut chosen: Option<Result<Vec<(String, String)>, Diagnostic>> = None;
    let mut pattern = None;
    own::change(&mut expr.clone(), |part| {
        if let (Some(function), None) = (call(part), &chosen) {
            chosen = Some(choose(function, &names, columns.probe));
            pattern = pattern_of(function);
        }
    });
    let chosen = chosen.unwrap_or_else(|| Err(refused("there")))?;
    let is_twice = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
    if let Some((twice, _)) = chosen.iter().find(|(name, _)| is_twice(name)) {
        return Err(Diagnostic::error(format!(
            "COLUMNS() is of two columns that are called '{twice}'"
        ))
        .hint("give one of them another name with AS"));
    }
    let each = chosen.into_iter().map(|(name, spelled)| {
        let mut one = expr.clone();
        own::change(&mut one, |part| {
            if call(part).is_some() {
                let column = Ident::with_quote('"', &name);
                *part = match &table {
                    Some(table) => Expr::CompoundIdentifier(vec![table.clone(), column]),
                    None => Expr::Identifier(column),
                };
            }
        });
        let alias = match given {
            Some(given) => renamed(given, pattern.as_ref(), &spelled),
            None => name,
        };
        SelectItem::ExprWithAlias {
            expr: one,
            alias: Ident::with_quote('"', small(alias, dialect)),
        }
    });
    Ok(each.collect())
}

/// The table of which `COLUMNS(t.*)` has the columns.
fn table_of(expr: &mut Expr) -> Option<Ident> {
    let mut table = None;
    own::change(expr, |part| {
        if let Some(function) = call(part)
            && let FunctionArguments::List(list) = &function.args
            && let Some(FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(of))) =
                list.args.first()
        {
            table = of.0.last().and_then(|part| part.as_ident().cloned());
        }
    });
    table
}

/// The name as a column of it is planned.
fn small(mut name: String, dialect: Dialect) -> String {
    if dialect == Dialect::DuckDb {
        name.make_ascii_lowercase();
    }
    name
}

/// The pattern that chooses the columns.
fn pattern_of(function: &Function) -> Option<Regex> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    match list.args.first()? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(pattern)) => Regex::new(&literal(pattern)?).ok(),
        _ => None,
    }
}

/// The name that is given, with `\\1` for the first group of the pattern, and `\\0` for all that it matches.
fn renamed(given: &str, pattern: Option<&Regex>, column: &str) -> String {
    let mut name = String::new();
    match pattern.and_then(|pattern| pattern.captures(column)) {
        Some(found) => found.expand(&replacement(given), &mut name),
        None => name.push_str(given),
    }
    name
}

/// Whether what the lambda says of a name is true.
fn holds(lambda: &LambdaFunction, name: &str, probe: &Probe<'_>) -> Result<bool, Diagnostic> {
    let parameter = match &lambda.params {
        OneOrManyWithParens::One(one) => folded(&one.name),
        OneOrManyWithParens::Many(many) => match many.as_slice() {
            [one] => folded(&one.name),
            _ => return Err(refused("by a lambda of several values")),
        },
    };
    let mut body = lambda.body.as_ref().clone();
    own::change(&mut body, |part| {
        if matches!(part, Expr::Identifier(ident) if folded(ident) == parameter) {
            *part = Expr::Value(Value::SingleQuotedString(name.to_owned()).into());
        }
    });
    let plan = parse(&format!("SELECT {body}"), 50)
        .ok()
        .and_then(|mut all| all.pop());
    let plan = plan.and_then(|statement| probe(statement).ok());
    let Some(LogicalPlan::Projection(projection)) = plan else {
        return Err(refused("by that lambda"));
    };
    let found = constant(projection.expr[0].clone()).map_err(from_engine)?;
    Ok(found == ScalarValue::Boolean(Some(true)))
}

/// The value of an expression of constants.
pub(super) fn constant(expr: Planned) -> datafusion::error::Result<ScalarValue> {
    let schema = DFSchema::empty();
    let one_row = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::clone(schema.inner()), Vec::new(), &one_row)?;
    let physical = create_physical_expr(
        &expr.unalias(),
        &schema,
        &ExecutionProps::new(),
        &PhysicalPlanningContext::default(),
    )?;
    let value = physical.evaluate(&row)?.into_array(1)?;
    ScalarValue::try_from_array(&value, 0)
}

/// The columns that the call means, each with its spelling.
pub(super) fn choose(
    function: &Function,
    names: &[String],
    probe: &Probe<'_>,
) -> Result<Vec<(String, String)>, Diagnostic> {
    let FunctionArguments::List(list) = &function.args else {
        return Err(refused("without what to choose"));
    };
    let (args, spelled) = match list.args.as_slice() {
        [
            wanted,
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Array(spelled))),
        ] => (std::slice::from_ref(wanted), spelled.elem.as_slice()),
        args => (args, &[][..]),
    };
    let spelled = spelling::of(spelled.iter().filter_map(literal));
    let chosen = match args {
        [
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard | FunctionArgExpr::QualifiedWildcard(_)),
        ] => Ok(names.to_vec()),
        [FunctionArg::Unnamed(FunctionArgExpr::WildcardWithOptions(options))] => {
            if !only_excludes(options) {
                return Err(refused("with more than EXCLUDE"));
            }
            let left_out = left_out(options);
            let unknown = left_out.iter().find(|name| !names.contains(name));
            if let Some(unknown) = unknown {
                return Err(Diagnostic::error(format!(
                    "there is no column '{unknown}' to leave out"
                )));
            }
            Ok(names
                .iter()
                .filter(|name| !left_out.contains(*name))
                .cloned()
                .collect())
        }
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Array(wanted)))] => {
            let wanted = wanted
                .elem
                .iter()
                .map(|name| literal(name).ok_or_else(|| refused("with names that are computed")));
            wanted.collect()
        }
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Lambda(lambda)))] => {
            let mut held = Vec::new();
            for name in names {
                if holds(lambda, spelled.get(name).unwrap_or(name), probe)? {
                    held.push(name.clone());
                }
            }
            match held.is_empty() {
                true => Err(Diagnostic::error(format!(
                    "no column meets '{}'",
                    lambda.body
                ))),
                false => Ok(held),
            }
        }
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(pattern))] => {
            let pattern = literal(pattern).ok_or_else(|| refused("with what is computed"))?;
            let regex = Regex::new(&pattern)
                .map_err(|_| Diagnostic::error(format!("'{pattern}' is no regular expression")))?;
            let matching = names
                .iter()
                .filter(|name| regex.is_match(spelled.get(*name).unwrap_or(name)));
            let matching: Vec<String> = matching.cloned().collect();
            match matching.is_empty() {
                true => Err(Diagnostic::error(format!("no column matches '{pattern}'"))),
                false => Ok(matching),
            }
        }
        _ => Err(refused("with that")),
    }?;
    let spelling = |name: String| {
        let written = spelled.get(&name).cloned().unwrap_or_else(|| name.clone());
        (name, written)
    };
    Ok(chosen.into_iter().map(spelling).collect())
}

/// Whether a star at most leaves columns out.
pub(super) fn only_excludes(options: &WildcardAdditionalOptions) -> bool {
    *options
        == WildcardAdditionalOptions {
            wildcard_token: options.wildcard_token.clone(),
            opt_exclude: options.opt_exclude.clone(),
            opt_except: options.opt_except.clone(),
            ..WildcardAdditionalOptions::default()
        }
}

//! `COLUMNS(*)`, `COLUMNS('pattern')` and `COLUMNS(['a', 'b'])` in an item: the item once for each of these
//! columns.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, Select,
    SelectItem, Visit, Visitor, WildcardAdditionalOptions,
};
use forebay_core::{Diagnostic, quote};

use super::calls::{fill, literal, name_of};
use super::spelling::{self, Spelled};
use super::using::{Columns, left_out};
use super::{Probe, naming, own, scopes};
use crate::types::Dialect;

pub(super) fn rewrite(
    query: &mut Query,
    dialect: Dialect,
    probe: &Probe<'_>,
) -> Result<(), Diagnostic> {
    let is_affected = |select: &Select| select.projection.iter().any(has_columns);
    scopes::each_select(query, probe, &is_affected, &|select, _, columns| {
        let mut items = Vec::new();
        for item in std::mem::take(&mut select.projection) {
            match has_columns(&item) {
                true => items.extend(spread(&item, &select.from, columns, dialect)?),
                false => items.push(item),
            }
        }
        select.projection = items;
        Ok(())
    })
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
        Expr::Function(function) if name_of(function).as_deref() == Some("columns") => {
            Some(function)
        }
        _ => None,
    }
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
        "columns(*), columns('pattern') and columns(['a', 'b']) in an item without a name are",
    )
}

fn spread(
    item: &SelectItem,
    from: &[datafusion::sql::sqlparser::ast::TableWithJoins],
    columns: &Columns<'_>,
    dialect: Dialect,
) -> Result<Vec<SelectItem>, Diagnostic> {
    let SelectItem::UnnamedExpr(expr) = item else {
        return Err(refused("with a name of its own"));
    };
    let mut names: Vec<String> = Vec::new();
    for item in from {
        let all = columns.of(item)?;
        names.extend(all.into_iter().map(|column| column.name));
    }
    let mut chosen: Option<Result<Vec<(String, String)>, Diagnostic>> = None;
    own::change(&mut expr.clone(), |part| {
        if let (Some(function), None) = (call(part), &chosen) {
            chosen = Some(choose(function, &names));
        }
    });
    let chosen = chosen.unwrap_or_else(|| Err(refused("there")))?;
    let each = chosen.into_iter().map(|(name, _)| {
        let mut one = expr.clone();
        own::change(&mut one, |part| {
            if call(part).is_some() {
                *part = Expr::Identifier(Ident::with_quote('"', &name));
            }
        });
        let mut alias = match &one {
            Expr::Identifier(ident) => ident.value.clone(),
            Expr::Cast { .. } => name,
            other => naming::name(other, dialect).replace(&quote(&name), &name),
        };
        if dialect == Dialect::DuckDb {
            alias.make_ascii_lowercase();
        }
        SelectItem::ExprWithAlias {
            expr: one,
            alias: Ident::with_quote('"', alias),
        }
    });
    Ok(each.collect())
}

/// The columns that the call means, each with its spelling.
pub(super) fn choose(
    function: &Function,
    names: &[String],
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
        [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] => Ok(names.to_vec()),
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
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(pattern))] => {
            let pattern = literal(pattern).ok_or_else(|| refused("with what is computed"))?;
            let regex = regex::Regex::new(&pattern)
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

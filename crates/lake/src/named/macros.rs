//! Macros: expressions and queries with a name, laid into the queries that call them before these are
//! planned. They are kept as their statements in one file of the warehouse.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, MacroArg,
    MacroDefinition, ObjectName, Select, SelectItem, Statement, TableAlias, TableFactor, VisitMut,
    VisitorMut,
};
use forebay_core::{Diagnostic, suggest};
use serde::{Deserialize, Serialize};

use super::kept::Kept;
use crate::dialect::parse;

/// Levels of macros that call macros: more are one that calls itself.
const DEPTH: usize = 50;
const NESTING: usize = 200;

/// The macros of a warehouse.
pub(crate) struct Macros(Kept<Known>);

/// By name, in small letters.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(crate) struct Known(BTreeMap<String, Macro>);

#[derive(Clone, Debug)]
pub(crate) struct Macro {
    args: Vec<MacroArg>,
    definition: MacroDefinition,
    sql: String,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    /// The statements that make them.
    macros: Vec<String>,
}

impl From<Stored> for Known {
    fn from(stored: Stored) -> Self {
        let of_text = |sql: &String| {
            let statements = parse(sql, NESTING).unwrap_or_default();
            statements.into_iter().next().and_then(of)
        };
        Self(stored.macros.iter().filter_map(of_text).collect())
    }
}

impl From<Known> for Stored {
    fn from(known: Known) -> Self {
        let macros = known.0.into_values().map(|each| each.sql).collect();
        Self { macros }
    }
}

impl Macros {
    pub(super) fn new(warehouse: &Path) -> Self {
        Self(Kept::new(warehouse, "macros.json"))
    }

    /// Those that there are now.
    pub(crate) fn known(&self) -> Result<Arc<Known>, Diagnostic> {
        self.0.read()
    }

    /// What `CREATE MACRO` does.
    pub(crate) fn create(&self, statement: &Statement, or_replace: bool) -> Result<(), Diagnostic> {
        let Some((name, defined)) = of(statement.clone()) else {
            return Err(Diagnostic::error("this macro has no name"));
        };
        self.0.change(|Known(known)| {
            match known.insert(name.clone(), defined).is_some() && !or_replace {
                true => Err(
                    Diagnostic::error(format!("the macro '{name}' is there already"))
                        .hint("CREATE OR REPLACE MACRO replaces it"),
                ),
                false => Ok(()),
            }
        })
    }

    /// What `DROP MACRO` does.
    pub(crate) fn drop(&self, name: &ObjectName, if_exists: bool) -> Result<(), Diagnostic> {
        let wanted = last(name);
        self.0.change(
            |Known(known)| match known.remove(&wanted).is_some() || if_exists {
                true => Ok(()),
                false => Err(Diagnostic::error(format!("there is no macro '{wanted}'"))
                    .maybe_hint(suggest::nearest(&wanted, known.keys().map(String::as_str)))),
            },
        )
    }
}

fn of(statement: Statement) -> Option<(String, Macro)> {
    let sql = statement.to_string();
    match statement {
        Statement::CreateMacro {
            name,
            args,
            definition,
            ..
        } => {
            let args = args.unwrap_or_default();
            Some((
                last(&name),
                Macro {
                    args,
                    definition,
                    sql,
                },
            ))
        }
        _ => None,
    }
}

fn last(name: &ObjectName) -> String {
    let ident = name.0.last().and_then(|part| part.as_ident());
    ident.map_or_else(String::new, |ident| ident.value.to_ascii_lowercase())
}

/// Lays macros into the statement. Whether there was one.
pub(crate) fn expand(statement: &mut Statement, Known(known): &Known) -> Result<bool, Diagnostic> {
    if known.is_empty() {
        return Ok(false);
    }
    let mut expander = Expander {
        known,
        depth: 0,
        found: false,
    };
    match statement.visit(&mut expander) {
        ControlFlow::Continue(()) => Ok(expander.found),
        ControlFlow::Break(problem) => Err(*problem),
    }
}

struct Expander<'a> {
    known: &'a BTreeMap<String, Macro>,
    depth: usize,
    found: bool,
}

impl Expander<'_> {
    fn call(&self, function: &Function) -> Result<Option<Expr>, Diagnostic> {
        let name = last(&function.name);
        let Some(called) = self.known.get(&name) else {
            return Ok(None);
        };
        let MacroDefinition::Expr(body) = &called.definition else {
            return Ok(None);
        };
        if function.over.is_some() || function.filter.is_some() {
            return Err(Diagnostic::error(format!(
                "the macro '{name}' is called with OVER or FILTER, which it cannot take"
            )));
        }
        let args = match &function.args {
            FunctionArguments::List(list) => list.args.as_slice(),
            _ => &[],
        };
        let mut body = body.clone();
        let _ = body.visit(&mut called.given(&name, args)?);
        Ok(Some(Expr::Nested(Box::new(body))))
    }

    fn rows(&self, factor: &TableFactor) -> Result<Option<TableFactor>, Diagnostic> {
        let TableFactor::Table {
            name,
            alias,
            args: Some(args),
            ..
        } = factor
        else {
            return Ok(None);
        };
        let name = last(name);
        let Some(called) = self.known.get(&name) else {
            return Ok(None);
        };
        let MacroDefinition::Table(body) = &called.definition else {
            return Ok(None);
        };
        let mut subquery = body.clone();
        let _ = subquery.visit(&mut called.given(&name, &args.args)?);
        let alias = alias.clone().unwrap_or_else(|| TableAlias {
            explicit: true,
            name: Ident::with_quote('"', name),
            columns: Vec::new(),
            at: None,
        });
        Ok(Some(TableFactor::Derived {
            lateral: false,
            subquery,
            alias: Some(alias),
            sample: None,
        }))
    }

    /// What was laid in may call macros itself.
    fn deeper<T: VisitMut>(&mut self, laid_in: &mut T) -> ControlFlow<Box<Diagnostic>> {
        self.found = true;
        self.depth += 1;
        if self.depth > DEPTH {
            let problem = Diagnostic::error(format!(
                "macros call macros more than {DEPTH} levels deep: one of them calls itself"
            ));
            return ControlFlow::Break(Box::new(problem));
        }
        let visited = laid_in.visit(self);
        self.depth -= 1;
        visited
    }
}

impl VisitorMut for Expander<'_> {
    type Break = Box<Diagnostic>;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let Expr::Function(function) = &*expr else {
            return ControlFlow::Continue(());
        };
        match self.call(function) {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(mut laid_in)) => {
                let visited = self.deeper(&mut laid_in);
                *expr = laid_in;
                visited
            }
            Err(problem) => ControlFlow::Break(Box::new(problem)),
        }
    }

    /// An item without a name is called as it is written.
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr @ Expr::Function(_)) = &*item
                && let Expr::Function(function) = expr
                && self.known.contains_key(&last(&function.name))
            {
                let alias = Ident::with_quote('"', expr.to_string().to_ascii_lowercase());
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias,
                };
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        match self.rows(factor) {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(mut laid_in)) => {
                let visited = self.deeper(&mut laid_in);
                *factor = laid_in;
                visited
            }
            Err(problem) => ControlFlow::Break(Box::new(problem)),
        }
    }
}

/// Puts values in the places of parameters.
struct Given(BTreeMap<String, Expr>);

impl VisitorMut for Given {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(ident) = &*expr
            && let Some(value) = self.0.get(&ident.value.to_ascii_lowercase())
        {
            *expr = match value {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => value.clone(),
                other => Expr::Nested(Box::new(other.clone())),
            };
        }
        ControlFlow::Continue(())
    }
}

impl Macro {
    /// The values of a call's parameters: by place, then by name, then as declared.
    fn given(&self, name: &str, args: &[FunctionArg]) -> Result<Given, Diagnostic> {
        let problem = |what: String| {
            let takes: Vec<String> = self.args.iter().map(ToString::to_string).collect();
            Diagnostic::error(format!("the macro '{name}' {what}"))
                .hint(format!("it takes {name}({})", takes.join(", ")))
        };
        let mut values = BTreeMap::new();
        for (at, arg) in args.iter().enumerate() {
            let (parameter, value) = match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => match self.args.get(at) {
                    Some(parameter) => (&parameter.name, value),
                    None => return Err(problem(format!("is given {} values", args.len()))),
                },
                FunctionArg::Named {
                    name,
                    arg: FunctionArgExpr::Expr(value),
                    ..
                } => (name, value),
                other => return Err(problem(format!("cannot be given '{other}'"))),
            };
            let parameter = parameter.value.to_ascii_lowercase();
            let is_known = |arg: &MacroArg| arg.name.value.eq_ignore_ascii_case(&parameter);
            if !self.args.iter().any(is_known) {
                return Err(problem(format!("has no parameter '{parameter}'")));
            }
            values.insert(parameter, value.clone());
        }
        for arg in &self.args {
            let parameter = arg.name.value.to_ascii_lowercase();
            match &arg.default_expr {
                _ if values.contains_key(&parameter) => {}
                Some(value) => {
                    values.insert(parameter, value.clone());
                }
                None => return Err(problem(format!("needs a value for '{parameter}'"))),
            }
        }
        Ok(Given(values))
    }
}

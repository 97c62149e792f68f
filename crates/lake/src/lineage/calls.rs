//! Calls of functions: scalar, aggregate and window.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    NamedWindowExpr, OrderByExpr, WindowFrameBound, WindowSpec, WindowType,
};
use forebay_core::Diagnostic;

use super::Subtype::{Aggregation, Conditional, Sort, Transformation, Window};
use super::functions::{self, Class};
use super::names;
use super::origin::{Origin, Steering};
use super::resolver::Resolver;
use super::scope::{Scope, row};

impl Resolver<'_> {
    /// Where the value of a call comes from.
    pub fn function(&self, f: &Function, scope: &Scope<'_>) -> Result<Origin, Diagnostic> {
        let name = names::fold(&names::last(&f.name));
        if let FunctionArguments::Subquery(query) = &f.args {
            return Ok(self.scalar_subquery(query, scope)?.step(Transformation));
        }
        let arguments = self.arguments(&f.args, &name, scope)?;
        let mut origin = self.call(&name, arguments, f, scope)?;
        if let Some(filter) = &f.filter {
            origin = origin.steered_by(self.steering(filter, Conditional, scope)?);
        }
        if let FunctionArguments::List(list) = &f.args {
            origin = origin.steered_by(self.clauses(&list.clauses, scope)?);
        }
        if let Some(window) = &f.over {
            origin = origin.steered_by(self.window(window, scope)?);
        }
        Ok(origin)
    }

    fn call(
        &self,
        name: &str,
        arguments: Vec<Origin>,
        f: &Function,
        scope: &Scope<'_>,
    ) -> Result<Origin, Diagnostic> {
        if f.within_group.is_empty() {
            return Ok(applied(name, &arguments, f.over.is_some()));
        }
        // rank(5) WITHIN GROUP (ORDER BY x) asks where 5 would stand among the values of x
        let ordered = self.sort_keys(&f.within_group, scope)?;
        let origin = all(&arguments).step(Aggregation);
        Ok(match functions::order_is_only_order(name) {
            true => origin.steered_by(ordered.steering(Sort)),
            false => origin.and(&ordered.step(Aggregation)),
        })
    }

    fn arguments(
        &self,
        arguments: &FunctionArguments,
        name: &str,
        scope: &Scope<'_>,
    ) -> Result<Vec<Origin>, Diagnostic> {
        let FunctionArguments::List(list) = arguments else {
            return Ok(Vec::new());
        };
        let each = list.args.iter();
        each.map(|argument| self.argument(argument, name, scope))
            .collect()
    }

    /// One argument. `*` is every row rather than any column: `count(*)` reads none, and so does
    /// `count(o.*)`, which counts rows that are there.
    pub fn argument(
        &self,
        argument: &FunctionArg,
        function: &str,
        scope: &Scope<'_>,
    ) -> Result<Origin, Diagnostic> {
        match value(argument) {
            FunctionArgExpr::Expr(expr) => self.expr(expr, scope),
            FunctionArgExpr::QualifiedWildcard(name) if function != "count" => {
                let path = names::path(name);
                scope.item(&path).map(row).ok_or_else(|| {
                    Diagnostic::error(format!("no table '{}' in the FROM clause", path.join(".")))
                })
            }
            _ => Ok(Origin::default()),
        }
    }

    /// ORDER BY, HAVING and LIMIT between a call's parentheses.
    fn clauses(
        &self,
        clauses: &[FunctionArgumentClause],
        scope: &Scope<'_>,
    ) -> Result<Steering, Diagnostic> {
        let mut steering = Steering::new();
        for clause in clauses {
            steering.extend(match clause {
                FunctionArgumentClause::OrderBy(keys) => {
                    self.sort_keys(keys, scope)?.steering(Sort)
                }
                FunctionArgumentClause::Having(bound) => {
                    self.steering(&bound.1, Conditional, scope)?
                }
                FunctionArgumentClause::Limit(limit) => self.steering(limit, Conditional, scope)?,
                _ => Steering::new(),
            });
        }
        Ok(steering)
    }

    fn sort_keys(&self, keys: &[OrderByExpr], scope: &Scope<'_>) -> Result<Origin, Diagnostic> {
        let mut origin = Origin::default();
        for key in keys {
            origin = origin.and(&self.expr(&key.expr, scope)?);
        }
        Ok(origin)
    }

    /// What steers a window: its own clauses, and those of the named window that it extends.
    fn window(&self, window: &WindowType, scope: &Scope<'_>) -> Result<Steering, Diagnostic> {
        let _level = self.deeper()?;
        match window {
            WindowType::WindowSpec(spec) => self.window_spec(spec, scope),
            WindowType::NamedWindow(name) => match &scope.window(name)?.1 {
                NamedWindowExpr::WindowSpec(spec) => self.window_spec(spec, scope),
                NamedWindowExpr::NamedWindow(other) => {
                    self.window(&WindowType::NamedWindow(other.clone()), scope)
                }
            },
        }
    }

    fn window_spec(&self, spec: &WindowSpec, scope: &Scope<'_>) -> Result<Steering, Diagnostic> {
        let mut steering = match &spec.window_name {
            Some(name) => self.window(&WindowType::NamedWindow(name.clone()), scope)?,
            None => Steering::new(),
        };
        let frame = spec.window_frame.iter();
        let bounds = frame.flat_map(|f| std::iter::once(&f.start_bound).chain(&f.end_bound));
        let exprs = spec
            .partition_by
            .iter()
            .chain(spec.order_by.iter().map(|key| &key.expr))
            .chain(bounds.filter_map(bound));
        steering.extend(self.steering_of(exprs, Window, scope)?);
        Ok(steering)
    }
}

fn bound(bound: &WindowFrameBound) -> Option<&Expr> {
    match bound {
        WindowFrameBound::Preceding(Some(e)) | WindowFrameBound::Following(Some(e)) => Some(e),
        _ => None,
    }
}

/// An argument without its name.
pub(super) fn value(argument: &FunctionArg) -> &FunctionArgExpr {
    match argument {
        FunctionArg::Named { arg, .. }
        | FunctionArg::ExprNamed { arg, .. }
        | FunctionArg::Unnamed(arg) => arg,
    }
}

/// The value of a call by the origins of its arguments.
pub(super) fn applied(name: &str, arguments: &[Origin], over: bool) -> Origin {
    let origin = match functions::class(name) {
        Class::Aggregate => all(arguments).step(Aggregation),
        Class::Scalar if !over && functions::picks_a_row(name) => all(arguments).step(Aggregation),
        Class::Sourceless => Origin::default(),
        Class::ArgMax => arg_max(arguments),
        Class::Coalesce => coalesce(arguments),
        Class::NullIf => all(arguments)
            .step(Transformation)
            .steered_by(all(arguments).steering(Conditional)),
        Class::If => conditional(arguments, |i, _| i == 0),
        // with two arguments it decodes an encoding: decode(x, 'hex')
        Class::Decode if arguments.len() > 2 => conditional(arguments, is_decode_test),
        Class::Scalar | Class::Decode => all(arguments).step(Transformation),
    };
    match functions::masks(name) {
        true => origin.masked(),
        false => origin,
    }
}

fn all(arguments: &[Origin]) -> Origin {
    arguments
        .iter()
        .fold(Origin::default(), |origin, argument| origin.and(argument))
}

fn arg_max(arguments: &[Origin]) -> Origin {
    let (value, order) = arguments.split_at(arguments.len().min(1));
    all(value)
        .step(Aggregation)
        .steered_by(all(order).steering(Sort))
}

fn coalesce(arguments: &[Origin]) -> Origin {
    let tested = &arguments[..arguments.len().saturating_sub(1)];
    all(arguments)
        .step(Transformation)
        .steered_by(all(tested).steering(Conditional))
}

/// A value that is one of the arguments, chosen by testing others.
fn conditional(arguments: &[Origin], is_test: impl Fn(usize, usize) -> bool) -> Origin {
    let mut origin = Origin::default();
    for (i, argument) in arguments.iter().enumerate() {
        origin = match is_test(i, arguments.len()) {
            true => origin.steered_by(argument.steering(Conditional)),
            false => origin.and(argument),
        };
    }
    origin.step(Transformation)
}

/// `decode(x, a, then, b, then, otherwise)`: tests at 0 and at odd places but a last one.
fn is_decode_test(i: usize, count: usize) -> bool {
    i == 0 || (i % 2 == 1 && i + 1 < count)
}

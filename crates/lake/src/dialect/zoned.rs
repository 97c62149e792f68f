//! Instants in a session whose time zone is not UTC: the engine keeps them in UTC, and what shows or cuts them by a
//! calendar reads the zone's clock. Runs after the engine has added the casts that it needs.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::config::ConfigOptions;
use datafusion::functions::datetime;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator, TryCast, cast, lit,
};
use datafusion::optimizer::AnalyzerRule;
use forebay_core::Diagnostic;

use super::exprs;
use super::length::problem;
use crate::functions;

#[derive(Debug)]
pub(super) struct Zoned(pub Arc<str>);

/// Functions of a calendar. Those that are not here read instants, or read none.
const OF_CALENDAR: [&str; 7] = [
    "age",
    "date_diff",
    "date_part",
    "date_sub",
    "date_trunc",
    "part_fraction",
    "part_number",
];

/// What a function of parts does by the part that it names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Calendar,
    /// Shorter than what clocks are changed by.
    Clock,
    Instant,
    Zone,
}

/// Functions that say of what type a value is, or give it as it is.
const OF_ANY: [&str; 3] = ["kept", "pg_typeof", "typeof"];

impl AnalyzerRule for Zoned {
    fn name(&self) -> &str {
        "zoned"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        exprs::rewrite(plan, |expr, schema| self.expr(expr, schema))
    }
}

impl Zoned {
    fn expr(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        match &expr {
            Expr::Cast(Cast { expr: of, field }) | Expr::TryCast(TryCast { expr: of, field }) => {
                let Ok(from) = of.get_type(schema) else {
                    return Ok(Transformed::no(expr));
                };
                let Some(of) = self.before_cast(of, &from, field.data_type())? else {
                    return Ok(Transformed::no(expr));
                };
                Ok(Transformed::yes(match expr {
                    Expr::TryCast(TryCast { field, .. }) => {
                        Expr::TryCast(TryCast::new_from_field(Box::new(of), field))
                    }
                    Expr::Cast(Cast { field, .. }) => {
                        Expr::Cast(Cast::new_from_field(Box::new(of), field))
                    }
                    other => other,
                }))
            }
            Expr::ScalarFunction(call) => self.call(call, &expr, schema),
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: op @ (Operator::Plus | Operator::Minus),
                right,
            }) => match (left.get_type(schema), right.get_type(schema)) {
                (Ok(from), Ok(DataType::Interval(_))) if is_instant(&from) => {
                    let sign = if *op == Operator::Plus { 1 } else { -1 };
                    Ok(Transformed::yes(self.after(left, &from, right, sign)))
                }
                (Ok(DataType::Interval(_)), Ok(to)) if is_instant(&to) => {
                    Ok(Transformed::yes(self.after(right, &to, left, 1)))
                }
                // What is no instant is what the clock shows already.
                (Ok(from), Ok(to)) if is_difference(&from, &to) => {
                    let shown = |side: &Expr, of: &DataType| match is_instant(of) {
                        true => self.local(side, of),
                        false => in_micros(side, of),
                    };
                    let sides = [shown(left, &from), shown(right, &to)];
                    let [left, right] = sides.map(Box::new);
                    Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(
                        left, *op, right,
                    ))))
                }
                _ => Ok(Transformed::no(expr)),
            },
            _ => Ok(Transformed::no(expr)),
        }
    }

    fn call(
        &self,
        call: &ScalarFunction,
        expr: &Expr,
        schema: &DFSchema,
    ) -> Result<Transformed<Expr>> {
        let no = || Ok(Transformed::no(expr.clone()));
        let name = call.func.name();
        if name == "session_zone" {
            return Ok(Transformed::yes(lit(&*self.0)));
        }
        if ["current_date", "current_time"].contains(&name) {
            // The engine's own is of no zone.
            let now = cast(datetime::expr_fn::now(), instant());
            let shown = self.local(&now, &instant());
            return Ok(Transformed::yes(cast(shown, expr.get_type(schema)?)));
        }
        let types = call.args.iter().map(|arg| arg.get_type(schema));
        let Ok(types) = types.collect::<Result<Vec<_>>>() else {
            return no();
        };
        if !types.iter().any(holds_instants) {
            return no();
        }
        if ["generate_series", "range"].contains(&name) {
            return Err(self.refused("a series of timestamps with a time zone is not made"));
        }
        if name == "strftime" && is_instant(&types[0]) {
            let args = vec![
                lit(&*self.0),
                in_micros(&call.args[0], &types[0]),
                cast(call.args[1].clone(), DataType::Utf8),
            ];
            return Ok(Transformed::yes(named("strftime_in_zone", args)));
        }
        // As in DuckDB, which hears of no zone where the format stands first.
        if name == "strftime" {
            return no();
        }
        if OF_CALENDAR.contains(&name) {
            return match (part_of(name, &call.args), name) {
                (Part::Instant, _) => no(),
                (Part::Zone, _) => {
                    Err(self.refused("a part that is of the zone, or in a column, is not given"))
                }
                (Part::Clock, "date_trunc") => {
                    let start = self.start(&call.args[0], &call.args[1], &types[1]);
                    Ok(Transformed::yes(start))
                }
                // Between hours, wherever the zone lets them begin.
                (Part::Clock, "date_diff") => {
                    let part = &call.args[0];
                    let starts = call.args[1..].iter().zip(&types[1..]);
                    let starts = starts.map(|(arg, of)| match is_instant(of) {
                        true => self.start(part, arg, of),
                        false if of.is_string() => arg.clone(),
                        false => self.start(part, &self.local(arg, of), &instant()),
                    });
                    let args = std::iter::once(part.clone()).chain(starts);
                    Ok(Transformed::yes(call.func.call(args.collect())))
                }
                (Part::Clock, "date_sub") => no(),
                _ => self.by_clock(call, expr, &types, schema),
            };
        }
        let is_text = expr.get_type(schema).is_ok_and(|of| of.is_string());
        if !is_text || OF_ANY.contains(&name) {
            return no();
        }
        let text = |(arg, of): (&Expr, &DataType)| match is_instant(of) {
            true => Ok(self.text(arg, of)),
            false if holds_instants(of) => Err(self.refused_nested()),
            false => Ok(arg.clone()),
        };
        let args = call.args.iter().zip(&types).map(text);
        let args = args.collect::<Result<Vec<_>>>()?;
        Ok(Transformed::yes(call.func.call(args)))
    }

    /// The call of what the zone's clock shows; its answer is an instant where it was one.
    fn by_clock(
        &self,
        call: &ScalarFunction,
        expr: &Expr,
        types: &[DataType],
        schema: &DFSchema,
    ) -> Result<Transformed<Expr>> {
        let args = call.args.iter().zip(types);
        let args = args.map(|(arg, of)| match is_instant(of) {
            true => self.local(arg, of),
            false => arg.clone(),
        });
        let made = call.func.call(args.collect());
        let of = made.get_type(schema)?;
        let is_local = matches!(of, DataType::Timestamp(_, None));
        let was_instant = is_instant(&expr.get_type(schema)?);
        Ok(Transformed::yes(match was_instant && is_local {
            true => self.local(&made, &of),
            false => made,
        }))
    }

    /// So long after the instant, or before it: days and months by the zone's clock.
    fn after(&self, moment: &Expr, of: &DataType, length: &Expr, sign: i64) -> Expr {
        let moment = in_micros(moment, of);
        named(
            "zoned_after",
            vec![lit(&*self.0), moment, length.clone(), lit(sign)],
        )
    }

    /// `date_trunc('hour', x)`: what is cut off is cut off the instant, for some clocks show an hour twice.
    fn start(&self, part: &Expr, of: &Expr, kind: &DataType) -> Expr {
        let shown = self.local(of, kind);
        let start = named("date_trunc", vec![part.clone(), shown.clone()]);
        in_micros(of, kind) - (shown - start)
    }

    /// What is cast instead. None: the zone is nothing to the cast.
    fn before_cast(&self, of: &Expr, from: &DataType, to: &DataType) -> Result<Option<Expr>> {
        let is_shown = |to: &DataType| {
            matches!(
                to,
                DataType::Date32
                    | DataType::Timestamp(_, None)
                    | DataType::Time32(_)
                    | DataType::Time64(_)
            )
        };
        Ok(match (from, to) {
            (from, to) if is_instant(from) && to.is_string() => Some(self.text(of, from)),
            (from, to) if is_instant(from) && is_shown(to) => Some(self.local(of, from)),
            (DataType::Date32 | DataType::Timestamp(_, None), to) if is_instant(to) => {
                Some(self.local(of, from))
            }
            (from, to) if from.is_string() && is_instant(to) => {
                Some(named("text_with_offset", vec![lit(&*self.0), of.clone()]))
            }
            (from, to) if to.is_string() && holds_instants(from) => {
                return Err(self.refused_nested());
            }
            (from, to) if from.is_nested() && holds_instants(from) && holds_shown(to) => {
                return Err(self.refused_nested());
            }
            (from, to) if to.is_nested() && holds_instants(to) && holds_shown(from) => {
                return Err(self.refused("lists and structures of such timestamps are not read"));
            }
            _ => None,
        })
    }

    /// What the zone's clock shows, or the instant at which it shows that.
    fn local(&self, moment: &Expr, of: &DataType) -> Expr {
        named("at_time_zone", vec![lit(&*self.0), in_micros(moment, of)])
    }

    fn text(&self, moment: &Expr, of: &DataType) -> Expr {
        named("text_in_zone", vec![lit(&*self.0), in_micros(moment, of)])
    }

    fn refused_nested(&self) -> DataFusionError {
        self.refused("lists and structures of timestamps with a time zone are not written")
    }

    fn refused(&self, what: &str) -> DataFusionError {
        problem(
            Diagnostic::error(format!("{what} in the time zone {}", self.0))
                .hint("the profile sets it: settings: {TimeZone: ...}"),
        )
    }
}

fn named(function: &'static str, args: Vec<Expr>) -> Expr {
    functions::named(function).call(args)
}

/// Our functions read microseconds, and the engine casts nothing for them any more.
fn in_micros(moment: &Expr, of: &DataType) -> Expr {
    let wanted = match is_instant(of) {
        true => instant(),
        false => DataType::Timestamp(TimeUnit::Microsecond, None),
    };
    match of == &wanted {
        true => moment.clone(),
        false => cast(moment.clone(), wanted),
    }
}

fn part_of(name: &str, args: &[Expr]) -> Part {
    let written = args.first().and_then(|part| match part {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    });
    // Of which kind the parts of a column are is not known; `age` names none.
    if written.is_none() && name != "age" {
        return Part::Zone;
    }
    match written.and_then(functions::part_name) {
        Some("epoch") => Part::Instant,
        Some("hour" | "minute" | "second" | "millisecond" | "microsecond") => Part::Clock,
        Some("timezone" | "timezone_hour" | "timezone_minute") => Part::Zone,
        _ => Part::Calendar,
    }
}

fn is_difference(left: &DataType, right: &DataType) -> bool {
    let is_moment = |of: &DataType| matches!(of, DataType::Date32 | DataType::Timestamp(..));
    is_moment(left) && is_moment(right) && (is_instant(left) || is_instant(right))
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn is_instant(of: &DataType) -> bool {
    matches!(of, DataType::Timestamp(_, Some(_)))
}

fn holds_instants(of: &DataType) -> bool {
    holds(of, &is_instant)
}

/// Whether it holds what becomes an instant by the zone's clock.
fn holds_shown(of: &DataType) -> bool {
    let is_shown = |of: &DataType| {
        of.is_string() || matches!(of, DataType::Date32 | DataType::Timestamp(_, None))
    };
    holds(of, &is_shown)
}

fn holds(of: &DataType, is_it: &dyn Fn(&DataType) -> bool) -> bool {
    match of {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            holds(item.data_type(), is_it)
        }
        DataType::Struct(fields) => fields.iter().any(|field| holds(field.data_type(), is_it)),
        DataType::Map(entries, _) => holds(entries.data_type(), is_it),
        of => is_it(of),
    }
}

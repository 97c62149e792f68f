//! Functions that are short for an expression of others.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, VisitMut, VisitorMut};

use super::super::syntax::parse_expr;
use crate::types::Dialect;

/// A name, how many arguments it takes, and what it means: `_1` is the first argument.
type Template = (&'static str, usize, &'static str);

/// Null where the list or the item is.
const HAS: &str =
    "(case when _1 is not null and _2 is not null then coalesce(array_has(_1, _2), false) end)";

/// The items at the places.
const SELECTED: &str = "(case when _1 is not null then list_transform(_2, lambda forebay_place : array_element(_1, forebay_place)) end)";

const BOTH: &[Template] = &[
    // dates
    ("age", 1, "age(date_trunc('day', now()::timestamp), _1)"),
    ("date", 1, "_1::date"),
    ("date_add", 2, "(_1 + _2)"),
    (
        "date_trunc",
        3,
        "at_time_zone(_3, date_trunc(_1, at_time_zone(_3, _2)))",
    ),
    ("dayname", 1, "strftime(_1, '%A')"),
    ("epoch", 1, "part_fraction('epoch', _1)"),
    (
        "last_day",
        1,
        "(date_trunc('month', _1) + interval '1 month' - interval '1 day')::date",
    ),
    ("log", 1, "log10(_1)"),
    ("make_timestamp", 1, "epoch_us(_1)"),
    ("make_timestamp_ms", 1, "epoch_ms(_1)"),
    ("make_timestamp_us", 1, "epoch_us(_1)"),
    ("monthname", 1, "strftime(_1, '%B')"),
    ("to_centuries", 1, "(_1 * interval '100 years')"),
    ("to_days", 1, "(_1 * interval '1 day')"),
    ("to_decades", 1, "(_1 * interval '10 years')"),
    ("to_hours", 1, "(_1 * interval '1 hour')"),
    (
        "to_microseconds",
        1,
        "interval_seconds(_1::double precision / 1000000)",
    ),
    (
        "to_milliseconds",
        1,
        "interval_seconds(_1::double precision / 1000)",
    ),
    ("to_millennia", 1, "(_1 * interval '1000 years')"),
    ("to_minutes", 1, "(_1 * interval '1 minute')"),
    ("to_months", 1, "(_1 * interval '1 month')"),
    ("to_quarters", 1, "(_1 * interval '3 months')"),
    ("to_seconds", 1, "interval_seconds(_1)"),
    ("to_timestamp", 2, "at_time_zone('UTC', moment_of(_1, _2))"),
    ("to_weeks", 1, "(_1 * interval '7 days')"),
    ("to_years", 1, "(_1 * interval '1 year')"),
    // numbers and conditions
    ("if", 3, "(case when _1 then _2 else _3 end)"),
    ("isinf", 1, "(abs(_1) = 'Infinity'::double precision)"),
    ("xor", 2, "(_1 # _2)"),
    // text
    ("from_base64", 1, "decode(_1, 'base64')"),
    ("to_base64", 1, "encode(_1, 'base64pad')"),
    // lists
    (
        "generate_subscripts",
        2,
        "unnest(generate_series(1, len(_1)))",
    ),
    ("array_push_front", 2, "array_prepend(_2, _1)"),
    (
        "array_lower",
        2,
        "(case when array_length(_1) > 0 then 1 end)",
    ),
    ("array_upper", 2, "array_length(_1, _2)"),
    (
        "list_count",
        1,
        "len(list_filter(_1, lambda x : x is not null))",
    ),
    ("list_first", 1, "array_element(_1, 1)"),
    ("list_last", 1, "array_element(_1, -1)"),
    ("list_string_agg", 1, "array_to_string(_1, ',')"),
    // the database
    ("current_schema", 0, "'main'"),
];

/// Of lists: behind `list_` and behind `array_`.
const LISTS: &[Template] = &[
    ("contains", 2, HAS),
    (
        "distinct",
        1,
        "array_distinct(list_filter(_1, lambda x : x is not null))",
    ),
    ("has", 2, HAS),
    (
        "has_all",
        2,
        "array_has_all(_1, list_filter(_2, lambda x : x is not null))",
    ),
    (
        "has_any",
        2,
        "array_has_any(list_filter(_1, lambda x : x is not null), _2)",
    ),
    (
        "intersect",
        2,
        "array_intersect(list_filter(_1, lambda x : x is not null), _2)",
    ),
    ("reverse_sort", 1, "array_sort(_1, 'DESC', 'NULLS LAST')"),
    ("reverse_sort", 2, "array_sort(_1, 'DESC', _2)"),
    ("select", 2, SELECTED),
    ("sort", 1, "array_sort(_1, 'ASC', 'NULLS LAST')"),
    ("sort", 2, "array_sort(_1, _2, 'NULLS LAST')"),
    (
        "unique",
        1,
        "len(array_distinct(list_filter(_1, lambda x : x is not null)))",
    ),
    (
        "where",
        2,
        "list_transform(list_filter(list_zip(_1, _2), lambda pair : get_field(pair, '2')), lambda pair : get_field(pair, '1'))",
    ),
];

const DUCKDB: &[Template] = &[
    ("add", 2, "(_1 + _2)"),
    (
        "days_in_month",
        1,
        "part_number('day', date_trunc('month', _1) + interval '1 month' - interval '1 day')",
    ),
    ("divide", 2, "(_1 // _2)"),
    (
        "even",
        1,
        "(case when _1 < 0 then floor(_1::double precision / 2) else ceil(_1::double precision / 2) end * 2)",
    ),
    ("fdiv", 2, "floor(_1::double precision / _2)"),
    (
        "fmod",
        2,
        "(_1::double precision - floor(_1::double precision / _2) * _2)",
    ),
    (
        "make_time",
        3,
        "make_timestamp(1970, 1, 1, _1, _2, _3)::time",
    ),
    (
        "make_timestamptz",
        6,
        "at_time_zone(session_zone(), make_timestamp(_1, _2, _3, _4, _5, _6))",
    ),
    ("multiply", 2, "(_1 * _2)"),
    ("subtract", 2, "(_1 - _2)"),
    ("base64", 1, "encode(_1, 'base64pad')"),
    ("encode", 1, "bytes_of_letters(_1)"),
    ("decode", 1, "letters_of_bytes(_1)"),
    // The engine's own makes doubles of decimals and whole numbers.
    ("ifnull", 2, "coalesce(_1, _2)"),
    ("greatest_common_divisor", 2, "gcd(_1, _2)"),
    ("least_common_multiple", 2, "lcm(_1, _2)"),
    ("sha256", 1, "encode(sha256(_1), 'hex')"),
    ("current_localtimestamp", 0, "now()::timestamp"),
    ("today", 0, "now()::date"),
    (
        "array_to_string",
        2,
        "(case when len(_1) = 0 or len(list_filter(_1, lambda x : x is not null)) > 0 then array_to_string(list_transform(_1, lambda x : x::varchar), _2) end)",
    ),
    ("string_to_array", 2, "string_split(_1, _2)"),
    // maps
    (
        "map_contains",
        2,
        "coalesce(array_has(map_keys(_1), _2), false)",
    ),
    (
        "map_contains_value",
        2,
        "coalesce(array_has(map_values(_1), _2), false)",
    ),
    (
        "map_extract_value",
        2,
        "array_element(map_extract(_1, _2), 1)",
    ),
];

const POSTGRES: &[Template] = &[
    ("to_date", 2, "moment_of(_1, _2)::date"),
    ("div", 2, "trunc(_1::numeric(38,10) / _2)"),
    ("array_length", 1, "array_length(_1)::integer"),
    (
        "encode",
        2,
        "(case when _2 = 'base64' then encode(_1, 'base64pad') else encode(_1, _2) end)",
    ),
    ("array_length", 2, "array_length(_1, _2)::integer"),
    ("length", 1, "length(_1)::integer"),
    ("regexp_count", 2, "regexp_count(_1, _2)::integer"),
    ("regexp_instr", 2, "regexp_instr(_1, _2)::integer"),
    ("width_bucket", 4, "width_bucket(_1, _2, _3, _4)::integer"),
    ("cardinality", 1, "cardinality(_1)::integer"),
];

pub(super) fn expand(name: &str, args: &[Expr], dialect: Dialect) -> Option<Expr> {
    let of_dialect = match dialect {
        Dialect::DuckDb => DUCKDB,
        Dialect::Postgres => POSTGRES,
    };
    let of_lists = ["list_", "array_"]
        .iter()
        .find_map(|of| name.strip_prefix(of));
    let named = BOTH.iter().chain(of_dialect).map(|one| (Some(name), one));
    let mut all = named.chain(LISTS.iter().map(|one| (of_lists, one)));
    let (_, (_, _, text)) =
        all.find(|(name, (own, count, _))| *name == Some(own) && *count == args.len())?;
    fill(text, args)
}

/// The expression with the arguments in their places. None: the template does not parse.
pub(crate) fn fill(template: &str, args: &[Expr]) -> Option<Expr> {
    let mut expr = parse_expr(template, 50).ok()?;
    let _ = expr.visit(&mut Filler(args));
    Some(expr)
}

struct Filler<'a>(&'a [Expr]);

impl VisitorMut for Filler<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(ident) = expr
            && let Some(place) = ident.value.strip_prefix('_')
            && let Ok(place) = place.parse::<usize>()
            && let Some(arg) = place.checked_sub(1).and_then(|at| self.0.get(at))
        {
            *expr = match arg {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => arg.clone(),
                other => Expr::Nested(Box::new(other.clone())),
            };
        }
        ControlFlow::Continue(())
    }
}

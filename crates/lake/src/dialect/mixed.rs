//! Where a double meets a decimal, in a comparison, as keys of a join or as one of several values, the decimal becomes a
//! double, and a date beside a timestamp becomes one of microseconds, as in PostgreSQL and DuckDB. The
//! engine makes a decimal of both numbers, into which a large double does not fit and in which a small one
//! is lost, and nanoseconds of both moments, which end in 2262. A float of 32 bits stays one beside a decimal
//! in DuckDB, and becomes a double in PostgreSQL. Runs before the engine brings types together.

use std::sync::Arc;

use arrow::datatypes::{DataType, Decimal128Type, DecimalType, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{
    Case, Expr, ExprSchemable, Join, LogicalPlan, LogicalPlanBuilder, Union, Values, cast, lit,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use super::decimals::WIDE;
use super::exprs;
use super::frames;
use super::joined::joined;
use super::one_unless::keep_types;
use super::operators::is_read;
use super::outer;
use super::products::digits;
use super::{arguments, compared, sets, shifted, texts_among, unfit};
use crate::types::Dialect;

#[derive(Debug)]
pub(super) struct Mixed(pub Dialect);

impl AnalyzerRule for Mixed {
    fn name(&self) -> &str {
        "mixed"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        // What stands above a node that has changed has other types now.
        let mut changed = false;
        let of_expr = |expr: Expr, schema: &DFSchema| match &expr {
            Expr::ScalarFunction(call)
                if self.0 == Dialect::DuckDb && call.func.name().starts_with("concat") =>
            {
                joined(expr, schema)
            }
            _ => {
                if self.0 == Dialect::DuckDb {
                    compared::refuse(&expr, schema)?;
                    shifted::refuse(&expr, schema)?;
                    texts_among::refuse_others(&expr, schema)?;
                    arguments::check(&expr, schema)?;
                    arguments::check_path(&expr)?;
                    if let Some(unfit) = unfit::unfit(&expr, schema) {
                        return Ok(Transformed::yes(unfit));
                    }
                }
                match expr {
                    Expr::WindowFunction(_) => frames::told(expr, schema, self.0),
                    expr => Ok(unmixed(expr, schema, self.0)),
                }
            }
        };
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let plan = match changed {
                true => outer::told(plan.recompute_schema()?, &|plan| {
                    let united = self.of_rows(plan)?.data;
                    Ok(exprs::of_node(united, &of_expr)?.data)
                })?,
                false => plan,
            };
            let united = self.of_rows(plan)?;
            changed |= united.transformed;
            let rewritten = exprs::of_node(united.data, &of_expr)?;
            changed |= rewritten.transformed;
            match changed {
                true => Ok(Transformed::yes(rewritten.data.recompute_schema()?)),
                false => Ok(rewritten),
            }
        })?;
        Ok(rewritten.data)
    }
}

impl Mixed {
    /// What the node itself compares, or puts into one column.
    fn of_rows(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Union(union) => of_union(union, self.0),
            LogicalPlan::Values(values) => of_values(values, self.0),
            LogicalPlan::Join(join) if !join.on.is_empty() => {
                let united = sets::united(&join, self.0)?;
                let was_united = united.is_some();
                let mut rewritten = of_join(united.unwrap_or(join), self.0);
                rewritten.transformed |= was_united;
                Ok(rewritten)
            }
            plan => Ok(Transformed::no(plan)),
        }
    }
}

/// Functions that give one of their arguments, or hold them side by side.
const CHOICES: &[&str] = &[
    "coalesce",
    "greatest",
    "ifnull",
    "least",
    "make_array",
    "nullif",
    "nvl",
];

fn unmixed(mut expr: Expr, schema: &DFSchema, dialect: Dialect) -> Transformed<Expr> {
    if let Some(chosen) = one_unless_equal(&expr, schema, dialect) {
        return Transformed::yes(chosen);
    }
    let is_called = |names: &[&str]| match &expr {
        Expr::ScalarFunction(call) => names.contains(&call.func.name()),
        _ => false,
    };
    let (is_first, is_list) = (is_called(&["nullif"]), is_called(&["make_array"]));
    let has_read = !is_first && !is_list && texts_among::read(results(&mut expr), schema, dialect);
    if let Expr::InList(list) = &mut expr
        && truths(list, schema, dialect)
    {
        return Transformed::yes(expr);
    }
    let values: Vec<&mut Expr> = match &mut expr {
        Expr::Case(_) | Expr::ScalarFunction(_) => results(&mut expr),
        Expr::BinaryExpr(binary) if binary.op.supports_propagation() => {
            vec![&mut binary.left, &mut binary.right]
        }
        Expr::Between(between) => vec![&mut between.expr, &mut between.low, &mut between.high],
        Expr::InList(list) => {
            let first = std::iter::once(list.expr.as_mut());
            first.chain(&mut list.list).collect()
        }
        _ => return Transformed::no(expr),
    };
    let mut changed = as_common(values, schema, dialect) || has_read;
    // What nullif gives has the type of its first value.
    if dialect == Dialect::DuckDb && !is_first {
        changed |= settle(results(&mut expr), schema);
    }
    match changed {
        true => Transformed::yes(expr),
        false => Transformed::no(expr),
    }
}

/// The values one of which an expression gives.
fn results(expr: &mut Expr) -> Vec<&mut Expr> {
    match expr {
        Expr::Case(case) => {
            let results = case
                .when_then_expr
                .iter_mut()
                .map(|(_, then)| then.as_mut());
            results.chain(case.else_expr.as_deref_mut()).collect()
        }
        Expr::ScalarFunction(call) if CHOICES.contains(&call.func.name()) => {
            call.args.iter_mut().collect()
        }
        _ => Vec::new(),
    }
}

/// Makes numbers of one type of those that are chosen from. The engine would do so, but what reads the value has its type
/// from the first of them until then. The type of an outer column may be none yet.
fn settle(values: Vec<&mut Expr>, schema: &dyn ExprSchema) -> bool {
    if values.iter().any(|value| value.contains_outer()) {
        return false;
    }
    let types: Result<Vec<DataType>> = values.iter().map(|value| value.get_type(schema)).collect();
    let Ok(types) = types else {
        return false;
    };
    let Some(number) = number_of_all(types.iter()) else {
        return false;
    };
    if types.iter().all(|of| of.is_null() || *of == number) {
        return false;
    }
    for (value, _) in values
        .into_iter()
        .zip(&types)
        .filter(|(_, of)| **of != number)
    {
        *value = as_type(std::mem::take(value), &number);
    }
    true
}

/// The type of numbers of several, as DuckDB has it. None: not all are numbers or nulls.
pub(super) fn number_of_all<'a>(
    types: impl Iterator<Item = &'a DataType> + Clone,
) -> Option<DataType> {
    let types = types.filter(|of| !of.is_null());
    if !types.clone().all(DataType::is_numeric) {
        return None;
    }
    let floats = types.clone().filter(|of| of.is_floating());
    if let Some(widest) = floats.max_by_key(|of| of.primitive_width()) {
        return Some(widest.clone());
    }
    if !types.clone().any(is_decimal) {
        return types.max_by_key(|of| of.primitive_width()).cloned();
    }
    let (mut before_of_all, mut before_of_decimals, mut behind) = (0, 0, 0);
    for of in types {
        let (all, scale) = digits(of)?;
        let before = all as i8 - scale;
        before_of_all = before_of_all.max(before);
        behind = behind.max(scale);
        // A hugeint is a decimal of all digits here.
        if !of.is_integer() && (all, scale) != (WIDE, 0) {
            before_of_decimals = before_of_decimals.max(before);
        }
    }
    // Whole numbers take no digits behind the point away: one that is too large for those before it is an error.
    let most = WIDE as i8;
    let behind = behind.min(most - before_of_decimals);
    let all = most.min(before_of_all + behind);
    Some(DataType::Decimal128(all as u8, behind))
}

/// `nullif` of values that are compared in another type than the first has. None: the engine knows it, or it is another
/// expression.
fn one_unless_equal(expr: &Expr, schema: &DFSchema, dialect: Dialect) -> Option<Expr> {
    let Expr::ScalarFunction(call) = expr else {
        return None;
    };
    let ("nullif", [one, other]) = (call.func.name(), call.args.as_slice()) else {
        return None;
    };
    let types = (one.get_type(schema).ok()?, other.get_type(schema).ok()?);
    let is_kept = match (&types.0, &types.1) {
        // DuckDB compares a text and a truth with a number as numbers, here too.
        (DataType::Utf8, number) if dialect == Dialect::DuckDb => {
            number.is_numeric() && !texts_among::is_written(one)
        }
        (DataType::Boolean, number) if dialect == Dialect::DuckDb => number.is_integer(),
        (one, other) => one != other && keep_types(one, other),
    };
    if !is_kept || one.is_volatile() {
        return None;
    }
    let is_equal = unmixed(one.clone().eq(other.clone()), schema, dialect).data;
    let nothing = Box::new(lit(ScalarValue::try_new_null(&types.0).ok()?));
    Some(Expr::Case(Case::new(
        None,
        vec![(Box::new(is_equal), nothing)],
        Some(Box::new(one.clone())),
    )))
}

/// Reads the texts among truth values. Whether there are some.
fn truths(list: &mut InList, schema: &DFSchema, dialect: Dialect) -> bool {
    if !matches!(list.expr.get_type(schema), Ok(DataType::Boolean)) {
        return false;
    }
    let mut has_texts = false;
    for item in &mut list.list {
        let of = item.get_type(schema);
        if of.is_ok_and(|of| is_read(item, &of, dialect)) {
            *item = cast(std::mem::take(item), DataType::Boolean);
            has_texts = true;
        }
    }
    has_texts
}

/// Casts those that are not of the type that all should have.
fn as_common(values: Vec<&mut Expr>, schema: &dyn ExprSchema, dialect: Dialect) -> bool {
    let types: Vec<_> = values
        .iter()
        .map(|value| value.get_type(schema).ok())
        .collect();
    let Some(common) = common(types.iter().flatten(), dialect) else {
        return false;
    };
    for (value, found) in values.into_iter().zip(&types) {
        if found
            .as_ref()
            .is_some_and(|found| is_changed(found, &common))
        {
            *value = as_type(std::mem::take(value), &common);
        }
    }
    true
}

/// A written decimal is the double of its digits, which are more than a division keeps.
fn as_type(value: Expr, common: &DataType) -> Expr {
    if let (
        Expr::Literal(ScalarValue::Decimal128(Some(number), digits, scale), _),
        DataType::Float64,
    ) = (&value, common)
        && let Ok(double) = Decimal128Type::format_decimal(*number, *digits, *scale).parse::<f64>()
    {
        return lit(double);
    }
    cast(value, common.clone())
}

/// The type for values of different ones. None: the engine knows it.
fn common<'a>(
    types: impl Iterator<Item = &'a DataType> + Clone,
    dialect: Dialect,
) -> Option<DataType> {
    let has = |wanted: fn(&DataType) -> bool| types.clone().any(wanted);
    if has(DataType::is_floating) && has(is_decimal) {
        let is_short = dialect == Dialect::DuckDb && !has(|found| found == &DataType::Float64);
        return Some(match is_short {
            true => DataType::Float32,
            false => DataType::Float64,
        });
    }
    // A truth is a number beside numbers.
    if dialect == Dialect::DuckDb
        && has(|found| found == &DataType::Boolean)
        && has(DataType::is_integer)
    {
        return Some(DataType::Int32);
    }
    let moment = types
        .clone()
        .find(|found| matches!(found, DataType::Timestamp(TimeUnit::Microsecond, _)));
    moment
        .filter(|_| has(|found| found == &DataType::Date32))
        .cloned()
}

fn is_changed(found: &DataType, common: &DataType) -> bool {
    match common {
        DataType::Float32 | DataType::Float64 => is_decimal(found),
        DataType::Int32 => found == &DataType::Boolean,
        _ => found == &DataType::Date32,
    }
}

fn is_decimal(found: &DataType) -> bool {
    matches!(found, DataType::Decimal128(..) | DataType::Decimal256(..))
}

/// Columns of `VALUES` that the engine has made decimals of, as it planned them.
fn of_values(mut values: Values, dialect: Dialect) -> Result<Transformed<LogicalPlan>> {
    let schema = Arc::clone(&values.schema);
    let mut fields: Vec<_> = schema
        .iter()
        .map(|(table, field)| (table.cloned(), Arc::clone(field)))
        .collect();
    let mut changed = false;
    for (column, (_, field)) in fields.iter_mut().enumerate() {
        let made = field.data_type().clone();
        if !is_decimal(&made) {
            continue;
        }
        let written = |row: &Vec<Expr>| uncast(&row[column], &made).get_type(&schema);
        let types: Vec<DataType> = values.values.iter().map(written).collect::<Result<_>>()?;
        let Some(common) = common(types.iter(), dialect) else {
            continue;
        };
        for row in &mut values.values {
            row[column] = cast(uncast(&row[column], &made).clone(), common.clone());
        }
        *field = Arc::new(field.as_ref().clone().with_data_type(common));
        changed = true;
    }
    if !changed {
        return Ok(Transformed::no(LogicalPlan::Values(values)));
    }
    let schema = DFSchema::new_with_metadata(fields, schema.as_arrow().metadata().clone())?;
    values.schema = Arc::new(schema);
    Ok(Transformed::yes(LogicalPlan::Values(values)))
}

fn uncast<'a>(value: &'a Expr, made: &DataType) -> &'a Expr {
    match value {
        Expr::Cast(cast) if cast.field.data_type() == made => &cast.expr,
        value => value,
    }
}

/// The keys of `USING`, and what set operations compare.
fn of_join(mut join: Join, dialect: Dialect) -> Transformed<LogicalPlan> {
    let schemas = [
        Arc::clone(join.left.schema()),
        Arc::clone(join.right.schema()),
    ];
    let mut changed = false;
    for (left, right) in &mut join.on {
        let types = (left.get_type(&schemas[0]), right.get_type(&schemas[1]));
        let (Ok(of_left), Ok(of_right)) = types else {
            continue;
        };
        let Some(common) = common([&of_left, &of_right].into_iter(), dialect) else {
            continue;
        };
        for (side, of) in [(left, of_left), (right, of_right)] {
            if is_changed(&of, &common) {
                *side = cast(std::mem::take(side), common.clone());
                changed = true;
            }
        }
    }
    match changed {
        true => Transformed::yes(LogicalPlan::Join(join)),
        false => Transformed::no(LogicalPlan::Join(join)),
    }
}

/// To DuckDB moments, numbers and truths in one column with texts are texts.
fn are_texts<'a>(types: impl Iterator<Item = &'a DataType> + Clone) -> bool {
    types.clone().any(DataType::is_string) && types.clone().any(is_made_text)
}

fn is_made_text(found: &DataType) -> bool {
    found.is_temporal() || found.is_numeric() || found == &DataType::Boolean
}

fn are_truths_and_numbers<'a>(types: impl Iterator<Item = &'a DataType> + Clone) -> bool {
    types.clone().any(|of| of == &DataType::Boolean) && types.clone().any(DataType::is_numeric)
}

fn is_united(found: &DataType, common: &DataType, dialect: Dialect) -> bool {
    match common {
        DataType::Utf8 if !found.is_null() => is_made_text(found),
        common if dialect == Dialect::DuckDb => {
            let is_number = found.is_numeric() || found == &DataType::Boolean;
            is_changed(found, common)
                || found.is_null()
                || is_number && common.is_numeric() && found != common
        }
        common => is_changed(found, common),
    }
}

/// The one type of different numbers, or of a column that is null elsewhere.
fn of_different<'a>(types: impl Iterator<Item = &'a DataType> + Clone) -> Option<DataType> {
    let first = types.clone().find(|of| !of.is_null())?;
    if types.clone().all(|of| of == first) {
        return None;
    }
    match types.clone().all(|of| of.is_null() || of == first) {
        true => Some(first.clone()),
        false => number_of_all(types),
    }
}

/// The schema of a union is that of its first part, as it was when it was planned.
fn has_types_of_first(union: &Union) -> bool {
    let first = union.inputs[0].schema().fields();
    let pairs = union.schema.fields().iter().zip(first);
    pairs
        .into_iter()
        .all(|(now, first)| now.data_type() == first.data_type())
}

/// Columns that are of one type in one part and of another in another.
pub(super) fn of_union(mut union: Union, dialect: Dialect) -> Result<Transformed<LogicalPlan>> {
    // The parts of one by name are planned with the schema of the whole, whatever types theirs are.
    let named = union.schema.clone();
    for input in &mut union.inputs {
        if Arc::ptr_eq(input.schema(), &named) {
            *input = Arc::new(input.as_ref().clone().recompute_schema()?);
        }
    }
    let commons = (0..union.schema.fields().len()).map(|column| {
        let fields = union
            .inputs
            .iter()
            .map(|input| input.schema().fields().get(column));
        let types = fields.flatten().map(|field| field.data_type());
        match dialect {
            Dialect::DuckDb if are_texts(types.clone()) => Some(DataType::Utf8),
            Dialect::DuckDb if are_truths_and_numbers(types.clone()) => {
                let number = |of: &DataType| match of {
                    DataType::Boolean => DataType::Int32,
                    of => of.clone(),
                };
                let numbers: Vec<DataType> = types.map(number).collect();
                number_of_all(numbers.iter())
            }
            Dialect::DuckDb => common(types.clone(), dialect).or_else(|| of_different(types)),
            Dialect::Postgres => common(types, dialect),
        }
    });
    let commons: Vec<Option<DataType>> = commons.collect();
    if commons.iter().all(Option::is_none) && has_types_of_first(&union) {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let inputs = union.inputs.into_iter().map(|input| {
        let columns = input.schema().iter().zip(&commons);
        let exprs = columns.map(|((table, field), common)| {
            let column = Expr::Column((table, field).into());
            match common
                .as_ref()
                .filter(|common| is_united(field.data_type(), common, dialect))
            {
                Some(common) => {
                    cast(column, common.clone()).alias_qualified(table.cloned(), field.name())
                }
                None => column,
            }
        });
        let exprs: Vec<Expr> = exprs.collect();
        let input = LogicalPlanBuilder::from(input).project(exprs)?.build()?;
        Ok(Arc::new(input))
    });
    let union = Union::try_new_with_loose_types(inputs.collect::<Result<_>>()?)?;
    Ok(Transformed::yes(LogicalPlan::Union(union)))
}

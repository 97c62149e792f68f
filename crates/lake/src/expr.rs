//! SQL expressions compiled once against a schema, evaluated over batches without planning. The same
//! compiled code serves training sets and requests, so that they cannot differ.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef, Result as EngineResult};
use datafusion::execution::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder, Volatility};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::sql::sqlparser::ast::ExprWithAlias;
use forebay_core::Diagnostic;

use crate::Lake;
use crate::dialect;
use crate::engine::{from_arrow, from_engine, from_parser};

/// Expressions over the columns of one schema. Cheap to evaluate: no parsing, no planning.
pub struct CompiledExprs {
    input: SchemaRef,
    used: Vec<String>,
    output: SchemaRef,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
}

impl Lake {
    /// Compiles (name, SQL) pairs against the columns of `schema`.
    ///
    /// Errors name the expression: bad syntax, an unknown column or function, types that do not go
    /// together, and what has no value of a row of its own: aggregates, windows, subqueries, and
    /// functions that read a clock or chance.
    pub fn compile_exprs(
        &self,
        schema: &SchemaRef,
        exprs: &[(String, String)],
    ) -> Result<CompiledExprs, Diagnostic> {
        compile(&self.session().state(), schema, exprs)
    }
}

impl CompiledExprs {
    /// The answer's columns: the expressions' names and types, in their order.
    pub fn schema(&self) -> SchemaRef {
        self.output.clone()
    }

    /// The input columns that the expressions read, in the order of the input.
    pub fn columns(&self) -> &[String] {
        &self.used
    }

    /// One column for each expression, one row for each row of the batch, which must have the
    /// columns that the expressions were compiled against, in that order.
    ///
    /// Errors name the expression: a cast that fails, a division by zero.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<RecordBatch, Diagnostic> {
        self.check_input(batch)?;
        let columns: Result<Vec<ArrayRef>, Diagnostic> = self
            .exprs
            .iter()
            .zip(self.output.fields())
            .map(|(expr, field)| {
                value(expr.as_ref(), field, batch)
                    .map_err(|error| about(field.name(), from_engine(error)))
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.output.clone(), columns?, &options)
            .map_err(from_arrow)
    }

    fn check_input(&self, batch: &RecordBatch) -> Result<(), Diagnostic> {
        let schema = batch.schema_ref();
        let same = schema.fields().len() == self.input.fields().len()
            && schema
                .fields()
                .iter()
                .zip(self.input.fields())
                .all(|(got, want)| {
                    got.name() == want.name() && got.data_type() == want.data_type()
                });
        if same {
            return Ok(());
        }
        let columns = |schema: &Schema| {
            let fields = schema.fields().iter();
            let columns = fields.map(|f| format!("{} {}", f.name(), f.data_type()));
            columns.collect::<Vec<_>>().join(", ")
        };
        Err(Diagnostic::internal(format!(
            "expressions over ({}) were given ({})",
            columns(&self.input),
            columns(schema)
        )))
    }
}

fn value(expr: &dyn PhysicalExpr, field: &Field, batch: &RecordBatch) -> EngineResult<ArrayRef> {
    let array = expr.evaluate(batch)?.into_array(batch.num_rows())?;
    match array.data_type() == field.data_type() {
        true => Ok(array),
        false => Ok(cast(&array, field.data_type())?),
    }
}

fn compile(
    state: &SessionState,
    schema: &SchemaRef,
    exprs: &[(String, String)],
) -> Result<CompiledExprs, Diagnostic> {
    let columns = Arc::new(DFSchema::try_from(schema.as_ref().clone()).map_err(from_engine)?);
    let mut fields = Vec::with_capacity(exprs.len());
    let mut compiled = Vec::with_capacity(exprs.len());
    let mut used = BTreeSet::new();
    for (name, sql) in exprs {
        let expr = logical(state, &columns, sql).map_err(|problem| about(name, problem))?;
        let expr = physical(state, &columns, expr)
            .and_then(|expr| {
                Ok((
                    plain_type(expr.data_type(schema)?),
                    expr.nullable(schema)?,
                    expr,
                ))
            })
            .map_err(|error| about(name, from_engine(error)))?;
        used.extend(
            collect_columns(&expr.2)
                .into_iter()
                .map(|column| column.index()),
        );
        fields.push(Field::new(name, expr.0, expr.1));
        compiled.push(expr.2);
    }
    Ok(CompiledExprs {
        input: schema.clone(),
        used: used
            .into_iter()
            .map(|index| schema.field(index).name().clone())
            .collect(),
        output: Arc::new(Schema::new(fields)),
        exprs: compiled,
    })
}

/// The parsed expression with the engine's rewrites (type coercion, the dialect's mends).
fn logical(state: &SessionState, columns: &DFSchemaRef, sql: &str) -> Result<Expr, Diagnostic> {
    let depth = state.config_options().sql_parser.recursion_limit.get();
    let mut expr = dialect::parse_feature(sql, depth).map_err(|error| from_parser(&error))?;
    dialect::rewrite_expr(&mut expr, state)?;
    let expr = ExprWithAlias { expr, alias: None };
    let expr = state
        .create_logical_expr_from_sql_expr(expr, columns)
        .map_err(from_engine)?;
    let expr = expr.unalias_nested().data;
    refuse_other_rows(&expr, sql)?;
    let nothing = LogicalPlan::EmptyRelation(EmptyRelation {
        produce_one_row: false,
        schema: columns.clone(),
    });
    let analyzed = LogicalPlanBuilder::from(nothing)
        .project([expr])
        .and_then(LogicalPlanBuilder::build)
        .and_then(|plan| {
            state
                .analyzer()
                .execute_and_check(plan, state.config_options(), |_, _| {})
        })
        .map_err(from_engine)?;
    match analyzed {
        LogicalPlan::Projection(mut projection) if projection.expr.len() == 1 => {
            Ok(projection.expr.remove(0).unalias_nested().data)
        }
        other => Err(Diagnostic::internal(format!(
            "'{sql}' became {}",
            other.display()
        ))),
    }
}

fn physical(
    state: &SessionState,
    columns: &DFSchemaRef,
    expr: Expr,
) -> EngineResult<Arc<dyn PhysicalExpr>> {
    let context = SimplifyContext::builder()
        .with_schema(columns.clone())
        .with_config_options(state.config_options().clone())
        .build();
    let expr = ExprSimplifier::new(context).simplify(expr)?;
    state.create_physical_expr(expr, columns)
}

/// A row's expression reads that row alone, and gives the same every time.
fn refuse_other_rows(expr: &Expr, sql: &str) -> Result<(), Diagnostic> {
    let mut why = None;
    expr.apply(|expr| {
        why = match expr {
            Expr::AggregateFunction(f) => Some(format!("{}() is an aggregate", f.func.name())),
            Expr::WindowFunction(_) => Some("it holds a window function".to_owned()),
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) => {
                Some("it holds a subquery".to_owned())
            }
            Expr::ScalarFunction(f) if f.func.signature().volatility != Volatility::Immutable => {
                Some(format!(
                    "{}() has another value at every call",
                    f.func.name()
                ))
            }
            _ => None,
        };
        Ok(match why {
            Some(_) => TreeNodeRecursion::Stop,
            None => TreeNodeRecursion::Continue,
        })
    })
    .map_err(from_engine)?;
    match why {
        None => Ok(()),
        Some(why) => Err(Diagnostic::error(format!(
            "'{sql}' cannot be computed from one row alone: {why}"
        ))),
    }
}

fn about(name: &str, mut problem: Diagnostic) -> Diagnostic {
    problem.message = format!("expression '{name}': {}", problem.message);
    problem
}

/// Layouts that the engine uses for its own ends do not leave it.
fn plain_type(found: DataType) -> DataType {
    match found {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, values) => plain_type(*values),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array, StringArray, TimestampMicrosecondArray};
    use arrow::datatypes::{Float64Type, Int64Type};
    use datafusion::execution::SessionStateBuilder;

    use super::*;

    fn request(origins: Vec<&str>) -> RecordBatch {
        let rows = origins.len();
        let at = TimestampMicrosecondArray::from(vec![1_375_353_000_000_000; rows]);
        let columns: [(&str, ArrayRef); 3] = [
            ("origin", Arc::new(StringArray::from(origins))),
            (
                "distance",
                Arc::new(Int64Array::from_iter_values(1..=rows as i64)),
            ),
            ("departs_at", Arc::new(at.with_timezone("UTC"))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn compiled(exprs: &[(&str, &str)]) -> Result<CompiledExprs, Diagnostic> {
        let state = SessionStateBuilder::new().with_default_features().build();
        let state = crate::dialect::install(state, crate::Dialect::default());
        let exprs: Vec<_> = exprs
            .iter()
            .map(|(n, e)| ((*n).to_owned(), (*e).to_owned()))
            .collect();
        compile(&state, &request(vec![]).schema(), &exprs)
    }

    #[test]
    fn each_expression_is_a_column_with_a_type_that_does_not_depend_on_the_rows() {
        let exprs = compiled(&[
            ("hour", "extract(hour from departs_at)"),
            ("far", "distance * 1.5 + (1 + 1)"),
            ("from_jfk", "case when origin = 'JFK' then 1 else 0 end"),
            ("label", "upper(origin) || '!'"),
        ])
        .unwrap();
        for rows in [vec![], vec!["JFK", "lga"]] {
            let answer = exprs.evaluate(&request(rows.clone())).unwrap();
            assert_eq!(answer.schema(), exprs.schema());
            assert_eq!(answer.num_rows(), rows.len());
        }
        assert_eq!(exprs.columns(), ["origin", "distance", "departs_at"]);
        assert_eq!(
            compiled(&[("d", "distance * 2")]).unwrap().columns(),
            ["distance"]
        );
        let answer = exprs.evaluate(&request(vec!["JFK", "lga"])).unwrap();
        assert_eq!(
            answer["hour"].as_primitive::<Int64Type>().values()[..],
            [10, 10]
        );
        assert_eq!(
            answer["far"].as_primitive::<Float64Type>().values()[..],
            [3.5, 5.0]
        );
        assert_eq!(
            answer["from_jfk"].as_primitive::<Int64Type>().values()[..],
            [1, 0]
        );
        assert_eq!(answer["label"].as_string::<i32>().value(1), "LGA!");
    }

    #[test]
    fn errors_name_the_expression_and_what_is_wrong_with_it() {
        for (sql, why) in [
            ("origni || 'x'", "no column 'origni'"),
            ("avg(distance)", "avg() is an aggregate"),
            ("distance - (select 1)", "subquery"),
            ("random()", "random() has another value"),
            ("now() - departs_at", "now() has another value"),
            ("distance +", "syntax"),
        ] {
            let error = compiled(&[("f", sql)])
                .err()
                .unwrap_or_else(|| panic!("{sql} compiled"));
            assert!(error.message.starts_with("expression 'f': "), "{error}");
            assert!(error.message.contains(why), "{error}");
        }
        let error = compiled(&[("f", "origni")]).err().unwrap();
        assert_eq!(error.hints, ["did you mean 'origin'?"]);

        let cast = compiled(&[("n", "cast(origin as bigint)")]).unwrap();
        let error = cast.evaluate(&request(vec!["JFK"])).unwrap_err();
        assert!(
            error.message.starts_with("expression 'n': ") && error.message.contains("JFK"),
            "{error}"
        );
    }

    #[test]
    fn another_schema_is_refused() {
        let exprs = compiled(&[("d", "distance")]).unwrap();
        let other = request(vec!["JFK"]).project(&[1]).unwrap();
        assert!(
            exprs
                .evaluate(&other)
                .unwrap_err()
                .message
                .contains("were given (distance Int64)")
        );
    }
}

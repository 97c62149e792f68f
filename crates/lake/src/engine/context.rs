//! What the planner may look up: the tables that were resolved for this query, and the functions of
//! the session.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::common::TableReference;
use datafusion::common::config::ConfigOptions;
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::{TableProvider, provider_as_source};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::{
    ContextProvider, ExprPlanner, RelationPlanner, TypePlanner,
};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use forebay_core::{Diagnostic, Relation};

use super::types::SqlTypes;
use crate::dialect::dialect_of;

/// The schema of a name that is written without one.
const DEFAULT_SCHEMA: &str = "main";

/// The relation that a name in SQL means.
pub(super) fn relation_of(name: &TableReference) -> Relation {
    Relation::new(name.schema().unwrap_or(DEFAULT_SCHEMA), name.table())
}

/// Tables by relation; the problem instead, where a name means no table.
pub(super) type Tables = HashMap<Relation, std::result::Result<Arc<dyn TableProvider>, Diagnostic>>;

pub(super) struct Context<'a> {
    pub state: &'a SessionState,
    pub tables: &'a Tables,
    /// Set when a table function is called: its arguments may be the moment of the query.
    pub has_called: Cell<bool>,
}

impl ContextProvider for Context<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let relation = relation_of(&name);
        match self.tables.get(&relation) {
            Some(Ok(table)) => Ok(provider_as_source(Arc::clone(table))),
            Some(Err(problem)) => Err(DataFusionError::External(Box::new(problem.clone()))),
            None => Err(DataFusionError::External(Box::new(Diagnostic::error(
                format!("there is no table or view '{relation}'"),
            )))),
        }
    }

    fn get_table_function_source(
        &self,
        name: &str,
        args: Vec<Expr>,
    ) -> Result<Arc<dyn TableSource>> {
        // The planner gives the name as it is written.
        let name = name.trim_matches('"');
        let known = self.state.table_functions();
        let function = known.get(&name.to_lowercase()).ok_or_else(|| {
            DataFusionError::External(Box::new(Diagnostic::error(format!(
                "there is no table function '{name}'"
            ))))
        })?;
        self.has_called.set(true);
        let simplifier = ExprSimplifier::new(
            SimplifyContext::builder()
                .with_config_options(Arc::clone(self.state.config_options()))
                .with_query_execution_start_time(
                    self.state.execution_props().query_execution_start_time,
                )
                .build(),
        );
        let empty = DFSchema::empty();
        let args = args
            .into_iter()
            .map(|arg| simplifier.simplify(simplifier.coerce(arg, &empty)?))
            .collect::<Result<Vec<_>>>()?;
        let args = datafusion::catalog::TableFunctionArgs::new(&args, self.state);
        let table = function.create_table_provider_with_args(args)?;
        Ok(provider_as_source(table))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(
            name, schema,
        ))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        self.state.relation_planners()
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(SqlTypes(dialect_of(self.state))))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.state.scalar_functions().get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state
            .higher_order_functions()
            .keys()
            .cloned()
            .collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}

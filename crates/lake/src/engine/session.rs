//! The engine's session: memory, threads, spilling, and the settings that the dialect rests on.

use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{FunctionRegistry, SessionState, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use forebay_core::Diagnostic;

use crate::settings::Settings;

use super::days;
use super::early;
use super::equal_nulls;
use super::error::from_engine;
use super::fence;
use super::join_order;
use super::keys_of_groups;
use super::lambdas;
use super::lazy;
use super::spill::SpillFolder;
use super::types::SqlTypes;
use super::{veil, waits, whole_answers};
use crate::dialect;
use crate::named::{self, Sequences};
use crate::types::{Dialect, LakeOptions};

/// Spilled files that one sort merges at once. Without a bound the first sort to merge takes all of
/// the memory, and the others of the query starve.
const MERGED_AT_ONCE: usize = 8;

/// What one thread builds for a join, if there were one thread: the engine's own figures are these with
/// sixteen threads.
const ALONE_BYTES: usize = 256 << 20;
const ALONE_ROWS: usize = 32 << 20;

pub(crate) fn session(
    o: &LakeOptions,
    settings: Arc<Settings>,
    runtime: Arc<RuntimeEnv>,
    sequences: Arc<Sequences>,
) -> SessionContext {
    let config = config(o).with_extension(settings);
    let context = SessionContext::new_with_state(state(config, runtime, o.dialect));
    for call in named::calls(&sequences) {
        context.register_udf(call);
    }
    context
}

fn state(config: SessionConfig, runtime: Arc<RuntimeEnv>, dialect: Dialect) -> SessionState {
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_type_planner(Arc::new(SqlTypes(dialect)))
        .build();
    let mut rules = lazy::rules(state.physical_optimizers());
    join_order::install(&mut rules);
    rules.insert(0, Arc::new(veil::Veiled));
    fence::install(&mut rules);
    waits::install(&mut rules);
    early::install(&mut rules);
    let mut logical = state.optimizer().rules.clone();
    days::install(&mut logical);
    equal_nulls::install(&mut logical);
    whole_answers::install(&mut logical);
    lambdas::install(&mut logical);
    keys_of_groups::install(&mut logical);
    let state = SessionStateBuilder::new_from_existing(state)
        .with_optimizer_rules(logical)
        .with_relation_planners(vec![Arc::new(keys_of_groups::Relations)])
        .with_physical_optimizer_rules(rules)
        .build();
    dialect::install(state, dialect)
}

/// A session that reads another dialect, with the settings, the memory and the moment of this one.
pub(super) fn in_dialect(session: &dyn Session, dialect: Dialect) -> SessionState {
    let mut state = state(
        session.config().clone(),
        Arc::clone(session.runtime_env()),
        dialect,
    );
    state.execution_props_mut().query_execution_start_time =
        session.execution_props().query_execution_start_time;
    for name in named::CALLS {
        if let Some(call) = session.scalar_functions().get(name) {
            let _ = state.register_udf(Arc::clone(call));
        }
    }
    state
}

/// What sessions share: memory, and files to spill into.
pub(crate) fn runtime(o: &LakeOptions, spill: &SpillFolder) -> Result<Arc<RuntimeEnv>, Diagnostic> {
    let folder = DiskManagerMode::Directories(vec![spill.path().to_owned()]);
    let disk = DiskManagerBuilder::default()
        .with_mode(folder)
        .with_max_spill_merge_fan_in(MERGED_AT_ONCE);
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(o.memory_limit)))
        .with_disk_manager_builder(disk)
        .build_arc()
        .map_err(from_engine)
}

fn config(o: &LakeOptions) -> SessionConfig {
    let threads = o.threads.max(1);
    let mut config = SessionConfig::new().with_target_partitions(threads);
    let options = config.options_mut();
    // Plain strings at the boundary: views are an engine matter.
    options.execution.parquet.schema_force_view_types = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.collect_spans = true;
    options.catalog.default_catalog.clone_from(&o.database);
    options.execution.time_zone = Some("UTC".to_owned());
    // Each sorting partition sets this aside for its merge. The default of 10 MiB would eat a
    // small limit before the first row.
    let share = o.memory_limit / (threads * 32);
    options.execution.sort_spill_reservation_bytes = share.min(10 << 20);
    // What one thread keeps in memory for a join need not be shuffled, nor what is looked up in it. That
    // pays the more, the fewer threads there are to build it in its place.
    let few = threads * threads;
    options.optimizer.hash_join_single_partition_threshold = ALONE_BYTES / few;
    options.optimizer.hash_join_single_partition_threshold_rows = ALONE_ROWS / few;
    // A union whose parts are shuffled alike is not interleaved: later rules change the parts, and the engine then finds
    // that they no longer fit.
    options.optimizer.prefer_existing_union = true;
    // Whether `coalesce(a, false)` may be null is answered in two ways by plans and by what runs them.
    options.execution.skip_physical_aggregate_schema_check = true;
    // Groups are not made twice, before the shuffle and after it, where that leaves many of the rows.
    options
        .execution
        .skip_partial_aggregation_probe_ratio_threshold = 0.2;
    config
}

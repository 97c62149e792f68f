//! The kinds of things that are said: dbt's names and codes, by its `core_types.proto` (log version 3).

/// One kind of event: its name and its code.
#[derive(Clone, Copy)]
pub struct Kind(pub &'static str, pub &'static str);

pub const BLANK: Kind = Kind("Formatting", "Z017");
pub const COMPILED: Kind = Kind("CompiledNode", "Q042");
pub const COMPLETED: Kind = Kind("CommandCompleted", "Q039");
pub const CONCURRENCY: Kind = Kind("ConcurrencyLine", "Q027");
pub const END: Kind = Kind("EndOfRunSummary", "Z030");
pub const FINISHED: Kind = Kind("FinishedRunningStats", "E047");
pub const FRESHNESS: Kind = Kind("LogFreshnessResult", "Q018");
pub const FOUND: Kind = Kind("FoundStats", "W006");
pub const HOOK_END: Kind = Kind("LogHookEndLine", "Q033");
pub const HOOK_START: Kind = Kind("LogHookStartLine", "Q032");
pub const MODEL: Kind = Kind("LogModelResult", "Q012");
pub const NODE: Kind = Kind("LogNodeResult", "Q008");
pub const NODE_FINISHED: Kind = Kind("NodeFinished", "Q025");
pub const NODE_START: Kind = Kind("NodeStart", "Q024");
pub const NOTE: Kind = Kind("Note", "Z050");
pub const NOTHING: Kind = Kind("LogNodeNoOpResult", "Q019");
pub const PRINT: Kind = Kind("PrintEvent", "Z052");
pub const QUERY: Kind = Kind("SQLQuery", "E016");
pub const RESULT_AT: Kind = Kind("SQLCompiledPath", "Z026");
pub const RESULT_ERROR: Kind = Kind("RunResultError", "Z024");
pub const RESULT_FAILURE: Kind = Kind("RunResultFailure", "Z022");
pub const RESULT_KEPT: Kind = Kind("CheckNodeTestFailure", "Z027");
pub const RESULT_MESSAGE: Kind = Kind("RunResultWarningMessage", "Z046");
pub const RESULT_WARNING: Kind = Kind("RunResultWarning", "Z021");
pub const RUN_ENDED: Kind = Kind("EndRunResult", "Q037");
pub const SAID: Kind = Kind("JinjaLogInfo", "I062");
pub const SEED: Kind = Kind("LogSeedResult", "Q016");
pub const SHOWN: Kind = Kind("ShowNode", "Q041");
pub const SKIP: Kind = Kind("SkippingDetails", "Q034");
pub const SKIPPED_BELOW: Kind = Kind("MarkSkippedChildren", "Z033");
pub const SNAPSHOT: Kind = Kind("LogSnapshotResult", "Q015");
pub const START: Kind = Kind("LogStartLine", "Q011");
pub const STATS: Kind = Kind("StatsLine", "Z023");
pub const TEST: Kind = Kind("LogTestResult", "Q007");
pub const TROUBLE: Kind = Kind("MainEncounteredError", "Z002");
pub const VERSION: Kind = Kind("MainReportVersion", "A001");

/// Warnings that have a name of dbt's, and a code with it.
const WARNINGS: &[Kind] = &[
    Kind("NoNodesForSelectionCriteria", "M030"),
    Kind("NoNodesSelected", "Q038"),
    Kind("NothingToDo", "Q035"),
];

/// The kind of a warning by its name; others are notes.
pub fn warning(name: &str) -> Kind {
    let known = WARNINGS.iter().find(|kind| kind.0 == name);
    known.copied().unwrap_or(NOTE)
}

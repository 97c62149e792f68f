//! A monitor: the inputs and scores of a service against the profile of its training rows.

use forebay_checks::drift::{self, ColumnDrift};
use forebay_checks::profile::{self, Profile};
use forebay_core::graph::Spec;
use forebay_core::ml::{Monitor, MonitorRows};
use forebay_core::{Diagnostic, Node, Severity, quote};
use forebay_ml::serving::Service;
use forebay_store::RunStatus;
use serde_json::json;

use super::{Context, Outcome};
use crate::{serving, workspace::Workspace};

pub async fn run(
    context: &Context<'_>,
    node: &Node,
    monitor: &Monitor,
) -> Result<Outcome, Diagnostic> {
    let workspace = context.workspace;
    let service_node = workspace.graph().get(&monitor.service).ok_or_else(|| {
        Diagnostic::internal(format!(
            "{} watches {}, which the graph lacks",
            node.id, monitor.service
        ))
    })?;
    if !matches!(service_node.spec, Spec::InferenceService(_)) {
        return Err(Diagnostic::error(format!(
            "{} is no inference service",
            monitor.service
        )));
    }
    let service = serving::load(workspace, service_node)?;
    let Some(current) = current(workspace, node, monitor, &service).await? else {
        let text = "no rows to hold against the training rows yet";
        return Ok(Outcome::new(RunStatus::Success, text, json!({"rows": 0})));
    };
    if current.rows < monitor.min_rows {
        let text = format!(
            "{} rows: drift is judged from {} on",
            current.rows, monitor.min_rows
        );
        let data = json!({"rows": current.rows});
        return Ok(Outcome::new(RunStatus::Success, text, data));
    }
    let folder = workspace.artifacts(&format!("{}/{}", service.job_name(), service.run_id()));
    let reference = profile::read(&folder.join("profile.json"))?;
    let found = drift::compare(monitor, &reference, &current)?;
    Ok(judge(monitor, &found, current.rows))
}

/// Profile of the rows that the monitor speaks of; None where there are none.
async fn current(
    workspace: &Workspace,
    node: &Node,
    monitor: &Monitor,
    service: &Service,
) -> Result<Option<Profile>, Diagnostic> {
    let batches = match &monitor.rows {
        MonitorRows::Logged => {
            let log = forebay_ml::serving::log_table(service.name());
            match workspace.lake.info(&log).await? {
                None => return Ok(None),
                Some(_) => {
                    workspace
                        .lake
                        .collect(&format!("select * from {}", log.sql()))
                        .await?
                }
            }
        }
        MonitorRows::Replay { from, to } => {
            let at = quote(service.event_timestamp());
            let set = service.training_set();
            let sql = format!(
                "select * from {} where {at} >= timestamp '{from}' and {at} < timestamp '{to}'",
                set.sql()
            );
            let batches = workspace.lake.collect(&sql).await?;
            service.score_batches(&batches)?
        }
    };
    let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    if rows == 0 {
        return Ok(None);
    }
    let mut columns = service.features().to_vec();
    columns.push("score".to_owned());
    profile::build(&batches, &columns)
        .map(Some)
        .map_err(|error| error.at(node.location.clone()))
}

fn judge(monitor: &Monitor, found: &[ColumnDrift], rows: u64) -> Outcome {
    let broken: Vec<&ColumnDrift> = found.iter().filter(|column| !column.passed).collect();
    let worst = found.iter().max_by(|a, b| a.value.total_cmp(&b.value));
    let status = match (broken.is_empty(), monitor.severity) {
        (true, _) => RunStatus::Success,
        (false, Severity::Warning) => RunStatus::Warn,
        (false, Severity::Error) => RunStatus::Fail,
    };
    let message = match worst {
        None => format!("{rows} rows, nothing to compare"),
        Some(worst) => format!(
            "{rows} rows, {} of {} columns drifted, most: {} ({:.3})",
            broken.len(),
            found.len(),
            worst.column,
            worst.value
        ),
    };
    Outcome::new(status, message, json!({"rows": rows, "columns": found}))
}

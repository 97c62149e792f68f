//! `source freshness`: how old the newest rows are; writes target/sources.json.

use std::path::Path;
use std::time::Instant;

use chrono::{DateTime, Utc};
use forebay_checks::freshness::{self, FreshnessStatus};
use forebay_core::graph::Spec;
use forebay_core::{Diagnostic, Diagnostics, ResourceType};
use forebay_project::When;
use forebay_runner::{StepResult, hooks};
use forebay_store::RunStatus;
use serde_json::json;

use crate::args::{Freshness, Global};
use crate::artifact::{self, Measured};
use crate::report::{Talk, data, kinds};
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &Freshness) -> Result<u8, Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let selected = wiring::selected(&workspace.project, global, &options.select, talk)?;
    let as_json = options.output.as_deref() == Some(Path::new("json"));
    let (now, began) = (workspace.clock.now(), Instant::now());
    let hooked = workspace.project.has_hooks_around_freshness();
    let _held = match hooked {
        true => Some(wiring::take(&workspace, global, talk, "source freshness").await?),
        false => None,
    };
    let reporter = talk.reporter(&workspace, wiring::threads(&workspace), as_json);
    let around = async |when, results: &[StepResult]| match hooked {
        true => hooks::around_run(&workspace, when, results, &*reporter).await,
        false => Ok(Vec::new()),
    };
    let mut ran = around(When::Before, &[]).await?;
    let mut measured = Vec::new();
    for node in selected.iter().filter_map(|id| workspace.graph().get(id)) {
        if matches!(&node.spec, Spec::Source(source) if source.freshness.is_some()) {
            let started = Instant::now();
            let outcome = match workspace.project.newest_row(node) {
                Ok(query) => freshness::run(&workspace.lake, node, query.as_deref(), now).await,
                Err(problem) => Err(problem),
            };
            let seconds = started.elapsed().as_secs_f64();
            measured.push(Measured {
                node,
                outcome,
                seconds,
            });
        }
    }
    let default = || global.artifacts().join("sources.json");
    let file = options
        .output
        .clone()
        .filter(|_| !as_json)
        .unwrap_or_else(default);
    let took = began.elapsed().as_secs_f64();
    artifact::sources(&workspace.project, global, &file, &measured, took)?;
    if as_json {
        let all = measured
            .iter()
            .filter_map(|m| Some((m, m.outcome.as_ref().ok()?)));
        let all = all.map(|(m, outcome)| json!({"unique_id": m.node.id, "freshness": outcome}));
        data::json(&all.collect::<Vec<_>>())?;
    } else {
        measured.iter().for_each(|measured| said(talk, measured));
    }
    let results: Vec<StepResult> = measured.iter().map(|m| result(m, now)).collect();
    ran.extend(around(When::After, &results).await?);
    let mut broken = ran.iter().filter(|hook| hook.status == RunStatus::Error);
    let hook_failed = broken
        .next()
        .map(|hook| talk.error(&Diagnostic::error(&hook.message)));
    let hook_failed = hook_failed.is_some();
    let failed = hook_failed
        || measured.iter().any(|m| match &m.outcome {
            Ok(outcome) => outcome.status == FreshnessStatus::Error,
            Err(_) => true,
        });
    measured
        .iter()
        .filter_map(|m| m.outcome.as_ref().err())
        .for_each(|e| talk.error(e));
    Ok(u8::from(failed))
}

/// As hooks see it.
fn result(measured: &Measured<'_>, now: DateTime<Utc>) -> StepResult {
    let (status, word) = match &measured.outcome {
        Err(_) => (RunStatus::Error, "runtime error"),
        Ok(outcome) => match outcome.status {
            FreshnessStatus::Pass => (RunStatus::Success, "pass"),
            FreshnessStatus::Warn => (RunStatus::Warn, "warn"),
            FreshnessStatus::Error => (RunStatus::Error, "error"),
        },
    };
    let message = match &measured.outcome {
        Err(problem) => problem.message.clone(),
        Ok(outcome) => outcome.message.clone().unwrap_or_default(),
    };
    let finished_ms = now.timestamp_millis();
    StepResult {
        node: measured.node.id.clone(),
        name: measured.node.name.clone(),
        resource_type: ResourceType::Source,
        status,
        attempts: 1,
        started_ms: Some(finished_ms - (measured.seconds * 1e3) as i64),
        finished_ms,
        message,
        details: json!({"freshness": word}),
        sql: None,
    }
}

fn said(talk: &Talk, measured: &Measured<'_>) {
    let word = match &measured.outcome {
        Err(_) => "ERROR",
        Ok(outcome) => match outcome.status {
            FreshnessStatus::Pass => "PASS",
            FreshnessStatus::Warn => "WARN",
            FreshnessStatus::Error => "ERROR STALE",
        },
    };
    let outcome = measured.outcome.as_ref().ok();
    let message = outcome
        .and_then(|o| o.message.as_deref())
        .unwrap_or("fresh");
    let node = measured.node;
    let text = format!("{word:<11}  {:<32} {message}", node.name);
    talk.answer(kinds::FRESHNESS, &text, &text, &|| {
        let source_name = match &node.spec {
            Spec::Source(source) => source.source_name.as_str(),
            _ => "",
        };
        json!({
            "execution_time": measured.seconds,
            "node_info": {"node_name": node.name, "resource_type": "source", "unique_id": node.id},
            "source_name": source_name,
            "status": word.to_lowercase(),
            "table_name": node.name,
        })
    });
}

//! `why`: a prediction, explained down to the source rows.

use forebay_core::Diagnostics;
use forebay_runner::why::{self, FeatureReason, Origin, Why};
use serde_json::Value;

use crate::args::{self, Global, Output};
use crate::report::{Talk, data};
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &args::Why) -> Result<u8, Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let found = why::explain(&workspace, &options.prediction).await?;
    match options.output {
        Output::Json => data::json(&found)?,
        Output::Text => print(&found),
    }
    Ok(0)
}

pub fn print(why: &Why) {
    let line = |what: &str, value: &str| data::print(&format!("{what:<14} {value}"));
    line("prediction", &why.prediction_id);
    line("answer", &answer(why));
    line("answered", &why.answered_at);
    line("service", &why.service);
    line(
        "model",
        &format!("{} version {}", why.model, why.model_version),
    );
    line("run", &format!("{}  {}", why.run_id, metrics(why)));
    line(
        "training set",
        &format!("{} version {}", why.training_set, why.training_set_version),
    );
    for input in &why.training_inputs {
        line(
            "  made from",
            &format!("{} version {}", input.relation, input.version),
        );
    }
    data::print("request");
    for (name, value) in &why.inputs {
        data::print(&format!("  {name} = {}", shown(value)));
    }
    data::print("features");
    why.features.iter().for_each(feature);
    let upstream: Vec<&str> = why.upstream.iter().map(|id| id.as_str()).collect();
    line("upstream", &upstream.join(", "));
    line("source files", &why.source_files.join(", "));
    let again = match why.rescored.same_bits {
        true => "the same bits",
        false => "NOT the same bits",
    };
    line(
        "scored again",
        &format!("{:.6}, {again}", why.rescored.score),
    );
}

fn answer(why: &Why) -> String {
    match &why.label {
        Value::Null => format!("{:.6}", why.score),
        Value::String(label) => format!("{label} ({:.6})", why.score),
        label => format!("{:.6} -> {label}", why.score),
    }
}

fn metrics(why: &Why) -> String {
    let shown = ["roc_auc", "log_loss"].iter().filter_map(|name| {
        let value = why.run_metrics.get(*name)?;
        Some(format!("{name} {value:.4}"))
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn shown(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("(missing)")
}

fn feature(reason: &FeatureReason) {
    let stale = if reason.stale { " STALE" } else { "" };
    data::print(&format!(
        "  {} = {}{stale}  ({})",
        reason.name,
        shown(&reason.value),
        reason.expr
    ));
    let Origin::View {
        source,
        source_version,
        event_time,
        source_rows,
        shown,
        ..
    } = &reason.origin
    else {
        return;
    };
    let version = source_version.map_or(String::new(), |version| format!(" version {version}"));
    let known = event_time.as_deref().unwrap_or("never");
    data::print(&format!(
        "      known {known}; {source_rows} rows of {source}{version}"
    ));
    for row in 0..shown.rows.len().min(1) {
        if let (Some(file), Some(at)) = (shown.get(row, "_file"), shown.get(row, "_line")) {
            data::print(&format!("      newest: {file}:{at}"));
        }
    }
}

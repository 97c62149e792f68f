//! `/services`

use forebay_core::ml::{ModelSelector, Monitor};
use forebay_core::{Diagnostic, Node, ResourceType, Spec, quote};
use forebay_ml::record::ColumnType;
use forebay_ml::serving::{InputField, InputRole, Service};
use forebay_runner::Workspace;
use forebay_runner::cells::Cells;
use forebay_ui::page::{
    Delay, Drift, Minute, NodeLink, PredictionRow, RequestField, Service as Page, ServiceRow,
    Services, Status, Try,
};

use crate::project::serving::Serving;

const RECENT: usize = 20;

pub fn services(workspace: &Workspace, serving: &Serving) -> Result<Services, Diagnostic> {
    Ok(Services {
        services: rows(workspace, serving)?,
    })
}

/// Every inference service of the project, whether it answers yet or not.
pub fn rows(workspace: &Workspace, serving: &Serving) -> Result<Vec<ServiceRow>, Diagnostic> {
    let nodes = workspace.graph().nodes.values();
    let services = nodes.filter(|n| n.resource_type() == ResourceType::InferenceService);
    services.map(|node| row(workspace, serving, node)).collect()
}

fn row(workspace: &Workspace, serving: &Serving, node: &Node) -> Result<ServiceRow, Diagnostic> {
    let loaded = serving.get(&node.name);
    let counts = serving.traffic().of(&node.name);
    let (model, alias) = match &node.spec {
        Spec::InferenceService(spec) => (
            spec.model.clone(),
            match &spec.version {
                ModelSelector::Alias(alias) => Some(alias.clone()),
                ModelSelector::Version(_) => None,
            },
        ),
        _ => (String::new(), None),
    };
    let latest = super::latest(workspace)?;
    let states = monitors(workspace, node).filter_map(|(monitor, _)| latest.get(&monitor.id));
    Ok(ServiceRow {
        name: node.name.clone(),
        model,
        version: loaded.as_ref().map(|service| service.model_version()),
        alias,
        ready: loaded.is_some(),
        predictions: counts.predictions,
        p99_ms: counts.delays.quantile_ms(0.99),
        monitors: worst(states.map(|run| super::status(run.status))),
    })
}

fn monitors<'a>(
    workspace: &'a Workspace,
    service: &'a Node,
) -> impl Iterator<Item = (&'a Node, &'a Monitor)> {
    workspace
        .graph()
        .nodes
        .values()
        .filter_map(|node| match &node.spec {
            Spec::Monitor(monitor) if monitor.service == service.id => Some((node, monitor)),
            _ => None,
        })
}

fn worst(states: impl Iterator<Item = Status>) -> Option<Status> {
    states.max_by_key(|status| match status {
        Status::Fail | Status::Error => 2,
        Status::Success => 0,
        _ => 1,
    })
}

/// None where the project has no such service.
pub async fn service(
    workspace: &Workspace,
    serving: &Serving,
    name: &str,
    address: &str,
    tried: Option<Try>,
) -> Result<Option<Page>, Diagnostic> {
    let Some(node) = workspace.graph().find(ResourceType::InferenceService, name) else {
        return Ok(None);
    };
    let loaded = serving.get(name);
    let (drift, drift_of) = drift(workspace, node)?;
    let fields: Vec<RequestField> = match &loaded {
        Some(service) => fields(workspace, service).await?,
        None => Vec::new(),
    };
    Ok(Some(Page {
        service: row(workspace, serving, node)?,
        node: Some(NodeLink::of(node)),
        run_id: loaded.as_ref().map(|service| service.run_id().to_owned()),
        threshold: loaded.as_ref().and_then(|service| service.threshold()),
        curl: curl(name, address, &fields),
        fields,
        tried,
        traffic: traffic(serving, name),
        delay: delay(workspace, serving, node),
        drift,
        drift_of,
        recent: match &loaded {
            Some(service) => recent(workspace, service).await?,
            None => Vec::new(),
        },
    }))
}

/// The inputs with a value each that the service knows: that of the newest row of the spine.
async fn fields(workspace: &Workspace, service: &Service) -> Result<Vec<RequestField>, Diagnostic> {
    let names: Vec<String> = service
        .inputs()
        .iter()
        .map(|input| quote(&input.name))
        .collect();
    let set = service.training_set();
    let sql = format!(
        "select {} from {} order by {} desc limit 1",
        names.join(", "),
        set.sql(),
        quote(service.event_timestamp())
    );
    let example = match workspace.lake.info(set).await? {
        Some(_) => Cells::from_batches(&workspace.lake.collect(&sql).await?, 1)?,
        None => Cells::default(),
    };
    let field = |input: &InputField| RequestField {
        name: input.name.clone(),
        datatype: datatype(input.data_type).to_owned(),
        description: described(input.role).to_owned(),
        example: example.get(0, &input.name).unwrap_or_default().to_owned(),
        required: input.required(),
    };
    Ok(service.inputs().iter().map(field).collect())
}

/// The Open Inference Protocol's name of a type; instants and dates travel as text.
fn datatype(data_type: ColumnType) -> &'static str {
    match data_type {
        ColumnType::Boolean => "BOOL",
        ColumnType::Int64 => "INT64",
        ColumnType::Float64 => "FP64",
        _ => "BYTES",
    }
}

fn described(role: InputRole) -> &'static str {
    match role {
        InputRole::EntityKey => "entity key: features are looked up by it",
        InputRole::RequestField => "request field",
        InputRole::Moment => "the moment that is asked about; now, where it is left out",
    }
}

fn curl(name: &str, address: &str, fields: &[RequestField]) -> String {
    let input = |field: &RequestField| {
        let value = match field.datatype.as_str() {
            "BYTES" => serde_json::Value::from(field.example.as_str()),
            _ => serde_json::from_str(&field.example).unwrap_or_default(),
        };
        serde_json::json!({
            "name": field.name, "shape": [1], "datatype": field.datatype, "data": [value]
        })
    };
    let body = serde_json::json!({"inputs": fields.iter().map(input).collect::<Vec<_>>()});
    format!(
        "curl -s http://{address}/v2/models/{name}/infer -H 'content-type: application/json' -d '{body}'"
    )
}

fn traffic(serving: &Serving, name: &str) -> Vec<Minute> {
    let minutes = serving.traffic().of(name).minutes;
    let minute = |minute: crate::project::traffic::Minute| Minute {
        at_ms: minute.at_ms,
        answered: minute.answered,
        refused: minute.refused,
        p50_ms: minute.delays.quantile_ms(0.5).unwrap_or(0.0),
        p99_ms: minute.delays.quantile_ms(0.99).unwrap_or(0.0),
    };
    minutes.into_iter().map(minute).collect()
}

fn delay(workspace: &Workspace, serving: &Serving, node: &Node) -> Option<Delay> {
    let delays = serving.traffic().of(&node.name).delays;
    let rule = monitors(workspace, node).find_map(|(_, monitor)| monitor.delay.clone());
    let read = rule.as_deref().and_then(delay_rule);
    let held = |(share, limit): (f64, f64)| Some(delays.quantile_ms(share)? < limit);
    Some(Delay {
        p50_ms: delays.quantile_ms(0.5)?,
        p99_ms: delays.quantile_ms(0.99)?,
        limit_ms: read.map(|(_, limit)| limit),
        status: read.and_then(held).map(|held| match held {
            true => Status::Success,
            false => Status::Warn,
        }),
        rule,
    })
}

/// `p99 < 20ms` as a share of the requests and a limit in milliseconds. None where it reads otherwise.
fn delay_rule(text: &str) -> Option<(f64, f64)> {
    let (quantile, limit) = text.split_once('<')?;
    let share: f64 = quantile.trim().strip_prefix('p')?.parse().ok()?;
    let limit = limit.trim_start_matches('=').trim();
    let units = [("ms", 1.0), ("us", 1e-3), ("s", 1e3)];
    let (number, unit) = units
        .iter()
        .find_map(|(unit, ms)| Some((limit.strip_suffix(unit)?, ms)))?;
    let limit: f64 = number.trim().parse().ok()?;
    (share > 0.0 && share < 100.0).then_some((share / 100.0, limit * unit))
}

/// What the newest run of a monitor of the service found.
fn drift(workspace: &Workspace, service: &Node) -> Result<(Vec<Drift>, String), Diagnostic> {
    let latest = super::latest(workspace)?;
    for (node, _) in monitors(workspace, service) {
        let Some(run) = latest.get(&node.id) else {
            continue;
        };
        let columns = run.details["columns"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let found: Vec<Drift> = columns
            .iter()
            .map(|column| Drift {
                column: text(&column["column"]),
                statistic: text(&column["statistic"]),
                value: column["value"].as_f64().unwrap_or(0.0),
                limit: column["bound"].as_f64().unwrap_or(f64::INFINITY),
                broken: column["passed"] == false,
            })
            .collect();
        if !found.is_empty() {
            let of = match node.description.is_empty() {
                true => format!("{} against the training rows", node.name),
                false => node.description.clone(),
            };
            return Ok((found, of));
        }
    }
    Ok((Vec::new(), String::new()))
}

async fn recent(
    workspace: &Workspace,
    service: &Service,
) -> Result<Vec<PredictionRow>, Diagnostic> {
    let table = forebay_ml::serving::log_table(service.name());
    let folder = workspace.settings().prediction_log();
    let mut batches = forebay_ml::serving::pending(&folder, service.name())?;
    // The newest rows of the newest batches are enough.
    batches.reverse();
    let mut found = Vec::new();
    for batch in &batches {
        let cells = Cells::from_batches(std::slice::from_ref(batch), usize::MAX)?;
        found.extend(
            (0..cells.rows.len())
                .rev()
                .map(|i| prediction(service, &cells, i)),
        );
        if found.len() >= RECENT {
            break;
        }
    }
    if found.len() < RECENT && workspace.lake.info(&table).await?.is_some() {
        let sql = format!(
            "select * from {} order by answered_at desc, prediction_id desc limit {RECENT}",
            table.sql()
        );
        let cells = Cells::from_batches(&workspace.lake.collect(&sql).await?, RECENT)?;
        found.extend((0..cells.rows.len()).map(|i| prediction(service, &cells, i)));
    }
    found.truncate(RECENT);
    Ok(found)
}

fn prediction(service: &Service, cells: &Cells, row: usize) -> PredictionRow {
    let text = |column: &str| cells.get(row, column).unwrap_or_default().to_owned();
    let keys = service
        .inputs()
        .iter()
        .filter(|input| input.role == InputRole::EntityKey);
    let keys: Vec<String> = keys
        .map(|key| format!("{}={}", key.name, text(&key.name)))
        .collect();
    let stale = text("stale_features");
    PredictionRow {
        id: text("prediction_id"),
        at_ms: super::prediction::millis(&text("answered_at")).unwrap_or_default(),
        version: text("model_version").parse().unwrap_or_default(),
        score: text("score").parse().unwrap_or(f64::NAN),
        label: super::prediction::answer(&text("label")).to_owned(),
        keys: keys.join(", "),
        stale_features: stale.split(',').filter(|name| !name.is_empty()).count() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::delay_rule;

    #[test]
    fn a_rule_of_delays_is_a_quantile_and_a_limit() {
        assert_eq!(delay_rule("p99 < 20ms"), Some((0.99, 20.0)));
        assert_eq!(delay_rule("p50<=0.5 s"), Some((0.5, 500.0)));
        for text in ["p99", "mean < 20ms", "p99 < 20", "p100 < 1s", "p99 > 1s"] {
            assert_eq!(delay_rule(text), None, "{text}");
        }
    }
}

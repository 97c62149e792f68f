//! Sample data of the tracked half: experiments, runs, comparison, artifacts, a model's card. Some of
//! it is as unruly as clients are.

use super::data::NOW;
use super::model::{FEATURES, HASH, RUN, evaluation, inputs, link, pairs};
use crate::page::{
    Artifacts, Asked, AssessmentRow, Card, CardFeature, Column, Compare, ComparedRun, CurvePoint,
    DatasetRow, Drawing, Entry, Experiment, ExperimentRow, Experiments, File, Grid, GridColumn,
    Listing, LoggedMetric, LoggedModel, LoggedModelRow, Misread, ModelMetricRow, Output, RunLink,
    RunRow, RunValue, SpanRow, Status, Trace, TraceRow, Traces, Training, VersionLink, View, nest,
};
use crate::shell::{Crumb, Section};
use forebay_core::ResourceType;

const ODD: &str = "<b>\u{dc}bung \u{2013} \u{8a66}\u{9a13}</b> & \"quotes\"";

pub fn experiments() -> Experiments {
    let row = |id, name: &str, runs, running, note: &str| ExperimentRow {
        id,
        name: name.to_owned(),
        deleted: false,
        runs,
        running,
        last_started_ms: (runs > 0).then_some(NOW),
        note: note.to_owned(),
    };
    Experiments {
        experiments: vec![
            row(3, "late_arrival", 6, 1, ""),
            row(
                2,
                "/Users/ada/churn",
                10_000,
                0,
                "Baselines of the first quarter.",
            ),
            row(1, ODD, 3, 0, ""),
            row(0, "Default", 0, 0, ""),
        ],
        address: "127.0.0.1:8600".to_owned(),
        ..Experiments::default()
    }
}

fn columns(texts: &[&str]) -> Vec<Column> {
    texts
        .iter()
        .filter_map(|text| Column::parse(text))
        .collect()
}

fn version(version: u64, aliases: &[&str]) -> VersionLink {
    VersionLink {
        model: "late_arrival".to_owned(),
        version,
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
    }
}

fn row(i: i64) -> RunRow {
    let id = |i: i64| format!("{:032x}", 0x5eed_u128 * (i as u128 + 1));
    let nested = (3..6).contains(&i);
    RunRow {
        id: id(i),
        name: match i {
            4 => ODD.to_owned(),
            6 => format!("a_very_long_name_{}", "of_a_run_".repeat(12)),
            _ => format!("late_arrival-{}", 12 - i),
        },
        status: match i {
            0 => Status::Running,
            7 => Status::Error,
            _ => Status::Success,
        },
        deleted: false,
        started_ms: NOW - i * 86_400_000,
        finished_ms: (i != 0).then_some(NOW - i * 86_400_000 + 31_200 + i * 400),
        user: "ada".to_owned(),
        parent: nested.then(|| RunLink {
            id: id(6),
            name: "search".to_owned(),
        }),
        nested: false,
        values: vec![
            match i {
                7 => RunValue::None,
                8 => RunValue::Number(f64::NAN),
                _ => RunValue::Number(0.7231 - 0.0017 * i as f64),
            },
            RunValue::Number(0.4811 + 0.001 * i as f64),
            RunValue::Text(format!("{}", 0.1 / (i + 1) as f64)),
            RunValue::Text(match i {
                5 => "{\"layers\": [512, 256, 128, 64], \"dropout\": 0.5, \"activation\": \"gelu\", \"norm\": true}".to_owned(),
                _ => "gradient_boosting".to_owned(),
            }),
        ],
        versions: match i {
            1 => vec![version(5, &["champion"])],
            2 => vec![version(4, &[])],
            _ => Vec::new(),
        },
    }
}

pub fn experiment() -> Experiment {
    Experiment {
        id: 3,
        name: "late_arrival".to_owned(),
        note: "Will the flight be more than 15 minutes late?".to_owned(),
        columns: columns(&[
            "metrics.roc_auc",
            "metrics.log_loss",
            "params.learning_rate",
            "params.model",
        ]),
        known: columns(&[
            "metrics.brier",
            "metrics.log_loss",
            "metrics.roc_auc",
            "params.learning_rate",
            "params.model",
            "params.seed",
            "tags.team",
        ]),
        runs: nest((0..12).map(row).collect()),
        next: Some("token".to_owned()),
        total: 10_000,
        logged_models: logged_models(),
        address: "127.0.0.1:8600".to_owned(),
        ..Experiment::default()
    }
}

/// The filter is wrong, two runs are kept.
pub fn misread() -> Experiment {
    let kept: Vec<RunRow> = (1..3).map(row).collect();
    Experiment {
        asked: Asked {
            filter: "metrics.roc_auc > high".to_owned(),
            order: "metrics.`roc_auc` DESC".to_owned(),
            pinned: kept.iter().map(|row| row.id.clone()).collect(),
            ..Asked::default()
        },
        misread: Some(Misread {
            message:
                "invalid filter at character 19: expected a number or a 'quoted' text, found 'high'"
                    .to_owned(),
            at: Some(19),
        }),
        pinned: kept,
        runs: Vec::new(),
        next: None,
        ..experiment()
    }
}

fn logged_models() -> Vec<LoggedModelRow> {
    vec![LoggedModelRow {
        id: "m-3f0d6c1b9a7e4f52a1c88d2e64b97035".to_owned(),
        name: "booster".to_owned(),
        kind: "sklearn".to_owned(),
        status: "READY".to_owned(),
        created_ms: NOW,
    }]
}

fn curve(low: f64, span: f64, pace: f64) -> Vec<CurvePoint> {
    let point = |i: i64| CurvePoint {
        step: i,
        at_ms: NOW + i * 400,
        value: low + span * (-(i as f64) / pace).exp(),
    };
    (0..120).map(point).collect()
}

fn metrics() -> Vec<LoggedMetric> {
    let metric = |key: &str, points: Vec<CurvePoint>, value: f64| LoggedMetric {
        key: key.to_owned(),
        value,
        step: points.len().saturating_sub(1) as i64,
        count: points.len().max(1) as u64,
        points,
    };
    vec![
        metric("loss", curve(0.05, 2.0, 20.0), 0.0551),
        metric("lr", curve(0.0001, 0.1, 12.0), 0.0001),
        metric("roc_auc", Vec::new(), 0.7231),
        metric("unstable", Vec::new(), f64::NAN),
        metric("val_loss", curve(0.21, 1.7, 26.0), 0.2263),
    ]
}

fn entry(name: &str, depth: usize, is_dir: bool, bytes: Option<u64>) -> Entry {
    Entry {
        href: format!(
            "/training/{RUN}/artifacts?path={}",
            name.replace(' ', "%20")
        ),
        name: name.to_owned(),
        is_dir,
        bytes,
        depth,
        open: is_dir && name == "model",
        current: name == "report.csv",
    }
}

fn listing() -> Listing {
    Listing {
        entries: vec![
            entry("figures", 0, true, None),
            entry("model", 0, true, None),
            entry("MLmodel", 1, false, Some(1_204)),
            entry("model.onnx", 1, false, Some(4_204_112)),
            entry("report.csv", 0, false, Some(812)),
        ],
        place: format!("mlflow-artifacts:/3/{RUN}/artifacts"),
        elsewhere: false,
    }
}

pub fn training() -> Training {
    Training {
        run_id: RUN.to_owned(),
        name: "late_arrival-6".to_owned(),
        experiment: "late_arrival".to_owned(),
        note: String::new(),
        user: "ada".to_owned(),
        source: pairs(&[("source", "ml/train/late.py"), ("commit", "4f52a1c88d2e")]),
        status: Status::Success,
        deleted: false,
        started_ms: NOW - 60_000,
        finished_ms: Some(NOW - 28_800),
        job: Some(link("late_arrival", ResourceType::TrainingJob)),
        invocation: Some("0198c2f4-7e1a-7bc3-9d52-0a4b3c2d1e0f".to_owned()),
        versions: vec![version(5, &["champion"])],
        parent: None,
        children: Vec::new(),
        child_columns: Vec::new(),
        more_children: false,
        metrics: metrics(),
        drawing: Drawing::default(),
        params: pairs(&[
            ("algorithm", "gradient_boosting"),
            ("rounds", "150"),
            ("learning_rate", "0.1"),
        ]),
        tags: pairs(&[("team", ODD)]),
        inputs: inputs(),
        datasets: vec![DatasetRow {
            name: "flights".to_owned(),
            digest: "9b0f8a6f".to_owned(),
            role: "training".to_owned(),
            source_kind: "local".to_owned(),
            source: "/data/flights.parquet".to_owned(),
        }],
        models_read: Vec::new(),
        models_made: logged_models(),
        artifacts: listing(),
        output: None,
        training_hash: Some(HASH.to_owned()),
        evaluation: Some(evaluation()),
        refresh: None,
    }
}

/// A client's run with nested ones, while it logs.
pub fn live() -> Training {
    Training {
        name: ODD.to_owned(),
        note: "Sweep over the learning rate.\nSecond try.".to_owned(),
        status: Status::Running,
        finished_ms: None,
        job: None,
        invocation: None,
        versions: Vec::new(),
        parent: Some(RunLink {
            id: "1".to_owned(),
            name: "outer".to_owned(),
        }),
        children: (1..5).map(row).collect(),
        child_columns: experiment().columns,
        params: (0..40)
            .map(|i| (format!("layer_{i}_units"), "64".repeat(i)))
            .collect(),
        inputs: Vec::new(),
        training_hash: None,
        evaluation: None,
        output: Some(Output {
            path: "output.log".to_owned(),
            text: "epoch 1 of 120\nepoch 2 of 120\n<script>alert(1)</script>\n".to_owned(),
            cut: true,
        }),
        refresh: Some(5),
        ..training()
    }
}

pub fn compare() -> Compare {
    let run = |i: i64| {
        let row = row(i);
        let pace = 12.0 + 6.0 * i as f64;
        ComparedRun {
            id: row.id,
            name: row.name,
            experiment: "late_arrival".to_owned(),
            status: row.status,
            started_ms: row.started_ms,
            finished_ms: row.finished_ms,
            params: pairs(&[
                (
                    "algorithm",
                    if i % 2 == 0 {
                        "gradient_boosting"
                    } else {
                        "logistic"
                    },
                ),
                (
                    "learning_rate",
                    ["0.1", "0.05", "0.01", "0.2"][i as usize % 4],
                ),
                ("seed", "0"),
            ])
            .into_iter()
            .collect(),
            metrics: [
                ("roc_auc".to_owned(), 0.72 - 0.01 * i as f64),
                ("loss".to_owned(), 0.05 + 0.01 * i as f64),
            ]
            .into(),
            curves: [("loss".to_owned(), curve(0.05 + 0.01 * i as f64, 2.0, pace))].into(),
        }
    };
    Compare {
        runs: (1..5).map(run).collect(),
        missing: vec!["nowhere".to_owned()],
        ..Compare::default()
    }
}

pub fn artifacts() -> Artifacts {
    let column = |name: &str, numeric| GridColumn {
        name: name.to_owned(),
        data_type: String::new(),
        numeric,
    };
    Artifacts {
        kind: "run".to_owned(),
        name: "late_arrival-6".to_owned(),
        owner: format!("/training/{RUN}"),
        crumbs: vec![Crumb::new("Experiments", "/experiments")],
        section: Section::Experiments,
        listing: listing(),
        file: Some(File {
            path: "report.csv".to_owned(),
            bytes: 812,
            view: View::Table(Grid {
                columns: vec![column("carrier", false), column("late", true)],
                rows: vec![
                    vec![Some("UA".to_owned()), Some("0.21".to_owned())],
                    vec![Some(ODD.to_owned()), None],
                ],
                more: true,
                more_columns: false,
            }),
        }),
        folder: false,
    }
}

pub fn inert_page() -> Artifacts {
    Artifacts {
        file: Some(File {
            path: "report.html".to_owned(),
            bytes: 90,
            view: View::Page {
                text: "<h1>Report</h1><script>alert(document.cookie)</script>".to_owned(),
                cut: false,
            },
        }),
        ..artifacts()
    }
}

pub fn logged_model() -> LoggedModel {
    LoggedModel {
        id: "m-3f0d6c1b9a7e4f52a1c88d2e64b97035".to_owned(),
        name: "booster".to_owned(),
        experiment: "late_arrival".to_owned(),
        kind: "sklearn".to_owned(),
        status: "READY".to_owned(),
        created_ms: NOW,
        run: Some(RunLink {
            id: RUN.to_owned(),
            name: "late_arrival-6".to_owned(),
        }),
        versions: vec![version(5, &["champion"])],
        params: pairs(&[("depth", "6")]),
        tags: Vec::new(),
        metrics: vec![ModelMetricRow {
            key: "roc_auc".to_owned(),
            value: 0.7231,
            step: 0,
            dataset: "flights".to_owned(),
            run: RunLink {
                id: RUN.to_owned(),
                name: "late_arrival-6".to_owned(),
            },
        }],
        artifacts: listing(),
    }
}

pub fn card() -> Card {
    let feature = |name: &&str| {
        let (view, column) = name
            .split_once("__")
            .map_or((None, *name), |(view, column)| (Some(view), column));
        CardFeature {
            name: (*name).to_owned(),
            kind: "numeric".to_owned(),
            view: view.map(|view| link(view, ResourceType::FeatureView)),
            from: if view.is_none() {
                "the request".to_owned()
            } else {
                String::new()
            },
            column: column.to_owned(),
            description: String::new(),
        }
    };
    Card {
        model: "late_arrival".to_owned(),
        version: 5,
        aliases: vec!["champion".to_owned()],
        stage: "None".to_owned(),
        description: "Will the flight arrive more than 15 minutes late?".to_owned(),
        created_ms: NOW,
        user: "ada".to_owned(),
        run: Some(RunLink {
            id: RUN.to_owned(),
            name: "late_arrival-6".to_owned(),
        }),
        services: vec!["late_arrival".to_owned()],
        training_hash: HASH.to_owned(),
        definition: pairs(&[("label", "is_late"), ("at the moment of", "asked_at")]),
        features: FEATURES.iter().map(feature).collect(),
        inputs: inputs(),
        code: pairs(&[("trainer", "gradient_boosting"), ("forebay", "0.1.0")]),
        params: training().params,
        evaluation: Some(evaluation()),
        artifacts: listing(),
        ..Card::default()
    }
}

fn trace_row() -> TraceRow {
    TraceRow {
        id: "tr-3f0d6c1b9a7e4f52a1c88d2e64b97035".to_owned(),
        name: "answer".to_owned(),
        status: Status::Success,
        started_ms: NOW,
        duration_ms: Some(1_840),
        request: format!("{{\"question\": \"{ODD}\"}}"),
        response: "It departs at 14:05.".to_owned(),
    }
}

pub fn traces() -> Traces {
    Traces {
        experiment: "assistant".to_owned(),
        traces: vec![trace_row()],
        ..Traces::default()
    }
}

pub fn trace() -> Trace {
    let span = |name: &str, kind: &str, depth, from: i64, to: i64| SpanRow {
        name: name.to_owned(),
        kind: kind.to_owned(),
        status: if name == "look up" {
            Status::Error
        } else {
            Status::Success
        },
        depth,
        started_ns: NOW * 1_000_000 + from * 1_000_000,
        finished_ns: Some(NOW * 1_000_000 + to * 1_000_000),
        inputs: format!("{{\"question\": \"{ODD}\"}}"),
        outputs: "14:05".to_owned(),
        message: String::new(),
        attributes: pairs(&[("model", "small")]),
    };
    Trace {
        trace: trace_row(),
        experiment: "assistant".to_owned(),
        run: None,
        tags: pairs(&[("team", ODD)]),
        metadata: Vec::new(),
        assessments: vec![AssessmentRow {
            name: "is_correct".to_owned(),
            kind: "feedback".to_owned(),
            value: "true".to_owned(),
            valid: true,
        }],
        spans: vec![
            span("answer", "AGENT", 0, 0, 1_840),
            span("look up", "TOOL", 1, 20, 410),
            span("generate", "LLM", 1, 420, 1_830),
        ],
    }
}

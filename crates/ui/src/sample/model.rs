//! Sample data of the model half: training, registry, service, prediction.

use forebay_core::{Relation, ResourceType};

use super::data::NOW;
use crate::page::{
    CalibrationBin, Confusion, Delay, Drift, Evaluation, FeatureValue, Gate, InputTable, LossPoint,
    MetricRow, Minute, Model, ModelRow, ModelVersion, Models, NodeLink, Prediction, PredictionRow,
    RequestField, RunLink, Service, ServiceRow, Services, SliceGroup, SourceRow, Status,
    ThresholdRow,
};

pub(super) const RUN: &str = "3f0d6c1b9a7e4f52a1c88d2e64b97035";
pub(super) const HASH: &str = "9b0f8a6f0b1b7a4c2f4f0a2f7be23c3f4ad1a4b7c5d0e9f8a7b6c5d4e3f2a1b0";
pub(super) const FEATURES: [&str; 14] = [
    "origin_delays__late_share_1d",
    "sched_dep_hour",
    "carrier_delays__late_share_1d",
    "weather_at_origin__precip",
    "route_delays__mean_delay_7d",
    "aircraft_delays__last_delay",
    "weather_at_origin__visib",
    "distance",
    "month",
    "weather_at_origin__wind_speed",
    "carrier_delays__late_share_30d",
    "day_of_week",
    "weather_at_origin__pressure",
    "origin_delays__flights_1d",
];

pub(super) fn inputs() -> Vec<InputTable> {
    [
        ("main", "departures", 11, "spine"),
        ("features", "carrier_delays", 4, "feature view"),
        ("features", "weather_at_origin", 2, "feature view"),
    ]
    .map(|(schema, name, version, role)| InputTable {
        relation: Relation::new(schema, name),
        version,
        role: role.to_owned(),
    })
    .into()
}

pub(super) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

pub(super) fn link(name: &str, kind: ResourceType) -> NodeLink {
    NodeLink {
        id: format!("{kind}.flights.{name}"),
        name: name.to_owned(),
        kind,
    }
}

pub fn evaluation() -> Evaluation {
    let metric = |name: &str, train, test, champion| MetricRow {
        name: name.to_owned(),
        train,
        test,
        champion,
        interval: test.map(|x: f64| (x - 0.004, x + 0.004)),
        change: Some((-0.0011, 0.0064)),
    };
    let slice = |value: &str, rows, auc| (value.to_owned(), rows, vec![Some(auc), None]);
    Evaluation {
        champion: Some(4),
        permutation: FEATURES
            .iter()
            .enumerate()
            .map(|(i, name)| ((*name).to_owned(), 0.05 / (i + 1) as f64 - 0.004))
            .collect(),
        permuted: "roc_auc".to_owned(),
        served: vec![("late_arrival".to_owned(), 0.4)],
        classes: Vec::new(),
        class_confusion: Vec::new(),
        thresholds: (1..10)
            .map(|i| f64::from(i) / 10.0)
            .map(|at| ThresholdRow {
                threshold: at,
                yes: 1.0 - at,
                precision: 0.2 + 0.6 * at,
                recall: 1.0 - at * at,
                f1: 0.4,
                cost: Some(0.3 - 0.1 * at),
                used: (at - 0.3).abs() < 1e-9,
            })
            .collect(),
        slices: vec![SliceGroup {
            column: "origin".to_owned(),
            metrics: vec!["roc_auc".to_owned(), "log_loss".to_owned()],
            rows: vec![
                slice("EWR", 29_102, 0.731),
                slice("JFK", 27_410, 0.712),
                slice("null", 12, 0.5),
            ],
        }],
        folds: vec![("roc_auc".to_owned(), vec![Some(0.72), Some(0.719), None])],
        metrics: vec![
            metric("roc_auc", Some(0.7614), Some(0.7231), Some(0.7198)),
            metric("log_loss", Some(0.4521), Some(0.4811), Some(0.4829)),
            metric("brier", None, Some(0.1502), Some(0.1502)),
        ],
        gates: vec![
            Gate {
                rule: "roc_auc >= 0.717".to_owned(),
                passed: true,
                found: "0.7231".to_owned(),
            },
            Gate {
                rule: "roc_auc >= champion - 0.005".to_owned(),
                passed: true,
                found: "0.7231 against 0.7148".to_owned(),
            },
        ],
        train_rows: Some(244_646),
        test_rows: Some(82_700),
        roc: (0..=50)
            .map(|i| f64::from(i) / 50.0)
            .map(|x| (x, 1.0 - (1.0 - x).powf(2.4)))
            .collect(),
        calibration: (0..10)
            .map(|i| {
                let predicted = (f64::from(i) + 0.5) / 10.0;
                CalibrationBin {
                    predicted,
                    observed: predicted * 0.95 + 0.012 * f64::from(i % 3),
                    rows: 30_000 / (1 + i as u64 * i as u64),
                }
            })
            .collect(),
        loss: (0..150)
            .map(|i| {
                let fall = (-f64::from(i) / 30.0).exp();
                LossPoint {
                    round: i as u64 + 1,
                    train: Some(0.452 + 0.09 * fall - 0.00008 * f64::from(i)),
                    test: Some(0.481 + 0.062 * fall),
                }
            })
            .collect(),
        confusion: Some(Confusion {
            threshold: 0.3,
            true_positives: 11_204,
            false_positives: 14_870,
            true_negatives: 49_115,
            false_negatives: 7_511,
        }),
        importance: FEATURES
            .iter()
            .enumerate()
            .map(|(i, name)| ((*name).to_owned(), 0.22 / (1.0 + i as f64 * 0.45)))
            .collect(),
    }
}

pub fn models() -> Models {
    Models {
        models: vec![ModelRow {
            name: "late_arrival".to_owned(),
            versions: 5,
            aliases: vec![("champion".to_owned(), 5)],
            last_created_ms: Some(NOW),
            services: vec!["late_arrival".to_owned()],
        }],
        ..Models::default()
    }
}

pub fn model() -> Model {
    let version = |v: u64| ModelVersion {
        version: v,
        aliases: match v {
            5 => vec!["champion".to_owned()],
            4 => vec!["challenger".to_owned(), "previous".to_owned()],
            _ => Vec::new(),
        },
        created_ms: NOW - (5 - v as i64) * 86_400_000,
        stage: "None".to_owned(),
        run: Some(RunLink {
            id: format!("{v}{}", &RUN[1..]),
            name: format!("late_arrival-{v}"),
        }),
        training_hash: format!("{v}{}", &HASH[1..]),
        params: pairs(&[
            ("rounds", if v < 4 { "100" } else { "150" }),
            ("learning_rate", "0.1"),
            ("max_leaves", "31"),
        ]),
        metrics: vec![
            ("roc_auc".to_owned(), 0.7231 - 0.0033 * (5 - v) as f64),
            ("log_loss".to_owned(), 0.4811 + 0.0018 * (5 - v) as f64),
            ("rows".to_owned(), 82_700.0),
        ],
    };
    Model {
        name: "late_arrival".to_owned(),
        description: "Will the flight arrive more than 15 minutes late, asked two hours before its scheduled departure?".to_owned(),
        versions: (1..=5).rev().map(version).collect(),
        services: vec!["late_arrival".to_owned()],
        ..Model::default()
    }
}

pub(super) fn service_row() -> ServiceRow {
    ServiceRow {
        name: "late_arrival".to_owned(),
        model: "late_arrival".to_owned(),
        version: Some(5),
        alias: Some("champion".to_owned()),
        ready: true,
        predictions: 1_842,
        p99_ms: Some(1.84),
        monitors: Some(Status::Warn),
    }
}

pub fn services() -> Services {
    Services {
        services: vec![service_row()],
    }
}

pub fn service() -> Service {
    let field = |name: &str, datatype: &str, example: &str, description: &str| RequestField {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        description: description.to_owned(),
        example: example.to_owned(),
        required: true,
    };
    Service {
        service: service_row(),
        node: Some(link("late_arrival", ResourceType::InferenceService)),
        run_id: Some(RUN.to_owned()),
        threshold: Some(0.3),
        fields: vec![
            field("carrier", "BYTES", "UA", "Entity key of carrier_delays"),
            field("origin", "BYTES", "EWR", "Entity key of origin_delays and weather_at_origin"),
            field("dest", "BYTES", "IAH", ""),
            field("tailnum", "BYTES", "N14228", ""),
            field("scheduled_departure", "BYTES", "2013-12-30T20:15:00Z", "RFC 3339, with an offset"),
            field("distance", "FP64", "1400", "Miles"),
        ],
        curl: "curl http://127.0.0.1:8600/v2/models/late_arrival/infer -d '{\n  \"inputs\": [\n    {\"name\": \"carrier\", \"shape\": [1], \"datatype\": \"BYTES\", \"data\": [\"UA\"]},\n    {\"name\": \"origin\", \"shape\": [1], \"datatype\": \"BYTES\", \"data\": [\"EWR\"]}\n  ]\n}'".to_owned(),
        tried: None,
        traffic: (0..45)
            .map(|i| Minute {
                at_ms: NOW - (45 - i) * 60_000,
                answered: (40 + (i * 53) % 37) as u64,
                refused: if i % 11 == 3 { 4 } else { 0 },
                p50_ms: 0.34 + 0.02 * (i % 5) as f64,
                p99_ms: 1.4 + 0.3 * ((i * 31) % 7) as f64,
            })
            .collect(),
        delay: Some(Delay { p50_ms: 0.38, p99_ms: 1.84, rule: Some("p99 < 20ms".to_owned()), limit_ms: Some(20.0), status: Some(Status::Success) }),
        drift: FEATURES
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let value = if *name == "month" { 8.2 } else { 0.012 * ((i * 5) % 13 + 1) as f64 + if i == 3 { 0.15 } else { 0.0 } };
                let limit = if *name == "month" { 10.0 } else { 0.2 };
                Drift { column: (*name).to_owned(), statistic: "psi".to_owned(), value, limit, broken: value >= limit }
            })
            .collect(),
        drift_of: "December 2013 against the training rows".to_owned(),
        recent: (0..8)
            .map(|i| PredictionRow {
                id: format!("0198c2f{i}-1d2e-7c3b-a4f5-6b7c8d9e0f1a"),
                at_ms: NOW - i * 11_000,
                version: 5,
                score: 0.08 + 0.093 * i as f64,
                label: if i > 2 { "yes" } else { "no" }.to_owned(),
                keys: "carrier=UA, origin=EWR, dest=IAH, tailnum=N14228".to_owned(),
                stale_features: u64::from(i == 4),
            })
            .collect(),
    }
}

pub fn prediction() -> Prediction {
    let known = |name: &str, value: Option<&str>, view: &str, age_h: i64, key: &str, file: &str| {
        FeatureValue {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            stale: value.is_none(),
            view: Some(link(view, ResourceType::FeatureView)),
            known_ms: Some(NOW - age_h * 3_600_000),
            source: Some(SourceRow {
                relation: Relation::new("features", view),
                key: key.to_owned(),
                file: Some(file.to_owned()),
            }),
        }
    };
    Prediction {
        id: "0198c2f4-1d2e-7c3b-a4f5-6b7c8d9e0f1a".to_owned(),
        service: "late_arrival".to_owned(),
        at_ms: NOW + 1_200,
        moment_ms: NOW,
        score: 0.4127,
        label: Some("yes".to_owned()),
        threshold: Some(0.3),
        same_again: Some(true),
        request: pairs(&[
            ("carrier", "UA"),
            ("origin", "EWR"),
            ("dest", "IAH"),
            ("tailnum", "N14228"),
            ("scheduled_departure", "2013-12-30T20:15:00Z"),
        ]),
        features: vec![
            known(
                "carrier_delays__late_share_1d",
                Some("0.2417"),
                "carrier_delays",
                1,
                "carrier=UA",
                "data/flights-2013-12.csv.gz:26811",
            ),
            known(
                "origin_delays__late_share_1d",
                Some("0.3121"),
                "origin_delays",
                1,
                "origin=EWR",
                "data/flights-2013-12.csv.gz:26809",
            ),
            known(
                "weather_at_origin__wind_speed",
                Some("12.65858"),
                "weather_at_origin",
                2,
                "origin=EWR, time_hour=2013-12-30T16:00Z",
                "data/weather-2013-12.csv.gz:712",
            ),
            known(
                "aircraft_delays__last_delay",
                None,
                "aircraft_delays",
                900,
                "tailnum=N14228",
                "data/flights-2013-11.csv.gz:20144",
            ),
            FeatureValue {
                name: "sched_dep_hour".to_owned(),
                value: Some("15".to_owned()),
                stale: false,
                view: None,
                known_ms: None,
                source: None,
            },
        ],
        model: "late_arrival".to_owned(),
        version: 5,
        aliases: vec!["champion".to_owned()],
        run_id: RUN.to_owned(),
        experiment: "late_arrival".to_owned(),
        training_hash: Some(HASH.to_owned()),
        inputs: inputs(),
        upstream: [
            ("flights", ResourceType::Source),
            ("weather", ResourceType::Source),
            ("stg_flights", ResourceType::Model),
            ("int_flight_times", ResourceType::Model),
            ("arrivals", ResourceType::Model),
        ]
        .map(|(name, kind)| link(name, kind))
        .into(),
        files: [
            "data/flights-2013-11.csv.gz",
            "data/flights-2013-12.csv.gz",
            "data/weather-2013-12.csv.gz",
        ]
        .map(str::to_owned)
        .into(),
    }
}

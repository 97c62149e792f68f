//! Sample data of the data half: graph, runs, experiments.

use forebay_core::{Relation, ResourceType};

use super::table::ARRIVALS;
use crate::chart::{ColumnBox, ColumnEdge, DagNode};
use crate::page::{
    ColumnLineage, ColumnRow, Graph, HeldTable, InvocationRow, Node, NodeLink, NodeRunRow,
    Overview, Place, Run, Runs, Status, TestCounts, TestRow,
};

/// 2026-02-03 14:05:00.
pub(super) const NOW: i64 = 1_770_127_500_000;

/// Name, kind, word under the name, parents.
pub(super) type Row = (
    &'static str,
    ResourceType,
    &'static str,
    &'static [&'static str],
);

use ResourceType::{
    FeatureView as V, InferenceService as I, Model as M, Monitor as W, RegisteredModel as R,
    Seed as D, Snapshot as H, Source as S, TrainingJob as T,
};

pub(super) const NODES: &[Row] = &[
    ("flights", S, "source · 3 tests", &[]),
    ("weather", S, "source · 2 tests", &[]),
    ("planes", S, "source", &[]),
    ("airports", S, "source", &[]),
    ("airlines", S, "source", &[]),
    ("carrier_groups", D, "seed", &[]),
    ("stg_flights", M, "view · 4 tests", &["flights"]),
    ("stg_weather", M, "view · 2 tests", &["weather"]),
    ("stg_planes", M, "view · 1 test", &["planes"]),
    ("stg_airports", M, "view", &["airports"]),
    ("stg_airlines", M, "ephemeral", &["airlines"]),
    ("planes_history", H, "snapshot", &["stg_planes"]),
    (
        "int_flight_times",
        M,
        "table · 2 tests",
        &["stg_flights", "stg_airports"],
    ),
    ("int_weather_hourly", M, "table · 1 test", &["stg_weather"]),
    (
        "departures",
        M,
        "incremental · 3 tests",
        &["int_flight_times", "stg_planes"],
    ),
    (
        "arrivals",
        M,
        "incremental · 3 tests",
        &["int_flight_times", "stg_airlines"],
    ),
    (
        "carrier_month",
        M,
        "table · 1 test",
        &["arrivals", "carrier_groups", "stg_airlines"],
    ),
    ("route_month", M, "table", &["arrivals", "stg_airports"]),
    (
        "delay_by_weather",
        M,
        "table",
        &["arrivals", "int_weather_hourly"],
    ),
    ("carrier_delays", V, "feature view", &["arrivals"]),
    ("route_delays", V, "feature view", &["arrivals"]),
    ("origin_delays", V, "feature view", &["arrivals"]),
    ("aircraft_delays", V, "feature view", &["arrivals"]),
    (
        "weather_at_origin",
        V,
        "feature view",
        &["int_weather_hourly"],
    ),
    (
        "late_arrival",
        T,
        "training job",
        &[
            "departures",
            "carrier_delays",
            "route_delays",
            "origin_delays",
            "aircraft_delays",
            "weather_at_origin",
        ],
    ),
    ("late_arrival", R, "registered model", &["late_arrival"]),
    (
        "late_arrival",
        I,
        "inference service",
        &["late_arrival", "weather_at_origin", "carrier_delays"],
    ),
    ("late_arrival_drift", W, "monitor", &["late_arrival"]),
];

pub(super) fn link(name: &str, kind: ResourceType) -> NodeLink {
    NodeLink {
        id: format!("{kind}.flights.{name}"),
        name: name.to_owned(),
        kind,
    }
}

/// The last node of that name before `before`, so that a service finds its own model.
fn parent(name: &str, before: usize) -> usize {
    NODES[..before]
        .iter()
        .rposition(|row| row.0 == name)
        .expect("a sample node names parents above it")
}

pub fn graph() -> Graph {
    let nodes = NODES.iter().map(|(name, kind, detail, _)| DagNode {
        id: link(name, *kind).id,
        name: (*name).to_owned(),
        kind: *kind,
        detail: (*detail).to_owned(),
        status: match *name {
            "weather" | "late_arrival_drift" => Some(Status::Warn),
            "route_month" => Some(Status::Error),
            _ => Some(Status::Success),
        },
        focus: false,
    });
    let edges = NODES
        .iter()
        .enumerate()
        .flat_map(|(to, (.., parents))| parents.iter().map(move |name| (parent(name, to), to)));
    Graph {
        nodes: nodes.collect(),
        edges: edges.collect(),
        focus: None,
    }
}

fn test(
    name: &str,
    on: NodeLink,
    column: Option<&str>,
    status: Status,
    failures: u64,
    message: &str,
) -> TestRow {
    TestRow {
        test: link(name, ResourceType::Test),
        target: Some(on),
        column: column.map(str::to_owned),
        status: Some(status),
        failures: Some(failures),
        message: message.to_owned(),
    }
}

pub(super) fn attention() -> Vec<TestRow> {
    vec![
        test(
            "relationships_stg_flights_tailnum",
            link("stg_flights", M),
            Some("tailnum"),
            Status::Warn,
            52_606,
            "52,606 flights name an aircraft that planes does not list; warns if more than 0",
        ),
        test(
            "relationships_stg_flights_dest",
            link("stg_flights", M),
            Some("dest"),
            Status::Warn,
            7_602,
            "7,602 flights go to airports that airports does not list: BQN, PSE, SJU, STT",
        ),
        test(
            "route_month_is_complete",
            link("route_month", M),
            None,
            Status::Fail,
            3,
            "3 routes lack a month; fails if more than 0",
        ),
    ]
}

pub fn overview() -> Overview {
    Overview {
        project: "flights".to_owned(),
        root: "/srv/flights".into(),
        invocation: Some(invocation("build", Status::Warn, NOW - 900_000, 74_300)),
        nodes: vec![
            (S, 5),
            (D, 1),
            (M, 13),
            (H, 1),
            (ResourceType::Test, 24),
            (V, 5),
            (T, 1),
            (R, 1),
            (I, 1),
            (W, 1),
        ],
        held: vec![HeldTable {
            relation: Relation::new("raw", "weather"),
            rows: 1,
            reason: "wind_speed is 1048.36058, above the maximum of 250".to_owned(),
        }],
        tests: TestCounts {
            passed: 21,
            warned: 2,
            failed: 1,
            not_run: 0,
        },
        attention: attention(),
        services: vec![super::model::service_row()],
        places: [
            ("warehouse", ".forebay/warehouse"),
            ("metadata store", ".forebay/metadata.sqlite"),
            ("online store", ".forebay/online.redb"),
            ("artifacts", ".forebay/artifacts"),
            ("inference", "http://127.0.0.1:8600/v2"),
            ("metrics", "http://127.0.0.1:8600/metrics"),
        ]
        .map(|(what, path)| Place {
            what: what.to_owned(),
            path: path.to_owned(),
        })
        .into(),
    }
}

fn invocation(command: &str, status: Status, started_ms: i64, took_ms: i64) -> InvocationRow {
    InvocationRow {
        id: format!("0198c2f4-7e1a-7bc3-9d52-{started_ms:012x}"),
        command: command.to_owned(),
        status,
        started_ms,
        finished_ms: Some(started_ms + took_ms),
        counts: vec![(Status::Success, 47), (Status::Warn, 4), (Status::Fail, 1)],
    }
}

pub fn runs() -> Runs {
    Runs {
        invocations: vec![
            invocation("build", Status::Warn, NOW - 900_000, 74_300),
            invocation(
                "test --select stg_flights",
                Status::Success,
                NOW - 3_600_000,
                2_140,
            ),
            invocation(
                "build --select +arrivals --full-refresh",
                Status::Error,
                NOW - 7_300_000,
                31_800,
            ),
            invocation("train", Status::Interrupted, NOW - 90_000_000, 412_000),
        ],
    }
}

pub fn run() -> Run {
    let start = NOW - 900_000;
    let depth = |i: usize| {
        graph()
            .edges
            .iter()
            .filter(|(_, to)| *to == i)
            .map(|(from, _)| *from)
            .max()
    };
    let mut ends = vec![start; NODES.len()];
    let nodes = NODES.iter().enumerate().map(|(i, (name, kind, ..))| {
        let from = depth(i).map_or(start, |parent| ends[parent]) + 40 * (i as i64 % 3);
        let length = if *kind == T {
            31_000
        } else {
            300 + (i as i64 * 7_919) % 6_500
        };
        ends[i] = from + length;
        let status = match *name {
            "weather" => Status::Warn,
            "route_month" => Status::Error,
            _ => Status::Success,
        };
        NodeRunRow {
            node: link(name, *kind),
            status,
            attempt: if *name == "route_month" { 2 } else { 1 },
            started_ms: Some(from),
            finished_ms: Some(ends[i]),
            rows: (*kind == M || *kind == S).then_some(336_776 / (i as u64 + 1)),
            message: match status {
                Status::Warn => {
                    "1 row held: wind_speed is 1048.36058, above the maximum of 250".to_owned()
                }
                Status::Error => {
                    "column \"mnth\" is not in route_month's input; did you mean \"month\"?"
                        .to_owned()
                }
                _ => String::new(),
            },
        }
    });
    Run {
        invocation: invocation("build", Status::Warn, start, 74_300),
        nodes: nodes.collect(),
        now_ms: NOW,
    }
}

pub fn node() -> Node {
    let boxes = [
        (
            "raw.flights",
            S,
            vec!["arr_delay", "sched_dep_time", "year"],
        ),
        ("stg_flights", M, vec!["arr_delay", "scheduled_departure"]),
        ("stg_airports", M, vec!["utc_offset"]),
        ("int_flight_times", M, vec!["arr_delay", "landed_at"]),
        ("arrivals", M, vec!["is_late"]),
        (
            "carrier_delays",
            V,
            vec!["late_share_1d", "late_share_7d", "late_share_30d"],
        ),
        ("carrier_month", M, vec!["late_share"]),
    ];
    let edges = [
        ((0, 0), (1, 0), true, "identity"),
        ((0, 1), (1, 1), true, "transformation"),
        ((0, 2), (1, 1), true, "transformation"),
        ((1, 0), (3, 0), true, "identity"),
        ((1, 1), (3, 1), true, "transformation"),
        ((2, 0), (3, 1), true, "transformation"),
        ((3, 0), (4, 0), true, "transformation"),
        ((3, 1), (4, 0), false, "filter"),
        ((4, 0), (5, 0), true, "aggregation"),
        ((4, 0), (5, 1), true, "aggregation"),
        ((4, 0), (5, 2), true, "aggregation"),
        ((4, 0), (6, 0), true, "aggregation"),
    ];
    Node {
        node: link("arrivals", M),
        description: "Flights that have landed, with how late they were. One row a flight, known once it has landed.".to_owned(),
        location: "models/intermediate/arrivals.sql".to_owned(),
        tags: vec!["daily".to_owned(), "core".to_owned()],
        relation: Some(Relation::new("main", "arrivals")),
        facts: vec![("materialised as".to_owned(), "incremental".to_owned())],
        last_run: Some((Status::Success, NOW - 860_000, "336,776 rows".to_owned(), "0198c2f4".to_owned())),
        parents: vec![link("int_flight_times", M), link("stg_airlines", M)],
        children: vec![link("carrier_month", M), link("route_month", M), link("carrier_delays", V), link("route_delays", V), link("origin_delays", V)],
        columns: ARRIVALS
            .iter()
            .map(|(name, data_type, description)| ColumnRow {
                name: (*name).to_owned(),
                data_type: Some((*data_type).to_owned()),
                description: (*description).to_owned(),
            })
            .collect(),
        lineage: Some(ColumnLineage {
            column: "is_late".to_owned(),
            boxes: boxes
                .iter()
                .map(|(name, kind, columns)| ColumnBox {
                    node_id: link(name, *kind).id,
                    name: (*name).to_owned(),
                    kind: *kind,
                    columns: columns.iter().map(|c| (*c).to_owned()).collect(),
                })
                .collect(),
            edges: edges
                .iter()
                .map(|(from, to, direct, how)| ColumnEdge { from: *from, to: *to, direct: *direct, how: (*how).to_owned() })
                .collect(),
            focus: (4, 0),
        }),
        tests: vec![
            test("unique_arrivals_flight_id", link("arrivals", M), Some("flight_id"), Status::Success, 0, ""),
            test("not_null_arrivals_landed_at", link("arrivals", M), Some("landed_at"), Status::Success, 0, ""),
        ],
        raw_sql: Some("{{ config(materialized='incremental', unique_key='flight_id') }}\n\nselect\n    flight_id,\n    carrier,\n    landed_at,\n    arr_delay,\n    arr_delay > 15 as is_late\nfrom {{ ref('int_flight_times') }}\nwhere landed_at is not null\n{% if is_incremental() %}\n  and month > (select max(month) from {{ this }})\n{% endif %}\n".to_owned()),
        compiled_sql: Some("select\n    flight_id,\n    carrier,\n    landed_at,\n    arr_delay,\n    arr_delay > 15 as is_late\nfrom \"main\".\"int_flight_times\"\nwhere landed_at is not null\n".to_owned()),
        failing_rows: None,
    }
}

//! Sample data of the warehouse's pages.

use forebay_core::{Relation, ResourceType};

use super::data::{NODES, NOW, Row, attention, link, node};
use crate::page::{Grid, GridColumn, Held, Table, TableColumn, TableRow, Tables, VersionRow};

/// Columns of the table `arrivals`: name, type, description.
pub(super) const ARRIVALS: &[(&str, &str, &str)] = &[
    (
        "flight_id",
        "string",
        "Carrier, number, origin and scheduled departure.",
    ),
    ("carrier", "string", "Two-letter code of the airline."),
    ("origin", "string", ""),
    ("dest", "string", ""),
    (
        "landed_at",
        "timestamp",
        "When the flight touched down, and so when its delay became known.",
    ),
    (
        "arr_delay",
        "double",
        "Minutes after the scheduled arrival; negative when early.",
    ),
    ("is_late", "boolean", "More than 15 minutes late."),
];

fn preview() -> Grid {
    let columns = ARRIVALS.iter().map(|(name, data_type, _)| GridColumn {
        name: (*name).to_owned(),
        data_type: (*data_type).to_owned(),
        numeric: *data_type == "double",
    });
    let row = |i: i64| {
        let delay = (i * 37) % 61 - 20;
        let carrier = ["UA", "AA", "B6", "DL"][i as usize % 4];
        let origin = ["EWR", "JFK", "LGA"][i as usize % 3];
        vec![
            Some(format!(
                "{carrier}-{}-{origin}-2013-01-01T{:02}:15Z",
                1_100 + i,
                10 + i % 12
            )),
            Some(carrier.to_owned()),
            Some(origin.to_owned()),
            Some(["IAH", "MIA", "BQN", "ATL"][i as usize % 4].to_owned()),
            Some(format!(
                "2013-01-01 {:02}:{:02}:00Z",
                13 + i % 10,
                (i * 7) % 60
            )),
            (i % 9 != 4).then(|| format!("{delay}.0")),
            (i % 9 != 4).then(|| (delay > 15).to_string()),
        ]
    };
    Grid {
        columns: columns.collect(),
        rows: (0..24).map(row).collect(),
        more: true,
        more_columns: false,
    }
}

pub fn table() -> Table {
    Table {
        relation: Relation::new("main", "arrivals"),
        kind: "table".to_owned(),
        description: "Flights that have landed, with how late they were.".to_owned(),
        node: Some(link("arrivals", ResourceType::Model)),
        rows: Some(327_346),
        bytes: 9_412_334,
        files: 12,
        version: 11,
        columns: ARRIVALS
            .iter()
            .map(|(name, data_type, description)| TableColumn {
                name: (*name).to_owned(),
                data_type: (*data_type).to_owned(),
                description: (*description).to_owned(),
            })
            .collect(),
        versions: (9..=12)
            .rev()
            .map(|version| VersionRow {
                version,
                at_ms: NOW - (13 - version) * 86_400_000,
                operation: "MERGE".to_owned(),
                invocation: Some("0198c2f4-7e1a".to_owned()),
            })
            .collect(),
        tests: node()
            .tests
            .into_iter()
            .chain(attention().into_iter().take(1))
            .collect(),
        held: Some(Held {
            rows: 3,
            reasons: vec![
                (
                    "wind_speed is 1048.36058, above the maximum of 250".to_owned(),
                    2,
                ),
                (
                    "line 1412: \"12:xx\" in column dep_time is not a whole number".to_owned(),
                    1,
                ),
            ],
        }),
        preview: preview(),
    }
}

pub fn tables() -> Tables {
    let row = |(i, (name, kind, detail, _)): (usize, &Row)| TableRow {
        relation: Relation::new(
            if *kind == ResourceType::Source {
                "raw"
            } else {
                "main"
            },
            *name,
        ),
        kind: if detail.starts_with("view") {
            "view"
        } else {
            "table"
        }
        .to_owned(),
        rows: (!detail.starts_with("view")).then_some(336_776 / (i as u64 + 1)),
        bytes: 10_432_100 / (i as u64 + 1),
        version: 12 - (i as i64 % 5),
        modified_ms: NOW - i as i64 * 61_000,
        node: Some(link(name, *kind)),
    };
    Tables {
        tables: NODES.iter().take(19).enumerate().map(row).collect(),
    }
}

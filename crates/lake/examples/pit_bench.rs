//! Our side of `bench/run.py pit`: a training set of five features, ttl 7 days.
//!
//! `pit_bench prepare FOLDER SPINE_ROWS EVENT_ROWS` writes the two Delta tables, about ten events an
//! entity; `pit_bench join FOLDER` joins them and prints what came out as one line of JSON.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use arrow::datatypes::{Float64Type, SchemaRef};
use forebay_core::{Diagnostic, Relation, Span};
use forebay_lake::pit::{AsOfView, JoinKey};
use forebay_lake::{BatchStream, Input, Lake, LakeOptions, Rows, WriteMode, WriteOptions};
use futures::{StreamExt, TryStreamExt, stream};

const FEATURES: usize = 5;
const EVENTS_PER_ENTITY: u64 = 10;
const BATCH: u64 = 65_536;
const START: i64 = 1_704_067_200_000_000; // 2024-01-01T00:00:00Z
const DAY: i64 = 86_400_000_000;
const DAYS: u64 = 90;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["prepare", folder, spine, events] => prepare(Path::new(folder), spine, events).await,
        ["join", folder] => join(Path::new(folder)).await,
        _ => Err("usage: pit_bench prepare FOLDER SPINE_ROWS EVENT_ROWS | join FOLDER".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn prepare(folder: &Path, spine: &str, events: &str) -> Result<(), Box<dyn Error>> {
    let (spine, events): (u64, u64) = (spine.parse()?, events.parse()?);
    let entities = (events / EVENTS_PER_ENTITY).max(1);
    let lake = open(folder).await?;
    write(&lake, "spine", spine, move |rows| questions(rows, entities)).await?;
    write(&lake, "events", events, move |rows| known(rows, entities)).await?;
    Ok(())
}

async fn join(folder: &Path) -> Result<(), Box<dyn Error>> {
    let lake = open(folder).await?;
    let names: Vec<String> = (1..=FEATURES).map(|n| format!("f{n}")).collect();
    let view = AsOfView {
        name: "events".into(),
        source: Input::Sql("select * from bench.events".into()),
        join_keys: vec![JoinKey::same("entity")],
        timestamp: "known_at".into(),
        created: None,
        ttl: Some(Span::from_micros(7 * DAY)),
        filter_by_created: false,
        columns: names
            .iter()
            .map(|name| (name.clone(), name.clone()))
            .collect(),
        event_time_as: None,
    };
    let spine = Input::Sql("select * from bench.spine".into());
    let mut joined = lake
        .point_in_time_join(spine, "asked_at", vec![view])
        .await?;
    let (mut rows, mut found, mut sum) = (0, 0, 0.0);
    while let Some(batch) = joined.stream.try_next().await? {
        rows += batch.num_rows();
        for name in &names {
            let column = batch.column_by_name(name).ok_or("a feature is missing")?;
            let values = column.as_primitive::<Float64Type>();
            found += values.len() - values.null_count();
            sum += values.iter().flatten().sum::<f64>();
        }
    }
    println!(r#"{{"rows": {rows}, "found": {found}, "sum": {sum}}}"#);
    Ok(())
}

async fn open(folder: &Path) -> Result<Lake, Diagnostic> {
    let options = LakeOptions {
        root: folder.join("warehouse"),
        memory_limit: 2 << 30,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        spill: folder.join("spill"),
        dialect: forebay_lake::Dialect::default(),
        database: "forebay".to_owned(),
        files: folder.to_owned(),
        settings: Vec::new(),
    };
    Lake::open(options).await
}

async fn write(
    lake: &Lake,
    table: &str,
    rows: u64,
    batch: impl Fn(std::ops::Range<u64>) -> RecordBatch + Send + 'static,
) -> Result<(), Diagnostic> {
    let schema: SchemaRef = batch(0..1).schema();
    let batches = (0..rows)
        .step_by(BATCH as usize)
        .map(move |from| Ok(batch(from..(from + BATCH).min(rows))));
    let stream: BatchStream = stream::iter(batches).boxed();
    let input = Input::Stream(Rows { schema, stream });
    let options = WriteOptions::new(WriteMode::Overwrite);
    lake.write(&Relation::new("bench", table), input, options)
        .await?;
    Ok(())
}

/// Entities with the moments that they are asked about.
fn questions(rows: std::ops::Range<u64>, entities: u64) -> RecordBatch {
    batch([entity(&rows, entities, 1), moment(&rows, "asked_at", 2)].into())
}

/// Entities with the moments from which five values were known.
fn known(rows: std::ops::Range<u64>, entities: u64) -> RecordBatch {
    let mut columns = vec![entity(&rows, entities, 3), moment(&rows, "known_at", 4)];
    for feature in 1..=FEATURES as u64 {
        let value = |row| random(row, 10 + feature) as f64 / u64::MAX as f64;
        let values: Float64Array = rows.clone().map(|row| Some(value(row))).collect();
        columns.push((format!("f{feature}"), Arc::new(values) as ArrayRef));
    }
    batch(columns)
}

fn entity(rows: &std::ops::Range<u64>, entities: u64, salt: u64) -> (String, ArrayRef) {
    let ids = rows
        .clone()
        .map(|row| Some((random(row, salt) % entities) as i64));
    ("entity".into(), Arc::new(ids.collect::<Int64Array>()))
}

fn moment(rows: &std::ops::Range<u64>, name: &str, salt: u64) -> (String, ArrayRef) {
    let span = DAYS * DAY as u64;
    let moments = rows
        .clone()
        .map(|row| Some(START + (random(row, salt) % span) as i64));
    let moments = moments
        .collect::<TimestampMicrosecondArray>()
        .with_timezone("UTC");
    (name.into(), Arc::new(moments))
}

fn batch(columns: Vec<(String, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("columns of one length, made right here")
}

/// The same number for the same row and purpose, in any order: the finaliser of SplitMix64.
fn random(row: u64, salt: u64) -> u64 {
    let mut z = row
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(salt << 32 | salt);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

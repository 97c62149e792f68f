//! Reading a training set: its hash, and its rows to train on and to judge by.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use arrow::row::{RowConverter, SortField};
use chrono::DateTime;
use forebay_core::digest::Hasher;
use forebay_core::ml::{Script, Split, Trainer, TrainingJob, Tuning};
use forebay_core::name::quote;
use forebay_core::{Diagnostic, Relation, digest};
use forebay_lake::{Lake, Rows};
use futures::TryStreamExt;

use super::TrainingSet;
use crate::{folds, trainer};

/// `ORDER BY` the event timestamp, then all other columns: rows that it leaves in any order are equal.
pub fn order(schema: &Schema, event_timestamp: &str) -> String {
    let others = schema
        .fields()
        .iter()
        .filter(|field| field.name() != event_timestamp);
    let sortable = others.filter(|field| !matches!(field.data_type(), DataType::Map(..)));
    let names = std::iter::once(event_timestamp).chain(sortable.map(|f| f.name().as_str()));
    let columns: Vec<String> = names
        .map(|name| format!("{} NULLS FIRST", quote(name)))
        .collect();
    format!("ORDER BY {}", columns.join(", "))
}

/// The rows that train and those that judge, each in the order of the event timestamp. By time, rows
/// without a value in the split's column are in neither.
pub async fn split(
    lake: &Lake,
    job: &TrainingJob,
    set: &TrainingSet,
) -> Result<(Vec<RecordBatch>, Vec<RecordBatch>), Diagnostic> {
    match &job.split {
        Split::Time { column, at } => by_time(lake, job, set, column, at).await,
        Split::Group { test, .. } | Split::Random { test } => {
            let all = rows(lake, set, job, "").await?;
            let all: Vec<RecordBatch> = all.stream.try_collect().await?;
            let cut = folds::hold_out(&all, &job.split, *test, job.seed)?;
            Ok((
                folds::take(&all, &cut.train)?,
                folds::take(&all, &cut.test)?,
            ))
        }
    }
}

async fn by_time(
    lake: &Lake,
    job: &TrainingJob,
    set: &TrainingSet,
    column: &str,
    at: &str,
) -> Result<(Vec<RecordBatch>, Vec<RecordBatch>), Diagnostic> {
    let at = DateTime::parse_from_rfc3339(at).map_err(|_| {
        Diagnostic::error(format!("split.by_time '{at}' is not an RFC 3339 instant"))
            .hint("write it as 2013-10-01T00:00:00Z")
    })?;
    let instant = |text: &str| format!("CAST({text} AS TIMESTAMP WITH TIME ZONE)");
    let at = instant(&format!("'{}'", at.to_utc().to_rfc3339()));
    let side = |operator: &str| format!("WHERE {} {operator} {at}", instant(&quote(column)));
    let train = rows(lake, set, job, &side("<")).await?;
    let test = rows(lake, set, job, &side(">=")).await?;
    Ok((
        train.stream.try_collect().await?,
        test.stream.try_collect().await?,
    ))
}

async fn rows(
    lake: &Lake,
    set: &TrainingSet,
    job: &TrainingJob,
    condition: &str,
) -> Result<Rows, Diagnostic> {
    ordered(lake, &set.relation, set.version, job, condition).await
}

async fn ordered(
    lake: &Lake,
    relation: &Relation,
    version: i64,
    job: &TrainingJob,
    condition: &str,
) -> Result<Rows, Diagnostic> {
    let info = lake
        .info_at(relation, version)
        .await?
        .ok_or_else(|| Diagnostic::error(format!("there is no version {version} of {relation}")))?;
    let order = order(&info.schema, &job.event_timestamp);
    let sql = format!("SELECT * FROM {} {condition} {order}", relation.sql());
    lake.query_at(&sql, &[(relation.clone(), version)].into())
        .await
}

/// The number of rows, and their hash. They are hashed in their order and in Arrow's row format, so
/// an update of Arrow may change it, at the price of one training.
pub async fn hash(
    lake: &Lake,
    relation: &Relation,
    version: i64,
    job: &TrainingJob,
) -> Result<(u64, String), Diagnostic> {
    let mut rows = ordered(lake, relation, version, job, "").await?;
    let mut hasher = Hasher::new();
    for field in rows.schema.fields() {
        hasher.update(format!("\n{} {}", field.name(), field.data_type()).as_bytes());
    }
    let fields = rows
        .schema
        .fields()
        .iter()
        .map(|f| SortField::new(f.data_type().clone()));
    let unfit = |e| Diagnostic::error(format!("a column of {relation} cannot be hashed: {e}"));
    let converter = RowConverter::new(fields.collect()).map_err(unfit)?;
    let mut count = 0;
    while let Some(batch) = rows.stream.try_next().await? {
        for row in &converter.convert_columns(batch.columns()).map_err(unfit)? {
            hasher.update(&(row.data().len() as u64).to_le_bytes());
            hasher.update(row.data());
        }
        count += batch.num_rows() as u64;
    }
    Ok((count, hasher.hex()))
}

/// The hash of a training: of its rows' hash and of all that it depends on beside them, of a built-in
/// trainer its revision, of a script its code. Gates and alias judge a model that is there.
pub fn training_hash(rows: &str, job: &TrainingJob, code: &str) -> String {
    let tuning = job.tuning.as_ref().map(|tuning| {
        // How many trials run at a time changes the time alone.
        let (parallel, memory) = (0, None);
        Tuning {
            parallel,
            memory,
            ..tuning.clone()
        }
    });
    let judged = serde_json::json!([job.metrics, job.judging, tuning]);
    digest::hex(format!("{}\n{judged}\n{rows}", learning(job, code)).as_bytes())
}

/// The hash of a trial of a search: the same in every search that tries the same.
pub fn trial_hash(rows: &str, job: &TrainingJob, code: &str, kept: usize) -> String {
    let mut judged = serde_json::json!([job.judging.threshold, job.judging.costs, kept]);
    if let (Some(folds), Some(judged)) = (folds(job), judged.as_array_mut()) {
        judged.push(folds.into());
    }
    digest::hex(format!("{}\n{judged}\n{rows}", learning(job, code)).as_bytes())
}

/// None: trials are judged on rows that are held out once.
fn folds(job: &TrainingJob) -> Option<usize> {
    let folds = job.tuning.as_ref()?.folds;
    (folds > 0).then_some(folds)
}

/// What a model depends on beside the rows.
fn learning(job: &TrainingJob, code: &str) -> serde_json::Value {
    let names: Vec<&String> = job
        .request_features
        .iter()
        .map(|feature| &feature.name)
        .collect();
    let (trainer, made_by) = match &job.trainer {
        // Limits decide whether there is a model, not which.
        Trainer::Script(script) => (
            Trainer::Script(Script {
                timeout: None,
                memory: None,
                ..script.clone()
            }),
            code.to_owned(),
        ),
        built_in => (built_in.clone(), trainer::REVISION.to_string()),
    };
    serde_json::json!([
        job.label,
        job.features,
        names,
        job.split,
        trainer,
        made_by,
        job.seed
    ])
}

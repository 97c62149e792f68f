//! The prediction log: every answer is kept, with its inputs, feature values and model version.
//!
//! An answer is appended to a segment file (Arrow IPC stream) before it is given, so that killing
//! the process loses none. A flush moves whole segments into the Delta table
//! `predictions.<service>`; the segment's name is the transaction, so a flush that was cut off and
//! is repeated adds nothing twice.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use forebay_core::{Diagnostic, Relation};
use forebay_lake::{Input, Lake, SchemaChange, Txn, WriteMode, WriteOptions};

/// The table that a service's answers end up in.
pub fn table(service: &str) -> Relation {
    Relation::new("predictions", service)
}

/// Appends answers, and moves them to the lake when asked. Shared by all requests of a process.
pub struct PredictionLog {
    folder: PathBuf,
    lake: Lake,
    open: Mutex<BTreeMap<String, Segment>>,
}

struct Segment {
    path: PathBuf,
    // Its lock tells other processes that this segment is being written.
    file: File,
    schema: SchemaRef,
    // Encodes into memory: a message has hundreds of parts, and goes to the file in one call.
    encoder: StreamWriter<Vec<u8>>,
}

impl PredictionLog {
    /// `folder` holds the segments; it is made when the first answer comes.
    pub fn new(lake: Lake, folder: PathBuf) -> Self {
        Self {
            folder,
            lake,
            open: Mutex::new(BTreeMap::new()),
        }
    }

    /// Keeps the rows: when this returns, killing the process does not lose them.
    pub fn append(&self, service: &str, rows: &RecordBatch) -> Result<(), Diagnostic> {
        let mut open = self
            .open
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let same_schema = |segment: &Segment| segment.schema == rows.schema();
        if !open.get(service).is_some_and(same_schema) {
            // A new model version may log other columns; the old segment is left for the flush.
            let segment = Segment::create(&self.folder.join(service), rows)
                .map_err(|error| cannot("append to", &self.folder, &error))?;
            open.insert(service.to_owned(), segment);
        }
        let segment = open.get_mut(service).expect("it was put there just now");
        let Err(error) = segment.append(rows) else {
            return Ok(());
        };
        let problem = cannot("append to", &segment.path, &error);
        // Nothing can be read behind half a message: the next answer begins a new segment.
        open.remove(service);
        Err(problem)
    }

    /// Moves all answers kept so far into the lake; also those that a dead process left.
    pub async fn flush(&self) -> Result<u64, Diagnostic> {
        let closed: Vec<Segment> = {
            let mut open = self
                .open
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            std::mem::take(&mut *open).into_values().collect()
        };
        drop(closed);
        let mut moved = 0;
        for (service, path) in segments(&self.folder) {
            moved += self.move_segment(&service, &path).await?;
        }
        Ok(moved)
    }

    async fn move_segment(&self, service: &str, path: &Path) -> Result<u64, Diagnostic> {
        // Another process may be writing it, or moving it just now.
        let Ok(lock) = OpenOptions::new().read(true).write(true).open(path) else {
            return Ok(0);
        };
        if lock.try_lock().is_err() {
            return Ok(0);
        }
        let mut moved = 0;
        if let Some(rows) = read(path)? {
            moved = rows.num_rows() as u64;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let options = WriteOptions {
                mode: WriteMode::Append,
                txns: vec![Txn {
                    app_id: format!("prediction_log/{name}"),
                    version: 1,
                }],
                schema_change: SchemaChange::AppendNew,
                metadata: BTreeMap::new(),
            };
            self.lake
                .write(
                    &table(service),
                    Input::Batches(rows.schema(), vec![rows]),
                    options,
                )
                .await?;
        }
        std::fs::remove_file(path).map_err(|error| cannot("remove", path, &error))?;
        Ok(moved)
    }
}

impl Segment {
    fn create(folder: &Path, rows: &RecordBatch) -> Result<Self, arrow::error::ArrowError> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("{}.arrows", uuid::Uuid::now_v7()));
        let file = OpenOptions::new()
            .create_new(true)
            .read(true)
            .append(true)
            .open(&path)?;
        file.lock()?;
        Ok(Self {
            path,
            file,
            schema: rows.schema(),
            encoder: StreamWriter::try_new(Vec::new(), &rows.schema())?,
        })
    }

    fn append(&mut self, rows: &RecordBatch) -> Result<(), arrow::error::ArrowError> {
        self.encoder.write(rows)?;
        let encoded = self.encoder.get_mut();
        let written = self.file.write_all(encoded);
        encoded.clear();
        Ok(written?)
    }
}

/// Answers of a service that are not in the lake yet, in the order in which they were given.
pub fn pending(folder: &Path, service: &str) -> Result<Vec<RecordBatch>, Diagnostic> {
    let mut batches = Vec::new();
    for (_, path) in segments(folder).iter().filter(|(name, _)| name == service) {
        batches.extend(read(path)?);
    }
    Ok(batches)
}

/// (service, segment), oldest first.
fn segments(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = |path: &Path| -> Vec<PathBuf> {
        let found = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let mut found = Vec::new();
    for service in entries(folder) {
        let name = service
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|e| e == "arrows");
        let paths = entries(&service).into_iter().filter(is_segment);
        found.extend(paths.map(|path| (name.clone(), path)));
    }
    found
}

/// The rows of a segment; None without any. A batch that was cut off by the death of the process was
/// never answered, so it is no loss.
fn read(path: &Path) -> Result<Option<RecordBatch>, Diagnostic> {
    let file = match File::open(path) {
        Ok(file) => file,
        // Moved by another process between listing and opening.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot("read", path, &error)),
    };
    let Ok(reader) = StreamReader::try_new(BufReader::new(file), None) else {
        return Ok(None);
    };
    let schema = reader.schema();
    // A batch has the few rows of one request; put together they are read at a table's speed.
    let batches: Vec<RecordBatch> = reader.map_while(Result::ok).collect();
    if batches.is_empty() {
        return Ok(None);
    }
    concat_batches(&schema, &batches)
        .map(Some)
        .map_err(|error| cannot("read", path, &error))
}

fn cannot(verb: &str, path: &Path, error: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::environment(format!(
        "cannot {verb} the prediction log {}: {error}",
        path.display()
    ))
}

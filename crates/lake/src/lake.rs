//! The lake itself: one folder of tables, one engine over it.
//!
//! What can be awaited here comes boxed. Otherwise every crate that awaits it would compile the
//! engine's futures once more, which made up most of a release build of our own crates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use forebay_core::{Diagnostic, Relation};
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::dialect::{check_types, dialect_of, local};
use crate::engine::{self, Files, Planner, SpillFolder, Views, from_engine, input_rows, placed};
use crate::named::Named;
use crate::settings::Settings;
use crate::types::{Dialect, Input, LakeOptions, Rows, WriteOptions, Written};
use crate::warehouse::{Begun, Declared, Warehouse};

/// A warehouse folder and the engine that reads and writes it. Cloning is cheap.
///
/// Several lakes, in one process or in many, may work on one folder: each query sees the newest
/// commit of each table, and each write is one commit.
#[derive(Clone)]
pub struct Lake {
    inner: Arc<Inner>,
    /// Whether queries may name files.
    names_files: bool,
}

struct Inner {
    warehouse: Warehouse,
    views: Views,
    named: Named,
    dialect: Dialect,
    database: String,
    /// Made when the first query comes: its hundreds of functions are 10 MiB of the program that a
    /// server of runs and models alone never reads.
    session: LazyLock<SessionContext, Box<dyn FnOnce() -> SessionContext + Send>>,
    files: PathBuf,
    settings: Arc<Settings>,
    /// Dropped with the last clone, after the session that spills into it.
    _spill: SpillFolder,
}

impl Lake {
    /// Opens the warehouse folder, and makes it where it is missing.
    pub async fn open(options: LakeOptions) -> Result<Lake, Diagnostic> {
        let warehouse = Warehouse::open(&options.root)?;
        let settings = Arc::new(Settings::of(&options.settings)?);
        let spill = SpillFolder::create(&options.spill)?;
        let runtime = engine::runtime(&options, &spill)?;
        let named = Named::new(&options.root, &options.database);
        let sequences = Arc::clone(&named.sequences);
        Ok(Self {
            inner: Arc::new(Inner {
                warehouse,
                views: Views::default(),
                named,
                dialect: options.dialect,
                database: options.database.clone(),
                files: options.files.clone(),
                settings: Arc::clone(&settings),
                session: LazyLock::new(Box::new(move || {
                    engine::session(&options, settings, runtime, sequences)
                })),
                _spill: spill,
            }),
            names_files: true,
        })
    }

    /// The same lake for queries that come from elsewhere: they read its tables and views, and no files
    /// of the machine.
    pub fn without_files(&self) -> Lake {
        Self {
            names_files: false,
            ..self.clone()
        }
    }

    pub(crate) fn names_files(&self) -> bool {
        self.names_files
    }

    /// A type as the dialect's catalog names it.
    pub fn type_name(&self, data_type: &DataType) -> String {
        engine::type_name(data_type, self.dialect())
    }

    /// Where relative paths of files begin.
    pub(crate) fn folder(&self) -> &Path {
        &self.inner.files
    }

    /// The time zone of texts and days, where it is not UTC.
    pub fn time_zone(&self) -> Option<&Arc<str>> {
        self.inner.settings.zone()
    }

    /// The text of a moment with the offset that it has by the clock of the session's zone; what names one, or is no moment,
    /// as it is.
    pub fn with_offset(zone: &str, text: &str) -> String {
        crate::functions::with_offset(zone, text).unwrap_or_else(|_| text.to_owned())
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub fn dialect(&self) -> Dialect {
        self.inner.dialect
    }

    /// What SQL may call the database.
    pub fn database(&self) -> &str {
        &self.inner.database
    }

    /// All tables and views, by name.
    pub async fn relations(&self) -> Result<Vec<Relation>, Diagnostic> {
        self.warehouse().relations()
    }

    /// Runs a query over the newest versions of its tables.
    ///
    /// # Errors
    /// SQL that does not parse or plan, with the place in it; a failure before the first batch.
    /// Later failures come in the stream.
    pub fn query<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Rows, Diagnostic>> {
        Box::pin(async move { self.query_at(sql, &BTreeMap::new()).await })
    }

    /// Runs a query that sees the given tables as of the given versions, also inside of views, and
    /// the newest versions of all others.
    pub fn query_at<'a>(
        &'a self,
        sql: &'a str,
        versions: &'a BTreeMap<Relation, i64>,
    ) -> BoxFuture<'a, Result<Rows, Diagnostic>> {
        Box::pin(async move {
            let state = self.state();
            let plan = self.plan(&state, sql, versions).await?;
            match engine::start(state, &plan).await {
                Ok(rows) => Ok(rows),
                Err(problem) => Err(self.stumbled(problem, sql).await),
            }
        })
    }

    /// All rows of a query at once.
    pub fn collect<'a>(
        &'a self,
        sql: &'a str,
    ) -> BoxFuture<'a, Result<Vec<RecordBatch>, Diagnostic>> {
        Box::pin(async move {
            match self.query(sql).await?.stream.try_collect().await {
                Ok(rows) => Ok(rows),
                Err(problem) => Err(self.stumbled(problem, sql).await),
            }
        })
    }

    /// The columns that a query would give, without running it.
    pub fn schema_of<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<SchemaRef, Diagnostic>> {
        Box::pin(async move {
            let state = self.state();
            let plan = self.plan(&state, sql, &BTreeMap::new()).await?;
            match engine::schema_of(&state, &plan).map_err(from_engine) {
                Ok(schema) => Ok(schema),
                Err(problem) => Err(self.unplanned(problem, sql).await),
            }
        })
    }

    /// Writes a table in one Delta commit: rows, columns, transactions and metadata together, or
    /// nothing. A table that does not exist is made, whatever the mode; a view of that name is
    /// replaced. The input may read the table that it is written to.
    ///
    /// # Errors
    /// The input's own failures; columns that do not fit (see [`SchemaChange`]); a key that is no
    /// column, or occurs twice where [`WriteMode::Merge`] forbids it. Nothing is written then.
    ///
    /// [`SchemaChange`]: crate::SchemaChange
    /// [`WriteMode::Merge`]: crate::WriteMode::Merge
    pub fn write<'a>(
        &'a self,
        relation: &'a Relation,
        input: Input,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written, Diagnostic>> {
        Box::pin(self.write_declared(relation, input, options, None))
    }

    /// As [`Lake::write`], of a table of whose columns that is declared. None: what it is of the table,
    /// and nothing of one that is overwritten.
    pub(crate) async fn write_declared(
        &self,
        relation: &Relation,
        input: Input,
        options: WriteOptions,
        declared: Option<Declared>,
    ) -> Result<Written, Diagnostic> {
        match self.warehouse().begin(relation, &options.txns).await? {
            Begun::Skipped(version) => Ok(Written {
                version,
                rows: 0,
                skipped: true,
            }),
            Begun::Writing(writing) => {
                let state = self.state();
                let sql = input.sql().map(str::to_owned);
                let written = match self.input_rows(&state, input).await {
                    Ok(rows) => writing.finish(&state, rows, &options, declared).await,
                    Err(problem) => Err(problem),
                };
                match (written, &sql) {
                    (Err(problem), Some(sql)) => Err(self.stumbled(problem, sql).await),
                    (written, _) => written,
                }
            }
        }
    }

    /// Defines a view, replacing a view or table of that name at one moment.
    ///
    /// # Errors
    /// SQL that does not plan over the lake as it is.
    pub fn create_view<'a>(
        &'a self,
        relation: &'a Relation,
        sql: &'a str,
    ) -> BoxFuture<'a, Result<(), Diagnostic>> {
        Box::pin(self.create_view_in(relation, sql, None))
    }

    /// As [`Lake::create_view`], of SQL in a dialect; none: this lake's.
    pub(crate) async fn create_view_in(
        &self,
        relation: &Relation,
        sql: &str,
        dialect: Option<Dialect>,
    ) -> Result<(), Diagnostic> {
        let state = self.state();
        let dialect = dialect.unwrap_or_else(|| dialect_of(&state));
        let none = BTreeMap::new();
        let written = sql;
        let sql = local(sql, self.database()).into_owned();
        let planner = self.planner(&state, &none);
        let mut planner = planner.inside(relation);
        let planned = planner.plan_in(dialect, &sql).await;
        let checked = planned.and_then(|plan| check_types(plan, dialect).map_err(from_engine));
        if let Err(problem) = checked {
            return Err(self.unplanned(problem, written).await);
        }
        let warehouse = self.warehouse();
        warehouse.create_view(relation, &sql, dialect).await
    }

    /// Removes a table with its history, or a view. One that does not exist is fine.
    pub fn drop<'a>(&'a self, relation: &'a Relation) -> BoxFuture<'a, Result<(), Diagnostic>> {
        Box::pin(async move { self.warehouse().drop(relation).await })
    }

    pub(crate) fn named(&self) -> &Named {
        &self.inner.named
    }

    pub(crate) fn warehouse(&self) -> &Warehouse {
        &self.inner.warehouse
    }

    /// Plans queries over the newest versions of the tables, but for the named ones.
    pub(crate) fn planner<'a>(
        &'a self,
        state: &'a SessionState,
        versions: &'a BTreeMap<Relation, i64>,
    ) -> Planner<'a> {
        let inner = &self.inner;
        Planner::new(
            state,
            &inner.warehouse,
            &inner.views,
            &inner.named,
            versions,
            self.files(),
        )
    }

    fn files(&self) -> Files<'_> {
        Files {
            folder: &self.inner.files,
            named: self.names_files,
        }
    }

    /// The engine's session, without any table.
    pub(crate) fn session(&self) -> SessionContext {
        SessionContext::clone(&self.inner.session)
    }

    /// The session as of now: `now()` is the moment of this call.
    pub(crate) fn state(&self) -> SessionState {
        self.inner.session.state()
    }

    /// All SQL of queries comes in here.
    pub(crate) async fn plan(
        &self,
        state: &SessionState,
        sql: &str,
        versions: &BTreeMap<Relation, i64>,
    ) -> Result<LogicalPlan, Diagnostic> {
        let local = local(sql, self.database());
        let mut planner = self.planner(state, versions);
        match planner.plan(&local).await {
            Ok(plan) => Ok(plan),
            Err(problem) => Err(self.unplanned(problem, sql).await),
        }
    }

    /// The problem of a query that does not plan, with its place.
    async fn unplanned(&self, problem: Diagnostic, sql: &str) -> Diagnostic {
        self.narrowed(placed(problem, sql), sql, false).await
    }

    /// The problem with its place, in the query or a view that it reads.
    async fn stumbled(&self, problem: Diagnostic, sql: &str) -> Diagnostic {
        let problem = placed(problem, sql);
        let local = local(sql, self.database());
        let problem = engine::behind(self.warehouse(), self.dialect(), &local, problem).await;
        self.narrowed(problem, sql, true).await
    }

    async fn input_rows(&self, state: &SessionState, input: Input) -> Result<Rows, Diagnostic> {
        match input {
            Input::Sql(sql) => {
                let plan = self.plan(state, &sql, &BTreeMap::new()).await?;
                engine::start_to_store(state.clone(), &plan).await
            }
            Input::Batches(schema, batches) => Ok(input_rows(schema, batches)),
            Input::Stream(rows) => Ok(rows),
        }
    }
}

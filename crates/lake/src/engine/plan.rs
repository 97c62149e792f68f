//! From SQL text to a plan: parse, resolve tables and views, mend what the engine would answer
//! wrongly, plan.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::view::ViewTable;
use datafusion::common::TableReference;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::planner::{ParserOptions, SqlToRel};
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Statement};
use forebay_core::name::DATABASE;
use forebay_core::{Diagnostic, Relation, suggest};
use futures::TryStreamExt;
use futures::future::BoxFuture;

use super::context::{Context, Tables, relation_of};
use super::error::{from_engine, from_parser};
use super::foreign_view::ForeignView;
use super::information_schema::{self, Listed};
use super::once;
use super::session::in_dialect;
use super::views::{Planned, Read, Reading, Views};
use crate::dialect;
use crate::dialect::spelling::{self, Spelled, Written};
use crate::files;
use crate::named::Named;
use crate::types::Dialect;
use crate::warehouse::{View, Warehouse};

/// Plans one query, and the views that it reads. A table is resolved once, so that all of the query
/// sees one version of it.
pub(crate) struct Planner<'a> {
    pub(super) state: &'a SessionState,
    warehouse: &'a Warehouse,
    views: &'a Views,
    named: &'a Named,
    /// Tables to be read as of a version.
    pins: &'a BTreeMap<Relation, i64>,
    tables: Tables,
    /// The spelling of the columns of those that are planned with in small letters.
    spellings: HashMap<Relation, Spelled>,
    /// What the names of the warehouse stood for: what is looked up again is found unchanged.
    seen: HashMap<Relation, Read>,
    /// What the views that are being expanded have read so far, outermost first.
    reading: Vec<Reading>,
    /// Views that are being expanded, outermost first.
    open: Vec<Relation>,
    files: Files<'a>,
}

/// Which files a query may read.
#[derive(Clone, Copy)]
pub(crate) struct Files<'a> {
    /// Where relative paths begin.
    pub folder: &'a Path,
    /// Whether the query may name files itself. Views may in any case: they are the project's own.
    pub named: bool,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(
        state: &'a SessionState,
        warehouse: &'a Warehouse,
        views: &'a Views,
        named: &'a Named,
        pins: &'a BTreeMap<Relation, i64>,
        files: Files<'a>,
    ) -> Self {
        Self {
            state,
            warehouse,
            views,
            named,
            pins,
            tables: HashMap::new(),
            spellings: HashMap::new(),
            seen: HashMap::new(),
            reading: Vec::new(),
            open: Vec::new(),
            files,
        }
    }

    /// Plans as if inside of the view, so that reading it again is an error.
    pub(crate) fn inside(mut self, view: &Relation) -> Self {
        self.open.push(view.clone());
        self
    }

    pub(crate) async fn plan(&mut self, sql: &str) -> Result<LogicalPlan, Diagnostic> {
        let (mut statement, written) = self.parse(sql)?;
        if let (Some(query), Dialect::DuckDb) =
            (query_of(&mut statement), dialect::dialect_of(self.state))
        {
            dialect::drop_unread(query);
            self.describe(query).await?;
        }
        if self.named.lay_in(&mut statement)? {
            self.pass();
        }
        self.open_files(&mut statement).await?;
        let parsed = Parsed::Statement(Box::new(statement));
        let (names, _) = datafusion::sql::resolve::resolve_table_references(&parsed, true)
            .map_err(from_engine)?;
        let Parsed::Statement(mut statement) = parsed else {
            return Err(Diagnostic::internal("a statement became something else"));
        };
        for name in &names {
            self.resolve(name).await;
        }
        self.look_up_pivots(&mut statement).await?;
        let spelled = self.spelled(&mut statement, &written);
        let context = Context {
            state: self.state,
            tables: &self.tables,
            has_called: Cell::new(false),
        };
        let engine = SqlToRel::new_with_options(&context, parser_options(self.state));
        if let Some(query) = query_of(&mut statement) {
            dialect::rewrite(query, self.state, &|probe| {
                engine.sql_statement_to_plan(probe)
            })?;
        }
        let mut plan = engine.sql_statement_to_plan(Statement::clone(&statement));
        if dialect::dialect_of(self.state) == Dialect::DuckDb
            && dialect::repeated::is_in(&plan)
            && let Some(query) = query_of(&mut statement)
        {
            dialect::repeated::rewrite(query, &|probe| engine.sql_statement_to_plan(probe))?;
            plan = engine.sql_statement_to_plan(Statement::clone(&statement));
        }
        if context.has_called.get() {
            self.pass();
        }
        let plan = plan.and_then(|plan| once::settle(plan, &statement, self.state));
        let plan = plan.and_then(|plan| spelling::restored(plan, &spelled));
        plan.map_err(from_engine)
    }

    /// The columns of a pivot without values are what its table holds now.
    async fn look_up_pivots(&mut self, statement: &mut Statement) -> Result<(), Diagnostic> {
        let Some(query) = query_of(statement) else {
            return Ok(());
        };
        loop {
            let wanted = dialect::pivots::values_wanted(query)?;
            if wanted.is_empty() {
                break;
            }
            self.pass();
            let mut values = Vec::new();
            for sql in wanted {
                let plan = Box::pin(self.plan(&sql)).await?;
                let rows = super::start(self.state.clone(), &plan).await?;
                let batches: Vec<RecordBatch> = rows.stream.try_collect().await?;
                let texts = batches.iter().flat_map(|batch| {
                    let column = batch.column(0).as_string::<i32>();
                    column.iter().flatten().map(str::to_owned)
                });
                values.push(texts.collect::<Vec<_>>());
            }
            dialect::pivots::give_values(query, &values)?;
        }
        Ok(())
    }

    /// How the columns of the answer are spelled, where that is otherwise than they are planned.
    fn spelled(&self, statement: &mut Statement, written: &Written) -> Spelled {
        match query_of(statement) {
            Some(query) if dialect::dialect_of(self.state) == Dialect::DuckDb => {
                let spelled = |name: &ObjectName| self.spellings.get(&small_relation(name)?);
                spelling::of_query(query, written, &spelled)
            }
            _ => Spelled::new(),
        }
    }

    /// What is being planned will not be so the next time.
    pub(super) fn pass(&mut self) {
        if let Some(reading) = self.reading.last_mut() {
            reading.is_passing = true;
        }
    }

    fn parse(&self, sql: &str) -> Result<(Statement, Written), Diagnostic> {
        let limit = self.state.config_options().sql_parser.recursion_limit.get();
        let parsed = match dialect::dialect_of(self.state) {
            Dialect::DuckDb => dialect::parse_small(sql, limit),
            Dialect::Postgres => dialect::parse(sql, limit).map(|all| (all, Written::default())),
        };
        let (mut statements, written) = parsed.map_err(|error| from_parser(&error))?;
        let statement = statements.pop();
        let mut statement = statement.ok_or_else(|| Diagnostic::error("the SQL is empty"))?;
        if !statements.is_empty() {
            return Err(Diagnostic::error("the SQL has more than one statement")
                .hint("a query stands alone: remove what is behind the ';', or run it by itself, as a hook"));
        }
        match query_of(&mut statement) {
            Some(_) => Ok((statement, written)),
            None => Err(not_a_query(&statement)),
        }
    }

    /// Looks the table up and remembers it, or the reason why it cannot be had: the planner asks
    /// only for the names that turn out not to be common table expressions.
    async fn resolve(&mut self, name: &TableReference) {
        let planned = relation_of(name);
        let relation = self.stored_as(&planned).await;
        if let Some(reading) = self.reading.last_mut() {
            reading.relations.insert(relation.clone());
        }
        if self.tables.contains_key(&planned) {
            return;
        }
        let table = match name.catalog() {
            Some(catalog) => Err(Diagnostic::error(format!(
                "'{catalog}.{relation}' is in another database: there is only '{}'",
                dialect::database_of(self.state)
            ))),
            _ if relation
                .schema
                .eq_ignore_ascii_case(information_schema::SCHEMA) =>
            {
                self.catalog(&relation).await
            }
            _ => self.table(&relation).await,
        };
        let table = table.and_then(|table| self.offered(&planned, table));
        self.tables.insert(planned, table);
    }

    /// The relation that the name means: in DuckDB's dialect capitals tell no two apart.
    async fn stored_as(&mut self, planned: &Relation) -> Relation {
        let is_known = self.pins.contains_key(planned) || self.open.contains(planned);
        if is_known
            || dialect::dialect_of(self.state) != Dialect::DuckDb
            || matches!(self.read(planned).await, Ok(Some(_)))
        {
            return planned.clone();
        }
        let open = self.open.iter().find(|open| is_alike(open, planned));
        let alike = open.cloned().or_else(|| self.warehouse.alike(planned));
        alike.unwrap_or_else(|| planned.clone())
    }

    /// The table as it is planned with: in DuckDB's dialect with its columns in small letters.
    fn offered(
        &mut self,
        planned: &Relation,
        table: Arc<dyn TableProvider>,
    ) -> Result<Arc<dyn TableProvider>, Diagnostic> {
        if dialect::dialect_of(self.state) != Dialect::DuckDb {
            return Ok(table);
        }
        let schema = table.schema();
        let spelled = spelling::of(schema.fields().iter().map(|field| field.name().as_str()));
        if spelled.is_empty() {
            return Ok(table);
        }
        self.spellings.insert(planned.clone(), spelled);
        spelling::in_small_letters(table).map_err(from_engine)
    }

    /// Each file that the statement reads becomes a table of this query.
    async fn open_files(&mut self, statement: &mut Statement) -> Result<(), Diagnostic> {
        let first = self.tables.len();
        for (at, read) in files::take(statement, first)?.into_iter().enumerate() {
            if self.open.is_empty() && !self.files.named {
                return Err(Diagnostic::error("files cannot be read here")
                    .hint("a model of the project may read them"));
            }
            self.pass();
            let opened = files::open(read, self.files.folder, self.state).await?;
            let table = Relation::new(files::SCHEMA, (first + at).to_string());
            let rows = Relation::new(files::SCHEMA, format!("rows_{}", first + at));
            let offered = self.offered(&rows, opened.rows);
            self.tables.insert(rows.clone(), offered);
            let condition = opened.condition.map(|of| format!(" where {of}"));
            let sql = format!(
                "select {} from {}{}",
                opened.columns.join(", "),
                rows.sql(),
                condition.unwrap_or_default()
            );
            let plan = Box::pin(self.plan(&sql)).await?;
            let view: Arc<dyn TableProvider> = Arc::new(ViewTable::new(plan, None));
            let offered = self.offered(&table, view);
            self.tables.insert(table, offered);
        }
        Ok(())
    }

    fn table<'s>(
        &'s mut self,
        relation: &'s Relation,
    ) -> BoxFuture<'s, Result<Arc<dyn TableProvider>, Diagnostic>> {
        Box::pin(async move {
            if self.open.contains(relation) {
                return Err(self.reads_itself(relation));
            }
            if let Some(version) = self.pins.get(relation) {
                return match self.warehouse.table_at(relation, *version).await? {
                    Some(table) => table.provider(self.state),
                    None => Err(self.missing(relation).await),
                };
            }
            match self.read(relation).await? {
                Some(Read::Table(table)) => table.provider(self.state),
                Some(Read::View(view)) => self.expand(relation, &view).await,
                None => Err(self.missing(relation).await),
            }
        })
    }

    async fn read(&mut self, relation: &Relation) -> Result<Option<Read>, Diagnostic> {
        if let Some(seen) = self.seen.get(relation) {
            return Ok(Some(seen.clone()));
        }
        let read = self.warehouse.lookup(relation).await?.map(Read::from);
        if let Some(read) = &read {
            self.seen.insert(relation.clone(), read.clone());
        }
        Ok(read)
    }

    /// A view of the catalog. A view of the warehouse that does not plan any more is left out.
    async fn catalog(&mut self, relation: &Relation) -> Result<Arc<dyn TableProvider>, Diagnostic> {
        self.pass();
        let mut listed = Vec::new();
        for relation in self.warehouse.relations()? {
            if let Ok(table) = self.table(&relation).await
                && let Ok(columns) = self.columns(table.as_ref())
            {
                listed.push(Listed {
                    is_view: table.table_type() == TableType::View,
                    columns,
                    relation,
                });
            }
        }
        match information_schema::table(
            &relation.name.to_lowercase(),
            &listed,
            dialect::database_of(self.state),
            dialect::dialect_of(self.state),
        )? {
            Some(table) => Ok(table),
            None => Err(
                Diagnostic::error(format!("there is no table or view '{relation}'"))
                    .hint("information_schema has tables, columns and schemata"),
            ),
        }
    }

    /// Those of a view are of the types that its parts are brought to: `select 1 union all select 2.5`.
    fn columns(&self, table: &dyn TableProvider) -> Result<SchemaRef, DataFusionError> {
        match (table.table_type(), table.get_logical_plan()) {
            (TableType::View, Some(plan)) => {
                let (state, plan) = (self.state, plan.into_owned());
                let plan = (state.analyzer()).execute_and_check(
                    plan,
                    state.config_options(),
                    |_, _| {},
                )?;
                Ok(Arc::clone(plan.schema().inner()))
            }
            _ => Ok(table.schema()),
        }
    }

    async fn expand(
        &mut self,
        name: &Relation,
        view: &View,
    ) -> Result<Arc<dyn TableProvider>, Diagnostic> {
        let own = dialect::dialect_of(self.state);
        if let Some(known) = self.known(name, view, own).await? {
            return Ok(known);
        }
        let dialect = view.dialect.unwrap_or(own);
        self.open.push(name.clone());
        self.reading.push(Reading::default());
        // Older definitions may have the database's old name.
        let sql = dialect::local(&view.sql, DATABASE);
        let plan = self.plan_in(dialect, &sql).await;
        self.open.pop();
        let reading = self.reading.pop().unwrap_or_default();
        let plan = plan.map_err(|problem| {
            let mut problem = problem.within(&view.sql);
            problem.message = format!("view '{name}': {}", problem.message);
            problem
        })?;
        let table: Arc<dyn TableProvider> = match dialect == own {
            true => Arc::new(ViewTable::new(plan, Some(view.sql.clone()))),
            false => Arc::new(ForeignView::new(plan, dialect)),
        };
        self.keep(name, view, own, &table, reading);
        Ok(table)
    }

    /// The view as it was planned before, where all that it read is as it was then.
    async fn known(
        &mut self,
        name: &Relation,
        view: &View,
        reader: Dialect,
    ) -> Result<Option<Arc<dyn TableProvider>>, Diagnostic> {
        let planned = match self.pins.is_empty() {
            true => self.views.get(name, reader),
            false => None,
        };
        let Some(planned) = planned.filter(|planned| planned.view == *view) else {
            return Ok(None);
        };
        for (relation, before) in &planned.read {
            let now = self.read(relation).await?;
            let is_same = now.is_some_and(|now| now.is(before));
            if !is_same || self.open.contains(relation) {
                return Ok(None);
            }
        }
        if let Some(reading) = self.reading.last_mut() {
            let read = planned.read.iter().map(|(relation, _)| relation.clone());
            reading.relations.extend(read);
        }
        Ok(Some(Arc::clone(&planned.table)))
    }

    fn keep(
        &mut self,
        name: &Relation,
        view: &View,
        reader: Dialect,
        table: &Arc<dyn TableProvider>,
        reading: Reading,
    ) {
        if !reading.is_passing && self.pins.is_empty() {
            let seen = |relation: &Relation| {
                let read = self.seen.get(relation)?;
                Some((relation.clone(), read.clone()))
            };
            let planned = Planned {
                view: view.clone(),
                table: Arc::clone(table),
                read: reading.relations.iter().filter_map(seen).collect(),
            };
            self.views.keep(name, reader, planned);
        }
        if let Some(outer) = self.reading.last_mut() {
            outer.merge(reading);
        }
    }

    /// Plans what may be in another dialect, over the same versions of the tables.
    pub(crate) async fn plan_in(
        &mut self,
        dialect: Dialect,
        sql: &str,
    ) -> Result<LogicalPlan, Diagnostic> {
        if dialect == dialect::dialect_of(self.state) {
            return self.plan(sql).await;
        }
        let state = in_dialect(self.state, dialect);
        let mut planner = Planner {
            state: &state,
            warehouse: self.warehouse,
            views: self.views,
            named: self.named,
            pins: self.pins,
            files: self.files,
            tables: stored(&self.tables),
            spellings: HashMap::new(),
            seen: std::mem::take(&mut self.seen),
            reading: vec![Reading::default()],
            open: self.open.clone(),
        };
        let plan = planner.plan(sql).await;
        self.tables.extend(stored(&planner.tables));
        self.seen = planner.seen;
        if let Some(outer) = self.reading.last_mut() {
            planner
                .reading
                .into_iter()
                .for_each(|read| outer.merge(read));
        }
        plan
    }

    fn reads_itself(&self, view: &Relation) -> Diagnostic {
        let path: Vec<_> = self.open.iter().map(Relation::to_string).collect();
        let path = path.join(" -> ");
        Diagnostic::error(format!("view '{view}' reads itself: {path} -> {view}"))
    }

    async fn missing(&self, relation: &Relation) -> Diagnostic {
        let problem = Diagnostic::error(format!("there is no table or view '{relation}'"));
        let names = self.warehouse.relations().unwrap_or_default();
        let names: Vec<String> = names.iter().map(Relation::to_string).collect();
        let wrong = relation.to_string();
        problem.maybe_hint(suggest::nearest(&wrong, names.iter().map(String::as_str)))
    }
}

fn is_alike(one: &Relation, other: &Relation) -> bool {
    one.schema.eq_ignore_ascii_case(&other.schema) && one.name.eq_ignore_ascii_case(&other.name)
}

/// The relation that a name in small letters is planned as.
fn small_relation(name: &ObjectName) -> Option<Relation> {
    let part = |at: usize| Some(name.0.get(at)?.as_ident()?.value.to_ascii_lowercase());
    match name.0.len() {
        1 => Some(relation_of(&TableReference::bare(part(0)?))),
        2 => Some(Relation::new(part(0)?, part(1)?)),
        _ => None,
    }
}

/// The query in a statement that only reads: a query, or the explanation of one.
fn query_of(statement: &mut Statement) -> Option<&mut Query> {
    match statement {
        Statement::Query(query) => Some(query),
        Statement::Explain { statement, .. } => query_of(statement),
        _ => None,
    }
}

fn not_a_query(statement: &Statement) -> Diagnostic {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    Diagnostic::error(format!(
        "'{} ...' is not a query: only SELECT, WITH, VALUES and EXPLAIN can be run",
        words.join(" ")
    ))
}

/// The tables of the warehouse: they are the same to every dialect, views and the catalog are not.
fn stored(tables: &Tables) -> Tables {
    let is_stored = |relation: &Relation, table: &dyn TableProvider| {
        table.table_type() == TableType::Base && relation.schema != information_schema::SCHEMA
    };
    let kept = tables.iter().filter(|(relation, table)| {
        let table = table.as_ref();
        table.is_ok_and(|table| is_stored(relation, table.as_ref()))
    });
    kept.map(|(relation, table)| (relation.clone(), table.clone()))
        .collect()
}

fn parser_options(state: &SessionState) -> ParserOptions {
    ParserOptions::from(&state.config_options().sql_parser)
}

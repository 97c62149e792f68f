//! One rendering: what is the same for the whole project, which node it is for, in which mode, and
//! what the template asked for on the way.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chrono::{DateTime, SubsecRound, Utc};
use forebay_core::incremental::{Batch, BatchSize};
use forebay_core::{Diagnostic, NodeId, Relation};
use indexmap::IndexSet;
use minijinja::value::{Enumerator, Object, Serde, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use serde_json::{Map, Value as Json};

use super::macros::{Macro, MacroSet, MacroValue, Package};
use super::marks::{Map as Writers, Marks, unmarked};
use super::moment::Moment;
use super::names::{Asker, Names};
use super::ref_call::RefCall;
use super::relation::RelationValue;
use super::unknown::{EXCUSED, METHODS, Unknown};
use super::{adapter, collections, config_object, errors, functions, modules};
use crate::ask::{Answer, Question};
use crate::config::{Quoting, Target, Vars};
use crate::manifest;
use crate::place;
use crate::scan::DocBlock;
use crate::{CompileState, Reading};

/// The same for every rendering of a project.
pub(crate) struct Shared {
    pub project: String,
    pub target: Target,
    /// By package.
    pub vars: BTreeMap<String, Vars>,
    pub env: BTreeMap<String, String>,
    /// `env_var` gives secrets: in profiles.yml and packages.yml.
    pub secrets: bool,
    pub now: DateTime<Utc>,
    pub invocation_id: String,
    /// What `flags` shows, by names in capitals.
    pub flags: Map<String, Json>,
    pub macros: MacroSet,
    /// Texts of `{% docs %}` blocks by package and name.
    pub docs: BTreeMap<String, BTreeMap<String, DocBlock>>,
    /// For a macro namespace, the packages to look for macros in.
    pub dispatch: BTreeMap<String, Vec<String>>,
    /// How relations are written.
    pub quoting: Quoting,
    /// Empty until every file has been read.
    pub names: OnceLock<Names>,
    /// Empty where everything is read as it is.
    pub reading: OnceLock<Reading>,
    /// `graph`: what the manifest says of all nodes. Without a value until a template that is compiled reads it;
    /// what a template changes in it the next one sees.
    pub graph: OnceLock<Value>,
    /// `flags: {require_explicit_package_overrides_for_builtin_materializations: ...}`.
    pub explicit_overrides: bool,
    /// Which of our materialisations the project builds by its own macros.
    pub overridden: Mutex<BTreeMap<(String, Option<String>), bool>>,
    /// `builtins.ref.config`.
    pub runtime_config: Json,
}

/// `model.batch`: its name without dashes, and its borders as moments.
fn batch_value(batch: Batch, config: &Json) -> Value {
    let size = config["batch_size"].as_str().and_then(BatchSize::named);
    let name = batch.name(size.unwrap_or(BatchSize::Day));
    let moment = |at: DateTime<Utc>| Value::from_object(Moment::utc(at));
    collections::dict([
        (Value::from("id"), Value::from(name.replace('-', ""))),
        (Value::from("event_time_start"), moment(batch.start)),
        (Value::from("event_time_end"), moment(batch.end)),
    ])
}

/// While the project is read.
fn empty_graph() -> Value {
    let parts = [
        "nodes",
        "sources",
        "exposures",
        "metrics",
        "groups",
        "semantic_models",
        "saved_queries",
        "functions",
    ];
    let parts = parts.map(|part| (Value::from(part), collections::dict([])));
    collections::dict(parts)
}

impl Shared {
    /// Variables of the environment that artifacts note, without their common beginning.
    pub fn metadata_env(&self) -> Map<String, Json> {
        let noted = self.env.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix("DBT_ENV_CUSTOM_ENV_")?;
            Some((name.to_owned(), Json::from(value.as_str())))
        });
        noted.collect()
    }

    /// What macros for the engine at hand begin with, the nearest first. Under DuckDB's name there is no
    /// step by PostgreSQL, as its own adapter has none: `7 / 2` is not the same to both.
    pub fn prefixes(&self) -> [&str; 4] {
        let kind = self.target.kind.as_str();
        let parent = if kind == "duckdb" {
            "default"
        } else {
            "postgres"
        };
        ["forebay", kind, parent, "default"]
    }

    /// The block of docs that a package calls by that name, perhaps another package's, and whose it is.
    pub fn doc(&self, from: &str, of: Option<&str>, name: &str) -> Option<(&str, &DocBlock)> {
        let in_package = |package: &str| {
            let (package, docs) = self.docs.get_key_value(package)?;
            Some((package.as_str(), docs.get(name)?))
        };
        match of {
            Some(package) => in_package(package),
            None => in_package(from)
                .or_else(|| in_package(&self.project))
                .or_else(|| self.docs.keys().find_map(|package| in_package(package))),
        }
    }

    /// What `adapter.dispatch(name, namespace)` means in a package.
    pub fn dispatched(
        &self,
        from: &str,
        name: &str,
        namespace: Option<&str>,
    ) -> Option<&Arc<Macro>> {
        // What is no package is as if it were not said.
        let packages = self.dispatch_order(namespace);
        let packages = packages.unwrap_or_else(|| vec![from, &self.project]);
        let packages = packages.into_iter().chain([super::macros::BUILTIN]);
        self.of_prefixes(name, packages, |package, name| {
            self.macros.get(package, name)
        })
    }

    /// The same as far as texts tell, from nowhere: any package may have what is looked for without a namespace.
    pub fn dispatched_to(&self, name: &str, namespace: Option<&str>) -> Option<&Arc<Macro>> {
        match self.dispatch_order(namespace) {
            Some(_) => self.dispatched(&self.project, name, namespace),
            None => self.of_prefixes(name, [""].into_iter(), |_, name| {
                self.macros.anywhere(&self.project, name)
            }),
        }
    }

    /// The packages of a namespace. None: it says nothing.
    fn dispatch_order<'a>(&'a self, namespace: Option<&'a str>) -> Option<Vec<&'a str>> {
        let namespace = namespace?;
        match self.dispatch.get(namespace) {
            Some(order) => Some(order.iter().map(String::as_str).collect()),
            None => self
                .macros
                .has_package(namespace)
                .then(|| vec![&*self.project, namespace]),
        }
    }

    fn of_prefixes<'a, 'b>(
        &'a self,
        name: &str,
        mut packages: impl Iterator<Item = &'b str>,
        find: impl Fn(&'b str, &str) -> Option<&'a Arc<Macro>>,
    ) -> Option<&'a Arc<Macro>> {
        packages.find_map(|package| {
            let mut prefixes = self.prefixes().into_iter();
            prefixes.find_map(|prefix| find(package, &format!("{prefix}__{name}")))
        })
    }
}

/// As in dbt, no macros to a generic test or to the manifest, even where the project has some of these names.
pub(crate) const NEVER_MACROS: [&str; 3] = ["config", "ref", "source"];

/// The node that a template belongs to.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeScope {
    /// Its package: empty for the project.
    pub package: String,
    /// It is a node's template, not a text of YAML.
    pub of_node: bool,
    /// As in dbt for the texts of YAML files: macros are not known, and a part of what is undefined is an error.
    pub strict: bool,
    /// As in dbt, a project's own `ref`, `source` and `config` are not those of generic tests.
    pub of_generic_test: bool,
    /// Whose private models it may read.
    pub group: Option<String>,
    pub this: Option<Relation>,
    /// What the variable `model` shows.
    pub model: Json,
    /// Its configuration as far as it is known.
    pub config: Map<String, Json>,
    /// What else it can name.
    pub variables: Map<String, Json>,
    /// The arguments of a generic test.
    pub test_arguments: Option<Value>,
    /// The parents found while parsing. Another one would have been waited for by nobody.
    pub parents: Option<BTreeSet<NodeId>>,
    /// References that have been reported already.
    pub excused: HashSet<RefCall>,
    /// What its template calls and nobody has.
    pub unknown: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Mode {
    /// `execute` is false; the output is thrown away.
    Parse,
    Compile(CompileState),
}

impl Mode {
    pub fn marks(&self) -> Marks {
        match self {
            Mode::Parse => Marks::None,
            Mode::Compile(state) => state.marks,
        }
    }

    pub fn is_ahead_of_hooks(&self) -> bool {
        matches!(self, Mode::Compile(state) if state.ahead_of_hooks)
    }
}

/// What a template did.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub calls: Vec<RefCall>,
    /// The keyword arguments of each `config(...)`, in order.
    pub configs: Vec<Map<String, Json>>,
    /// Settings that they give what is not defined.
    pub undefined: BTreeSet<String>,
    /// In the order of their first calls.
    pub macros: IndexSet<NodeId>,
    /// Ephemeral models whose expressions the text names, in the order of first use.
    pub ephemerals: Vec<NodeId>,
    pub warnings: Vec<Diagnostic>,
    /// What it calls and nobody has, while the project is read.
    pub unknown: BTreeSet<String>,
    /// Variables without a value, while the project is read.
    pub missing: BTreeSet<String>,
    /// What it prints: `print(...)` and `log(..., info=true)`.
    pub printed: Vec<String>,
    /// The result of a template that is a single expression.
    pub value: Option<Value>,
}

impl Record {
    /// Both, in this order.
    pub fn and(mut self, later: Self) -> Self {
        let new = |id: &NodeId| !self.ephemerals.contains(id);
        let ephemerals: Vec<NodeId> = later.ephemerals.into_iter().filter(new).collect();
        self.ephemerals.extend(ephemerals);
        self.calls.extend(later.calls);
        self.configs.extend(later.configs);
        self.undefined.extend(later.undefined);
        self.macros.extend(later.macros);
        self.warnings.extend(later.warnings);
        self.unknown.extend(later.unknown);
        self.missing.extend(later.missing);
        self.printed.extend(later.printed);
        self.value = later.value.or(self.value);
        self
    }
}

pub(crate) struct Scope {
    pub shared: Arc<Shared>,
    pub node: Arc<NodeScope>,
    pub mode: Mode,
    record: Mutex<Record>,
    /// How many macros deep the rendering is.
    depth: AtomicUsize,
    /// What `statement` has found, by name.
    results: Mutex<BTreeMap<String, Value>>,
    /// What the template has put into its own context: `context.update({'sql': ...})`.
    replaced: Mutex<BTreeMap<String, Value>>,
    /// The same for its configuration: `config.set('sql_header', ...)`.
    settings: Mutex<BTreeMap<String, Value>>,
}

impl Scope {
    pub fn new(shared: Arc<Shared>, node: Arc<NodeScope>, mode: Mode) -> Arc<Self> {
        Arc::new(Self {
            shared,
            node,
            mode,
            record: Mutex::default(),
            depth: AtomicUsize::default(),
            results: Mutex::default(),
            replaced: Mutex::default(),
            settings: Mutex::default(),
        })
    }

    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn results(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replaced(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_config(&self, name: &str, value: Value) {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        settings.insert(name.to_owned(), value);
    }

    pub fn config_set(&self, name: &str) -> Option<Value> {
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        settings.get(name).cloned()
    }

    /// At once where somebody listens, else when the rendering is over.
    pub fn say(&self, message: String) {
        match self.compiling().and_then(|c| c.live.as_ref()) {
            Some(live) => live.said(&message),
            None => self.record().printed.push(message),
        }
    }

    /// The template is run for its effects.
    pub fn is_live(&self) -> bool {
        self.compiling().is_some_and(|c| c.live.is_some())
    }

    /// The same all along, but for a template that is run for its effects: it may name tables by the moment.
    pub fn now(&self) -> DateTime<Utc> {
        let live = self.compiling().and_then(|c| c.live.as_ref());
        let now = live.map_or(self.shared.now, |live| live.now());
        now.trunc_subsecs(6)
    }

    pub fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// Runs a macro.
    pub fn deeper<T>(&self, run: impl FnOnce() -> T) -> T {
        self.depth.fetch_add(1, Ordering::Relaxed);
        let result = run();
        self.depth.fetch_sub(1, Ordering::Relaxed);
        result
    }

    /// None while the project is read: nothing is asked then.
    ///
    /// # Errors
    /// Ends the rendering where the answer is not known yet, or a statement fails.
    pub fn ask(&self, question: Question) -> Result<Option<Cow<'_, Answer>>, Error> {
        let Some(compiling) = self.compiling() else {
            return Ok(None);
        };
        let asked = question.text().map(str::to_owned);
        let question = question.map_text(|text| unmarked(&text).unwrap_or(text));
        let refused = compiling.refused.as_deref();
        if let Some((_, problem)) = refused.filter(|(own, _)| *own == question) {
            let map = asked.as_deref().map(Writers::read);
            let writers = map.and_then(|map| place::writers(&map, &map.text, problem));
            return Err(errors::of_sql(problem.clone(), writers.unwrap_or_default()));
        }
        if let Some(live) = &compiling.live {
            let answer = live.answer(&question).map_err(errors::problem)?;
            return Ok(Some(Cow::Owned(answer)));
        }
        match compiling.answers.get(&question) {
            Some(answer) => Ok(Some(Cow::Borrowed(answer))),
            None => Err(errors::asking(question)),
        }
    }

    pub fn compiling(&self) -> Option<&CompileState> {
        match &self.mode {
            Mode::Parse => None,
            Mode::Compile(compiling) => Some(compiling),
        }
    }

    pub fn macro_value(self: &Arc<Self>, found: &Arc<super::Macro>) -> Value {
        Value::from_object(MacroValue {
            definition: found.clone(),
            scope: self.clone(),
        })
    }

    /// The package that the template belongs to.
    pub fn package(&self) -> &str {
        match self.node.package.as_str() {
            "" => &self.shared.project,
            package => package,
        }
    }

    pub fn asker(&self) -> Asker<'_> {
        Asker {
            package: self.package(),
            group: self.node.group.as_deref(),
        }
    }

    pub fn vars(&self) -> Option<&Vars> {
        self.shared.vars.get(self.package())
    }

    /// Everything a template can name: the package's macros and the project's come first, so that they can take the
    /// place of functions and of built-in macros.
    fn lookup(self: &Arc<Self>, name: &str) -> Option<Value> {
        if name == EXCUSED {
            return Some(Value::from(self.excuses(METHODS)));
        }
        if let Some(value) = self.overridden_macro(None, name) {
            // What is no function is the value itself.
            return Some(match self.variable(name) {
                Some(_) => collections::from_json(value),
                None => functions::constant(value),
            });
        }
        if let Some(value) = self.replaced().get(name) {
            return Some(value.clone());
        }
        let macros = &self.shared.macros;
        let never = self.node.of_generic_test && NEVER_MACROS.contains(&name);
        let own = || macros.get(self.package(), name);
        let has_macros = !self.node.strict;
        let own = (has_macros && !never)
            .then(|| own().or_else(|| macros.get(&self.shared.project, name)));
        if let Some(found) = own.flatten() {
            return Some(self.macro_value(found));
        }
        let known = self.variable(name).or_else(|| functions::get(self, name));
        if known.is_some() || !has_macros {
            return known;
        }
        let built_in = macros.get(super::macros::BUILTIN, name);
        built_in
            .map(|found| self.macro_value(found))
            .or_else(|| macros.has_package(name).then(|| Package::value(self, name)))
            .or_else(|| Some(self.macro_value(self.beside_a_test(name)?)))
            .or_else(|| self.excuses(name).then(Unknown::value))
    }

    /// As in dbt, what the macros of a generic test call is found in any package, while the project is read.
    fn beside_a_test(&self, name: &str) -> Option<&Arc<super::Macro>> {
        let is_read = self.node.of_generic_test && self.compiling().is_none();
        let macros = &self.shared.macros;
        is_read.then(|| macros.anywhere(&self.shared.project, name))?
    }

    /// Of the node's own text alone: a macro that calls what is not there is an error at once.
    pub fn excuses(&self, name: &str) -> bool {
        self.depth() == 0 && self.compiling().is_none() && self.node.unknown.contains(name)
    }

    fn graph(&self) -> Value {
        match self.shared.graph.get() {
            Some(graph) if !self.mode.is_ahead_of_hooks() => graph.clone(),
            _ if self.compiling().is_some() => Value::from(errors::reading_graph()),
            _ => empty_graph(),
        }
    }

    /// A test that is compiled, not one that runs: what it is for is known to `graph` alone.
    fn is_test(&self) -> bool {
        let model = &self.node.model;
        self.compiling().is_some()
            && model["resource_type"] == "test"
            && model["compiled"].is_null()
    }

    /// What `graph` says of the node: a copy.
    fn entry(&self) -> Option<Value> {
        let graph = self.graph();
        if graph.kind() == ValueKind::Invalid {
            return Some(graph);
        }
        let id = Value::from(self.node.model["unique_id"].as_str()?);
        let entry = graph.get_attr("nodes").ok()?.get_item(&id).ok()?;
        let json = serde_json::to_value(entry).ok()?;
        Some(collections::from_json(&json))
    }

    fn variable(self: &Arc<Self>, name: &str) -> Option<Value> {
        let json = |json: &Json| Value::from(Serde(json));
        Some(match name {
            "this" => Value::from_object(self.this()?),
            "model" if self.is_test() => self.entry()?,
            "model" if !self.node.model.is_null() => self.model(),
            "target" => json(&self.shared.target.to_json()),
            "config" => config_object::value(self),
            "adapter" => adapter::value(self),
            "exceptions" => adapter::exceptions(self),
            "api" => adapter::api(self),
            "flags" => json(&self.flags()),
            "builtins" => functions::builtins(self),
            "invocation_args_dict" => collections::from_json(&self.arguments()),
            "graph" => self.graph(),
            "context" => Value::from_object(Context(self.clone())),
            "execute" => Value::from(self.compiling().is_some()),
            "schema" => Value::from(&*self.shared.target.schema),
            "database" => Value::from(&*self.shared.target.database),
            "selected_resources" => {
                let reading = self.shared.reading.get();
                let ids = reading.into_iter().flat_map(|reading| &reading.selected);
                collections::list(ids.map(|id| Value::from(id.as_str())))
            }
            "project_name" => Value::from(&*self.shared.project),
            "invocation_id" => Value::from(&*self.shared.invocation_id),
            "run_started_at" => Value::from_object(Moment::utc(self.shared.now)),
            "thread_id" => Value::from("Thread-1 (worker)"),
            "modules" => modules::value(self),
            "dbt_version" => Value::from(crate::DBT_VERSION),
            "dbt_metadata_envs" => collections::from_json(&self.shared.metadata_env().into()),
            "_dbt_generic_test_kwargs" => self.node.test_arguments.clone()?,
            _ => collections::from_json(self.node.variables.get(name)?),
        })
    }

    fn this(&self) -> Option<RelationValue> {
        let relation = self.node.this.clone()?;
        Some(match self.compiling().and_then(|c| c.this.clone()) {
            Some(sql) => RelationValue::cte(self, relation, sql),
            None => RelationValue::new(self, relation),
        })
    }

    /// The type of the node.
    pub fn kind(&self) -> &str {
        let kind = self.node.model.get("resource_type");
        kind.and_then(Json::as_str).unwrap_or_default()
    }

    fn model(&self) -> Value {
        let Json::Object(model) = &self.node.model else {
            return collections::from_json(&self.node.model);
        };
        let kind = self.kind();
        let parts = model.iter().map(|(key, value)| {
            let value = match key.as_str() {
                "config" => collections::from_json(&manifest::with_defaults(kind, value)),
                _ => collections::from_json(value),
            };
            (Value::from(&**key), value)
        });
        // Outside of a batch it is there and nothing, so that hooks may ask for its parts.
        let batch = (kind == "model").then(|| {
            // While the project is read, whatever is made of it is nothing.
            let batch = self.compiling().map_or_else(Unknown::value, |compiling| {
                let batch = compiling.batch;
                batch.map_or(Value::from(()), |batch| {
                    batch_value(batch, &self.node.model["config"])
                })
            });
            (Value::from("batch"), batch)
        });
        collections::dict(parts.chain(batch))
    }

    /// What a unit test lets the macro answer, by its name or by `package.name`; those of `dbt` have both.
    pub fn overridden_macro(&self, package: Option<&str>, name: &str) -> Option<&Json> {
        let macros = &self.compiling()?.overrides.macros;
        match package {
            None => macros.get(name),
            Some(package) => {
                let of_dbt = || macros.get(name).filter(|_| package == "dbt");
                macros.get(&format!("{package}.{name}")).or_else(of_dbt)
            }
        }
    }

    fn flags(&self) -> Json {
        let full_refresh = self.compiling().is_some_and(|c| c.full_refresh);
        let mut flags = Map::from_iter([
            ("FULL_REFRESH".to_owned(), Json::Bool(full_refresh)),
            ("STORE_FAILURES".to_owned(), Json::Bool(false)),
            ("WHICH".to_owned(), Json::from("build")),
        ]);
        flags.extend(self.shared.flags.clone());
        Json::Object(flags)
    }

    /// What the command was called with, as far as flags tell it.
    fn arguments(&self) -> Json {
        let Json::Object(flags) = self.flags() else {
            return Json::Null;
        };
        let small = flags.into_iter();
        small
            .map(|(name, value)| (name.to_lowercase(), value))
            .collect()
    }

    /// Names for "did you mean".
    pub fn callable(&self) -> Vec<String> {
        let functions = functions::FUNCTIONS
            .iter()
            .map(|(name, ..)| (*name).to_owned());
        functions.chain(self.shared.macros.names()).collect()
    }
}

/// The scope as the engine's root context: names are made when they are asked for.
pub(crate) struct Context(pub Arc<Scope>);

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<context>")
    }
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.lookup(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.lookup(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "get" => {
                let (name, default): (&str, Option<Value>) = from_args(args)?;
                let found = self.0.lookup(name).or(default);
                Ok(found.unwrap_or(Value::from(())))
            }
            "update" => {
                let (new,): (Value,) = from_args(args)?;
                for name in new.try_iter()? {
                    let value = new.get_item(&name)?;
                    self.0.replaced().insert(name.to_string(), value);
                }
                Ok(Value::from(""))
            }
            name => match self.0.lookup(name) {
                Some(value) => value.call(state, args),
                None => Err(Error::from(ErrorKind::UnknownMethod)),
            },
        }
    }
}

//! `dbt_project.yml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use forebay_core::Diagnostic;
use regex::Regex;

use super::quoting::Quoting;
use super::required;
use super::tree::Tree;
use super::types::Kind;
use super::vars::WrittenVars;
use crate::hooks::{HookText, When};
use crate::query_comment::QueryComment;
use crate::yaml::{Doc, Fields, Unknown, Value, Yaml, form_of};

/// What has to be known before anything can be rendered.
pub(crate) struct ProjectName {
    pub name: String,
    pub profile: Option<String>,
}

impl ProjectName {
    pub fn from_yaml(doc: Doc<'_>, yaml: &Yaml) -> Option<Self> {
        let mut fields = Fields::of(doc, yaml, "dbt_project.yml")?;
        let name = fields.required("name")?;
        if !is_identifier(&name) {
            doc.problems.push(
                Diagnostic::error(format!("'{name}' cannot be a project's name"))
                    .at(fields.at("name").in_file(doc.file))
                    .hint("use letters, digits and underscores, not beginning with a digit"),
            );
            return None;
        }
        let profile = fields.text("profile");
        Some(Self { name, profile })
    }
}

fn is_identifier(name: &str) -> bool {
    let word = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    word && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The rest of it.
#[derive(Debug)]
pub(crate) struct ProjectFile {
    /// As it is written.
    pub version: serde_json::Value,
    pub models_in: Vec<String>,
    pub seeds_in: Vec<String>,
    pub tests_in: Vec<String>,
    pub snapshots_in: Vec<String>,
    pub macros_in: Vec<String>,
    pub analyses_in: Vec<String>,
    pub functions_in: Vec<String>,
    pub vars: WrittenVars,
    /// Where installed packages are.
    pub packages_in: String,
    pub target_path: Option<String>,
    /// `dispatch:`: for a macro namespace, the packages to look in.
    pub dispatch: BTreeMap<String, Vec<String>>,
    pub quoting: Quoting,
    pub query_comment: QueryComment,
    pub on_run_start: Vec<HookText>,
    pub on_run_end: Vec<HookText>,
    /// Nothing runs where one of `on-run-start` fails.
    pub stops_where_start_fails: bool,
    /// `flags: {require_ref_searches_node_package_before_root: true}`: in names, a package's own go before the project's.
    pub own_names_first: bool,
    /// `flags: {state_modified_compare_more_unrendered_values: true}`: sources are compared as they are written.
    pub compares_written: bool,
    /// `source freshness` runs `on-run-start` and `on-run-end` too.
    pub hooks_around_freshness: bool,
    /// `flags: {validate_macro_args: true}`: parameters of macros are arguments that are described.
    pub macro_arguments: bool,
    /// A package's materialisation takes the place of a built-in one only where this is off.
    pub explicit_overrides: bool,
    /// A project's own macro for microbatches is run once a batch.
    pub batched_strategies: bool,
    /// No two nodes may have one name, in whatever package or of whatever kind.
    pub unique_names: bool,
    pub models: Tree,
    pub functions: Tree,
    pub seeds: Tree,
    pub snapshots: Tree,
    pub sources: Tree,
    pub tests: Tree,
    pub unit_tests: Tree,
    pub exposures: Tree,
    /// `tags` and `meta` right below `exposures`, which are added to those of each.
    pub of_exposures: (Vec<String>, serde_json::Value),
    pub semantic_models: Tree,
    pub metrics: Tree,
    pub saved_queries: Tree,
    /// `restrict-access`: models are for this package alone, unless they are public.
    pub restricted: bool,
    /// Where documentation blocks are; None for the folders of everything else.
    pub docs_in: Option<Vec<String>>,
}

impl ProjectFile {
    /// Those that property files are looked for in, in dbt's order.
    pub fn folders(&self) -> Vec<&String> {
        let kinds = [
            &self.models_in,
            &self.seeds_in,
            &self.snapshots_in,
            &self.analyses_in,
            &self.macros_in,
            &self.tests_in,
            &self.functions_in,
        ];
        kinds.into_iter().flatten().collect()
    }
}

/// What dbt allows here and what says nothing to us.
const TOLERATED: &[&str] = &[
    "name",
    "profile",
    "log-path",
    "asset-paths",
    "dbt-cloud",
    "analyses",
    "profile-template",
];

impl ProjectFile {
    /// `folder` is where the package is, below the project's own; `check_version` whether it must be for this
    /// version of dbt.
    pub fn from_yaml(doc: Doc<'_>, yaml: &Yaml, folder: &str, check_version: bool) -> Option<Self> {
        let mut fields = Fields::of(doc, yaml, doc.file)?;
        fields.ignore(TOLERATED);
        let mut paths = |keys: &[&'static str], default: &str| {
            keys.iter()
                .for_each(|key| must_be(&fields, yaml, key, Kind::List));
            let is_list = |key: &&str| {
                yaml.get(key)
                    .is_some_and(|of| matches!(of.value, Value::List(_)))
            };
            // An empty list is none at all.
            let is_said = keys.iter().any(is_list);
            let found: Vec<String> = keys.iter().flat_map(|key| fields.texts(key)).collect();
            match found.is_empty() && is_said {
                true => found,
                false => clean(found, default, folder),
            }
        };
        let models_in = paths(&["model-paths", "source-paths"], "models");
        let seeds_in = paths(&["seed-paths", "data-paths"], "seeds");
        let tests_in = paths(&["test-paths"], "tests");
        let snapshots_in = paths(&["snapshot-paths"], "snapshots");
        let macros_in = paths(&["macro-paths"], "macros");
        let analyses_in = paths(&["analysis-paths"], "analyses");
        let functions_in = paths(&["function-paths"], "functions");
        let docs = fields.texts("docs-paths");
        let docs_in = (!docs.is_empty()).then(|| clean(docs, "docs", folder));
        let restricted = fields.flag("restrict-access").unwrap_or(false);
        let version = fields.get("version").map(Yaml::to_json);
        if version.as_ref().is_some_and(|version| !is_version(version)) {
            let message = "'version' must be a number, or a text such as '1.0.0'";
            fields.error(message, fields.at("version"));
        }
        let vars = WrittenVars::from_yaml(doc, fields.get("vars"));
        must_be(&fields, yaml, "clean-targets", Kind::List);
        fields.ignore(&["clean-targets"]);
        let packages_in = fields.only_text("packages-install-path");
        let target_path = fields.only_text("target-path");
        must_be(&fields, yaml, "quoting", Kind::Mapping);
        must_be(&fields, yaml, "flags", Kind::Mapping);
        let dispatch = dispatch(&mut fields);
        let quoting = fields.get("quoting").map(Yaml::to_json);
        let query_comment = QueryComment::from_fields(&mut fields);
        let on_run_start = run_hooks(&mut fields, When::Before);
        let on_run_end = run_hooks(&mut fields, When::After);
        let flags = fields.get("flags").map(Yaml::to_json).unwrap_or_default();
        config_version(&mut fields);
        if check_version && flags["version_check"].as_bool() != Some(false) {
            required_version(&mut fields);
        }
        let flag = |name: &str, default: bool| flags[name].as_bool().unwrap_or(default);
        let mut tree = |keys: &[&'static str]| {
            keys.iter()
                .for_each(|key| must_be(&fields, yaml, key, Kind::Mapping));
            let found = keys
                .iter()
                .fold(None, |found, key| found.or(fields.get(key)));
            found
                .map(|yaml| Tree::from_yaml(doc, yaml))
                .unwrap_or_default()
        };
        let project = Self {
            version: version.unwrap_or_default(),
            models_in,
            seeds_in,
            tests_in,
            snapshots_in,
            macros_in,
            analyses_in,
            functions_in,
            vars,
            packages_in: packages_in.unwrap_or_else(|| "dbt_packages".into()),
            target_path,
            dispatch,
            quoting: Quoting::default().over(&quoting.unwrap_or_default()),
            query_comment,
            on_run_start,
            on_run_end,
            stops_where_start_fails: flag("skip_nodes_if_on_run_start_fails", false),
            own_names_first: flag("require_ref_searches_node_package_before_root", false),
            compares_written: flag("state_modified_compare_more_unrendered_values", false),
            hooks_around_freshness: flag("source_freshness_run_project_hooks", true),
            macro_arguments: flag("validate_macro_args", false),
            explicit_overrides: flag(
                "require_explicit_package_overrides_for_builtin_materializations",
                true,
            ),
            batched_strategies: flag(
                "require_batched_execution_for_custom_microbatch_strategy",
                false,
            ),
            unique_names: flag("require_unique_project_resource_names", false),
            models: tree(&["models"]),
            functions: tree(&["functions"]),
            seeds: tree(&["seeds"]),
            snapshots: tree(&["snapshots"]),
            sources: tree(&["sources"]),
            tests: tree(&["data_tests", "tests"]),
            unit_tests: tree(&["unit_tests"]),
            of_exposures: of_exposures(yaml.get("exposures")),
            exposures: tree(&["exposures"]),
            semantic_models: tree(&["semantic-models", "semantic_models"]),
            metrics: tree(&["metrics"]),
            saved_queries: tree(&["saved-queries", "saved_queries"]),
            restricted,
            docs_in,
        };
        fields.ignore(&["require-dbt-version"]);
        fields.finish(Unknown::Error);
        Some(project)
    }
}

/// Two numbers or three, and what may stand behind those.
fn is_version(written: &serde_json::Value) -> bool {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        let number = r"(0|[1-9]\d*)";
        let rest = r"(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?";
        let pattern = format!(r"^{number}\.{number}(\.{number}{rest})?$");
        Regex::new(&pattern).expect("a valid pattern")
    });
    match written.as_str() {
        Some(text) => PATTERN.is_match(text),
        None => written.is_number() || written.is_null(),
    }
}

/// Where it is written at all.
fn must_be(fields: &Fields<'_>, yaml: &Yaml, key: &str, kind: Kind) {
    let written = yaml.get(key).filter(|value| !value.is_null());
    if let Some(value) = written.filter(|value| !kind.fits(&value.to_json())) {
        let (what, wanted, found) = (&fields.what, kind.wanted(), value.kind());
        let message = format!("'{key}' of {what} must be {wanted}, not {found}");
        let problem = Diagnostic::error(message).at(value.at.in_file(fields.doc.file));
        fields
            .doc
            .problems
            .push(problem.maybe_hint(form_of(wanted)));
    }
}

fn config_version(fields: &mut Fields<'_>) {
    let version = fields.whole("config-version");
    if version.is_some_and(|version| version != 2) {
        let message = "only config-version 2 of dbt_project.yml is known";
        fields.error(message, fields.at("config-version"));
    }
}

fn required_version(fields: &mut Fields<'_>) {
    let requirements = fields.texts("require-dbt-version");
    let problem = match required::fits(crate::DBT_VERSION, &requirements) {
        Ok(true) => return,
        Ok(false) => Diagnostic::error(format!(
            "{} is for dbt {}, and what runs it follows dbt {}",
            fields.what,
            requirements.join(", "),
            crate::DBT_VERSION
        ))
        .hint("widen require-dbt-version, or run with --no-version-check"),
        Err(requirement) => Diagnostic::error(format!(
            "'{requirement}' is no requirement of a version: write such as >=1.3.0"
        )),
    };
    let place = fields.at("require-dbt-version").in_file(fields.doc.file);
    fields.doc.problems.push(problem.at(place));
}

fn of_exposures(yaml: Option<&Yaml>) -> (Vec<String>, serde_json::Value) {
    let of = |key: &str| yaml.and_then(|yaml| yaml.get(key)).map(Yaml::to_json);
    let tags = match of("tags") {
        Some(serde_json::Value::Array(tags)) => tags,
        one => one.into_iter().collect(),
    };
    let tags = tags.iter().filter_map(serde_json::Value::as_str);
    let tags = tags.map(str::to_owned).collect();
    (tags, of("meta").unwrap_or_default())
}

fn run_hooks(fields: &mut Fields<'_>, when: When) -> Vec<HookText> {
    if let Some(yaml) = fields.peek(when.key()).filter(|yaml| !yaml.is_null())
        && !Kind::Texts.fits(&yaml.to_json())
    {
        let (key, wanted, found) = (when.key(), Kind::Texts.wanted(), yaml.kind());
        let message = format!("'{key}' of {} must be {wanted}, not {found}", fields.what);
        fields.error(message, yaml.at);
        return Vec::new();
    }
    let texts = fields.placed_texts(when.key()).into_iter();
    let hook = |(text, at)| HookText {
        text,
        inside: false,
        at,
    };
    texts.map(hook).collect()
}

/// `[{macro_namespace: dbt_utils, search_order: [mine, dbt_utils]}]`.
fn dispatch(fields: &mut Fields<'_>) -> BTreeMap<String, Vec<String>> {
    let entries = fields.list("dispatch").iter();
    let read = entries.filter_map(|yaml| {
        let mut entry = Fields::of(fields.doc, yaml, "an entry of dispatch")?;
        let namespace = entry.required("macro_namespace")?;
        if entry.peek("search_order").is_none() {
            entry.missing("search_order");
        }
        let order = entry.texts("search_order");
        entry.finish(Unknown::Error);
        Some((namespace, order))
    });
    read.collect()
}

fn clean(mut paths: Vec<String>, default: &str, folder: &str) -> Vec<String> {
    if paths.is_empty() {
        paths.push(default.to_owned());
    }
    for path in &mut paths {
        let below = path.trim_start_matches("./").trim_end_matches('/');
        *path = match folder {
            "" => below.to_owned(),
            folder => format!("{folder}/{below}"),
        };
    }
    paths.sort();
    paths.dedup();
    paths
}

//! Unit tests: what they name is looked up here, once every other node has been read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use forebay_core::unit_test::{Given, Input, UnitTest};
use forebay_core::{Diagnostic, Location, Node, NodeId, ResourceType, Spec};
use indexmap::IndexMap;

use super::fixtures::Fixtures;
use super::{Cx, Detail, Draft, Outcome, Places, Section, reader, tags};
use crate::config::to_json;
use crate::jinja::{Asker, Known, Names, RefCall};
use crate::link;
use crate::properties::UnitTestDecl;

/// What unit tests are read against.
pub(crate) struct UnitTests<'a> {
    pub cx: &'a Cx<'a>,
    pub names: &'a Names,
    pub root: &'a Path,
    /// All other nodes.
    pub drafts: &'a [Draft],
    /// Files of the package's `tests/fixtures` by name.
    pub fixtures: &'a BTreeMap<String, String>,
}

impl UnitTests<'_> {
    /// One for each version of its model; none where the model is switched off.
    pub fn read(&self, decl: &UnitTestDecl) -> Vec<Outcome> {
        let what = format!("unit test '{}'", decl.name);
        if self.names.disabled.contains_key(&decl.model) {
            return Vec::new();
        }
        let models: Vec<&Known> = self.models(decl).collect();
        if models.is_empty() {
            self.no_model(decl);
            return Vec::new();
        }
        self.check_versions(decl, models[0]);
        models
            .into_iter()
            .filter_map(|model| self.draft(decl, &what, model))
            .collect()
    }

    /// `orders`, or `orders v2`, as the test's own package has it.
    fn models(&self, decl: &UnitTestDecl) -> impl Iterator<Item = &Known> {
        let mut words = decl.model.split_whitespace();
        let name = words.next().unwrap_or_default();
        let only = words.next().map(|v| v.trim_start_matches('v').to_owned());
        let named = self.names.refs.get(name).into_iter().flatten();
        named.filter(move |known| {
            let own =
                known.package == self.cx.package.name && known.id.as_str().starts_with("model.");
            own && known.version.as_ref().is_none_or(|version| {
                only.as_ref().is_none_or(|only| *only == version.v)
                    && (decl.include.is_empty() || decl.include.contains(&version.v))
                    && !decl.exclude.contains(&version.v)
            })
        })
    }

    /// Versions are chosen in one way, and only of a model that has some.
    fn check_versions(&self, decl: &UnitTestDecl, model: &Known) {
        let (name, problem) = (&decl.name, |message: String| {
            let problem = Diagnostic::error(message).at(decl.at.clone());
            self.cx.problems.push(problem);
        });
        if !decl.include.is_empty() && !decl.exclude.is_empty() {
            problem(format!(
                "the unit test '{name}' both includes and excludes versions"
            ));
        } else if model.version.is_none() && !(decl.include.is_empty() && decl.exclude.is_empty()) {
            let model = &decl.model;
            problem(format!(
                "the unit test '{name}' chooses versions of '{model}', which has none"
            ));
        }
    }

    fn no_model(&self, decl: &UnitTestDecl) {
        let message = format!(
            "the unit test '{}' is for a model '{}' that does not exist",
            decl.name, decl.model
        );
        let problem = Diagnostic::error(message).at(decl.model_at.clone());
        let nearest = link::nearest(self.names, &decl.model);
        self.cx
            .problems
            .push(match self.names.refs.contains_key(&decl.model) {
                true => problem.hint("it has no such version"),
                false => problem.hint(nearest.unwrap_or_else(|| {
                    "model: names a model of the test's own package".to_owned()
                })),
            });
    }

    fn draft(&self, decl: &UnitTestDecl, what: &str, model: &Known) -> Option<Outcome> {
        let cx = self.cx;
        let section: Section = |file| &file.unit_tests;
        let fqn = self.fqn(decl);
        let mut config = cx.settings(section, &fqn, Some(&decl.config));
        cx.override_settings(section, &fqn, &mut config);
        let reader = reader(cx, &config, what.to_owned());
        let off = reader.flag("enabled") == Some(false);
        if !off {
            self.check_incremental(decl, model);
        }
        let fixtures = Fixtures {
            root: self.root,
            files: self.fixtures,
            problems: cx.problems,
            broken: RefCell::default(),
        };
        let (mut given, mut broken) = (Vec::new(), None);
        for (input, rows) in &decl.given {
            // As in dbt, the others run where an input of this one is not there: its rows are noted all the same.
            let (input, seed) = match self.input(decl, input, &rows.at) {
                Ok(found) => found,
                Err(problem) => {
                    if !off {
                        broken = Some(cx.problems.postpone(problem));
                    }
                    (Input::This, None)
                }
            };
            let rows = fixtures.read(rows, &format!("an input of {what}"), seed);
            given.push(rows.map(|rows| Given { input, rows }));
        }
        let spec = UnitTest {
            model: model.id.clone(),
            given: given.into_iter().collect::<Option<_>>()?,
            expect: fixtures.read(&decl.expect, &format!("'expect' of {what}"), None)?,
            overrides: decl.overrides.clone().unwrap_or_default(),
        };
        let broken = broken.or(fixtures.broken.into_inner());
        let version = model.version.as_ref();
        let suffix = version.map(|version| format!("_v{}", version.v));
        let id = format!(
            "unit_test.{}.{}.{}{}",
            cx.package.name,
            decl.model,
            decl.name,
            suffix.unwrap_or_default()
        );
        let node = Node {
            id: NodeId::new(id),
            name: decl.name.clone(),
            package: cx.package.name.clone(),
            location: decl.at.clone(),
            fqn,
            tags: tags(&reader),
            group: None,
            description: decl.description.clone(),
            columns: IndexMap::new(),
            relation: None,
            depends_on: vec![model.id.clone()],
            spec: Spec::UnitTest(spec),
        };
        let detail = Detail {
            config: to_json(&config),
            places: places(decl),
            unit_test: Some(decl.clone().into()),
            broken,
            ..Detail::default()
        };
        let draft = Box::new(Draft { node, detail });
        Some(match off {
            true => Outcome::Disabled(Some(draft)),
            false => Outcome::Draft(draft),
        })
    }

    fn fqn(&self, decl: &UnitTestDecl) -> Vec<String> {
        let mut fqn = super::fqn_of_entry(self.cx, &decl.file, &decl.model);
        fqn.push(decl.name.clone());
        fqn
    }

    /// What an input stands for, and the file of a seed.
    fn input(
        &self,
        decl: &UnitTestDecl,
        text: &str,
        at: &Location,
    ) -> Result<(Input, Option<&str>), Diagnostic> {
        if text.trim() == "this" {
            return Ok((Input::This, None));
        }
        // A test of a model may give rows to whatever the model reads.
        let tested = self
            .names
            .refs
            .get(&decl.model)
            .and_then(|known| known.first());
        let asker = Asker {
            package: &self.cx.package.name,
            group: tested.and_then(|known| known.group.as_deref()),
        };
        let wrong = || {
            Diagnostic::error(format!(
                "'{text}' cannot be an input of the unit test '{}'",
                decl.name
            ))
            .hint("write ref('model'), source('source', 'table') or this")
        };
        let found = RefCall::parse(text)
            .ok_or_else(wrong)
            .and_then(|call| link::resolve(self.names, asker, &call));
        let id = found.map_err(|problem| problem.at(at.clone()))?;
        let seed = self
            .node(&id)
            .filter(|node| node.resource_type() == ResourceType::Seed);
        let file = seed.and_then(|node| node.location.file.to_str());
        Ok((Input::Node(id), file))
    }

    fn node(&self, id: &NodeId) -> Option<&Node> {
        let mut nodes = self.drafts.iter().map(|draft| &draft.node);
        nodes.find(|node| node.id == *id)
    }

    /// A model that asks whether it runs incrementally has to be told.
    fn check_incremental(&self, decl: &UnitTestDecl, model: &Known) {
        let asks = self
            .drafts
            .iter()
            .any(|draft| draft.node.id == model.id && draft.detail.raw.contains("is_incremental("));
        let overrides = decl.overrides.as_ref();
        let told =
            overrides.and_then(|overrides| overrides.macros.get("is_incremental")?.as_bool());
        let problem = |message: String| Diagnostic::error(message).at(decl.at.clone());
        let (name, model) = (&decl.name, &decl.model);
        if asks && told.is_none() {
            let message =
                format!("the unit test '{name}' does not say whether '{model}' runs incrementally");
            self.cx
                .problems
                .push(problem(message).hint("overrides: {macros: {is_incremental: false}}"));
        } else if asks
            && told == Some(true)
            && !decl.given.iter().any(|(input, _)| input.trim() == "this")
        {
            let message = format!(
                "the unit test '{name}' runs '{model}' incrementally, over no rows of its own"
            );
            self.cx
                .problems
                .push(problem(message).hint("give them: - {input: this, rows: [...]}"));
        }
    }
}

/// Where rows and their columns are: `given.0`, `expect.id`.
fn places(decl: &UnitTestDecl) -> Places {
    let given = decl.given.iter().enumerate();
    let given = given.map(|(nth, (_, rows))| (format!("given.{nth}"), rows));
    let mut places = Places::new();
    for (name, rows) in given.chain([("expect".to_owned(), &decl.expect)]) {
        for (column, at) in &rows.columns {
            places.insert(format!("{name}.{column}"), at.clone());
        }
        places.insert(name, rows.rows_at.clone());
    }
    places
}

/// The declaration as the manifest shows it.
#[derive(Clone, Debug)]
pub(crate) struct UnitTestDetail {
    /// Inputs as they are written.
    pub inputs: Vec<String>,
    pub model: String,
    /// Names of fixture files: of the inputs, then of what is expected.
    pub files: Vec<Option<String>>,
    pub overridden: bool,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
}

impl From<UnitTestDecl> for UnitTestDetail {
    fn from(decl: UnitTestDecl) -> Self {
        let expected = [decl.expect.file].into_iter();
        let files = decl.given.iter().map(|(_, rows)| rows.file.clone());
        Self {
            files: files.chain(expected).collect(),
            inputs: decl.given.into_iter().map(|(input, _)| input).collect(),
            model: decl.model,
            overridden: decl.overrides.is_some(),
            include: decl.include,
            exclude: decl.exclude,
        }
    }
}

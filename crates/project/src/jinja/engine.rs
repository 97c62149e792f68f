//! Compiles templates once and renders them as often as needed.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use forebay_core::{Diagnostic, Diagnostics, Location, Severity};
use minijinja::{Environment, Error, UndefinedBehavior, Value};

use super::blocks::{Block, BlockError, BlockKind, blocks};
use super::filters::{self, environment};
use super::macros::{BUILTIN, Macro, MacroSet};
use super::marks::{self, Marks};
use super::materializations;
use super::scope::{Context, Mode, NodeScope, Record, Scope, Shared};
use super::signature::params;
use super::template::{self, Origin};
use super::unknown::METHODS;
use super::{calls, errors};
use crate::ask::Question;
use crate::text;

/// Why a rendering ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    Problem(Box<Diagnostic>),
    /// While the project is read: its text calls what nobody has.
    Unknown(String, Box<Diagnostic>),
    /// Look it up, and render again with the answer.
    Asked(Question),
    /// Make `graph`, and render again: it is large, and few templates read it.
    Graph,
}

/// Macros that every project has, and the materialisations as they are written in Jinja.
const BUILTIN_FILES: &[(&str, &str)] = &[
    ("builtin.sql", include_str!("builtin.sql")),
    ("catalog.sql", include_str!("catalog.sql")),
    ("relations.sql", include_str!("relations.sql")),
    ("materializations.sql", include_str!("materializations.sql")),
    ("snapshots.sql", include_str!("snapshots.sql")),
    ("seeds.sql", include_str!("seeds.sql")),
];

/// Macros that name relations.
const NAMING: &[&str] = &["generate_schema_name", "generate_alias_name"];

fn naming_template(name: &str) -> String {
    // By place, as dbt calls them: projects name the parameters as they like.
    format!("{{{{ {name}(_custom_name, _node) }}}}")
}

/// Templates and macros, ready to run.
pub(crate) struct Engine {
    /// Reads nodes: as in dbt, a part of what is undefined is undefined then.
    env: Environment<'static>,
    /// The same in other manners: by [`Engine::env`].
    others: [OnceLock<Environment<'static>>; 4],
    /// Nodes' templates with marks, and all templates with them.
    marked: [OnceLock<Environment<'static>>; 2],
    origins: Arc<HashMap<String, Origin>>,
    /// Templates of the built-in macros, until all are there. A project calls a few of the hundreds: each is compiled
    /// when it is called.
    built_in: HashMap<String, String>,
}

impl Engine {
    /// With the built-in macros.
    pub fn new(macros: &mut MacroSet) -> Result<Self, Diagnostics> {
        let mut engine = Self {
            env: environment(),
            others: Default::default(),
            marked: Default::default(),
            origins: Arc::default(),
            built_in: HashMap::new(),
        };
        for (file, text) in BUILTIN_FILES {
            engine.add_macros(BUILTIN, file, text, macros)?;
        }
        let built_in = std::mem::take(&mut engine.built_in);
        let source = move |name: &str| Ok(built_in.get(name).cloned());
        engine.env.set_loader(source);
        for name in NAMING {
            let template = naming_template(name);
            engine.add_call(&template)?;
        }
        Ok(engine)
    }

    /// Reads the macros and generic tests of a file.
    pub fn add_macros(
        &mut self,
        package: &str,
        file: &str,
        content: &str,
        macros: &mut MacroSet,
    ) -> Result<(), Diagnostics> {
        let content: Arc<str> = Arc::from(content);
        let found = blocks(&content).map_err(|error| unreadable(file, &content, &error))?;
        let added = found
            .iter()
            .map(|block| self.add_macro(package, file, &content, block, macros));
        let problems: Vec<Diagnostic> = added.filter_map(Result::err).collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Diagnostics(problems))
        }
    }

    fn add_macro(
        &mut self,
        package: &str,
        file: &str,
        content: &Arc<str>,
        block: &Block,
        macros: &mut MacroSet,
    ) -> Result<(), Diagnostic> {
        let location = text::locate(file, content, block.open.start);
        let name = match block.kind {
            BlockKind::Macro => block.name.clone(),
            BlockKind::Test => format!("test_{}", block.name),
            BlockKind::Materialization => materializations::macro_name(content, block),
            BlockKind::Snapshot => return Ok(()),
        };
        let params = params(block.signature.clone().map_or("", |range| &content[range]));
        let languages = (block.kind == BlockKind::Materialization)
            .then(|| materializations::languages(content, block));
        let body = &content[block.body.clone()];
        let used = |word: &&str| body.contains(*word) && !params.iter().any(|p| p.name == **word);
        let extra: Vec<&str> = ["varargs", "kwargs"].into_iter().filter(used).collect();
        let definition = Macro {
            package: package.to_owned(),
            varargs: extra.contains(&"varargs"),
            kwargs: extra.contains(&"kwargs"),
            params,
            template: format!("{}{package}.{name}", template::MACRO),
            location: location.clone(),
            text: content[block.open.start..block.close.end].to_owned(),
            languages: languages.unwrap_or_default(),
            name,
        };
        let template = definition.template.clone();
        if let Some(other) = macros.add(definition) {
            return Err(
                Diagnostic::error(format!("two macros are called '{}'", block.name))
                    .at(location)
                    .hint(format!("the other is at {}", other.location)),
            );
        }
        // A place in one of our own files helps nobody.
        let file = if package == BUILTIN { "" } else { file };
        let checked = match package {
            BUILTIN => Ok(()),
            _ => check_arguments(file, content, block.body.clone()),
        };
        let (source, origin) = template::of_macro(file, content, block, &extra);
        if package == BUILTIN {
            Arc::make_mut(&mut self.origins).insert(template.clone(), origin);
            self.built_in.insert(template, source);
            return Ok(());
        }
        let added = checked.and_then(|()| self.add(template.clone(), source, origin));
        if added.is_err() {
            // One without a body stands for it: what calls it is not told that it is not there.
            let mut empty = block.clone();
            empty.body.end = empty.body.start;
            let (source, origin) = template::of_macro(file, content, &empty, &extra);
            let _ = self.add(template, source, origin);
        }
        added
    }

    /// Compiles a part of a file under a name of its own.
    pub fn add_part(
        &mut self,
        name: &str,
        file: &str,
        content: &Arc<str>,
        range: Range<usize>,
    ) -> Result<(), Diagnostic> {
        check_arguments(file, content, range.clone())?;
        let (source, origin) = template::whole(file, content, range);
        self.add(name.to_owned(), source, origin)
    }

    /// Compiles a text that is its own name and belongs to no file.
    pub fn add_call(&mut self, call: &str) -> Result<(), Diagnostic> {
        self.add_part(call, "", &Arc::from(call), 0..call.len())
    }

    fn add(&mut self, name: String, source: String, origin: Origin) -> Result<(), Diagnostic> {
        self.others = Default::default();
        self.marked = Default::default();
        Arc::make_mut(&mut self.origins).insert(name.clone(), origin);
        let added = self.env.add_template_owned(name, source);
        let origin = |name: &str| self.origins.get(name);
        added.map_err(|error| errors::diagnose(&error, origin, |_, at| at, Vec::new))
    }

    /// Renders a template that [`Self::add_part`] has compiled.
    pub fn render(
        &self,
        template: &str,
        shared: &Arc<Shared>,
        node: &Arc<NodeScope>,
        mode: &Mode,
    ) -> Result<(String, Record), Failure> {
        self.run(shared, node, mode, |env, context| {
            env.get_template(template)?.render(context)
        })
    }

    /// Reads a node's template: what it calls and nobody has is a warning, as it is an error only when the node is
    /// compiled.
    pub fn parse(
        &self,
        template: &str,
        shared: &Arc<Shared>,
        node: &Arc<NodeScope>,
    ) -> Result<Record, Failure> {
        excusing(node, |node| {
            self.render(template, shared, node, &Mode::Parse)
        })
    }

    /// The same for a text that belongs to no file.
    pub fn parse_text(
        &self,
        source: &str,
        shared: &Arc<Shared>,
        node: &Arc<NodeScope>,
    ) -> Result<Record, Failure> {
        excusing(node, |node| {
            self.render_text(source, shared, node, &Mode::Parse)
        })
    }

    /// Whether a text that belongs to no file can be a template.
    pub fn check_text(&self, source: &str) -> Result<(), Diagnostic> {
        let (source, _) = template::whole("", &Arc::from(source), 0..source.len());
        let compiled = self.env.template_from_named_str("", &source).map(drop);
        compiled.map_err(|error| errors::diagnose(&error, |_| None, |_, at| at, Vec::new))
    }

    /// Renders a text that belongs to no file.
    pub fn render_text(
        &self,
        source: &str,
        shared: &Arc<Shared>,
        node: &Arc<NodeScope>,
        mode: &Mode,
    ) -> Result<(String, Record), Failure> {
        let (source, _) = template::whole("", &Arc::from(source), 0..source.len());
        self.run(shared, node, mode, |env, context| {
            env.template_from_named_str("", &source)?.render(context)
        })
    }

    /// A text of a YAML file. One that is a single `{{ expression }}` gives that value as it is;
    /// any other gives a text.
    pub fn evaluate(
        &self,
        source: &str,
        shared: &Arc<Shared>,
        node: &Arc<NodeScope>,
        mode: &Mode,
    ) -> Result<(Value, Record), Failure> {
        let wrapped = match single_expression(source) {
            Some(expression) => format!("{{% do __value({expression}) %}}"),
            None => source.to_owned(),
        };
        let (text, mut record) = self.render_text(&wrapped, shared, node, mode)?;
        let value = record.value.take().unwrap_or_else(|| {
            // One output alone keeps its type, also of a branch: `{% if x -%} {{ true | as_bool }} {%- endif %}`.
            match filters::AS_TYPES
                .iter()
                .any(|filter| source.contains(filter))
            {
                true => filters::native(Value::from(text)),
                false => Value::from(text),
            }
        });
        Ok((value, record))
    }

    /// Calls one of [`NAMING`], with what it prints trimmed.
    pub fn call_naming(
        &self,
        name: &str,
        custom: Option<String>,
        shared: &Arc<Shared>,
        mut node: NodeScope,
    ) -> Result<String, Failure> {
        let arguments = [
            ("_custom_name".to_owned(), custom.into()),
            ("_node".to_owned(), node.model.clone()),
        ];
        node.variables.extend(arguments);
        let template = naming_template(name);
        let (text, _) = self.render(&template, shared, &Arc::new(node), &Mode::Parse)?;
        Ok(text.trim().to_owned())
    }

    fn run(
        &self,
        shared: &Arc<Shared>,
        node: &Arc<NodeScope>,
        mode: &Mode,
        render: impl Fn(&Environment<'static>, Value) -> Result<String, Error>,
    ) -> Result<(String, Record), Failure> {
        let scope = || Scope::new(shared.clone(), node.clone(), mode.clone());
        let first = scope();
        let context = |scope: &Arc<Scope>| Value::from_object(Context(scope.clone()));
        let live = first.is_live();
        let reads = matches!(mode, Mode::Parse);
        let strict = !reads || node.strict;
        let env = match mode.marks() {
            Marks::None => self.env(strict, live),
            marks => self.marked(marks),
        };
        let error = match render(env, context(&first)) {
            Ok(text) => {
                let record = std::mem::take(&mut *first.record());
                return Ok((text, record));
            }
            Err(error) => error,
        };
        if let Some(question) = errors::asked(&error) {
            return Err(Failure::Asked(question.clone()));
        }
        if errors::reads_graph(&error) {
            return Err(Failure::Graph);
        }
        // Once more with debug information, which the engine needs to name what was undefined. What
        // has effects is run once, and so with that information from the start.
        let marked = mode.marks() != Marks::None;
        let again =
            (!live && !marked).then(|| render(self.env(strict, true), context(&scope())).err());
        let error = again.flatten().unwrap_or(error);
        let origin = |name: &str| self.origins.get(name);
        let offset = |name: &str, at: usize| self.offset(name, mode.marks(), at);
        let problem = errors::diagnose(&error, origin, offset, || first.callable());
        match (reads && node.of_node)
            .then(|| errors::unknown(&error, origin))
            .flatten()
        {
            Some(name) => Err(Failure::Unknown(name, Box::new(problem))),
            None => Err(Failure::Problem(Box::new(problem))),
        }
    }

    /// The place that wrote a text, and the package of its macro, if it is one.
    pub fn written_by<'w>(&self, writer: &'w marks::Writer) -> Option<(Location, Option<&'w str>)> {
        let origin = self.origins.get(&writer.template)?;
        let of_macro = writer.template.strip_prefix(template::MACRO);
        let package = of_macro.and_then(|name| Some(name.split_once('.')?.0));
        Some((origin.at(writer.offset), package))
    }

    /// The offset in a plain template of one in the template with marks.
    fn offset(&self, name: &str, marks: Marks, at: usize) -> usize {
        let origin = self.origins.get(name);
        let origin = origin.filter(|origin| is_marked(name, marks, origin));
        let template = self.env(true, true).get_template(name).ok();
        match origin.zip(template) {
            Some((origin, template)) => marks::offset(name, template.source(), origin, at),
            None => at,
        }
    }

    /// What the file has at the place that wrote a text.
    pub fn text_of(&self, writer: &marks::Writer) -> Option<&str> {
        self.origins
            .get(&writer.template)?
            .text()
            .get(writer.offset..)
    }

    /// Templates are given their marks as they are called for.
    fn marked(&self, marks: Marks) -> &Environment<'static> {
        self.marked[usize::from(marks == Marks::All)].get_or_init(|| {
            let plain = self.env(true, true).clone();
            let mut env = plain.clone();
            env.clear_templates();
            let origins = Arc::clone(&self.origins);
            env.set_loader(move |name| {
                let Ok(template) = plain.get_template(name) else {
                    return Ok(None);
                };
                let origin = origins.get(name);
                Ok(Some(
                    match origin.filter(|origin| is_marked(name, marks, origin)) {
                        Some(origin) => marks::marked(name, template.source(), origin),
                        None => template.source().to_owned(),
                    },
                ))
            });
            env
        })
    }

    /// Strict: a part of what is undefined is an error. Debug information serves to word an error better.
    fn env(&self, strict: bool, debug: bool) -> &Environment<'static> {
        if !strict && !debug {
            return &self.env;
        }
        self.others[usize::from(strict) * 2 + usize::from(debug)].get_or_init(|| {
            let mut env = self.env.clone();
            env.set_debug(debug);
            if strict {
                env.set_undefined_behavior(UndefinedBehavior::Lenient);
            }
            env
        })
    }
}

/// As in Python, a call names an argument once.
fn check_arguments(file: &str, content: &str, range: Range<usize>) -> Result<(), Diagnostic> {
    let code = calls::code(&content[range.clone()]);
    match calls::repeated(&code) {
        None => Ok(()),
        Some((at, name)) => {
            let message = format!("Jinja syntax error: the argument '{name}' is given twice");
            let place = text::locate(file, content, range.start + at);
            Err(Diagnostic::error(message)
                .at(place)
                .hint("leave one of them out"))
        }
    }
}

fn excusing(
    node: &Arc<NodeScope>,
    render: impl Fn(&Arc<NodeScope>) -> Result<(String, Record), Failure>,
) -> Result<Record, Failure> {
    let mut node = node.clone();
    let mut warnings = Vec::new();
    loop {
        match render(&node) {
            Ok((_, mut record)) => {
                record.warnings.extend(warnings);
                record.unknown.clone_from(&node.unknown);
                return Ok(record);
            }
            Err(Failure::Unknown(name, mut problem)) if !node.unknown.contains(&name) => {
                problem.severity = Severity::Warning;
                warnings.push(*problem);
                Arc::make_mut(&mut node).unknown.insert(name);
            }
            // What it is part of is there: `target.nme.upper()`.
            Err(Failure::Unknown(..)) if !node.unknown.contains(METHODS) => {
                Arc::make_mut(&mut node).unknown.insert(METHODS.to_owned());
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn is_marked(name: &str, marks: Marks, origin: &Origin) -> bool {
    let is_meant = match marks {
        Marks::None => false,
        Marks::Nodes => !name.starts_with(template::MACRO),
        Marks::All => true,
    };
    is_meant && origin.is_file()
}

fn unreadable(file: &str, content: &str, error: &BlockError) -> Diagnostic {
    Diagnostic::error(format!("Jinja syntax error: {}", error.message)).at(text::locate(
        file,
        content,
        error.offset,
    ))
}

/// The inside of a text that is one `{{ ... }}` and nothing else.
fn single_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.trim_matches('-');
    (!inner.contains("{{") && !inner.contains("}}") && !inner.contains("{%")).then_some(inner)
}

impl Failure {
    /// The same, with a place if it has none.
    pub fn placed(self, location: &Location) -> Self {
        match self {
            Failure::Problem(problem) | Failure::Unknown(_, problem) => {
                Failure::Problem(Box::new(of_template(*problem, location)))
            }
            asked => asked,
        }
    }

    /// As a problem at that place, unless it has one of its own.
    pub fn at(self, location: &Location) -> Diagnostic {
        match self {
            Failure::Problem(problem) | Failure::Unknown(_, problem) => {
                of_template(*problem, location)
            }
            Failure::Asked(question) => Diagnostic::internal(format!(
                "a template asked for {question:?} where nothing can be looked up"
            ))
            .at(location.clone()),
            Failure::Graph => Diagnostic::internal("a template read 'graph' where there is none")
                .at(location.clone()),
        }
    }
}

/// A problem of the template there. One within a macro says from where the macro is called.
fn of_template(mut problem: Diagnostic, location: &Location) -> Diagnostic {
    match &problem.location {
        None => problem.at(location.clone()),
        Some(own) if own.file == location.file => problem,
        Some(_) => {
            errors::called_from(&mut problem, location);
            problem
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_macro_compiles() {
        let engine = Engine::new(&mut MacroSet::default()).unwrap();
        assert!(engine.origins.len() > 100);
        for name in engine.origins.keys() {
            let compiled = engine.env.get_template(name);
            assert!(compiled.is_ok(), "{name}: {:?}", compiled.err());
        }
    }
}

//! The project's macros and the built-in ones: found by name, called in the running state.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use forebay_core::{Diagnostic, Location, NodeId, suggest};
use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, Tuple, from_args, merge_maps};
use minijinja::{Error, ErrorKind, State, Value};

use super::errors;
use super::functions;
use super::scope::{Context, Scope};
use super::signature::Param;
use super::template::EXPORTED;
use super::unknown::Unknown;

/// The package of the macros that every project has.
pub(crate) const BUILTIN: &str = "dbt";

/// One macro.
#[derive(Debug)]
pub(crate) struct Macro {
    pub package: String,
    /// As it is called: `test_not_null` for a generic test.
    pub name: String,
    pub params: Vec<Param>,
    /// Takes positional arguments beyond its parameters, as `varargs`.
    pub varargs: bool,
    /// Takes keyword arguments beyond its parameters, as `kwargs`.
    pub kwargs: bool,
    /// The engine's template that defines it.
    pub template: String,
    pub location: Location,
    /// The whole block as it is written.
    pub text: String,
    /// Of a materialisation: the languages of the models that it takes.
    pub languages: Vec<String>,
}

impl Macro {
    pub fn id(&self) -> NodeId {
        NodeId::new(format!("macro.{}.{}", self.package, self.name))
    }
}

#[derive(Debug, Default)]
pub(crate) struct MacroSet {
    packages: BTreeMap<String, BTreeMap<String, Arc<Macro>>>,
}

impl MacroSet {
    /// The one that already has the name, if any: then nothing is added.
    pub fn add(&mut self, new: Macro) -> Option<Arc<Macro>> {
        let package = self.packages.entry(new.package.clone()).or_default();
        if let Some(old) = package.get(&new.name) {
            return Some(old.clone());
        }
        package.insert(new.name.clone(), Arc::new(new));
        None
    }

    pub fn get(&self, package: &str, name: &str) -> Option<&Arc<Macro>> {
        self.packages.get(package)?.get(name)
    }

    /// As the manifest names it: `macro.package.name`.
    pub fn by_id(&self, id: &NodeId) -> Option<&Arc<Macro>> {
        let (package, name) = id.as_str().strip_prefix("macro.")?.split_once('.')?;
        self.get(package, name)
    }

    /// The package's own first, then the project's, then the built-in one.
    pub fn find(&self, package: &str, project: &str, name: &str) -> Option<&Arc<Macro>> {
        [package, project, BUILTIN]
            .into_iter()
            .find_map(|package| self.get(package, name))
    }

    /// Whoever has it: the project, then its packages, then the built-in ones.
    pub fn anywhere(&self, project: &str, name: &str) -> Option<&Arc<Macro>> {
        let packages = self.packages.keys().rev().map(String::as_str);
        let packages = packages.filter(|package| ![project, BUILTIN].contains(package));
        let mut all = [project].into_iter().chain(packages).chain([BUILTIN]);
        all.find_map(|package| self.get(package, name))
    }

    pub fn has_package(&self, package: &str) -> bool {
        self.packages.contains_key(package)
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Macro>> {
        self.packages.values().flat_map(BTreeMap::values)
    }

    /// Those of a name, by their packages.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Arc<Macro>> {
        self.packages.values().filter_map(move |of| of.get(name))
    }

    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.all().map(|found| found.name.clone())
    }

    /// Names of generic tests, as YAML writes them.
    pub fn tests(&self) -> impl Iterator<Item = &str> {
        self.all()
            .filter_map(|found| found.name.strip_prefix("test_"))
    }
}

/// A macro that a template can call.
pub(crate) struct MacroValue {
    pub definition: Arc<Macro>,
    pub scope: Arc<Scope>,
}

impl fmt::Debug for MacroValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<macro {}>", self.definition.name)
    }
}

impl Object for MacroValue {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str()? == "name").then(|| Value::from(&*self.definition.name))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let definition = &self.definition;
        // What it calls in turn is said by its own entry of the manifest.
        if self.scope.depth() == 0 {
            self.scope.record().macros.insert(definition.id());
        }
        self.check(args)?;
        let callable = import(state, &definition.template)?.get_attr(EXPORTED)?;
        let bound = self.bind(state, args)?;
        match self.scope.deeper(|| callable.call(state, &bound)) {
            Ok(value) => Ok(value),
            Err(error) => match errors::returned(&error) {
                Some(value) => Ok(value.clone()),
                None => Err(errors::of_called(error)),
            },
        }
    }
}

impl MacroValue {
    /// More arguments than it takes, or others.
    fn check(&self, args: &[Value]) -> Result<(), Error> {
        let Macro {
            name,
            params,
            varargs,
            kwargs,
            ..
        } = &*self.definition;
        let (placed, named) = match args.split_last() {
            Some((last, rest)) if last.is_kwargs() => (rest.len(), last.clone()),
            _ => (args.len(), Value::UNDEFINED),
        };
        let takes: Vec<&str> = params.iter().map(|p| p.name.as_str()).collect();
        let problem = |message: String| {
            let hint = match takes.is_empty() {
                true => "it takes none".to_owned(),
                false => format!("it takes {}", takes.join(", ")),
            };
            Diagnostic::error(message).hint(hint)
        };
        if placed > params.len() && !varargs {
            let message = format!("the macro '{name}' is called with {placed} arguments");
            return Err(errors::problem(problem(message)));
        }
        let named = Kwargs::try_from(named)?;
        let known = |given: &&str| *given == "caller" || takes.contains(given);
        let unknown = named.args().find(|given| !known(given));
        match unknown.filter(|_| !kwargs) {
            Some(given) => {
                let message = format!("the macro '{name}' takes no argument '{given}'");
                let nearest = suggest::nearest(given, takes.iter().copied());
                Err(errors::problem(problem(message).maybe_hint(nearest)))
            }
            None => Ok(()),
        }
    }

    /// Puts arguments beyond the parameters into `varargs` and `kwargs`, where the macro has them, and defaults that
    /// name other arguments in their places.
    fn bind(&self, state: &State<'_, '_>, args: &[Value]) -> Result<Vec<Value>, Error> {
        let Macro {
            params,
            varargs,
            kwargs,
            ..
        } = &*self.definition;
        let computes = params.iter().any(|param| param.computed.is_some());
        if !varargs && !kwargs && !computes {
            return Ok(args.to_vec());
        }
        let (mut positional, named) = match args.split_last() {
            Some((last, rest)) if last.is_kwargs() => (rest.to_vec(), last.clone()),
            _ => (args.to_vec(), Value::UNDEFINED),
        };
        let named = Kwargs::try_from(named)?;
        let mut bound: Vec<(String, Value)> = Vec::new();
        if *varargs {
            let more = positional.split_off(positional.len().min(params.len()));
            bound.push(("varargs".to_owned(), Value::from(Tuple::from(more))));
        }
        let mut more: Vec<(String, Value)> = Vec::new();
        for name in named.args() {
            let known = name == "caller" || params.iter().any(|p| p.name == name);
            let pair = (name.to_owned(), named.get::<Value>(name)?);
            if known || !kwargs {
                &mut bound
            } else {
                &mut more
            }
            .push(pair);
        }
        if computes {
            self.compute(state, &positional, &mut bound)?;
        }
        if *kwargs {
            bound.push(("kwargs".to_owned(), Value::from_pairs(more)));
        }
        positional.push(bound.into_iter().collect::<Kwargs>().into());
        Ok(positional)
    }
}

impl MacroValue {
    /// The defaults that name other arguments, of parameters that are not given.
    fn compute(
        &self,
        state: &State<'_, '_>,
        placed: &[Value],
        bound: &mut Vec<(String, Value)>,
    ) -> Result<(), Error> {
        for param in self.definition.params.iter().skip(placed.len()) {
            let given = bound.iter().any(|(name, _)| *name == param.name);
            let Some(text) = param.computed.as_deref().filter(|_| !given) else {
                continue;
            };
            let names = self
                .definition
                .params
                .iter()
                .map(|param| param.name.clone());
            let known: Vec<(String, Value)> = names.zip(placed.iter().cloned()).collect();
            let arguments = Value::from_pairs(known.into_iter().chain(bound.iter().cloned()));
            let context = Value::from_object(Context(self.scope.clone()));
            let expression = state.env().compile_expression(text)?;
            let value = expression.eval(merge_maps([context, arguments]))?;
            bound.push((param.name.clone(), value));
        }
        Ok(())
    }
}

/// The templates that were imported into a running state.
#[derive(Default)]
struct Imported(HashMap<String, Value>);

/// Reads a macro's template into the running state, once.
///
/// The engine ties a macro to the state that read it, and a macro of another state could not call
/// back into this one (`caller()`). So the import is done by a macro of the template itself.
fn import(state: &mut State<'_, '_>, template: &str) -> Result<Value, Error> {
    let cached = |state: &State<'_, '_>| {
        state
            .get_extension::<Imported>()
            .and_then(|imported| imported.0.get(template).cloned())
    };
    if let Some(module) = cached(state) {
        return Ok(module);
    }
    let missing = || Error::new(ErrorKind::InvalidOperation, "macros cannot be called here");
    let importer = state.get_temp("__import").ok_or_else(missing)?;
    importer.call(state, &[Value::from(template)])?;
    cached(state).ok_or_else(missing)
}

/// The template's own importing macro, for [`import`].
pub(crate) fn register(state: &mut State<'_, '_>, importer: Value) {
    state.set_temp("__import", importer);
}

pub(crate) fn imported(state: &mut State<'_, '_>, template: &str, module: Value) {
    let modules = state.get_or_insert_extension(Imported::default());
    modules.0.insert(template.to_owned(), module);
}

/// `dbt.generate_schema_name(...)`: the macros of one package.
pub(crate) struct Package {
    name: String,
    scope: Arc<Scope>,
}

impl Package {
    pub fn value(scope: &Arc<Scope>, name: &str) -> Value {
        Value::from_object(Self {
            name: name.to_owned(),
            scope: scope.clone(),
        })
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<package {}>", self.name)
    }
}

impl Object for Package {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        match self.scope.shared.macros.get(&self.name, key) {
            Some(found) => Some(self.scope.macro_value(found)),
            None => functions::of_package(&self.scope, &self.name, key),
        }
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
        let macros = &self.scope.shared.macros;
        if let Some(value) = self.scope.overridden_macro(Some(&self.name), method) {
            return Ok(super::collections::from_json(value));
        }
        if let Some(found) = macros.get(&self.name, method) {
            return self.scope.macro_value(found).call(state, args);
        }
        if let Some(function) = functions::of_package(&self.scope, &self.name, method) {
            return function.call(state, args);
        }
        if method == "get" {
            // There, a package is a dictionary of its macros.
            let (name, default): (Value, Option<Value>) = from_args(args)?;
            return Ok(self.get_value(&name).or(default).unwrap_or(Value::from(())));
        }
        let known = macros.packages.get(&self.name).into_iter().flatten();
        let nearest = suggest::nearest(method, known.map(|(name, _)| name.as_str()));
        let message = format!("the package '{}' has no macro '{method}'", self.name);
        let problem = Diagnostic::error(message).maybe_hint(nearest);
        match self.scope.excuses(&format!("{}.{method}", self.name)) {
            true => Ok(Unknown::value()),
            false => Err(errors::lacking(format!("{}.{method}", self.name), problem)),
        }
    }
}

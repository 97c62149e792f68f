//! Turns the template engine's errors into diagnostics, and carries ours through it unharmed.

use std::fmt;

use forebay_core::{Diagnostic, Location, suggest};
use minijinja::{Error, ErrorKind, Value};

use super::marks::Writer;
use super::mistakes;
use super::template::{MACRO, Origin};
use super::unknown::METHODS;
use crate::ask::Question;
use crate::place::without_words;

/// A problem of ours on its way up through the engine; the place is added on arrival.
#[derive(Debug)]
struct Carried {
    problem: Diagnostic,
    /// It calls a macro of that name, which a known package does not have.
    lacks: Option<String>,
    /// Who wrote the SQL that it is about, outermost first.
    writers: Vec<Writer>,
}

/// Begins the hint of a problem within a macro.
const CALLED: &str = "it is called from ";

/// The value of `{{ return(x) }}` on its way to the end of its macro.
#[derive(Debug)]
struct Returned(Value);

/// The template asked something of the warehouse, and nobody has looked yet.
#[derive(Debug)]
struct Asked(Question);

/// The template reads `graph`, and nobody has made it yet.
#[derive(Debug)]
struct GraphRead;

macro_rules! passenger {
    ($($name:ident)*) => { $(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
        impl std::error::Error for $name {}
    )* };
}

passenger!(Carried Returned Asked GraphRead);

pub(crate) fn problem(diagnostic: Diagnostic) -> Error {
    carried(diagnostic, None, Vec::new())
}

/// A problem of SQL that the template has written.
pub(crate) fn of_sql(diagnostic: Diagnostic, writers: Vec<Writer>) -> Error {
    carried(diagnostic, None, writers)
}

/// `name` is a macro that is called and not there: `package.macro`.
pub(crate) fn lacking(name: String, diagnostic: Diagnostic) -> Error {
    carried(diagnostic, Some(name), Vec::new())
}

fn carried(problem: Diagnostic, lacks: Option<String>, writers: Vec<Writer>) -> Error {
    let message = problem.message.clone();
    Error::new(ErrorKind::InvalidOperation, message).with_source(Carried {
        problem,
        lacks,
        writers,
    })
}

/// The error of a macro on its way to the template that calls it, whose place is told with it.
pub(crate) fn of_called(error: Error) -> Error {
    Error::new(error.kind(), "in a macro").with_source(error)
}

/// The error of an expression of ours, as one of the template that stands for it.
pub(crate) fn of_template(error: Error) -> Error {
    let detail = error.detail().unwrap_or_default().to_owned();
    Error::new(error.kind(), detail)
}

/// Says from where the template is called, unless that is known already.
pub(crate) fn called_from(problem: &mut Diagnostic, location: &Location) {
    if !problem.hints.iter().any(|hint| hint.starts_with(CALLED)) {
        problem.hints.insert(0, format!("{CALLED}{location}"));
    }
}

pub(crate) fn failed(message: impl Into<String>) -> Error {
    problem(Diagnostic::error(message))
}

pub(crate) fn returning(value: Value) -> Error {
    Error::new(ErrorKind::InvalidOperation, "return() outside of a macro")
        .with_source(Returned(value))
}

pub(crate) fn asking(question: Question) -> Error {
    Error::new(ErrorKind::InvalidOperation, "asks the warehouse").with_source(Asked(question))
}

pub(crate) fn reading_graph() -> Error {
    Error::new(ErrorKind::InvalidOperation, "reads the graph").with_source(GraphRead)
}

fn find<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

pub(crate) fn returned(error: &Error) -> Option<&Value> {
    find::<Returned>(error).map(|returned| &returned.0)
}

pub(crate) fn asked(error: &Error) -> Option<&Question> {
    find::<Asked>(error).map(|asked| &asked.0)
}

pub(crate) fn reads_graph(error: &Error) -> bool {
    find::<GraphRead>(error).is_some()
}

/// Errors of the engine from the outside in: the innermost is what happened, the others say what was going on around it.
fn chain(error: &Error) -> Vec<&Error> {
    let mut found = vec![error];
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        found.extend(error.downcast_ref::<Error>());
        next = error.source();
    }
    found
}

fn innermost(error: &Error) -> &Error {
    chain(error).pop().unwrap_or(error)
}

/// The problem with its place. `origin` knows templates by name, `offset` the place in the plain template of one in
/// that which ran; `callable` lists what could be called, for suggestions.
pub(crate) fn diagnose<'a>(
    error: &Error,
    origin: impl Fn(&str) -> Option<&'a Origin>,
    offset: impl Fn(&str, usize) -> usize,
    callable: impl FnOnce() -> Vec<String>,
) -> Diagnostic {
    let start = |error: &Error| Some(offset(error.name()?, error.range()?.start));
    let chain = chain(error);
    let inner = chain.last().copied().unwrap_or(error);
    let from = inner.name().and_then(&origin);
    let mut diagnostic = match find::<Carried>(error) {
        Some(carried) => carried.problem.clone(),
        None => of_engine(inner, from, start(inner), callable),
    };
    if diagnostic.location.is_some() {
        return diagnostic;
    }
    let places = |error: &&Error| {
        let origin = error.name().and_then(&origin);
        let origin = origin.filter(|origin| origin.is_file())?;
        Some(located(error, start(error), origin))
    };
    let mut places: Vec<Location> = chain.iter().filter_map(places).collect();
    let written = find::<Carried>(error).map_or(&[][..], |carried| &carried.writers);
    if !written.is_empty() {
        diagnostic.message = without_words(&diagnostic.message);
    }
    places.extend(written.iter().filter_map(|writer| {
        let origin = origin(&writer.template)?;
        Some(origin.at(writer.offset))
    }));
    if let (Some(outer), Some(inner)) = (places.first(), places.last())
        && outer.file != inner.file
    {
        called_from(&mut diagnostic, outer);
    }
    diagnostic.location = places.pop();
    diagnostic
}

fn located(error: &Error, start: Option<usize>, origin: &Origin) -> Location {
    match start {
        Some(start) => origin.locate(start),
        None => {
            let method = undefined_method(error);
            let method = method.map(|(package, name)| format!("{package}.{name}"));
            let lacks = || find::<Carried>(error)?.lacks.clone();
            let called = method.or_else(lacks);
            called
                .and_then(|called| origin.find(&called))
                .unwrap_or_else(|| origin.start())
        }
    }
}

/// What a template calls though nobody has it: the name by which its scope excuses it. None for a macro's own calls.
pub(crate) fn unknown<'a>(
    error: &Error,
    origin: impl Fn(&str) -> Option<&'a Origin>,
) -> Option<String> {
    let inner = innermost(error);
    let name = inner.name().unwrap_or_default();
    if name.starts_with(MACRO) {
        return None;
    }
    if let Some(Carried { lacks, .. }) = find::<Carried>(error) {
        return lacks.clone();
    }
    let start = inner.range().map(|range| range.start);
    match unknown_function(inner, origin(name), start) {
        Some(called) => called.split('.').next().map(str::to_owned),
        None => (inner.kind() == ErrorKind::UnknownMethod).then(|| METHODS.to_owned()),
    }
}

fn of_engine(
    error: &Error,
    from: Option<&Origin>,
    start: Option<usize>,
    callable: impl FnOnce() -> Vec<String>,
) -> Diagnostic {
    let detail = error.detail().unwrap_or_default();
    if let Some(name) = unknown_function(error, from, start) {
        return not_callable(&name, &callable());
    }
    let text = from
        .zip(start)
        .map_or("", |(from, start)| from.text_at(start));
    let hint = mistakes::hint(error.kind(), detail, text);
    let problem = match error.kind() {
        ErrorKind::SyntaxError => {
            let open = from.filter(|_| detail.starts_with(UNFINISHED));
            let open = open.and_then(Origin::open_block);
            let open = open.or_else(|| mistakes::never_closed(detail, from?));
            let open = open.or_else(|| mistakes::closed_late(from?, text));
            open.unwrap_or_else(|| syntax(detail))
        }
        kind if detail.is_empty() => Diagnostic::error(format!("Jinja: {kind}")),
        ErrorKind::InvalidOperation => Diagnostic::error(format!("Jinja: {detail}")),
        kind => Diagnostic::error(format!("Jinja: {kind}: {detail}")),
    };
    problem.maybe_hint(hint)
}

/// How the engine says that a template ends within a block.
const UNFINISHED: &str = "unexpected end of input, expected end of block";

fn syntax(detail: &str) -> Diagnostic {
    Diagnostic::error(format!("Jinja syntax error: {detail}"))
}

fn not_callable(name: &str, known: &[String]) -> Diagnostic {
    if known.iter().any(|known| known == name) {
        return Diagnostic::error(format!("'{name}' cannot be called here")).hint(format!(
            "a macro of a package is called package.{name}(), and in texts of YAML files there are no macros"
        ));
    }
    let package = name.split_once('.').map(|(package, _)| match package {
        // `run_query(...).columns[0].values()`: what it is called of has no name.
        "" => "what it is called of is undefined: a query has no answer while the project is read, so look into it \
               under {% if execute %}"
            .to_owned(),
        package => no_package(package),
    });
    let near = suggest::nearest(name, known.iter().map(String::as_str));
    let rule = (near.is_none() && package.is_none()).then(|| {
        format!("define it in macros/: {{% macro {name}() %}}; one of a package is called package.{name}()")
    });
    Diagnostic::error(format!("no macro or function is called '{name}'"))
        .maybe_hint(near)
        .maybe_hint(package)
        .maybe_hint(rule)
}

/// For a macro of a package that nobody has read.
pub(crate) fn no_package(package: &str) -> String {
    if package == "modules" {
        return "modules has datetime, itertools, pytz and re".to_owned();
    }
    format!("no package is called '{package}': name it in packages.yml, and install it")
}

/// Inside macros an unknown name is an undefined value, whose call fails in other words.
fn unknown_function(error: &Error, from: Option<&Origin>, start: Option<usize>) -> Option<String> {
    let detail = error.detail().unwrap_or_default();
    if error.kind() == ErrorKind::UnknownFunction {
        return detail.strip_suffix(" is unknown").map(str::to_owned);
    }
    if let Some((package, name)) = undefined_method(error) {
        return Some(format!("{package}.{name}"));
    }
    let text = from?.text_at(start?);
    let end = text.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.'))?;
    let called = text[end..].trim_start().starts_with('(') && end > 0;
    let undefined = detail.starts_with("value of type undefined is not callable")
        || error.kind() == ErrorKind::UnknownMethod && detail.starts_with("undefined ");
    (called && undefined).then(|| text[..end].to_owned())
}

/// `(package, name)` of a call `package.name(...)` whose package is undefined. A call of several lines has no other
/// place than this in the engine's error.
fn undefined_method(error: &Error) -> Option<(&str, &str)> {
    let detail = error
        .detail()
        .filter(|_| error.kind() == ErrorKind::UnknownMethod)?;
    let (name, rest) = detail
        .strip_prefix("undefined has no method named ")?
        .split_once(" (`")?;
    let (package, _) = rest.split_once("` is undefined")?;
    Some((package, name))
}

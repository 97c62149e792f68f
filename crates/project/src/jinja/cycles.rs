//! Jinja's `cycler` and `joiner`: objects that answer with another value each time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::{Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::errors::failed;
use super::named::placed;
use super::scope::Scope;

/// `cycler('a', 'b')`: `next()` goes through them for ever.
#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    at: AtomicUsize,
}

pub(super) fn cycler(
    _: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    if args.is_empty() {
        return Err(failed("cycler() needs at least one item"));
    }
    Ok(Value::from_object(Cycler {
        items: args.to_vec(),
        at: AtomicUsize::new(0),
    }))
}

impl Cycler {
    fn item(&self, at: usize) -> Value {
        self.items[at % self.items.len()].clone()
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        (key == "current").then(|| self.item(self.at.load(Ordering::Relaxed)))
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let () = from_args(args)?;
        match method {
            "next" => Ok(self.item(self.at.fetch_add(1, Ordering::Relaxed))),
            "reset" => {
                self.at.store(0, Ordering::Relaxed);
                Ok(Value::from(()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// `joiner('; ')`: nothing when it is first called, then the separator.
struct Joiner {
    separator: Value,
    calls: AtomicUsize,
}

pub(super) fn joiner(
    _: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let args = placed("joiner", &["sep"], args)?;
    let (separator,): (Option<Value>,) = from_args(&args)?;
    Ok(Value::from_object(Joiner {
        separator: separator.unwrap_or(Value::from(", ")),
        calls: AtomicUsize::new(0),
    }))
}

impl fmt::Debug for Joiner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<joiner>")
    }
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let () = from_args(args)?;
        Ok(match self.calls.fetch_add(1, Ordering::Relaxed) {
            0 => Value::from(""),
            _ => self.separator.clone(),
        })
    }
}

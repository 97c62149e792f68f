//! What a node's template calls without anybody having it. As in dbt, that is an error of the node when it is
//! compiled; while the project is read, whatever is made of it is nothing.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, State, Value};

/// What a context is asked for whether mistakes of the node's own text wait until it is compiled.
pub(crate) const EXCUSED: &str = "__excused";

/// Stands among the names that a node's text is excused for: methods that values do not have.
pub(crate) const METHODS: &str = "()";

#[derive(Debug)]
pub(crate) struct Unknown;

impl Unknown {
    pub fn value() -> Value {
        Value::from_object(Self)
    }
}

impl Object for Unknown {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from_dyn_object(self.clone()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(0)
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Ok(Self::value())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        _: &str,
        _: &[Value],
    ) -> Result<Value, Error> {
        Ok(Self::value())
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

//! dbt's Jinja: the engine, what a template can call, and errors with places in the user's files.
//!
//! A template runs against a [`Scope`]: one node in one mode. While a project is parsed nothing is
//! known yet, so `ref` and its like only write down what was asked for; a second run, when
//! everything has its name, gives the SQL.

mod adapter;
mod blocks;
pub(crate) mod calls;
pub(crate) mod collections;
mod column;
mod config_object;
mod cycles;
mod duration;
mod engine;
mod errors;
mod filters;
mod functions;
mod itertools;
mod literals;
mod macros;
pub(crate) mod marks;
mod materializations;
mod mistakes;
mod modules;
mod moment;
mod named;
mod names;
mod order;
mod python;
mod re;
mod re_pattern;
mod ref_call;
mod references;
mod relation;
mod runtime_config;
mod scope;
mod seeds;
mod signature;
mod statements;
mod table;
mod table_methods;
pub(crate) mod template;
mod text_filters;
mod text_format;
mod text_methods;
mod unknown;
mod values;
mod yaml_text;

pub(crate) use blocks::{BlockKind, blocks, docs};
pub(crate) use collections::from_json;
pub(crate) use engine::{Engine, Failure};
pub(crate) use errors::{called_from, no_package};
pub(crate) use macros::{BUILTIN, Macro, MacroSet};
pub(crate) use names::{Asker, Known, Names};
pub(crate) use python::json_repr as python_repr;
pub(crate) use ref_call::RefCall;
pub(crate) use references::cte_name;
pub(crate) use relation::relation_of;
pub(crate) use runtime_config::runtime_config;
pub(crate) use scope::{Mode, NEVER_MACROS, NodeScope, Record, Shared};
pub use seeds::rows_of as rows_of_seed;
pub(crate) use signature::Param;

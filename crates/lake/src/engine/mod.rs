//! The SQL engine: sessions, planning, execution, and its errors in the user's words.

mod advice;
mod alone;
mod behind;
mod context;
mod days;
mod describe;
mod early;
mod equal_nulls;
mod error;
mod fence;
mod foreign_view;
mod held;
mod in_order;
mod in_turn;
mod information_schema;
mod join_order;
mod keys_of_groups;
mod lambdas;
mod lazy;
mod once;
pub(crate) mod parts;
mod plan;
mod run;
mod session;
mod slips;
mod spill;
mod stumbled;
mod types;
mod veil;
mod views;
mod waits;
mod whole_answers;
mod words;

pub(crate) use types::is_tuple;
pub use types::{sql_type, type_name};

pub(crate) use behind::{behind, read};
pub(crate) use error::{from_arrow, from_engine, from_parser};
pub(crate) use plan::{Files, Planner};
pub(crate) use run::{input_rows, schema_of, start, start_to_store, tidy};
pub(crate) use session::{runtime, session};
pub(crate) use spill::SpillFolder;
pub(crate) use stumbled::placed;
pub(crate) use veil::Veil;
pub(crate) use views::Views;

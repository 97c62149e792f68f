//! The lake from the outside: what is written can be read, at any version, whatever happens between.

mod answer;
mod atomicity;
mod capitals;
mod cases;
mod database;
mod dialect;
mod engine;
mod files;
mod foreign;
mod lengths;
mod macros;
mod modes;
mod named;
mod names;
mod narrowed;
mod once;
mod plans;
mod refusals;
mod row_order;
mod statements;
mod support;
mod using;
mod views;
mod windows;
mod zones;

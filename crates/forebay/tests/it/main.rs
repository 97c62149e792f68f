//! The program from outside: its commands, its exit codes, what it leaves on disk.

mod bad_input;
mod builds;
mod clients;
mod dbt_cli;
mod hooks;
mod kill;
mod lineage;
mod path;
mod project;
mod python_models;
mod settings;
mod tracking;
mod training;
mod two_at_once;

//! Projects in a few lines each: what they compile to, their edges, and what is wrong with them.

mod compile;
mod dbt_files;
mod example;
mod functions;
mod manifest;
mod materializations;
mod ml;
mod packages;
mod places;
mod problems;
mod resources;
mod select;
mod support;
mod unit_tests;
mod versions;

//! Loading files into a lake, from the outside.

mod bad_input;
mod crash;
mod dispositions;
mod flights;
mod schema;
mod support;

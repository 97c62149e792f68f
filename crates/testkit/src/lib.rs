//! For tests: real clients in a Python environment of their own, made once.

pub mod python;

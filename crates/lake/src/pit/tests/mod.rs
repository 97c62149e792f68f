//! The join against cases, against a reference that looks at every pair, and under little memory.

mod cases;
mod reference;
mod support;
mod under_pressure;

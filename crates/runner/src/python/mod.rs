//! Python programs of a project: environments of their own, and processes that end with all that they
//! started.

pub mod environment;
pub mod process;

//! Configuration: `dbt_project.yml`, `profiles.yml`, `forebay.yml`, and how a node's own settings
//! come together.

mod colors;
mod node;
mod profile;
mod project_file;
mod quoting;
mod required;
mod settings;
mod tree;
mod types;
mod vars;

pub(crate) use node::{
    Config, Reader, Setting, from_json, from_yaml, is_setting, merge, over, setting_name, to_json,
    to_written,
};
pub(crate) use profile::Target;
pub(crate) use project_file::{ProjectFile, ProjectName};
pub(crate) use quoting::{PARTS, Quoting};
pub(crate) use settings::{Bytes, SettingsConfig};
pub use settings::{OpenLineage, Settings};
pub(crate) use tree::Tree;
pub(crate) use types::Kind;
pub(crate) use vars::Vars;

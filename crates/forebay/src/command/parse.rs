//! `parse`: reads the project, reports its problems, writes target/manifest.json.

use forebay_core::Diagnostics;

use crate::args::Global;
use crate::report::Talk;
use crate::wiring;

pub fn run(global: &Global, talk: &Talk) -> Result<u8, Diagnostics> {
    let project = wiring::project(global, talk, &wiring::invocation_id())?;
    talk.say(&format!("{} nodes", project.graph.nodes.len()));
    Ok(0)
}

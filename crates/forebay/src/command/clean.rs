//! `clean`: removes target/. The warehouse is never touched.

use forebay_core::{Diagnostic, Diagnostics};

use crate::args::Global;
use crate::report::Talk;

pub fn run(global: &Global, talk: &Talk) -> Result<u8, Diagnostics> {
    let root = &global.project_dir;
    if !root.join("dbt_project.yml").is_file() {
        return Err(
            Diagnostic::error(format!("{} is no project folder", root.display()))
                .hint("it has no dbt_project.yml; name the folder with --project-dir")
                .into(),
        );
    }
    let target = root.join("target");
    match std::fs::remove_dir_all(&target) {
        Ok(()) => talk.say("removed target/"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            talk.say("target/ is not there")
        }
        Err(error) => {
            let text = format!("cannot remove {}: {error}", target.display());
            return Err(Diagnostic::environment(text).into());
        }
    }
    Ok(0)
}

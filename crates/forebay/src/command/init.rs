//! `init`: the least that makes a folder a project.

use forebay_core::{Diagnostic, Diagnostics};

use crate::args::{self, Global};
use crate::report::Talk;

pub fn run(global: &Global, talk: &Talk, options: &args::Init) -> Result<u8, Diagnostics> {
    let root = &global.project_dir;
    if root.join("dbt_project.yml").exists() {
        return Err(Diagnostic::error(
            "this folder is a project already: it has a dbt_project.yml",
        )
        .into());
    }
    let folder = root.canonicalize().unwrap_or_else(|_| root.clone());
    let folder_name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = options
        .name
        .clone()
        .or(folder_name)
        .unwrap_or_else(|| "project".to_owned());
    let name = name
        .to_lowercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    for (path, text) in files(&name) {
        crate::artifact::write(&root.join(path), &text)?;
    }
    talk.say(&format!(
        "made project '{name}': try `forebay build`, then `forebay show --select hello`"
    ));
    Ok(0)
}

fn files(name: &str) -> [(&'static str, String); 3] {
    [
        (
            "dbt_project.yml",
            format!("name: {name}\nversion: '1.0'\nmodel-paths: [models]\nseed-paths: [seeds]\n"),
        ),
        (
            "models/hello.sql",
            "select 'hello' as greeting\n".to_owned(),
        ),
        (".gitignore", ".forebay/\ntarget/\n".to_owned()),
    ]
}

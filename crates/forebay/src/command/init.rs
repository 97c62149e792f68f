//! `init`: the least that makes a folder a project: a new one of a name, or the one at hand.

use forebay_core::{Diagnostic, Diagnostics};

use crate::args::{self, Global};
use crate::report::Talk;

pub fn run(global: &Global, talk: &Talk, options: &args::Init) -> Result<u8, Diagnostics> {
    // As dbt does: a project that is named has a folder of its own.
    let root = match &options.name {
        Some(name) => global.project_dir.join(identifier(name)),
        None => global.project_dir.clone(),
    };
    if root.join("dbt_project.yml").exists() {
        return Err(
            Diagnostic::error("the folder is a project already: it has a dbt_project.yml").into(),
        );
    }
    let folder = root.canonicalize().unwrap_or_else(|_| root.clone());
    let folder_name = folder.file_name().map(|name| name.to_string_lossy());
    let name = identifier(&folder_name.unwrap_or("project".into()));
    for (path, text) in files(&name) {
        crate::artifact::write(&root.join(path), &text)?;
    }
    talk.say(&format!(
        "made project '{name}' in {}: try `forebay build` there, then `forebay show --select hello`",
        root.display()
    ));
    Ok(0)
}

fn identifier(name: &str) -> String {
    name.to_lowercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "_")
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
        (".gitignore", ".forebay/\nlogs/\ntarget/\n".to_owned()),
    ]
}

//! Writes a project into a temporary folder and reads it.

use std::collections::BTreeMap;
use std::path::Path;

use forebay_core::{Diagnostic, Diagnostics, NodeId, Relation};
use forebay_project::{
    Answer, CompileState, Compiled, LoadOptions, Project, Question, RelationKind,
};

/// `--- path` lines begin a file; what follows is its text.
pub struct Files(tempfile::TempDir);

impl Files {
    pub fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files = Self(folder);
        let mut parts = text.split("--- ").skip(1).peekable();
        assert!(parts.peek().is_some(), "no file in the case");
        for part in parts {
            let (path, content) = part.split_once('\n').unwrap_or((part, ""));
            files.write(path.trim(), content.as_bytes());
        }
        if !files.path().join("dbt_project.yml").exists() {
            files.write("dbt_project.yml", b"name: shop\nprofile: shop\n");
        }
        files
    }

    pub fn write(&self, path: &str, content: &[u8]) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn load(&self) -> Result<Project, Diagnostics> {
        Project::load(self.path(), options())
    }
}

pub fn options() -> LoadOptions {
    LoadOptions {
        now: chrono::DateTime::UNIX_EPOCH,
        env: BTreeMap::from([("STAGE".to_owned(), "test".to_owned())]),
        invocation_id: "invocation".to_owned(),
        ..LoadOptions::default()
    }
}

/// A project without errors.
pub fn project(text: &str) -> Project {
    match Files::new(text).load() {
        Ok(project) => project,
        Err(problems) => panic!("the project should load:\n{problems}"),
    }
}

/// Everything that is wrong, as it is shown.
pub fn problems(text: &str) -> String {
    match Files::new(text).load() {
        Ok(project) => Diagnostics(project.warnings).to_string(),
        Err(problems) => problems.to_string(),
    }
}

pub fn compile(project: &Project, id: &str) -> String {
    compile_in(project, id, CompileState::default(), &|_| false)
}

/// In a warehouse that has these relations and nothing else.
pub fn compile_in(
    project: &Project,
    id: &str,
    state: CompileState,
    exists: &dyn Fn(&Relation) -> bool,
) -> String {
    let answer = |question: &Question| match question {
        Question::Relation(relation) => {
            Answer::Relation(exists(relation).then_some(RelationKind::Table))
        }
        other => panic!("nobody knows {other:?}"),
    };
    match compile_with(project, id, state, answer) {
        Ok(sql) => sql,
        Err(problem) => panic!("'{id}' should compile:\n{problem}"),
    }
}

/// In a warehouse that answers so.
pub fn compile_with(
    project: &Project,
    id: &str,
    mut state: CompileState,
    answer: impl Fn(&Question) -> Answer,
) -> Result<String, Diagnostic> {
    loop {
        match project.compile(&NodeId::new(id), &state)? {
            Compiled::Sql(sql) => return Ok(sql),
            Compiled::Asks(question) => {
                let answer = answer(&question);
                state.answer(question, answer);
            }
        }
    }
}

/// The model of that name, with runs of blanks as one: for cases that are not about layout.
pub fn sql(project: &Project, model: &str) -> String {
    let text = compile(project, &format!("model.shop.{model}"));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn parents(project: &Project, id: &str) -> Vec<String> {
    let node = project
        .graph
        .get(&NodeId::new(id))
        .unwrap_or_else(|| panic!("no node '{id}'"));
    node.depends_on.iter().map(ToString::to_string).collect()
}

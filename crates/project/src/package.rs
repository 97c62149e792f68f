//! One package of a project: the project itself, or one that it uses.

use serde_json::{Map, Value as Json};

use crate::config::{ProjectFile, Vars};

#[derive(Debug)]
pub(crate) struct Package {
    pub name: String,
    /// Its folder, relative to the project's; empty for the project itself.
    pub folder: String,
    pub file: ProjectFile,
}

impl Package {
    /// A path of the project as one of the package: `dbt_packages/x/models/m.sql` is `models/m.sql`.
    pub fn path<'a>(&self, file: &'a str) -> &'a str {
        let below = file.strip_prefix(&self.folder);
        below.map_or(file, |below| below.trim_start_matches('/'))
    }

    /// A path of the project from the folder on that the file was looked for in: `staging/m.sql` of
    /// `src/models/staging/m.sql`.
    pub fn below<'a>(&self, file: &'a str) -> &'a str {
        below(self.file.folders().into_iter(), file).unwrap_or(self.path(file))
    }

    /// The same of a page of documentation.
    pub fn below_docs<'a>(&self, file: &'a str) -> &'a str {
        let folders = self.file.docs_in.iter().flatten();
        below(folders, file).unwrap_or(self.below(file))
    }

    /// What `var` gives in it: the project's word counts before the package's own.
    pub fn vars(&self, command_line: &Map<String, Json>, project: &Package) -> Vars {
        Vars::command_line(command_line.clone())
            .and(&project.file.vars, &self.name)
            .and(&self.file.vars, &self.name)
    }
}

/// The path from the innermost of the folders on that it is in.
fn below<'a, 'f>(folders: impl Iterator<Item = &'f String>, file: &'a str) -> Option<&'a str> {
    let within = folders.filter_map(|folder| {
        let below = file.strip_prefix(folder.as_str())?;
        below.strip_prefix('/')
    });
    within.min_by_key(|below| below.len())
}

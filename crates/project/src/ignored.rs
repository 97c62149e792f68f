//! `.dbtignore`: files in a package's folders that are not the package's, by git's patterns.

use std::path::Path;

use crate::pattern;

const FILE: &str = ".dbtignore";

/// The patterns of one file, in its order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignored(Vec<Pattern>);

/// One line.
#[derive(Clone, Debug)]
struct Pattern {
    /// With `**/` before it where it fits at any depth.
    text: String,
    /// `!`: what an earlier line ignores is kept.
    keep: bool,
    /// It ends with `/`: a file of this name is not meant.
    folder: bool,
}

impl Ignored {
    /// Of the package in that folder. Most have no such file.
    pub fn of(folder: &Path) -> Self {
        Self::read(&std::fs::read_to_string(folder.join(FILE)).unwrap_or_default())
    }

    fn read(text: &str) -> Self {
        Self(text.lines().filter_map(Pattern::read).collect())
    }

    /// Whether a path below the folder is ignored: the last line that fits it says so.
    pub fn has(&self, path: &str) -> bool {
        let last = self.0.iter().rev().find(|pattern| pattern.fits(path));
        last.is_some_and(|pattern| !pattern.keep)
    }
}

impl Pattern {
    fn read(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (keep, line) = match line.strip_prefix('!') {
            Some(line) => (true, line),
            None => (false, line),
        };
        let line = line.strip_prefix('\\').unwrap_or(line);
        let path = line.trim_end_matches('/');
        let anchored = path.contains('/');
        let path = path.trim_start_matches('/');
        Some(Self {
            text: match anchored {
                true => path.to_owned(),
                false => format!("**/{path}"),
            },
            keep,
            folder: line.ends_with('/'),
        })
    }

    /// The path itself, or a folder on the way to it.
    fn fits(&self, path: &str) -> bool {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        let itself = (!self.folder).then_some(path);
        let mut parts = folders.chain(itself);
        parts.any(|part| pattern::matches_path(&self.text, part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_fits_says_whether_a_file_is_ignored() {
        let ignored = Ignored::read(
            "# scratch\nold*.sql\n!old_keep.sql\nsub/\n/models/top.sql\n**/deep/x.sql\nmodels/*/y.sql\n",
        );
        for (path, expected) in [
            ("models/old1.sql", true),
            ("models/a/old2.sql", true),
            ("models/old_keep.sql", false),
            ("models/sub/m.sql", true),
            ("models/a/sub/b/m.sql", true),
            ("models/sub", false),
            ("models/top.sql", true),
            ("other/models/top.sql", false),
            ("models/a/deep/x.sql", true),
            ("models/a/y.sql", true),
            ("models/a/b/y.sql", false),
            ("models/m.sql", false),
        ] {
            assert_eq!(ignored.has(path), expected, "{path}");
        }
    }
}

//! dbt's node selection: `--select`, `--exclude`, `--selector`.
//!
//! A criterion is a method with a value (`tag:nightly`, `path:models/staging`, a bare name), with
//! graph operators around it (`+x`, `x+`, `2+x+1`, `@x`). Commas intersect, blanks and repeated
//! arguments unite. Tests come along when one of their parents is selected, or as asked.

mod criterion;
mod earlier;
mod methods;
mod resolve;
mod resources;
mod selectors;
mod shown;
mod spec;
mod state;

use std::collections::BTreeSet;
use std::path::PathBuf;

use forebay_core::{Diagnostic, NodeId, suggest};

use crate::Project;
pub(crate) use earlier::artifact;
pub(crate) use selectors::{Selector, read as read_selectors};
pub use spec::Indirect;
use spec::Spec;

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    /// One of `selectors.yml`; it wins over the two above. Without all three, the default one counts.
    pub selector: Option<String>,
    pub indirect: Indirect,
    /// Artifacts of an earlier run, for `state:`, `result:` and `source_status:`.
    pub state: Option<PathBuf>,
    /// This project's own artifacts: `source_status:` compares their freshness with the earlier one.
    pub target: PathBuf,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected {
    pub nodes: BTreeSet<NodeId>,
    /// What matched nothing, as it was written.
    pub unmatched: Vec<String>,
}

impl Project {
    /// The nodes that are meant; nothing asked for means everything. What matches nothing is no
    /// error: the caller may warn.
    ///
    /// # Errors
    /// A method or a selector that does not exist, an operator that cannot be read, artifacts of an
    /// earlier run that are not there.
    pub fn select(&self, selection: &Selection) -> Result<Selected, Diagnostic> {
        let arguments = Spec::from_arguments(&selection.include, &selection.exclude)?;
        let nothing_asked = selection.include.is_empty() && selection.exclude.is_empty();
        let spec = match &selection.selector {
            Some(name) => &self.selector(name)?.spec,
            None if nothing_asked => self
                .selectors
                .iter()
                .find(|selector| selector.default)
                .map_or(&arguments, |selector| &selector.spec),
            None => &arguments,
        };
        let around = methods::Around::new(self, selection);
        let resolver = resolve::Resolver::new(&around, selection.indirect);
        let (nodes, unmatched) = resolver.resolve(spec)?;
        Ok(Selected { nodes, unmatched })
    }

    fn selector(&self, name: &str) -> Result<&Selector, Diagnostic> {
        let names = || self.selectors.iter().map(|selector| selector.name.as_str());
        let found = self.selectors.iter().find(|selector| selector.name == name);
        found.ok_or_else(|| {
            let problem = Diagnostic::error(format!("there is no selector '{name}'"))
                .maybe_hint(suggest::nearest(name, names()));
            match self.selectors.is_empty() {
                true => problem.hint("the project has no selectors.yml"),
                false => problem.hint(format!(
                    "one of: {}",
                    names().collect::<Vec<_>>().join(", ")
                )),
            }
        })
    }
}

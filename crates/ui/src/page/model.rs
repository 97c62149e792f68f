//! `/models` and `/models/<name>`: registered models, their versions, stages and aliases.

use askama::Template;

use super::asked::{Asked, Misread};
use super::part::NodeLink;
use super::run_row::RunLink;
use super::{Page, render};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

/// Aliases of the version that serves and of the one that is to beat it.
const CHAMPION: &str = "champion";
const CHALLENGER: &str = "challenger";
/// Versions that stand beside each other.
const COMPARED: usize = 12;

#[derive(Clone, Debug, Default, Template)]
#[template(path = "models.html")]
pub struct Models {
    pub models: Vec<ModelRow>,
    pub asked: Asked,
    pub misread: Option<Misread>,
    pub next: Option<String>,
}

#[derive(Clone, Debug)]
pub struct ModelRow {
    pub name: String,
    pub versions: u64,
    /// `(alias, version)`.
    pub aliases: Vec<(String, u64)>,
    pub last_created_ms: Option<i64>,
    /// Names of the inference services that serve it.
    pub services: Vec<String>,
}

impl Models {
    fn more(&self) -> Option<String> {
        self.asked.more(self.next.as_ref(), "/models")
    }
}

#[derive(Clone, Debug, Default, Template)]
#[template(path = "model.html")]
pub struct Model {
    pub name: String,
    pub description: String,
    pub tags: Vec<(String, String)>,
    pub node: Option<NodeLink>,
    /// Newest first.
    pub versions: Vec<ModelVersion>,
    pub services: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct ModelVersion {
    pub version: u64,
    pub aliases: Vec<String>,
    /// In MLflow's words; `None` is none.
    pub stage: String,
    pub created_ms: i64,
    /// None where no run is named.
    pub run: Option<RunLink>,
    /// Of everything that made it: rows, definition, trainer. Empty where it is not a job's.
    pub training_hash: String,
    pub params: Vec<(String, String)>,
    pub metrics: Vec<(String, f64)>,
}

/// One row of the comparison: a name, then a value a version, None where it has none.
struct Compared {
    name: String,
    values: Vec<Option<String>>,
    /// Not the same in all versions.
    differs: bool,
}

/// A metric of the champion, the challenger's, and how far it is from it.
type Contest = (String, String, String, String);

impl Model {
    /// Those that stand beside each other.
    fn compared(&self) -> &[ModelVersion] {
        &self.versions[..self.versions.len().min(COMPARED)]
    }

    fn with(&self, alias: &str) -> Option<&ModelVersion> {
        self.versions
            .iter()
            .find(|version| version.aliases.iter().any(|known| known == alias))
    }

    /// The champion and what is to beat it: the challenger, or the newest where none is named.
    fn rivals(&self) -> Option<(&ModelVersion, &ModelVersion)> {
        let champion = self.with(CHAMPION)?;
        let challenger = self.with(CHALLENGER).or_else(|| self.versions.first())?;
        (champion.version != challenger.version).then_some((champion, challenger))
    }

    fn contest(&self) -> Vec<Contest> {
        let Some((champion, challenger)) = self.rivals() else {
            return Vec::new();
        };
        let row = |(name, now): &(String, f64)| {
            let (_, new) = challenger.metrics.iter().find(|(other, _)| other == name)?;
            Some((
                name.clone(),
                format::metric(*now),
                format::metric(*new),
                format::change(new - now),
            ))
        };
        champion.metrics.iter().filter_map(row).collect()
    }

    fn metrics(&self) -> Vec<Compared> {
        self.compare(|v| {
            v.metrics
                .iter()
                .map(|(k, x)| (k.as_str(), format::metric(*x)))
                .collect()
        })
    }

    fn params(&self) -> Vec<Compared> {
        self.compare(|v| {
            v.params
                .iter()
                .map(|(k, x)| (k.as_str(), format::clip(x, 60)))
                .collect()
        })
    }

    /// The union of all names, in the order in which the newest versions list them.
    fn compare(&self, of: impl Fn(&ModelVersion) -> Vec<(&str, String)>) -> Vec<Compared> {
        let versions: Vec<_> = self.compared().iter().map(of).collect();
        let mut names: Vec<&str> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for (name, _) in versions.iter().flatten() {
            if seen.insert(*name) {
                names.push(name);
            }
        }
        let row = |name: &str| {
            let value = |v: &Vec<(&str, String)>| {
                v.iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, value)| value.clone())
            };
            let values: Vec<_> = versions.iter().map(value).collect();
            let differs = values.windows(2).any(|pair| pair[0] != pair[1]);
            Compared {
                name: name.to_owned(),
                values,
                differs,
            }
        };
        names.into_iter().map(row).collect()
    }

    fn version_href(&self, version: &ModelVersion) -> String {
        link::model_version(&self.name, version.version)
    }

    fn has_hashes(&self) -> bool {
        self.compared()
            .iter()
            .any(|version| !version.training_hash.is_empty())
    }

    fn has_stages(&self) -> bool {
        self.compared()
            .iter()
            .any(|version| version.stage != "None")
    }

    /// Runs of the versions side by side, where there are several.
    fn compare_href(&self) -> Option<String> {
        let runs: Vec<&str> = self
            .compared()
            .iter()
            .filter_map(|v| v.run.as_ref())
            .map(|run| run.id.as_str())
            .collect();
        (runs.len() > 1).then(|| link::compare(runs))
    }
}

impl Page for Models {
    fn title(&self) -> String {
        "Models".to_owned()
    }

    fn section(&self) -> Section {
        Section::Models
    }

    fn body(&self) -> Markup {
        render(self)
    }
}

impl Page for Model {
    fn title(&self) -> String {
        self.name.clone()
    }

    fn section(&self) -> Section {
        Section::Models
    }

    fn crumbs(&self) -> Vec<Crumb> {
        vec![Crumb::new("Models", "/models")]
    }

    fn body(&self) -> Markup {
        render(self)
    }
}

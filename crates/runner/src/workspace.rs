//! A project with everything it stands on, opened.

use std::path::PathBuf;
use std::sync::Arc;

use forebay_core::{Diagnostic, Graph};
use forebay_lake::{Dialect, Lake, LakeOptions};
use forebay_ml::online::OnlineStore;
use forebay_project::{Project, Settings};
use forebay_store::Store;

use crate::clock::Clock;
use crate::tracking::TrackingHost;
use crate::voice::Voice;

/// Cheap to clone; all clones share the same stores.
#[derive(Clone)]
pub struct Workspace {
    pub project: Arc<Project>,
    pub lake: Lake,
    pub store: Store,
    pub online: Arc<dyn OnlineStore>,
    pub clock: Clock,
    pub voice: Voice,
    /// None: training scripts cannot log, and are refused.
    pub tracking: Option<Arc<dyn TrackingHost>>,
    /// The folder of the SQL that runs, as templates are told it.
    pub target: PathBuf,
}

impl Workspace {
    /// Opens the embedded stores where the settings say, creating them as needed.
    pub async fn open(project: Project, clock: Clock) -> Result<Self, Diagnostic> {
        let settings = &project.settings;
        let lake = Lake::open(LakeOptions {
            root: settings.warehouse.clone(),
            memory_limit: settings.memory_limit,
            threads: settings.threads,
            spill: settings.spill.clone(),
            dialect: match project.target_type() {
                "duckdb" => Dialect::DuckDb,
                _ => Dialect::Postgres,
            },
            database: project.database().to_owned(),
            files: project.root.clone(),
            settings: project.database_settings().to_vec(),
        })
        .await?;
        let store = Store::open(&settings.metadata)?;
        let online = forebay_ml::online::open(&settings.online_store)?;
        Ok(Self {
            project: Arc::new(project),
            lake,
            store,
            online,
            clock,
            voice: Voice::default(),
            tracking: None,
            target: PathBuf::from("target"),
        })
    }

    #[must_use]
    pub fn with_tracking(mut self, host: Arc<dyn TrackingHost>) -> Self {
        self.tracking = Some(host);
        self
    }

    #[must_use]
    pub fn with_target(mut self, target: PathBuf) -> Self {
        self.target = target;
        self
    }

    pub fn graph(&self) -> &Graph {
        &self.project.graph
    }

    pub fn settings(&self) -> &Settings {
        &self.project.settings
    }

    /// The folder of a run's artifacts.
    pub fn artifacts(&self, path: &str) -> PathBuf {
        self.settings().artifacts.join(path)
    }
}

//! Options of every command, and where else they may be set: the environment, then the project.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use clap::Args as ClapArgs;
use forebay_core::Diagnostic;
use forebay_project::Glance;
use forebay_project::select::Indirect;
use serde_json::Value as Json;

use super::switch::{self, Switch, Switches};
use crate::report::file::File;
use crate::report::log::Level;

#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Global {
    /// Folder with dbt_project.yml.
    #[arg(
        long,
        global = true,
        env = "DBT_PROJECT_DIR",
        default_value = ".",
        value_name = "DIR"
    )]
    pub project_dir: PathBuf,
    /// Folder with profiles.yml (default: DBT_PROFILES_DIR, the project's folder, ~/.dbt).
    #[arg(long, global = true, value_name = "DIR")]
    pub profiles_dir: Option<PathBuf>,
    /// Profile of profiles.yml, instead of the project's.
    #[arg(long, global = true, env = "DBT_PROFILE")]
    pub profile: Option<String>,
    /// Target of profiles.yml.
    #[arg(long, short = 't', global = true, env = "DBT_TARGET")]
    pub target: Option<String>,
    /// Nodes that run at the same time (default: `threads` of the profile, then of forebay.yml).
    #[arg(long, global = true, value_parser = at_least_one, value_name = "N")]
    pub threads: Option<usize>,
    /// Variables for the project, as YAML or JSON: '{month: 3}'.
    #[arg(long, global = true)]
    pub vars: Option<String>,
    /// Folder for artifacts (default: target).
    #[arg(long, global = true, env = "DBT_TARGET_PATH", value_name = "DIR")]
    pub target_path: Option<PathBuf>,
    /// Artifacts of an earlier run, for `state:`, `result:`, `source_status:`, --defer and `clone`.
    #[arg(long, global = true, env = "DBT_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Artifacts for --defer alone.
    #[arg(long, global = true, env = "DBT_DEFER_STATE", value_name = "DIR")]
    pub defer_state: Option<PathBuf>,
    /// Which tests come along: eager, cautious, buildable, empty.
    #[arg(
        long,
        global = true,
        env = "DBT_INDIRECT_SELECTION",
        value_name = "MODE"
    )]
    pub indirect_selection: Option<String>,
    /// What is said, as text or JSON, one event a line.
    #[arg(
        long,
        global = true,
        env = "DBT_LOG_FORMAT",
        value_parser = ["text", "json", "debug", "default", "otel"],
        value_name = "FORMAT"
    )]
    pub log_format: Option<String>,
    /// The least that is said.
    #[arg(
        long,
        global = true,
        env = "DBT_LOG_LEVEL",
        value_parser = ["debug", "info", "warn", "error", "none"],
        value_name = "LEVEL"
    )]
    pub log_level: Option<String>,
    #[command(flatten)]
    pub log_file: LogFile,
    /// Which warnings are errors: '{error: all}', or their names.
    #[arg(
        long,
        global = true,
        env = "DBT_WARN_ERROR_OPTIONS",
        value_name = "YAML"
    )]
    pub warn_error_options: Option<String>,
    /// How long to wait for another process that holds the project, in seconds.
    #[arg(long, global = true, default_value_t = 600, value_name = "SECONDS")]
    pub lock_timeout: u64,
    /// A fixed present, RFC 3339: everything that is written down as 'now' is this.
    #[arg(long, global = true, env = "FOREBAY_NOW", hide = true)]
    pub now: Option<String>,
    #[command(flatten)]
    pub switches: Switches,
    #[command(flatten)]
    pub harmless: Harmless,
    /// What the project's own file says.
    #[arg(skip)]
    pub glance: Glance,
    /// The verb, in dbt's words.
    #[arg(skip)]
    pub command: &'static str,
}

/// The log file.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct LogFile {
    /// Folder of dbt.log (default: logs).
    #[arg(long, global = true, env = "DBT_LOG_PATH", value_name = "DIR")]
    log_path: Option<PathBuf>,
    /// The log file as text or JSON, one event a line.
    #[arg(
        long,
        global = true,
        env = "DBT_LOG_FORMAT_FILE",
        value_parser = ["text", "json", "debug", "default", "otel"],
        value_name = "FORMAT"
    )]
    log_format_file: Option<String>,
    /// The least that the log file gets.
    #[arg(
        long,
        global = true,
        env = "DBT_LOG_LEVEL_FILE",
        value_parser = ["debug", "info", "warn", "error", "none"],
        value_name = "LEVEL"
    )]
    log_level_file: Option<String>,
    /// A log file that is larger is put aside; 0 is without limit.
    #[arg(
        long,
        global = true,
        env = "DBT_LOG_FILE_MAX_BYTES",
        default_value_t = 10 << 20,
        value_name = "BYTES"
    )]
    log_file_max_bytes: u64,
}

/// Commands without a log file: they make a project, or only look at what is there.
const WITHOUT_LOG: &[&str] = &[
    "demo", "init", "import", "lineage", "plan", "query", "serve", "why",
];

/// Accepted, so that scripts written for dbt run, and dbt itself may call `parse` in the place of its own
/// parser (`--v2-parser`); they change nothing.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Harmless {
    #[arg(long, global = true, hide = true)]
    invocation_id: Option<String>,
    #[arg(long, global = true, hide = true)]
    printer_width: Option<usize>,
    #[arg(long, global = true, hide = true)]
    partial_parse_file_path: Option<PathBuf>,
    #[arg(long, short = 'r', global = true, hide = true)]
    record_timing_info: Option<PathBuf>,
    #[arg(long, global = true, hide = true)]
    sqlparse: Option<String>,
}

impl Global {
    /// Finds the project in this folder or above it, as dbt does, and looks at its file.
    pub fn look(&mut self) {
        if self.project_dir == Path::new(".") {
            let here = std::env::current_dir().unwrap_or_default();
            let mut folders = here.ancestors().skip(1);
            let is_project = |folder: &Path| folder.join("dbt_project.yml").is_file();
            if !is_project(&here)
                && let Some(above) = folders.find(|folder| is_project(folder))
            {
                self.project_dir = above.to_owned();
            }
        }
        self.glance = forebay_project::glance(&self.project_dir);
        // As in dbt, they are in the project, wherever the command is started.
        if self.project_dir != Path::new(".") {
            let folders = [&mut self.state, &mut self.defer_state];
            for folder in folders.into_iter().flatten() {
                *folder = self.project_dir.join(&*folder);
            }
        }
    }

    pub fn on(&self, switch: &Switch) -> bool {
        let key = switch.name.replace('-', "_");
        let named = |start: &str| std::env::var(format!("{start}{}", key.to_uppercase())).ok();
        let environment = || truth(&named(super::ENGINE).or_else(|| named("DBT_"))?);
        let project = || match self.glance.flags.get(&key)? {
            Json::Bool(on) => Some(*on),
            Json::String(text) => truth(text),
            _ => None,
        };
        let written = self.switches.get(switch);
        written
            .or_else(environment)
            .or_else(project)
            .unwrap_or(switch.default)
    }

    fn flag(&self, written: Option<&String>, key: &str) -> Option<String> {
        let project = || self.glance.flags.get(key)?.as_str().map(str::to_owned);
        written.cloned().or_else(project)
    }

    pub fn quiet(&self) -> bool {
        self.level() >= Level::Error
    }

    /// The least that is said.
    pub fn level(&self) -> Level {
        let written = self.flag(self.log_level.as_ref(), "log_level");
        let level = written.and_then(|name| Level::parse(&name));
        match (self.on(&switch::QUIET), self.on(&switch::DEBUG)) {
            (true, _) => level.unwrap_or(Level::Error).max(Level::Error),
            (false, true) => Level::Debug,
            (false, false) => level.unwrap_or(Level::Info),
        }
    }

    /// Where everything is said once more, unless the command has no project or nothing is wanted.
    pub fn log_file(&self) -> Option<File> {
        let options = &self.log_file;
        let level = self.flag(options.log_level_file.as_ref(), "log_level_file");
        let level = level
            .and_then(|name| Level::parse(&name))
            .unwrap_or(Level::Debug);
        let format = self.flag(options.log_format_file.as_ref(), "log_format_file");
        let format = format.or_else(|| self.flag(self.log_format.as_ref(), "log_format"));
        let project = || self.glance.log_path.as_ref().map(PathBuf::from);
        let folder = options.log_path.clone().unwrap_or_else(|| {
            let inside = project().unwrap_or_else(|| "logs".into());
            self.project_dir.join(inside)
        });
        let project = self.project_dir.join("dbt_project.yml").is_file();
        let wanted = project && level < Level::Nothing && !WITHOUT_LOG.contains(&self.command);
        wanted.then(|| File {
            path: folder.join("dbt.log"),
            level,
            json: format.as_deref() == Some("json"),
            max_bytes: options.log_file_max_bytes,
            opened: Mutex::default(),
        })
    }

    pub fn json_log(&self) -> bool {
        self.flag(self.log_format.as_ref(), "log_format").as_deref() == Some("json")
    }

    pub fn indirect(&self) -> Result<Indirect, Diagnostic> {
        let Some(text) = self.flag(self.indirect_selection.as_ref(), "indirect_selection") else {
            return Ok(Indirect::default());
        };
        Indirect::parse(&text).ok_or_else(|| {
            let names: Vec<&str> = Indirect::ALL.iter().map(|(name, _)| *name).collect();
            Diagnostic::error(format!("'{text}' is no way of indirect selection"))
                .hint(format!("one of: {}", names.join(", ")))
        })
    }

    /// The folder of this project's artifacts.
    pub fn artifacts(&self) -> PathBuf {
        self.project_dir.join(self.target())
    }

    /// The same as it is written.
    pub fn target(&self) -> String {
        let written = self.target_path.as_ref();
        let written = written.map(|path| path.display().to_string());
        let project = || self.glance.target_path.clone();
        written.or_else(project).unwrap_or_else(|| "target".into())
    }

    /// Everything that `flags` shows inside templates.
    pub fn shown(&self) -> serde_json::Map<String, Json> {
        let name = |switch: &Switch| switch.name.replace('-', "_").to_uppercase();
        let mut flags: serde_json::Map<_, _> = switch::all()
            .map(|switch| (name(switch), Json::Bool(self.on(switch))))
            .collect();
        let way = self.flag(self.indirect_selection.as_ref(), "indirect_selection");
        let format = self.flag(self.log_format.as_ref(), "log_format");
        flags.extend([
            ("WHICH".to_owned(), self.command.into()),
            (
                "INDIRECT_SELECTION".to_owned(),
                way.map_or("eager".into(), Json::from),
            ),
            (
                "LOG_FORMAT".to_owned(),
                format.map_or("default".into(), Json::from),
            ),
        ]);
        flags
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "a whole number from 1 up is needed".to_owned())
}

fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Some(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}

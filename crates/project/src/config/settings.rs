//! `forebay.yml`: where things live. What the user wrote first, then what it means.

use std::path::{Path, PathBuf};

use crate::yaml::{Doc, Fields, Unknown, Yaml};

/// Resolved settings. All paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Folder of what belongs to this checkout alone: the lock, answers that are not in the lake yet.
    pub state: PathBuf,
    /// Folder of the Delta tables.
    pub warehouse: PathBuf,
    /// File of the metadata store.
    pub metadata: PathBuf,
    /// Folder of the online store.
    pub online_store: PathBuf,
    /// Folder of models and other files of runs.
    pub artifacts: PathBuf,
    /// Folder of the Python environments of training scripts, by content.
    pub environments: PathBuf,
    /// Folder that large queries spill to.
    pub spill: PathBuf,
    /// Bytes that queries may use before they spill: by default half of the memory that there is.
    pub memory_limit: usize,
    /// Threads of the engine, at least one.
    pub threads: usize,
    /// Address of the server: `host:port`.
    pub listen: String,
    /// How often a failed node is tried again.
    pub retries: u32,
    /// What runs Python models: a path or a name.
    pub python: String,
    /// Hosts that webhooks may lead to although they are not public, by http too.
    pub webhook_hosts: Vec<String>,
    pub openlineage: OpenLineage,
}

/// Where lineage events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenLineage {
    pub namespace: String,
    pub file: Option<PathBuf>,
    pub url: Option<String>,
}

/// What the file says; everything may be left out.
#[derive(Debug, Default)]
pub(crate) struct SettingsConfig {
    warehouse: Option<String>,
    metadata: Option<String>,
    online_store: Option<String>,
    artifacts: Option<String>,
    environments: Option<String>,
    spill: Option<String>,
    memory_limit: Option<usize>,
    threads: Option<usize>,
    listen: Option<String>,
    retries: Option<u32>,
    python: Option<String>,
    webhook_hosts: Vec<String>,
    openlineage: OpenLineageConfig,
}

#[derive(Debug, Default)]
struct OpenLineageConfig {
    namespace: Option<String>,
    /// `file: null` switches the default file off.
    file: Option<Option<String>>,
    url: Option<String>,
}

impl Settings {
    /// Where the server keeps answers until they are in the lake.
    pub fn prediction_log(&self) -> PathBuf {
        self.state.join("predictions")
    }
}

impl SettingsConfig {
    pub fn from_yaml(doc: Doc<'_>, yaml: &Yaml) -> Option<Self> {
        let mut fields = Fields::of(doc, yaml, "forebay.yml")?;
        crate::yaml_version(&mut fields);
        let config = Self {
            warehouse: fields.text("warehouse"),
            metadata: fields.text("metadata"),
            online_store: fields.text("online_store"),
            artifacts: fields.text("artifacts"),
            environments: fields.text("environments"),
            spill: fields.text("spill"),
            memory_limit: fields.parsed("memory_limit").map(|Bytes(bytes)| bytes),
            threads: threads(&mut fields),
            listen: listen(&mut fields),
            retries: fields
                .whole("retries")
                .map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
            python: fields.text("python"),
            webhook_hosts: hosts(&mut fields),
            openlineage: OpenLineageConfig::from_fields(doc, &mut fields),
        };
        fields.finish(Unknown::Error);
        Some(config)
    }

    pub fn resolve(self, root: &Path, project: &str) -> Settings {
        let path =
            |text: Option<String>, default: &str| root.join(text.as_deref().unwrap_or(default));
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Settings {
            state: root.join(".forebay"),
            warehouse: path(self.warehouse, ".forebay/warehouse"),
            metadata: path(self.metadata, ".forebay/metadata.db"),
            online_store: path(self.online_store, ".forebay/online"),
            artifacts: path(self.artifacts, ".forebay/artifacts"),
            environments: path(self.environments, ".forebay/environments"),
            spill: path(self.spill, ".forebay/spill"),
            memory_limit: self.memory_limit.unwrap_or_else(half_of_memory),
            threads: self.threads.unwrap_or_else(cores),
            listen: self.listen.unwrap_or_else(|| "127.0.0.1:8600".into()),
            retries: self.retries.unwrap_or(0),
            python: self
                .python
                .map_or("python3".to_owned(), |python| interpreter(root, python)),
            webhook_hosts: self.webhook_hosts,
            openlineage: self.openlineage.resolve(root, project),
        }
    }
}

/// Of the machine, or of the container that the process is in; 1 GiB at least.
fn half_of_memory() -> usize {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let container = system.cgroup_limits().map(|limits| limits.total_memory);
    let bytes = container.unwrap_or(system.total_memory()) / 2;
    usize::try_from(bytes).unwrap_or(usize::MAX).max(1 << 30)
}

impl OpenLineageConfig {
    fn from_fields(doc: Doc<'_>, fields: &mut Fields<'_>) -> Self {
        let section = fields.get("openlineage");
        let Some(mut fields) = section.and_then(|yaml| Fields::of(doc, yaml, "openlineage")) else {
            return Self::default();
        };
        let file_written = fields.get_or_null("file").is_some();
        let config = Self {
            namespace: fields.text("namespace"),
            file: file_written.then(|| fields.text("file")),
            url: fields.text("url"),
        };
        fields.finish(Unknown::Error);
        config
    }

    fn resolve(self, root: &Path, project: &str) -> OpenLineage {
        let default = || Some(".forebay/openlineage.ndjson".to_owned());
        OpenLineage {
            namespace: self
                .namespace
                .unwrap_or_else(|| format!("forebay://{project}")),
            file: self
                .file
                .unwrap_or_else(default)
                .map(|file| root.join(file)),
            url: self.url,
        }
    }
}

/// A name is looked up on the path, anything else in the project's folder.
fn interpreter(root: &Path, python: String) -> String {
    match python.contains('/') {
        true => root.join(python).to_string_lossy().into_owned(),
        false => python,
    }
}

fn threads(fields: &mut Fields<'_>) -> Option<usize> {
    let threads = fields.whole("threads")?;
    if threads == 0 {
        fields.error(
            "'threads' of forebay.yml must be at least 1",
            fields.at("threads"),
        );
    }
    usize::try_from(threads).ok().filter(|n| *n > 0)
}

fn listen(fields: &mut Fields<'_>) -> Option<String> {
    let address = fields.text("listen")?;
    let port = address
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        let message = format!("'listen' of forebay.yml must be host:port, not '{address}'");
        fields.error(message, fields.at("listen"));
        return None;
    }
    Some(address)
}

/// Hosts alone: a webhook may ask any port and path of them.
fn hosts(fields: &mut Fields<'_>) -> Vec<String> {
    let hosts = fields.texts("webhook_hosts");
    for host in &hosts {
        if host.contains('/') || host.contains(':') && !host.starts_with('[') {
            let message = format!(
                "'webhook_hosts' of forebay.yml names hosts, such as hooks.lan or 10.0.0.7, not '{host}'"
            );
            fields.error(message, fields.at("webhook_hosts"));
        }
    }
    hosts
}

/// A size such as `1GiB`, `512 MB` or a plain number of bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub usize);

const UNITS: &[(&str, usize)] = &[
    ("", 1),
    ("b", 1),
    ("kb", 1000),
    ("mb", 1000 * 1000),
    ("gb", 1000 * 1000 * 1000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
];

impl std::str::FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = (
            text[..end].parse::<usize>(),
            text[end..].trim().to_lowercase(),
        );
        let scale = UNITS.iter().find(|(name, _)| *name == unit);
        match (number, scale) {
            (Ok(number), Some((_, scale))) => number
                .checked_mul(*scale)
                .map(Bytes)
                .ok_or_else(|| format!("'{text}' is too large")),
            _ => Err(format!(
                "'{text}' is no size: write a number and KiB, MiB or GiB"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [("1GiB", 1 << 30), ("512 MB", 512_000_000), ("7", 7)] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)));
        }
        assert!("1 parsec".parse::<Bytes>().is_err());
        assert!("GiB".parse::<Bytes>().is_err());
    }

    #[test]
    fn nothing_written_means_the_embedded_defaults() {
        let settings = SettingsConfig::default().resolve(Path::new("/p"), "flights");
        assert_eq!(settings.warehouse, Path::new("/p/.forebay/warehouse"));
        assert!(settings.memory_limit >= 1 << 30);
        assert_eq!(settings.listen, "127.0.0.1:8600");
        assert_eq!(settings.openlineage.namespace, "forebay://flights");
        assert!(settings.threads >= 1);
    }
}

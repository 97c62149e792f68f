//! Projects in temporary folders, and the program run on them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

/// A present that stands still: everything that runs write down is the same in each.
pub const NOW: &str = "2014-01-01T06:00:00Z";

/// A project folder that goes when the test ends.
pub struct Project {
    folder: TempDir,
}

impl Project {
    /// A folder with these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("the system has a temporary folder");
        let project = Self { folder };
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// The example with the first rows of every file, and few rounds of boosting: the whole path,
    /// small enough for a build without optimisation.
    pub fn small_flights() -> Self {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flights");
        let project = Self::copy_of(&example);
        let ml = project.root().join("ml");
        for file in std::fs::read_dir(ml).unwrap().flatten() {
            let text = std::fs::read_to_string(file.path()).unwrap();
            std::fs::write(file.path(), quick_and_lenient(&text)).unwrap();
        }
        project
    }

    /// The files of a folder; of large ones the first rows.
    pub fn copy_of(folder: &Path) -> Self {
        let project = Self::new(&[]);
        copy(folder, project.root());
        project
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
        command
            .args(arguments)
            .args(["--project-dir", self.root().to_str().unwrap()])
            .env("FOREBAY_NOW", NOW)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("the program starts")
    }

    /// Runs to success; stdout.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "forebay {arguments:?}:\n{}",
            text(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs to that exit code; all that it said.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "forebay {arguments:?}:\n{}",
            text(&output)
        );
        text(&output)
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let out = self.ok(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}:\n{out}"))
    }

    /// The rows of a query, as text, sorted.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        let answer = self.json(&["query", sql, "--limit", "10000000"]);
        let mut rows: Vec<String> = answer
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect();
        rows.sort();
        rows
    }

    /// Every table's rows, every test's result and every evaluation: what must not depend on how
    /// the run went.
    pub fn contents(&self) -> BTreeMap<String, Vec<String>> {
        let mut contents = BTreeMap::new();
        for table in tables(&self.root().join(".forebay/warehouse")) {
            contents.insert(table.clone(), self.rows(&format!("select * from {table}")));
        }
        let results = std::fs::read(self.root().join("target/run_results.json")).unwrap();
        let results: Value = serde_json::from_slice(&results).unwrap();
        for result in results["results"].as_array().unwrap() {
            let id = result["unique_id"].as_str().unwrap();
            if id.starts_with("test.") || id.starts_with("monitor.") {
                let found = format!(
                    "{} {} {}",
                    result["status"], result["message"], result["failures"]
                );
                contents.insert(id.to_owned(), vec![found]);
            }
        }
        for (number, path) in evaluations(&self.root().join(".forebay/artifacts"))
            .iter()
            .enumerate()
        {
            let text = std::fs::read_to_string(path).unwrap();
            contents.insert(format!("evaluation {number}"), vec![text]);
        }
        contents
    }

    /// Starts the server on a free port and waits until it answers.
    pub fn serve(&self) -> Server {
        Server::start(self.command(&["serve"]))
    }
}

pub struct Server {
    pub child: Child,
    pub address: String,
}

impl Server {
    /// Without a project, in the place of `mlflow server`.
    pub fn tracking(data: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
        command.args(["serve", "--data"]).arg(data).args(arguments);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let listen = format!("127.0.0.1:{}", free_port());
        let mut child = command
            .args(["--listen", &listen])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // It says where it listens once it does.
        let out = BufReader::new(child.stdout.take().unwrap());
        let said = out
            .lines()
            .map_while(Result::ok)
            .find(|line| line.contains(&listen));
        assert!(said.is_some(), "the server ended before it listened");
        Server {
            child,
            address: listen,
        }
    }

    /// Status and body of one request.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let answered = self.try_ask(method, path, body);
        answered.unwrap_or_else(|| panic!("{method} {path}: no answer"))
    }

    /// None where the server is gone before it answered.
    pub fn try_ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }

    /// Asks it to stop, as a supervisor would, and waits.
    pub fn stop(mut self) {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Copies a folder; of compressed data files only the first rows.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if [".forebay", "target", "logs"]
            .iter()
            .any(|skipped| name == *skipped)
        {
            continue;
        }
        let target = to.join(&name);
        if path.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&path, &target);
        } else if path.extension().is_some_and(|e| e == "gz") {
            shorten(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

fn shorten(from: &Path, to: &Path) {
    let mut text = String::new();
    let file = std::fs::File::open(from).unwrap();
    MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    // Reference tables stay whole: flights of any month may name any row of them.
    let rows = match from.to_string_lossy().contains("flights-") {
        true => 250,
        false => usize::MAX,
    };
    let kept: Vec<&str> = text.lines().take(rows).collect();
    let mut out = GzEncoder::new(std::fs::File::create(to).unwrap(), Compression::fast());
    writeln!(out, "{}", kept.join("\n")).unwrap();
    out.finish().unwrap();
}

/// Few rounds, and no gate that a model of few rows cannot hold.
fn quick_and_lenient(text: &str) -> String {
    let line = |line: &str| match line.trim_start() {
        rest if rest.starts_with("rounds:") => {
            format!("{}rounds: 10", &line[..line.len() - rest.len()])
        }
        rest if rest.starts_with("gates:") => {
            format!(
                "{}gates: [\"log_loss <= 5\"]",
                &line[..line.len() - rest.len()]
            )
        }
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// `schema.table` of every Delta table and view.
fn tables(warehouse: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for schema in std::fs::read_dir(warehouse).into_iter().flatten().flatten() {
        for table in std::fs::read_dir(schema.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = table.file_name().to_string_lossy().into_owned();
            let schema = schema.file_name().to_string_lossy().into_owned();
            if table.path().join("_delta_log").is_dir() {
                found.push(format!("{schema}.{name}"));
            } else if let Some(view) = name.strip_suffix(".view.json") {
                found.push(format!("{schema}.{view}"));
            }
        }
    }
    found.sort();
    found
}

/// The evaluations of all runs that finished; one that was cut off has none.
fn evaluations(artifacts: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(artifacts).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(evaluations(&path)),
            path if path.ends_with("evaluation.json") => found.push(path),
            _ => {}
        }
    }
    found
}

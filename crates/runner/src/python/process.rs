//! A process that is listened to and limited, and ends with all that it started.
//!
//! It leads a process group of its own; its children are in it unless they leave on purpose. The
//! group is ended when the process is done, when a limit is reached and when the future is dropped
//! (Ctrl-C): first by SIGTERM, then by SIGKILL.

use std::fmt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use forebay_core::Diagnostic;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::environment::no_python;

#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    pub time: Option<Duration>,
    /// Bytes of memory of the whole group.
    pub memory: Option<u64>,
}

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exited(i32),
    /// By a signal that we did not send.
    Signalled(i32),
    OutOfTime(Duration),
    /// With the bytes that the group held.
    OutOfMemory(u64),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        match self {
            Ended::Exited(code) => write!(f, "ended with exit code {code}"),
            Ended::Signalled(signal) => write!(f, "was ended by signal {signal}"),
            Ended::OutOfTime(limit) => {
                write!(f, "took longer than its limit of {} s", limit.as_secs_f64())
            }
            Ended::OutOfMemory(held) => {
                write!(f, "held {} MiB, more than its limit of memory", mib(*held))
            }
        }
    }
}

/// How often memory and time are looked at.
const WATCH: Duration = Duration::from_millis(100);
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(3);
/// Between SIGKILL and going on; what is dead but not yet reaped by its parent counts as alive.
const DEATH: Duration = Duration::from_millis(500);
/// A line without an end is cut here.
const LONGEST_LINE: usize = 16 * 1024;

/// Runs to the end; both streams, line by line, go to `say`.
pub async fn run(
    mut command: Command,
    limits: &Limits,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<Ended, Diagnostic> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().map_err(|error| no_python(&error))?;
    let (sender, mut lines) = mpsc::channel(256);
    if let Some(stream) = child.stdout.take() {
        tokio::spawn(read_lines(stream, sender.clone()));
    }
    if let Some(stream) = child.stderr.take() {
        tokio::spawn(read_lines(stream, sender.clone()));
    }
    drop(sender);
    let mut group = Group::new(child);
    let started = Instant::now();
    let mut watch = tokio::time::interval(WATCH);
    let ended = loop {
        tokio::select! {
            status = group.child.wait() => break outcome(status)?,
            Some(line) = lines.recv() => say(&line),
            _ = watch.tick() => if let Some(over) = group.over(limits, started) {
                break over;
            },
        }
    };
    group.end().await;
    while let Some(line) = lines.recv().await {
        say(&line);
    }
    Ok(ended)
}

fn outcome(status: std::io::Result<std::process::ExitStatus>) -> Result<Ended, Diagnostic> {
    use std::os::unix::process::ExitStatusExt;
    let status = status
        .map_err(|error| Diagnostic::environment(format!("cannot wait for a process: {error}")))?;
    Ok(match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, signal) => Ended::Signalled(signal.unwrap_or_default()),
    })
}

/// A carriage return ends a line too: progress bars print nothing else.
async fn read_lines(mut stream: impl AsyncRead + Unpin, sender: mpsc::Sender<String>) {
    let mut line = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        for byte in &buffer[..count] {
            let ends = matches!(byte, b'\n' | b'\r');
            if !ends {
                line.push(*byte);
            }
            if (ends && !line.is_empty()) || line.len() >= LONGEST_LINE {
                let text = String::from_utf8_lossy(&line).into_owned();
                line.clear();
                if sender.send(text).await.is_err() {
                    return;
                }
            }
        }
    }
    if !line.is_empty() {
        let _ = sender
            .send(String::from_utf8_lossy(&line).into_owned())
            .await;
    }
}

/// The process and all in its group; none of them outlives this value.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    fn new(child: Child) -> Self {
        let id = child.id().and_then(|id| Pid::from_raw(id as i32));
        Self { child, id }
    }

    fn over(&self, limits: &Limits, started: Instant) -> Option<Ended> {
        if let Some(limit) = limits.time
            && started.elapsed() >= limit
        {
            return Some(Ended::OutOfTime(limit));
        }
        let held = limits
            .memory
            .and(self.id)
            .map(|id| memory(id.as_raw_nonzero().get()));
        held.zip(limits.memory)
            .filter(|(held, limit)| held > limit)
            .map(|(held, _)| Ended::OutOfMemory(held))
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            let _ = kill_process_group(id, signal);
        }
    }

    /// Whether the group has a process yet. Reaps the leader, which would count as one.
    fn lives(&mut self) -> bool {
        let _ = self.child.try_wait();
        self.id
            .is_some_and(|id| test_kill_process_group(id).is_ok())
    }

    async fn end(&mut self) {
        self.signal(Signal::TERM);
        let started = Instant::now();
        while self.lives() && started.elapsed() < GRACE {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.signal(Signal::KILL);
        let _ = self.child.wait().await;
        // The others die a moment after the signal was sent.
        let killed = Instant::now();
        while self.lives() && killed.elapsed() < DEATH {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.id = None;
    }
}

impl Drop for Group {
    /// The future was dropped: nobody is left to wait but us.
    fn drop(&mut self) {
        if self.id.is_none() {
            return;
        }
        self.signal(Signal::TERM);
        let started = Instant::now();
        while self.lives() && started.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.signal(Signal::KILL);
        let _ = self.child.try_wait();
    }
}

/// Bytes that the processes of a group hold in memory.
#[cfg(target_os = "linux")]
fn memory(group: i32) -> u64 {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pages: u64 = processes
        .filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit())
        .filter(|entry| group_of(&entry.path().join("stat")) == Some(group))
        .filter_map(|entry| {
            let text = std::fs::read_to_string(entry.path().join("statm")).ok()?;
            text.split(' ').nth(1)?.parse::<u64>().ok()
        })
        .sum();
    pages * rustix::param::page_size() as u64
}

/// The fifth field of `stat`; the second, a name in parentheses, may hold anything.
#[cfg(target_os = "linux")]
fn group_of(stat: &std::path::Path) -> Option<i32> {
    let text = std::fs::read_to_string(stat).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    rest.split(' ').nth(2)?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn memory(group: i32) -> u64 {
    let asked = std::process::Command::new("ps")
        .args(["-A", "-o", "pgid=,rss="])
        .output();
    let Ok(output) = asked else { return 0 };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let kib = |line: &str| {
        let (of, rss) = line.trim().split_once(' ')?;
        (of.parse() == Ok(group)).then(|| rss.trim().parse::<u64>().ok())?
    };
    text.lines().filter_map(kib).sum::<u64>() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str, limits: Limits) -> (Ended, Vec<String>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut said = Vec::new();
        let mut say = |line: &str| said.push(line.to_owned());
        let ended = run(command, &limits, &mut say).await.unwrap();
        (ended, said)
    }

    fn lives(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[tokio::test]
    async fn what_it_says_is_heard_and_its_exit_code_known() {
        let script = "echo one; printf 'two\\rthree' >&2; sleep 0.1; exit 3";
        let (ended, mut said) = sh(script, Limits::default()).await;
        said.sort();
        assert_eq!(said, ["one", "three", "two"]);
        assert_eq!(ended, Ended::Exited(3));
        assert_eq!(
            sh("kill -9 $$", Limits::default()).await.0,
            Ended::Signalled(9)
        );
    }

    #[tokio::test]
    async fn children_end_with_it() {
        let (ended, said) = sh("sleep 60 & echo $!", Limits::default()).await;
        assert_eq!(ended, Ended::Exited(0));
        assert!(!lives(&said[0]));
    }

    #[tokio::test]
    async fn the_time_limit_ends_also_what_ignores_a_plea() {
        let limits = Limits {
            time: Some(Duration::from_millis(300)),
            memory: None,
        };
        let script = "trap '' TERM; (trap '' TERM; sleep 60) & echo $!; wait";
        let (ended, said) = sh(script, limits).await;
        assert_eq!(ended, Ended::OutOfTime(Duration::from_millis(300)));
        assert!(!lives(&said[0]));
    }

    #[tokio::test]
    async fn the_memory_limit_counts_children() {
        let limits = Limits {
            time: Some(Duration::from_secs(30)),
            memory: Some(80 << 20),
        };
        let hungry = "import time; held = bytearray(60 << 20); time.sleep(20)";
        let script = format!("python3 -c '{hungry}' & python3 -c '{hungry}' & wait");
        let (ended, _) = sh(&script, limits).await;
        assert!(
            matches!(ended, Ended::OutOfMemory(held) if held > 80 << 20),
            "{ended}"
        );
    }

    #[tokio::test]
    async fn nothing_outlives_the_future() {
        let (sender, mut pids) = tokio::sync::mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let mut command = Command::new("sh");
            command.args(["-c", "echo $$; sleep 60 & echo $!; wait"]);
            let mut say = |line: &str| sender.send(line.to_owned()).unwrap();
            run(command, &Limits::default(), &mut say).await
        });
        let (leader, child) = (pids.recv().await.unwrap(), pids.recv().await.unwrap());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!lives(&leader) && !lives(&child));
    }
}

//! Threads for connections: each has a runtime of its own, and a connection stays on its thread.
//!
//! A prediction takes microseconds. On a runtime that shares its tasks among threads, every request
//! wakes a second thread to look for work that is done already; here only the one that reads the
//! request wakes. What computes for longer is given to the program's runtime: see `guard`.

use std::future::Future;
use std::io;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

pub struct Lanes {
    lanes: Vec<Handle>,
    next: usize,
    threads: Vec<JoinHandle<()>>,
    done: CancellationToken,
}

impl Lanes {
    /// One lane for each core.
    pub fn start() -> io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let mut lanes = Self {
            lanes: Vec::with_capacity(count),
            next: 0,
            threads: Vec::with_capacity(count),
            done: CancellationToken::new(),
        };
        for number in 0..count {
            lanes.add(number)?;
        }
        Ok(lanes)
    }

    fn add(&mut self, number: usize) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        self.lanes.push(runtime.handle().clone());
        let done = self.done.clone();
        let thread = std::thread::Builder::new().name(format!("http-{number}"));
        let thread = thread.spawn(move || runtime.block_on(done.cancelled()))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Runs a connection to its end on the lane whose turn it is.
    pub fn spawn(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        self.lanes[self.next].spawn(connection);
        self.next = (self.next + 1) % self.lanes.len();
    }
}

impl Drop for Lanes {
    /// Connections that are still open are cut off.
    fn drop(&mut self) {
        self.done.cancel();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

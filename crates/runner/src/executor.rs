//! Runs a plan: in parallel along its edges, with retries, every change of state recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use forebay_core::{Diagnostic, Fault, NodeId, ResourceType};
use forebay_project::When;
use forebay_store::{Invocation, NodeRun, RunStatus};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::event::{Event, Reporter, StepResult, Summary};
use crate::hooks::{self, pass_on};
use crate::openlineage::Emitter;
use crate::plan::{Action, Plan, Step};
use crate::queue::Queue;
use crate::step::{self, Outcome, Output};
use crate::workspace::Workspace;

#[derive(Clone, Debug)]
pub struct ExecuteOptions {
    /// Steps that may run at the same time.
    pub threads: usize,
    /// Further tries of a step that failed through its environment.
    pub retries: u32,
    /// Start nothing more after the first failure.
    pub fail_fast: bool,
    /// A test that would warn fails: `--warn-error`.
    pub warnings_fail: bool,
    pub command: String,
    pub arguments: Vec<String>,
    pub invocation: String,
}

/// Runs the plan to its end, or until it is cancelled: then running steps are dropped (their
/// writes are atomic, so each is done or undone), the rest is recorded as interrupted.
pub async fn execute(
    workspace: &Workspace,
    plan: &Plan,
    options: &ExecuteOptions,
    reporter: &dyn Reporter,
    cancel: &CancellationToken,
) -> Result<Summary, Diagnostic> {
    let started_ms = workspace.clock.now_ms();
    workspace.store.start_invocation(&Invocation {
        id: options.invocation.clone(),
        command: options.command.clone(),
        arguments: options.arguments.clone(),
        pid: std::process::id(),
        status: RunStatus::Running,
        started_ms,
        finished_ms: None,
    })?;
    let (lines, mut said) = mpsc::unbounded_channel();
    let mut run = Run {
        workspace,
        lines,
        options,
        reporter,
        emitter: Arc::new(Emitter::new(workspace, &options.invocation)),
        states: BTreeMap::new(),
        results: Vec::new(),
        unrecorded: Vec::new(),
        clock: std::time::Instant::now(),
    };
    reporter.report(&Event::Started {
        plan,
        invocation: &options.invocation,
    });
    let none = Outcome::default();
    let queued = |step| run.node_run(step, 1, RunStatus::Queued, None, &none);
    let queued: Vec<NodeRun> = plan.steps.iter().map(queued).collect();
    workspace.store.record_node_runs(&queued)?;
    let began = run.begin().await?;
    match began || !workspace.project.stops_where_start_fails() {
        true => run.drive(plan, cancel, &mut said).await?,
        false => {
            let why = "skipped, because a hook of on-run-start failed";
            run.leave(plan, &(0..plan.steps.len()).collect(), cancel, why)?;
        }
    }
    run.finish(cancel).await
}

struct Run<'a> {
    workspace: &'a Workspace,
    options: &'a ExecuteOptions,
    reporter: &'a dyn Reporter,
    emitter: Arc<Emitter>,
    lines: mpsc::UnboundedSender<(NodeId, String)>,
    states: BTreeMap<NodeId, RunStatus>,
    results: Vec<StepResult>,
    /// Changes of state since the run last waited for a step.
    unrecorded: Vec<NodeRun>,
    clock: std::time::Instant,
}

/// What a task hands back: its step and how its last attempt ended.
struct Attempted {
    index: usize,
    attempt: u32,
    started_ms: i64,
    outcome: Outcome,
    /// The next try comes after this delay.
    again: Option<Duration>,
    /// The step with its query, as it was run.
    ran: Option<Step>,
}

impl Run<'_> {
    /// Whether all of `on-run-start` went well. Where a template of it fails, the run is over.
    async fn begin(&mut self) -> Result<bool, Diagnostic> {
        let began = hooks::around_run(self.workspace, When::Before, &[], self.reporter).await;
        pass_on(self.workspace, self.reporter);
        match began {
            Ok(results) => {
                self.results = results;
                Ok(self.results.iter().all(|r| r.status.lets_children_run()))
            }
            Err(problem) => {
                let now = self.workspace.clock.now_ms();
                let (invocation, status) = (&self.options.invocation, RunStatus::Error);
                let store = &self.workspace.store;
                store.finish_invocation(invocation, status, now)?;
                Err(problem)
            }
        }
    }

    async fn drive(
        &mut self,
        plan: &Plan,
        cancel: &CancellationToken,
        said: &mut mpsc::UnboundedReceiver<(NodeId, String)>,
    ) -> Result<(), Diagnostic> {
        let mut waiting: BTreeSet<usize> = (0..plan.steps.len()).collect();
        let (mut queue, mut seen) = (Queue::of(&plan.steps), self.results.len());
        let mut running: JoinSet<Attempted> = JoinSet::new();
        let mut tasks: BTreeMap<tokio::task::Id, (usize, u32, i64)> = BTreeMap::new();
        let mut stopping = false;
        loop {
            if !stopping {
                self.skip_blocked(plan, &mut waiting);
                while running.len() < self.options.threads {
                    queue.ended(self.results[seen..].iter().map(|result| &result.node));
                    seen = self.results.len();
                    let Some(index) = queue.next() else {
                        break;
                    };
                    // It may have been skipped.
                    if !waiting.remove(&index) {
                        continue;
                    }
                    if plan.steps[index].action == Action::Nothing {
                        self.close(&plan.steps[index], 1, None, Outcome::nothing());
                        continue;
                    }
                    self.start(plan, index, 1, None, &mut running, &mut tasks);
                }
            }
            self.record_changes()?;
            if running.is_empty() {
                break;
            }
            let joined = tokio::select! {
                // What a step said comes before its end.
                biased;
                Some((node, line)) = said.recv() => {
                    self.say(plan, &node, &line);
                    continue;
                }
                joined = running.join_next_with_id() => joined,
                () = cancel.cancelled(), if !stopping => {
                    self.reporter.report(&Event::Stopping);
                    stopping = true;
                    running.abort_all();
                    continue;
                }
            };
            let Some(joined) = joined else { break };
            pass_on(self.workspace, self.reporter);
            while let Ok((node, line)) = said.try_recv() {
                self.say(plan, &node, &line);
            }
            let attempted = self.attempted(joined, &mut tasks);
            let step = &plan.steps[attempted.index];
            match attempted.again {
                Some(delay) if !stopping => {
                    self.retried(step, &attempted, delay);
                    let next = attempted.attempt + 1;
                    self.start(
                        plan,
                        attempted.index,
                        next,
                        Some(delay),
                        &mut running,
                        &mut tasks,
                    );
                }
                _ => self.finished(step, attempted).await,
            }
            let failed = self
                .results
                .last()
                .is_some_and(|r| !r.status.lets_children_run());
            if self.options.fail_fast && failed {
                stopping = true;
            }
        }
        self.leave(plan, &waiting, cancel, "skipped after the first failure")
    }

    fn say(&self, plan: &Plan, node: &NodeId, line: &str) {
        if let Some(step) = plan.steps.iter().find(|step| step.node == *node) {
            self.reporter.report(&Event::StepSaid { step, line });
        }
    }

    /// A step below a failure is skipped, and what hangs below it too.
    fn skip_blocked(&mut self, plan: &Plan, waiting: &mut BTreeSet<usize>) {
        loop {
            let blocked = waiting.iter().copied().find_map(|index| {
                let culprit = plan.steps[index]
                    .after
                    .iter()
                    .find(|id| self.states.get(id).is_some_and(|s| !s.lets_children_run()));
                culprit.map(|id| (index, id.clone()))
            });
            let Some((index, culprit)) = blocked else {
                return;
            };
            waiting.remove(&index);
            let outcome = Outcome {
                status: RunStatus::Skipped,
                message: format!("skipped, because {culprit} did not succeed"),
                ..Outcome::default()
            };
            self.close(&plan.steps[index], 1, None, outcome);
        }
    }

    fn start(
        &mut self,
        plan: &Plan,
        index: usize,
        attempt: u32,
        delay: Option<Duration>,
        running: &mut JoinSet<Attempted>,
        tasks: &mut BTreeMap<tokio::task::Id, (usize, u32, i64)>,
    ) {
        let step = &plan.steps[index];
        let started_ms = self.workspace.clock.now_ms();
        self.record(
            step,
            attempt,
            RunStatus::Running,
            Some(started_ms),
            &Outcome::default(),
        );
        if attempt == 1 {
            self.reporter.report(&Event::StepStarted { step });
        }
        let (workspace, step) = (self.workspace.clone(), step.clone());
        let invocation = self.options.invocation.clone();
        let (full_refresh, retries) = (plan.full_refresh, self.options.retries);
        let emitter = Arc::clone(&self.emitter);
        let output = Output {
            node: step.node.clone(),
            lines: self.lines.clone(),
        };
        let handle = running.spawn(async move {
            if let Some(delay) = delay {
                tokio::time::sleep(delay).await;
            }
            emitter.step_started(&step, attempt).await;
            let node = step.node.clone();
            let context = step::Context {
                workspace: &workspace,
                invocation: &invocation,
                full_refresh,
                output,
            };
            let ready = match workspace.project.commented(&step.node, "") {
                Ok(_) => step.compiled(&workspace, full_refresh).await,
                Err(problem) => Err(problem),
            };
            let ran = match &ready {
                Ok(step) => step::run(&context, step).await,
                Err(problem) => Err(problem.clone()),
            };
            let at = workspace.graph().get(&node).map(|node| &node.location);
            let ran = ran.map_err(|problem| match (&problem.location, at) {
                (None, Some(at)) => problem.at(at.clone()),
                _ => problem,
            });
            let (outcome, again) = match ran {
                Ok(outcome) => (outcome, None),
                // Only the environment gets better by waiting.
                Err(error) if error.fault == Fault::Environment && attempt <= retries => {
                    (Outcome::failed(&error), Some(backoff(attempt)))
                }
                Err(error) => (Outcome::failed(&error), None),
            };
            Attempted {
                index,
                attempt,
                started_ms,
                outcome,
                again,
                ran: ready.ok(),
            }
        });
        tasks.insert(handle.id(), (index, attempt, started_ms));
    }

    /// A panic or an abort ends its step alone.
    fn attempted(
        &self,
        joined: Result<(tokio::task::Id, Attempted), tokio::task::JoinError>,
        tasks: &mut BTreeMap<tokio::task::Id, (usize, u32, i64)>,
    ) -> Attempted {
        match joined {
            Ok((id, attempted)) => {
                tasks.remove(&id);
                attempted
            }
            Err(error) => {
                let (index, attempt, started_ms) = tasks
                    .remove(&error.id())
                    .expect("every task is entered when it is spawned");
                let outcome = match error.is_cancelled() {
                    true => Outcome::interrupted(),
                    false => Outcome::failed(&Diagnostic::internal(format!(
                        "the step panicked: {error}"
                    ))),
                };
                Attempted {
                    index,
                    attempt,
                    started_ms,
                    outcome,
                    again: None,
                    ran: None,
                }
            }
        }
    }

    fn retried(&mut self, step: &Step, tried: &Attempted, delay: Duration) {
        self.reporter.report(&Event::StepRetried {
            step,
            attempt: tried.attempt,
            message: &tried.outcome.message,
            delay_ms: delay.as_millis() as u64,
        });
        let (started, status) = (Some(tried.started_ms), tried.outcome.status);
        self.record(step, tried.attempt, status, started, &tried.outcome);
    }

    async fn finished(&mut self, step: &Step, attempted: Attempted) {
        let started = Some(attempted.started_ms);
        let mut outcome = attempted.outcome;
        if self.options.warnings_fail && outcome.status == RunStatus::Warn && is_test(step) {
            outcome.status = RunStatus::Fail;
        }
        let ran = attempted.ran.as_ref().unwrap_or(step);
        outcome.sql = ran.action.sql().map(str::to_owned);
        self.close(step, attempted.attempt, started, outcome);
        let result = self.results.last().expect("close pushed it");
        self.emitter.step_finished(ran, result).await;
    }

    fn close(&mut self, step: &Step, attempts: u32, started_ms: Option<i64>, outcome: Outcome) {
        self.record(step, attempts, outcome.status, started_ms, &outcome);
        self.states.insert(step.node.clone(), outcome.status);
        let result = StepResult {
            node: step.node.clone(),
            name: step.name.clone(),
            resource_type: step.resource_type,
            status: outcome.status,
            attempts,
            started_ms,
            finished_ms: self.workspace.clock.now_ms(),
            message: outcome.message,
            details: outcome.details,
            sql: outcome.sql,
        };
        self.reporter.report(&Event::StepFinished {
            step,
            result: &result,
        });
        self.results.push(result);
    }

    /// What never started: interrupted by Ctrl-C, or skipped for the reason given.
    fn leave(
        &mut self,
        plan: &Plan,
        waiting: &BTreeSet<usize>,
        cancel: &CancellationToken,
        why: &str,
    ) -> Result<(), Diagnostic> {
        for index in waiting {
            let outcome = match cancel.is_cancelled() {
                true => Outcome::interrupted(),
                false => Outcome {
                    status: RunStatus::Skipped,
                    message: why.into(),
                    ..Outcome::default()
                },
            };
            self.close(&plan.steps[*index], 1, None, outcome);
        }
        self.record_changes()
    }

    fn record(
        &mut self,
        step: &Step,
        attempt: u32,
        status: RunStatus,
        started_ms: Option<i64>,
        outcome: &Outcome,
    ) {
        let run = self.node_run(step, attempt, status, started_ms, outcome);
        self.unrecorded.push(run);
    }

    /// What ended and what began after it are one transaction.
    fn record_changes(&mut self) -> Result<(), Diagnostic> {
        let changes = std::mem::take(&mut self.unrecorded);
        match changes.is_empty() {
            true => Ok(()),
            false => self.workspace.store.record_node_runs(&changes),
        }
    }

    fn node_run(
        &self,
        step: &Step,
        attempt: u32,
        status: RunStatus,
        started_ms: Option<i64>,
        outcome: &Outcome,
    ) -> NodeRun {
        let over = !matches!(status, RunStatus::Queued | RunStatus::Running);
        NodeRun {
            invocation_id: self.options.invocation.clone(),
            node_id: step.node.clone(),
            attempt,
            status,
            started_ms,
            finished_ms: over.then(|| self.workspace.clock.now_ms()),
            message: outcome.message.clone(),
            details: outcome.details.clone(),
        }
    }

    async fn finish(mut self, cancel: &CancellationToken) -> Result<Summary, Diagnostic> {
        if !cancel.is_cancelled() {
            let (workspace, reporter) = (self.workspace, self.reporter);
            let ended = hooks::around_run(workspace, When::After, &self.results, reporter).await?;
            self.results.extend(ended);
        }
        let worst = |status| self.results.iter().any(|r| r.status == status);
        let status = if cancel.is_cancelled() {
            RunStatus::Interrupted
        } else if worst(RunStatus::Error) {
            RunStatus::Error
        } else if worst(RunStatus::Fail) || worst(RunStatus::Skipped) {
            RunStatus::Fail
        } else if worst(RunStatus::Warn) {
            RunStatus::Warn
        } else {
            RunStatus::Success
        };
        let now = self.workspace.clock.now_ms();
        let invocation = self.options.invocation.clone();
        self.workspace
            .store
            .finish_invocation(&invocation, status, now)?;
        self.emitter.flush().await;
        let summary = Summary {
            invocation,
            status,
            elapsed_ms: self.clock.elapsed().as_millis() as i64,
            results: self.results,
        };
        self.reporter.report(&Event::Finished { summary: &summary });
        Ok(summary)
    }
}

fn is_test(step: &Step) -> bool {
    matches!(
        step.resource_type,
        ResourceType::Test | ResourceType::UnitTest
    )
}

/// One second, then twice as long each time, half a minute at most.
fn backoff(attempt: u32) -> Duration {
    Duration::from_secs((1_u64 << (attempt - 1).min(5)).min(30))
}

//! A search over the trainer's parameters: every trial is a run below the job's own.
//!
//! Trials are judged on rows held out of the training rows. What a trial finds depends on what its
//! hash covers alone, so that a search that goes on after it was stopped, or that has more trials
//! than the last one, takes over what was found before.

use std::collections::BTreeMap;

use forebay_core::ml::{Parameters, Task, Trainer, TrainingJob, Tuning};
use forebay_core::{Diagnostic, Fault, digest, suggest};
use forebay_ml::metrics;
use forebay_ml::train::{self, Target, TrainingInput};
use forebay_ml::training_set::trial_hash;
use forebay_ml::tune::{self, Trial, Tried};
use forebay_store::tracking::PARENT;
use forebay_store::{Batch, Metric, Run, RunState};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::opened::Opened;
use super::{Making, built_in, failure, flat, missing_params, script};

/// Tag of the job's run: the run of the trial that it has its parameters from.
pub const BEST_TRIAL: &str = "best_trial";
/// Tag of a trial's run: what it tries.
const TRIAL_HASH: &str = "trial_hash";
/// Tag of a trial's run that took over what an earlier one found.
const SAME_AS: &str = "same_as";

/// The best trial.
pub struct Found {
    pub run: String,
    pub parameters: Parameters,
}

/// # Errors
/// The user's, where no trial gave the metric that decides; the environment's, at the first trial
/// that met with one.
pub async fn search(
    making: &Making<'_>,
    tuning: &Tuning,
    input: &TrainingInput,
) -> Result<Found, Diagnostic> {
    let mut search = Searching::new(making, tuning, input)?;
    let most = train::trial_rows(input, tuning.folds)?;
    let mut round = tune::first_round(tuning, input.seed, most);
    loop {
        let (tried, runs) = search.round(round).await?;
        let Some(best) = tune::best(&tried) else {
            return Err(search.nothing_found(tried.len()));
        };
        round = tune::next_round(tuning.search, &tried);
        if round.is_empty() {
            let run = runs[&best.trial.number].clone();
            let parameters = best.trial.parameters.clone();
            return Ok(Found { run, parameters });
        }
    }
}

struct Searching<'a> {
    making: &'a Making<'a>,
    tuning: &'a Tuning,
    input: &'a TrainingInput,
    target: Target,
    /// The one that decides.
    metric: String,
    /// What was found before, by the trial's hash.
    known: BTreeMap<String, Known>,
}

#[derive(Clone)]
struct Known {
    run: String,
    metrics: BTreeMap<String, f64>,
}

/// A trial with all that it needs.
struct Prepared<'a> {
    trial: &'a Trial,
    trainer: Trainer,
    input: &'a TrainingInput,
    hash: String,
    threads: usize,
}

impl<'a> Searching<'a> {
    fn new(
        making: &'a Making<'a>,
        tuning: &'a Tuning,
        input: &'a TrainingInput,
    ) -> Result<Self, Diagnostic> {
        let target = Target::of(&input.trainer, &input.label, &input.train)?;
        // A label that nothing can be learnt from is no trial's fault.
        target.values(&input.train, "training")?;
        Ok(Self {
            metric: deciding_metric(tuning, target.task, input)?,
            known: known(making)?,
            making,
            tuning,
            input,
            target,
        })
    }

    /// The trials with their losses, and by number their runs.
    async fn round(
        &mut self,
        trials: Vec<Trial>,
    ) -> Result<(Vec<Tried>, BTreeMap<usize, String>), Diagnostic> {
        let share = trials.first().map_or(1.0, |trial| trial.share);
        let input = train::for_trials(self.input, share, self.tuning.folds)?;
        let together = self.together(&input);
        let prepared: Vec<Prepared<'_>> = trials
            .iter()
            .map(|trial| self.prepared(trial, &input, together))
            .collect::<Result<_, _>>()?;
        let made: Vec<_> = prepared
            .iter()
            .map(|trial| self.make(trial).boxed())
            .collect();
        let made: Vec<(String, Option<Known>)> =
            stream::iter(made).buffered(together).try_collect().await?;
        let mut tried = Vec::new();
        let mut runs = BTreeMap::new();
        for (prepared, (run, found)) in prepared.iter().zip(made) {
            let loss = found.as_ref().and_then(|found| self.loss(&found.metrics));
            let trial = prepared.trial.clone();
            runs.insert(trial.number, run);
            tried.push(Tried { trial, loss });
            let hash = prepared.hash.clone();
            self.known.extend(found.map(|found| (hash, found)));
        }
        Ok((tried, runs))
    }

    /// How many trials run at the same time: as many as are asked for, where memory allows.
    fn together(&self, input: &TrainingInput) -> usize {
        let wanted = self.tuning.parallel;
        let settings = self.making.context.workspace.settings();
        let limit = self.tuning.memory.unwrap_or(settings.memory_limit as u64);
        let one = match &input.trainer {
            Trainer::Script(script) => memory_of_one(self.tuning, script.memory),
            _ => Some(train::memory(input)),
        };
        let fit = one.map_or(wanted, |one| (limit / one.max(1)) as usize);
        let together = wanted.min(fit).max(1);
        if together < wanted {
            let mib = |bytes: u64| bytes >> 20;
            self.making.context.output.say(&format!(
                "{together} trials at a time, not {wanted}: one may hold {} MiB, all of them {} MiB",
                mib(one.unwrap_or_default()),
                mib(limit)
            ));
        }
        together
    }

    fn prepared<'b>(
        &self,
        trial: &'b Trial,
        input: &'b TrainingInput,
        together: usize,
    ) -> Result<Prepared<'b>, Diagnostic> {
        let making = self.making;
        let trainer = making.job.trainer.with(&trial.parameters);
        let job = TrainingJob {
            trainer: trainer.map_err(Diagnostic::error)?,
            ..making.job.clone()
        };
        let rows = train::rows(&input.train);
        Ok(Prepared {
            trial,
            input,
            hash: trial_hash(&making.set.content, &job, making.code, rows),
            trainer: job.trainer,
            threads: train::threads().div_ceil(together),
        })
    }

    /// The trial's run, and what it found. Nothing: it failed, which its run says.
    async fn make(&self, trial: &Prepared<'_>) -> Result<(String, Option<Known>), Diagnostic> {
        let workspace = self.making.context.workspace;
        let known = self.known.get(&trial.hash);
        let run = self.new_run(trial, known);
        workspace.store.start_run(&run)?;
        let opened = Opened::new(workspace, &run.id);
        let found = match known {
            Some(known) => Ok(known.metrics.clone()),
            None => self.try_out(trial, &run).await,
        };
        let (state, mut batch) = match &found {
            Ok(metrics) => (RunState::Finished, self.logged(metrics)),
            Err(error) => (RunState::Failed, failure(error)),
        };
        batch.params = missing_params(workspace, &run.id, &trial.trial.parameters)?;
        workspace.store.log(&run.id, &batch)?;
        opened.finish(state, Batch::default())?;
        self.say(&run, &found);
        match found {
            Ok(metrics) => {
                let run = run.id;
                Ok((run.clone(), Some(Known { run, metrics })))
            }
            Err(error) if error.fault == Fault::User => Ok((run.id, None)),
            Err(error) => Err(error),
        }
    }

    async fn try_out(
        &self,
        trial: &Prepared<'_>,
        run: &Run,
    ) -> Result<BTreeMap<String, f64>, Diagnostic> {
        let input = TrainingInput {
            trainer: trial.trainer.clone(),
            ..trial.input.clone()
        };
        match &trial.trainer {
            Trainer::Script(script) => {
                let mut script = script.clone();
                script.memory = memory_of_one(self.tuning, script.memory);
                script::try_out(self.making, run, &script, &input, &self.target).await
            }
            _ => built_in::try_out(input, self.target.clone(), trial.threads).await,
        }
    }

    fn new_run(&self, trial: &Prepared<'_>, known: Option<&Known>) -> Run {
        let (parent, number) = (self.making.run, trial.trial.number);
        let rows = train::rows(&trial.input.train);
        let id = format!("{}/{number}/{}", parent.id, trial.trial.share);
        let id = digest::hex(id.as_bytes())[..32].to_owned();
        let mut tags = BTreeMap::from([
            (PARENT.to_owned(), parent.id.clone()),
            (TRIAL_HASH.to_owned(), trial.hash.clone()),
        ]);
        tags.extend(known.map(|known| (SAME_AS.to_owned(), known.run.clone())));
        Run {
            artifact_path: format!("{}/{id}", self.making.node.name),
            id,
            name: format!("trial {number} on {rows} rows"),
            started_ms: self.making.context.workspace.clock.now_ms(),
            params: match trial.trainer {
                // It logs them itself, if it likes.
                Trainer::Script(_) => BTreeMap::new(),
                _ => flat(&trial.trial.parameters),
            },
            tags,
            ..parent.clone()
        }
    }

    fn logged(&self, metrics: &BTreeMap<String, f64>) -> Batch {
        let timestamp_ms = self.making.context.workspace.clock.now_ms();
        let metric = |(key, value): (&String, &f64)| Metric {
            key: key.clone(),
            step: 0,
            timestamp_ms,
            value: *value,
        };
        Batch {
            metrics: metrics.iter().map(metric).collect(),
            ..Batch::default()
        }
    }

    fn loss(&self, metrics: &BTreeMap<String, f64>) -> Option<f64> {
        let value = *metrics.get(&self.metric)?;
        Some(match metrics::lower_is_better(&self.metric) {
            true => value,
            false => -value,
        })
    }

    fn say(&self, run: &Run, found: &Result<BTreeMap<String, f64>, Diagnostic>) {
        let ended = match found {
            Err(error) => format!("failed: {}", error.message),
            Ok(metrics) => match metrics.get(&self.metric) {
                Some(value) => format!("{} {value:.6}", self.metric),
                None => format!("{} is not defined", self.metric),
            },
        };
        self.making
            .context
            .output
            .say(&format!("{}: {ended}", run.name));
    }

    fn nothing_found(&self, trials: usize) -> Diagnostic {
        Diagnostic::error(format!(
            "none of the {trials} trials of training job '{}' gave a {}",
            self.making.node.name, self.metric
        ))
        .hint("the tag 'error' of their runs says why they failed")
    }
}

/// The one that is named, or the task's main one.
fn deciding_metric(
    tuning: &Tuning,
    task: Task,
    input: &TrainingInput,
) -> Result<String, Diagnostic> {
    let name = &tuning.metric;
    if name.is_empty() {
        return Ok(task.main_metric().to_owned());
    }
    let names = metrics::names(task);
    if names.contains(&name.as_str()) || (name == "cost" && input.judging.costs.is_some()) {
        return Ok(name.clone());
    }
    Err(Diagnostic::error(format!(
        "'{name}', which is to decide the search, is no metric of the job"
    ))
    .maybe_hint(suggest::nearest(name, names.iter().copied()))
    .hint(format!("valid: {}", names.join(", "))))
}

/// Bytes that a script's trial may hold; None: as many as it likes.
fn memory_of_one(tuning: &Tuning, of_script: Option<u64>) -> Option<u64> {
    of_script.or(tuning.memory.map(|all| all / tuning.parallel as u64))
}

/// What finished trials of the job found, in any search.
fn known(making: &Making<'_>) -> Result<BTreeMap<String, Known>, Diagnostic> {
    let store = &making.context.workspace.store;
    let runs = store.runs(Some(&making.node.name), 100_000)?;
    let finished = runs
        .into_iter()
        .filter(|run| run.state == RunState::Finished);
    Ok(finished
        .filter_map(|run| {
            let hash = run.tags.get(TRIAL_HASH)?.clone();
            let metrics = run.metric_values();
            Some((
                hash,
                Known {
                    run: run.id,
                    metrics,
                },
            ))
        })
        .collect())
}

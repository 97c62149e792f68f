//! Our side of `bench/run.py trainers`: trains on one file of rows and judges on another, on one thread.
//!
//! `train_bench TRAINER FOLDER LABEL`: the trainer as JSON (`{"algorithm": "k_means"}`), a folder with
//! `train.parquet` and `test.parquet`, all of whose other columns are features. Prints one line of JSON.

use std::error::Error;
use std::path::Path;

use forebay_core::ml::{Judging, Split, Trainer};
use forebay_lake::exchange::read_parquet;
use forebay_ml::train::{self, Target, TrainingInput};
use serde_json::json;

/// CPU time is counted in hundredths of a second: a training is repeated until it took this long.
const LEAST_SECONDS: f64 = 2.0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [trainer, folder, label] = &arguments[..] else {
        return Err("usage: train_bench TRAINER FOLDER LABEL".into());
    };
    let trainer: Trainer = serde_json::from_str(trainer)?;
    let rows = |name: &str| read_parquet(&Path::new(folder).join(name));
    let (train, test) = (rows("train.parquet")?, rows("test.parquet")?);
    let schema = train.first().ok_or("there are no rows")?.schema();
    let names = schema.fields().iter().map(|field| field.name().clone());
    let input = TrainingInput {
        features: names.filter(|name| name != label).collect(),
        label: label.clone(),
        train,
        test,
        trainer,
        split: Split::Random { test: 0.2 },
        judging: Judging::default(),
        seed: 0,
        training_hash: String::new(),
        champion: None,
    };
    let target = Target::of(&input.trainer, &input.label, &input.train)?;
    let (started, mut times) = (cpu_seconds()?, 0_u32);
    let metrics = loop {
        let metrics = train::try_out(&input, &target, 1)?;
        times += 1;
        if cpu_seconds()? - started >= LEAST_SECONDS {
            break metrics;
        }
    };
    let cpu = (cpu_seconds()? - started) / f64::from(times);
    println!(
        "{}",
        json!({"cpu": cpu, "times": times, "metrics": metrics})
    );
    Ok(())
}

/// Of all threads of this process: fields 14 and 15 of `/proc/self/stat`, in hundredths of a second.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(") ").ok_or("a strange /proc/self/stat")?.1;
    let fields: Vec<&str> = after_name.split(' ').collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}

//! `trainer` of a training job: an algorithm with its parameters, or a script.

use forebay_core::Diagnostic;
use forebay_core::ml::{ALGORITHMS, ClassWeights, GradientBoosting, KMeans, Regression};
use forebay_core::ml::{Script, Task, Trainer};

use crate::config::Bytes;
use crate::yaml::{Fields, Unknown};

type Read = fn(&mut Fields<'_>) -> Trainer;

/// One line a built-in trainer, in the order of [`ALGORITHMS`].
const READERS: [Read; ALGORITHMS.len()] = [
    |fields| Trainer::GradientBoosting(gradient_boosting(fields)),
    |fields| Trainer::LogisticRegression(logistic_regression(fields)),
    |fields| Trainer::LinearRegression(regression(fields)),
    |fields| Trainer::KMeans(k_means(fields)),
];

/// None only where it was refused.
pub(crate) fn trainer(fields: &mut Fields<'_>) -> Option<Trainer> {
    let Some(yaml) = fields.get("trainer") else {
        return Some(Trainer::GradientBoosting(GradientBoosting::default()));
    };
    let what = format!("trainer of {}", fields.what);
    let mut fields = Fields::of(fields.doc, yaml, what)?;
    let trainer = match (fields.get("script"), fields.get("algorithm")) {
        (Some(_), None) => script(&mut fields).map(Trainer::Script),
        (None, Some(_)) => {
            let choices: Vec<(&str, Read)> = ALGORITHMS.into_iter().zip(READERS).collect();
            let read = fields.choice("algorithm", &choices);
            read.map(|read| read(&mut fields))
        }
        (Some(_), Some(_)) => {
            let message = format!("{} has both an algorithm and a script", fields.what);
            fields.error(message, fields.at("script"));
            return None;
        }
        (None, None) => {
            let problem = format!("{} has neither 'algorithm' nor 'script'", fields.what);
            fields.doc.problems.push(
                Diagnostic::error(problem)
                    .at(fields.at.in_file(fields.doc.file))
                    .hint(format!("algorithms: {}", ALGORITHMS.join(", "))),
            );
            return None;
        }
    };
    // With an unknown algorithm, every other key would be unknown too.
    if trainer.is_some() {
        fields.finish(Unknown::Error);
    }
    trainer
}

fn script(fields: &mut Fields<'_>) -> Option<Script> {
    let script = fields.required("script")?;
    let requirements = fields.text("requirements");
    for (key, path) in [
        ("script", Some(&script)),
        ("requirements", requirements.as_ref()),
    ] {
        if path.is_some_and(|path| !stays_inside(path)) {
            let message = format!("'{key}' of {} must be a file of the project", fields.what);
            fields.error(message, fields.at(key));
        }
    }
    let params = match fields.json("params") {
        None => serde_json::Map::new(),
        Some(serde_json::Value::Object(params)) => params,
        Some(_) => {
            let message = format!("'params' of {} must be a mapping", fields.what);
            fields.error(message, fields.at("params"));
            return None;
        }
    };
    Some(Script {
        script,
        requirements,
        timeout: fields.parsed("timeout"),
        memory: fields.parsed("memory").map(|Bytes(bytes)| bytes as u64),
        task: fields.choice("task", &TASKS[..3]),
        params,
    })
}

fn stays_inside(path: &str) -> bool {
    use std::path::{Component, Path};
    Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

const TASKS: [(&str, Task); 4] = [
    ("binary", Task::Binary),
    ("multiclass", Task::Multiclass),
    ("regression", Task::Regression),
    ("clusters", Task::Clusters),
];

fn gradient_boosting(fields: &mut Fields<'_>) -> GradientBoosting {
    let default = GradientBoosting::default();
    let share = |v: f64| v > 0.0 && v <= 1.0;
    GradientBoosting {
        task: fields.choice("task", &TASKS[..3]),
        rounds: whole(fields, "rounds", default.rounds, 1, usize::MAX),
        learning_rate: number(
            fields,
            "learning_rate",
            default.learning_rate,
            share,
            "in (0, 1]",
        ),
        max_leaves: whole(fields, "max_leaves", default.max_leaves, 2, usize::MAX),
        min_rows_in_leaf: whole(
            fields,
            "min_rows_in_leaf",
            default.min_rows_in_leaf,
            1,
            usize::MAX,
        ),
        l2: l2(fields, default.l2),
        max_bins: whole(fields, "max_bins", default.max_bins, 2, 255),
        feature_fraction: number(
            fields,
            "feature_fraction",
            default.feature_fraction,
            share,
            "in (0, 1]",
        ),
        early_stopping: whole(fields, "early_stopping", 0, 0, usize::MAX),
        validation: number(
            fields,
            "validation",
            default.validation,
            |v| v > 0.0 && v < 1.0,
            "above 0 and below 1",
        ),
        class_weights: class_weights(fields),
    }
}

fn logistic_regression(fields: &mut Fields<'_>) -> Regression {
    Regression {
        class_weights: class_weights(fields),
        ..regression(fields)
    }
}

fn regression(fields: &mut Fields<'_>) -> Regression {
    let default = Regression::default();
    Regression {
        l2: l2(fields, default.l2),
        max_iterations: whole(
            fields,
            "max_iterations",
            default.max_iterations,
            1,
            usize::MAX,
        ),
        class_weights: ClassWeights::Equal,
    }
}

fn k_means(fields: &mut Fields<'_>) -> KMeans {
    let default = KMeans::default();
    KMeans {
        clusters: whole(fields, "clusters", default.clusters, 1, 10_000),
        starts: whole(fields, "starts", default.starts, 1, 1_000),
        max_iterations: whole(
            fields,
            "max_iterations",
            default.max_iterations,
            1,
            usize::MAX,
        ),
    }
}

/// `class_weight: balanced`, or the weight of a true row.
fn class_weights(fields: &mut Fields<'_>) -> ClassWeights {
    const KEY: &str = "class_weight";
    let Some(value) = fields.json(KEY) else {
        return ClassWeights::Equal;
    };
    ClassWeights::try_from(value).unwrap_or_else(|problem| {
        let message = format!("'{KEY}' of {} {problem}", fields.what);
        fields.error(message, fields.at(KEY));
        ClassWeights::Equal
    })
}

fn l2(fields: &mut Fields<'_>, default: f64) -> f64 {
    number(fields, "l2", default, |v| v >= 0.0, "0 or more")
}

fn whole(
    fields: &mut Fields<'_>,
    key: &'static str,
    default: usize,
    least: usize,
    most: usize,
) -> usize {
    let Some(value) = fields.whole(key) else {
        return default;
    };
    let value = usize::try_from(value).unwrap_or(usize::MAX);
    if value < least || value > most {
        let range = match most {
            usize::MAX => format!("at least {least}"),
            most => format!("{least} to {most}"),
        };
        let message = format!("'{key}' of {} must be {range}", fields.what);
        fields.error(message, fields.at(key));
    }
    value
}

fn number(
    fields: &mut Fields<'_>,
    key: &'static str,
    default: f64,
    good: fn(f64) -> bool,
    range: &str,
) -> f64 {
    let value = fields.number(key).unwrap_or(default);
    if !good(value) {
        let message = format!("'{key}' of {} must be {range}", fields.what);
        fields.error(message, fields.at(key));
    }
    value
}

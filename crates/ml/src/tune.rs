//! Which trials a search makes, and which of them is best.
//!
//! A search is a sequence of rounds. Grid and random search have one; successive halving (Jamieson
//! and Talwalkar, "Non-stochastic best arm identification", 2016) starts with all trials on few rows,
//! and takes the better half to twice as many until all rows are used. The same settings and seed
//! give the same trials.

use std::collections::HashSet;

use forebay_core::ml::{Parameters, Range, Search, Tuning, number};

use crate::rng::Rng;

/// A point of the search, to be trained on a share of the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// From 1; a point keeps its number from round to round.
    pub number: usize,
    pub parameters: Parameters,
    /// Of the rows that trials may learn from.
    pub share: f64,
}

/// A trial that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    pub trial: Trial,
    /// Smaller is better; None: it failed, or its metric is not defined.
    pub loss: Option<f64>,
}

/// Fewer rows tell good parameters from bad ones by chance.
const FEWEST_ROWS: usize = 500;

/// `rows` is how many trials may learn from.
pub fn first_round(tuning: &Tuning, seed: u64, rows: usize) -> Vec<Trial> {
    let points = match tuning.search {
        Search::Grid => grid(tuning),
        Search::Random | Search::Halving => random(tuning, seed),
    };
    let share = match tuning.search {
        Search::Halving => {
            let fewest = FEWEST_ROWS as f64 / rows.max(1) as f64;
            0.5_f64.powi(halvings(points.len())).max(fewest).min(1.0)
        }
        Search::Grid | Search::Random => 1.0,
    };
    let trial = |(place, parameters)| Trial {
        number: place + 1,
        parameters,
        share,
    };
    points.into_iter().enumerate().map(trial).collect()
}

/// Empty: the search is over, and the last round has its best trial.
pub fn next_round(search: Search, last: &[Tried]) -> Vec<Trial> {
    let on_all = last.iter().all(|tried| tried.trial.share >= 1.0);
    if search != Search::Halving || on_all {
        return Vec::new();
    }
    let mut kept = best_first(last);
    kept.truncate(last.len().div_ceil(2));
    // Numbers, not places: the order of a round says nothing.
    kept.sort_by_key(|tried| tried.trial.number);
    let twice = |tried: &Tried| Trial {
        share: (tried.trial.share * 2.0).min(1.0),
        ..tried.trial.clone()
    };
    kept.into_iter().map(twice).collect()
}

/// None: every trial of the round failed.
pub fn best(round: &[Tried]) -> Option<&Tried> {
    best_first(round).first().copied()
}

/// Those with a loss; of equal ones the first tried.
fn best_first(round: &[Tried]) -> Vec<&Tried> {
    let mut good: Vec<(f64, &Tried)> = round
        .iter()
        .filter_map(|tried| Some((tried.loss.filter(|loss| !loss.is_nan())?, tried)))
        .collect();
    good.sort_by(|a, b| {
        a.0.total_cmp(&b.0)
            .then(a.1.trial.number.cmp(&b.1.trial.number))
    });
    good.into_iter().map(|(_, tried)| tried).collect()
}

/// How often a round can be halved until one trial is left.
fn halvings(trials: usize) -> i32 {
    trials.max(1).next_power_of_two().ilog2() as i32
}

/// Every combination of the choices, the last parameter changing fastest.
fn grid(tuning: &Tuning) -> Vec<Parameters> {
    let mut points = vec![Parameters::new()];
    for (name, range) in &tuning.parameters {
        let values = range.samples();
        let with_each = |point: Parameters| {
            values.iter().map(move |value| {
                let mut point = point.clone();
                point.insert(name.clone(), value.clone());
                point
            })
        };
        points = points.into_iter().flat_map(with_each).collect();
    }
    points
}

/// Different points, drawn evenly; all of them, where there are no more than asked for.
fn random(tuning: &Tuning, seed: u64) -> Vec<Parameters> {
    /// Draws for each point that is wanted, before few values are taken for all that there are.
    const DRAWS: usize = 100;
    if combinations(tuning).is_some_and(|all| all <= tuning.trials) {
        return grid(tuning);
    }
    let mut rng = Rng::new(seed);
    let (mut points, mut seen) = (Vec::new(), HashSet::new());
    for _ in 0..tuning.trials * DRAWS {
        let ranges = tuning.parameters.iter();
        let point: Parameters = ranges
            .map(|(name, range)| (name.clone(), draw(range, &mut rng)))
            .collect();
        if seen.insert(serde_json::json!(point).to_string()) {
            points.push(point);
        }
        if points.len() == tuning.trials {
            break;
        }
    }
    points
}

/// None: a range has no end of values.
fn combinations(tuning: &Tuning) -> Option<usize> {
    tuning
        .parameters
        .values()
        .try_fold(1_usize, |all, range| match range {
            Range::Choices(choices) => Some(all.saturating_mul(choices.len())),
            Range::Between { .. } => None,
        })
}

fn draw(range: &Range, rng: &mut Rng) -> serde_json::Value {
    match range {
        Range::Choices(choices) => choices[rng.below(choices.len())].clone(),
        Range::Between {
            from,
            to,
            log,
            whole,
        } => {
            // Whole numbers are drawn from half a step below to half a step above, then rounded.
            let margin = if *whole { 0.5 } else { 0.0 };
            let (low, high) = (from - margin, to + margin);
            let drawn = match log {
                true => {
                    let low = if low > 0.0 { low } else { *from };
                    (low.ln() + (high.ln() - low.ln()) * rng.uniform()).exp()
                }
                false => low + (high - low) * rng.uniform(),
            };
            number(drawn.clamp(*from, *to), *whole)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn tuning(search: Search, trials: usize, parameters: &[(&str, Range)]) -> Tuning {
        Tuning {
            search,
            trials,
            metric: String::new(),
            parallel: 1,
            memory: None,
            folds: 0,
            parameters: parameters
                .iter()
                .map(|(name, range)| ((*name).to_owned(), range.clone()))
                .collect(),
        }
    }

    fn choices(values: &[i64]) -> Range {
        Range::Choices(values.iter().map(|value| json!(value)).collect())
    }

    fn between(from: f64, to: f64, log: bool, whole: bool) -> Range {
        Range::Between {
            from,
            to,
            log,
            whole,
        }
    }

    fn points(tuning: &Tuning, seed: u64) -> Vec<Value> {
        let round = first_round(tuning, seed, 100_000);
        round
            .into_iter()
            .map(|trial| json!(trial.parameters))
            .collect()
    }

    #[test]
    fn a_grid_has_every_combination_once() {
        let grid = tuning(
            Search::Grid,
            1,
            &[("a", choices(&[1, 2])), ("b", choices(&[3, 4]))],
        );
        assert_eq!(
            points(&grid, 0),
            [
                json!({"a": 1, "b": 3}),
                json!({"a": 1, "b": 4}),
                json!({"a": 2, "b": 3}),
                json!({"a": 2, "b": 4}),
            ]
        );
    }

    #[test]
    fn random_points_follow_the_seed_and_stay_in_their_ranges() {
        let wanted = [
            ("rate", between(0.01, 1.0, true, false)),
            ("leaves", between(2.0, 40.0, false, true)),
        ];
        let wanted = tuning(Search::Random, 200, &wanted);
        let drawn = points(&wanted, 3);
        assert_eq!(drawn, points(&wanted, 3));
        assert_ne!(drawn, points(&wanted, 4));
        assert_eq!(drawn.len(), 200);
        let of = |name: &str| {
            drawn
                .iter()
                .map(|p| p[name].as_f64().unwrap())
                .collect::<Vec<_>>()
        };
        assert!(of("rate").iter().all(|rate| (0.01..=1.0).contains(rate)));
        let low = of("rate").iter().filter(|rate| **rate < 0.1).count();
        assert!(
            (70..130).contains(&low),
            "half of a log range lies in each decade: {low}"
        );
        assert!(
            drawn
                .iter()
                .all(|p| (2..=40).contains(&p["leaves"].as_u64().unwrap()))
        );
    }

    #[test]
    fn few_choices_are_all_tried_and_none_twice() {
        let few = tuning(Search::Random, 50, &[("a", choices(&[1, 2, 3]))]);
        assert_eq!(
            points(&few, 9),
            [json!({"a": 1}), json!({"a": 2}), json!({"a": 3})]
        );
        let narrow = tuning(Search::Random, 50, &[("a", between(1.0, 3.0, false, true))]);
        assert_eq!(points(&narrow, 9).len(), 3);
    }

    #[test]
    fn halving_takes_the_better_half_to_twice_as_many_rows_until_all_are_used() {
        assert_eq!(
            halving(100_000),
            [(6, 0.125), (3, 0.25), (2, 0.5), (1, 1.0)]
        );
        assert_eq!(halving(1_250), [(6, 0.4), (3, 0.8), (2, 1.0)]);
        assert_eq!(halving(80), [(6, 1.0)]);
    }

    /// Trials and share of each round.
    fn halving(rows: usize) -> Vec<(usize, f64)> {
        let wanted = [("a", between(0.0, 1.0, false, false))];
        let wanted = tuning(Search::Halving, 6, &wanted);
        let mut round = first_round(&wanted, 1, rows);
        let mut shape = Vec::new();
        let tried = loop {
            shape.push((round.len(), round[0].share));
            // The highest number is the best.
            let tried: Vec<Tried> = round
                .into_iter()
                .map(|trial| Tried {
                    loss: Some(-(trial.number as f64)),
                    trial,
                })
                .collect();
            round = next_round(Search::Halving, &tried);
            if round.is_empty() {
                break tried;
            }
        };
        assert_eq!(best(&tried).unwrap().trial.number, 6);
        shape
    }

    #[test]
    fn the_first_of_equals_is_best_and_a_failure_never() {
        let tried = |number, loss| Tried {
            trial: Trial {
                number,
                parameters: Parameters::new(),
                share: 0.5,
            },
            loss,
        };
        let round = [
            tried(1, None),
            tried(2, Some(f64::NAN)),
            tried(3, Some(0.5)),
            tried(4, Some(0.5)),
        ];
        assert_eq!(best(&round).unwrap().trial.number, 3);
        assert_eq!(best(&round[..2]), None);
        let next = next_round(Search::Halving, &round);
        assert_eq!(next.len(), 2, "what failed does not go on");
    }
}

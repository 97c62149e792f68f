//! What a service answers, as columns: what its model says of each row, the id of the answer, and
//! which features it had to do without.
//!
//! `score` is the probability that the label is true, the predicted value, the probability of the
//! class that is answered or the squared distance to the centre of the cluster; `label` is yes or no,
//! the class or the cluster's number; `probability_<class>` is there for several classes.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field};
use forebay_core::ml::Task;

use crate::model::{Answers, Model};

/// The columns of [`said`].
pub(super) fn fields(model: &Model) -> Vec<Field> {
    let field = |name: &str, data_type| Field::new(name, data_type, false);
    let score = field("score", DataType::Float64);
    let label = |data_type| field("label", data_type);
    match model.task {
        Task::Regression => vec![score],
        Task::Binary => vec![score, label(DataType::Boolean)],
        Task::Clusters => vec![score, label(DataType::Int64)],
        Task::Multiclass => {
            let probability =
                |class: &String| field(&format!("probability_{class}"), DataType::Float64);
            let classes = model.classes.iter().map(probability);
            [score, label(DataType::Utf8)]
                .into_iter()
                .chain(classes)
                .collect()
        }
    }
}

/// The model's answers; a score at or above the threshold says yes.
pub(super) fn said(model: &Model, answers: Answers, threshold: f64) -> Vec<ArrayRef> {
    let numbers = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
    match answers {
        Answers::Numbers(scores) if model.task == Task::Binary => {
            let label = scores.iter().map(|score| Some(*score >= threshold));
            let label: BooleanArray = label.collect();
            vec![numbers(scores), Arc::new(label)]
        }
        Answers::Numbers(values) => vec![numbers(values)],
        Answers::Clusters(nearest) => {
            let label = nearest.iter().map(|(cluster, _)| i64::from(*cluster));
            let label = Int64Array::from_iter_values(label);
            let distances = nearest.iter().map(|(_, distance)| *distance).collect();
            vec![numbers(distances), Arc::new(label)]
        }
        Answers::Classes(classes) => {
            let (scores, labels): (Vec<f64>, Vec<&str>) = most_likely(model, &classes).unzip();
            let mut columns = vec![numbers(scores), Arc::new(StringArray::from(labels)) as _];
            columns.extend(classes.into_iter().map(numbers));
            columns
        }
    }
}

/// Of each row the greatest probability and its class; of equal ones the first.
fn most_likely<'a>(
    model: &'a Model,
    classes: &'a [Vec<f64>],
) -> impl Iterator<Item = (f64, &'a str)> {
    let rows = classes.first().map_or(0, Vec::len);
    (0..rows).map(move |row| {
        let mut best = 0;
        for class in 1..classes.len() {
            if classes[class][row] > classes[best][row] {
                best = class;
            }
        }
        (classes[best][row], model.classes[best].as_str())
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::{Float64Type, Int64Type};

    use super::*;
    use crate::encode::Encoder;
    use crate::model::{FORMAT, Predictor};

    fn model(task: Task, classes: &[&str]) -> Model {
        Model {
            format: FORMAT,
            task,
            label: "kind".to_owned(),
            classes: classes.iter().map(|class| (*class).to_owned()).collect(),
            training_hash: String::new(),
            features: Encoder {
                features: Vec::new(),
            },
            predictor: Predictor::ClassTrees {
                boosters: Vec::new(),
            },
        }
    }

    fn names(model: &Model) -> Vec<String> {
        fields(model)
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }

    #[test]
    fn of_several_classes_the_most_likely_is_answered_beside_all_probabilities() {
        let model = model(Task::Multiclass, &["mill", "quarry"]);
        assert_eq!(
            names(&model),
            ["score", "label", "probability_mill", "probability_quarry"]
        );
        let answers = Answers::Classes(vec![vec![0.3, 0.5], vec![0.7, 0.5]]);
        let columns = said(&model, answers, 0.9);
        assert_eq!(
            columns[0].as_primitive::<Float64Type>().values(),
            &[0.7, 0.5]
        );
        let labels: Vec<_> = columns[1].as_string::<i32>().iter().flatten().collect();
        assert_eq!(labels, ["quarry", "mill"]);
        assert_eq!(
            columns[2].as_primitive::<Float64Type>().values(),
            &[0.3, 0.5]
        );
    }

    #[test]
    fn a_number_has_no_label_and_a_cluster_its_number() {
        let number = model(Task::Regression, &[]);
        assert_eq!(names(&number), ["score"]);
        assert_eq!(said(&number, Answers::Numbers(vec![3.5]), 0.5).len(), 1);
        let clusters = model(Task::Clusters, &[]);
        let columns = said(&clusters, Answers::Clusters(vec![(4, 0.25)]), 0.5);
        assert_eq!(columns[1].as_primitive::<Int64Type>().values(), &[4]);
        assert_eq!(columns[0].as_primitive::<Float64Type>().values(), &[0.25]);
    }

    #[test]
    fn a_score_at_the_threshold_says_yes() {
        let columns = said(
            &model(Task::Binary, &[]),
            Answers::Numbers(vec![0.3, 0.29]),
            0.3,
        );
        let labels: Vec<_> = columns[1].as_boolean().iter().flatten().collect();
        assert_eq!(labels, [true, false]);
    }
}

//! A model as a graph of ONNX operators, in doubles throughout (the sums of trees come out as
//! 32-bit floats: `TreeEnsembleRegressor` knows no other).
//!
//! Every feature is an input of its name, numbers and booleans as doubles (missing: NaN), categories
//! as texts. Outputs: `score`; of several classes `label` and `probability_<class>`; of clusters
//! `cluster` and `squared_distance`.

use forebay_core::ml::Task;

use super::build::Graph;
use super::proto::{self, Attribute, Type};
use crate::encode::{Feature, Kind};
use crate::gbdt::{Booster, Tree};
use crate::linear::{Clusters, Design, Input, Linear, Link};
use crate::model::{Model, Predictor};

/// The bytes of `model.onnx`.
pub fn translate(model: &Model) -> Vec<u8> {
    let mut graph = Graph::default();
    let columns = inputs(&mut graph, &model.features.features);
    match &model.predictor {
        Predictor::Trees(booster) => {
            let raw = trees(&mut graph, &columns, std::slice::from_ref(booster));
            score(&mut graph, &raw, model.task == Task::Binary);
        }
        Predictor::ClassTrees { boosters } => {
            let raw = trees(&mut graph, &columns, boosters);
            classes(&mut graph, &raw, &model.classes);
        }
        Predictor::Linear(linear) => {
            let raw = weighted_sum(&mut graph, &columns, linear);
            score(&mut graph, &raw, linear.link == Link::Logistic);
        }
        Predictor::Clusters(clusters) => nearest(&mut graph, &columns, clusters),
    }
    graph.finish(if model.label.is_empty() {
        "clusters"
    } else {
        &model.label
    })
}

/// Each feature as a column of doubles: see [`crate::encode`].
fn inputs(graph: &mut Graph, features: &[Feature]) -> Vec<String> {
    // A table of one column comes as such from a data frame.
    let width = (features.len() == 1).then_some(1);
    let nan = graph.doubles(&[1], &[f64::NAN]);
    let one = |feature: &Feature| match &feature.kind {
        Kind::Number | Kind::Boolean => {
            graph.input(&feature.name, Type::Double, width);
            let column = graph.reshape(&feature.name, &[-1, 1]);
            let infinite = graph.op("IsInf", &[&column]);
            graph.op("Where", &[&infinite, &nan, &column])
        }
        Kind::Category { categories } => {
            graph.input(&feature.name, Type::Text, width);
            let (mut keys, mut codes): (Vec<String>, Vec<f32>) = categories
                .names()
                .iter()
                .cloned()
                .zip((0_u32..).map(|code| code as f32))
                .unzip();
            // It must know one at least.
            if keys.is_empty() {
                (keys, codes) = (vec![String::new()], vec![f32::NAN]);
            }
            let code = graph.ml_op(
                "LabelEncoder",
                &[&feature.name],
                &[
                    ("keys_strings", Attribute::Texts(keys)),
                    ("values_floats", Attribute::Floats(codes)),
                    ("default_float", Attribute::Float(f32::NAN)),
                ],
            );
            let code = graph.cast(&code, Type::Double);
            graph.reshape(&code, &[-1, 1])
        }
    };
    features.iter().map(one).collect()
}

/// A column of the raw score for each booster.
fn trees(graph: &mut Graph, columns: &[String], boosters: &[Booster]) -> String {
    let table = graph.concat(columns);
    let mut ensemble = Ensemble::default();
    for (target, booster) in boosters.iter().enumerate() {
        booster
            .trees
            .iter()
            .for_each(|tree| ensemble.add(tree, target as i64));
    }
    let bases: Vec<f64> = boosters.iter().map(|booster| booster.base_score).collect();
    let raw = graph.ml_op(
        "TreeEnsembleRegressor",
        &[&table],
        &ensemble.attributes(&bases),
    );
    graph.cast(&raw, Type::Double)
}

/// Nodes of all trees as parallel lists.
#[derive(Default)]
struct Ensemble {
    trees: i64,
    tree: Vec<i64>,
    node: Vec<i64>,
    feature: Vec<i64>,
    mode: Vec<String>,
    threshold: Vec<f64>,
    yes: Vec<i64>,
    no: Vec<i64>,
    missing_yes: Vec<i64>,
    leaf_tree: Vec<i64>,
    leaf_node: Vec<i64>,
    leaf_target: Vec<i64>,
    leaf_value: Vec<f64>,
}

impl Ensemble {
    /// Leaves are numbered after the tree's nodes.
    fn add(&mut self, tree: &Tree, target: i64) {
        let nodes = tree.nodes.len() as i64;
        let number = |child: i32| match child >= 0 {
            true => i64::from(child),
            false => nodes + i64::from(!child),
        };
        for (index, node) in (0..).zip(&tree.nodes) {
            self.push(index, i64::from(node.feature), "BRANCH_LEQ", node.threshold);
            self.yes.push(number(node.left));
            self.no.push(number(node.right));
            self.missing_yes.push(i64::from(node.missing_left));
        }
        for (index, value) in (nodes..).zip(&tree.leaves) {
            self.push(index, 0, "LEAF", 0.0);
            self.yes.push(0);
            self.no.push(0);
            self.missing_yes.push(0);
            self.leaf_tree.push(self.trees);
            self.leaf_node.push(index);
            self.leaf_target.push(target);
            self.leaf_value.push(*value);
        }
        self.trees += 1;
    }

    fn push(&mut self, node: i64, feature: i64, mode: &str, threshold: f64) {
        self.tree.push(self.trees);
        self.node.push(node);
        self.feature.push(feature);
        self.mode.push(mode.to_owned());
        self.threshold.push(threshold);
    }

    fn attributes(self, bases: &[f64]) -> Vec<(&'static str, Attribute)> {
        let doubles = |name: &str, values: &[f64]| {
            Attribute::Tensor(proto::doubles(name, &[values.len() as i64], values))
        };
        vec![
            ("n_targets", Attribute::Int(bases.len() as i64)),
            ("aggregate_function", Attribute::Text("SUM".to_owned())),
            ("post_transform", Attribute::Text("NONE".to_owned())),
            ("base_values_as_tensor", doubles("base_values", bases)),
            ("nodes_treeids", Attribute::Ints(self.tree)),
            ("nodes_nodeids", Attribute::Ints(self.node)),
            ("nodes_featureids", Attribute::Ints(self.feature)),
            ("nodes_modes", Attribute::Texts(self.mode)),
            (
                "nodes_values_as_tensor",
                doubles("nodes_values", &self.threshold),
            ),
            ("nodes_truenodeids", Attribute::Ints(self.yes)),
            ("nodes_falsenodeids", Attribute::Ints(self.no)),
            (
                "nodes_missing_value_tracks_true",
                Attribute::Ints(self.missing_yes),
            ),
            ("target_treeids", Attribute::Ints(self.leaf_tree)),
            ("target_nodeids", Attribute::Ints(self.leaf_node)),
            ("target_ids", Attribute::Ints(self.leaf_target)),
            (
                "target_weights_as_tensor",
                doubles("target_weights", &self.leaf_value),
            ),
        ]
    }
}

fn score(graph: &mut Graph, raw: &str, logistic: bool) {
    let score = match logistic {
        true => graph.op("Sigmoid", &[raw]),
        false => raw.to_owned(),
    };
    let score = graph.reshape(&score, &[-1]);
    graph.output(&score, "score", Type::Double);
}

fn classes(graph: &mut Graph, raw: &str, classes: &[String]) {
    let alone = graph.op("Sigmoid", &[raw]);
    let axis = graph.ints(&[1]);
    let sum = graph.op("ReduceSum", &[&alone, &axis]);
    let shares = graph.op("Div", &[&alone, &sum]);
    let axis = [("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(0))];
    let best = graph.op_with("ArgMax", &[&shares], &axis);
    let names = graph.texts(classes);
    let label = graph.op("Gather", &[&names, &best]);
    graph.output(&label, "label", Type::Text);
    for (index, class) in (0..).zip(classes) {
        let index = graph.ints(&[index]);
        let share = graph.op_with("Gather", &[&shares, &index], &[("axis", Attribute::Int(1))]);
        let share = graph.reshape(&share, &[-1]);
        graph.output(&share, &format!("probability_{class}"), Type::Double);
    }
}

/// The inputs of a linear model side by side: see [`Design`].
fn design(graph: &mut Graph, columns: &[String], design: &Design) -> String {
    let mut parts = Vec::new();
    for (column, input) in columns.iter().zip(&design.inputs) {
        match input {
            Input::Number {
                mean,
                scale,
                tells_missing,
            } => {
                let missing = graph.op("IsNaN", &[column]);
                let (mean, scale) = (
                    graph.doubles(&[1], &[*mean]),
                    graph.doubles(&[1], &[*scale]),
                );
                let filled = graph.op("Where", &[&missing, &mean, column]);
                let centred = graph.op("Sub", &[&filled, &mean]);
                parts.push(graph.op("Div", &[&centred, &scale]));
                if *tells_missing {
                    parts.push(graph.cast(&missing, Type::Double));
                }
            }
            Input::Category { levels: 0 } => {}
            Input::Category { levels } => {
                let codes: Vec<f64> = (0..*levels).map(|code| code as f64).collect();
                let codes = graph.doubles(&[1, *levels as i64], &codes);
                let same = graph.op("Equal", &[column, &codes]);
                parts.push(graph.cast(&same, Type::Double));
            }
        }
    }
    graph.concat(&parts)
}

fn weighted_sum(graph: &mut Graph, columns: &[String], linear: &Linear) -> String {
    let table = design(graph, columns, &linear.design);
    let width = linear.coefficients.len() as i64;
    let coefficients = graph.doubles(&[width, 1], &linear.coefficients);
    let intercept = graph.doubles(&[1], &[linear.intercept]);
    let sum = graph.op("MatMul", &[&table, &coefficients]);
    graph.op("Add", &[&sum, &intercept])
}

fn nearest(graph: &mut Graph, columns: &[String], clusters: &Clusters) {
    let (count, width) = (
        clusters.centres.len() as i64,
        clusters.design.width() as i64,
    );
    let table = design(graph, columns, &clusters.design);
    let points = graph.reshape(&table, &[-1, 1, width]);
    let centres = graph.doubles(&[1, count, width], &clusters.centres.concat());
    let apart = graph.op("Sub", &[&points, &centres]);
    let squares = graph.op("Mul", &[&apart, &apart]);
    let axis = graph.ints(&[2]);
    let keep_not = [("keepdims", Attribute::Int(0))];
    let distances = graph.op_with("ReduceSum", &[&squares, &axis], &keep_not);
    let axis = [("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(0))];
    let cluster = graph.op_with("ArgMin", &[&distances], &axis);
    graph.output(&cluster, "cluster", Type::Int64);
    let axes = [
        ("axes", Attribute::Ints(vec![1])),
        ("keepdims", Attribute::Int(0)),
    ];
    let distance = graph.op_with("ReduceMin", &[&distances], &axes);
    graph.output(&distance, "squared_distance", Type::Double);
}

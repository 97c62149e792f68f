//! A grown tree over raw values: what is stored and what scores.

use serde::{Deserialize, Serialize};

/// A decision. A child `>= 0` is a node of the tree, a child `< 0` is the leaf `!child`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    pub feature: u32,
    /// Values at or below it go left.
    pub threshold: f64,
    pub missing_left: bool,
    pub left: i32,
    pub right: i32,
    /// Training rows that passed here.
    pub rows: u32,
    /// By how much the split lowered the training loss.
    pub gain: f64,
}

/// Nodes in the order in which they were made: a child node comes after its parent, the root is
/// first. A tree without nodes is its one leaf.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    pub nodes: Vec<Node>,
    /// Values of the leaves, learning rate included.
    pub leaves: Vec<f64>,
    /// Training rows of the leaves.
    pub leaf_rows: Vec<u32>,
}

impl Tree {
    /// The value of the leaf that the row falls into.
    pub fn value(&self, row: &[f64]) -> f64 {
        let mut at = if self.nodes.is_empty() { !0 } else { 0 };
        while at >= 0 {
            let node = &self.nodes[at as usize];
            let value = row[node.feature as usize];
            let left = value <= node.threshold || (node.missing_left && value.is_nan());
            at = if left { node.left } else { node.right };
        }
        self.leaves[!at as usize]
    }

    /// What is wrong with a tree read from a file, if anything: scoring trusts the indices.
    pub fn check(&self, features: usize) -> Result<(), String> {
        if self.leaves.len() != self.nodes.len() + 1 || self.leaf_rows.len() != self.leaves.len() {
            return Err(format!(
                "{} nodes need {} leaves, not {}",
                self.nodes.len(),
                self.nodes.len() + 1,
                self.leaves.len()
            ));
        }
        for (index, node) in self.nodes.iter().enumerate() {
            if node.feature as usize >= features {
                return Err(format!("node {index} asks for feature {}", node.feature));
            }
            for child in [node.left, node.right] {
                let inside = if child >= 0 {
                    (child as usize) < self.nodes.len() && child as usize > index
                } else {
                    (!child as usize) < self.leaves.len()
                };
                if !inside {
                    return Err(format!("node {index} leads to {child}"));
                }
            }
        }
        Ok(())
    }
}

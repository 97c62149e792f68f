//! Growing one tree: the leaf whose best split gains most is split next.

use super::bins::BinnedColumn;
use super::histogram::{Histogram, Sums};
use super::objective::Slope;
use super::split::{Limits, Split, best_split};
use super::tree::{Node, Tree};
use crate::threads;

/// Below this many additions a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 100_000;

/// What stays the same for all trees of a booster.
pub struct Grower<'a> {
    pub columns: &'a [BinnedColumn],
    pub limits: Limits,
    pub max_leaves: usize,
    pub learning_rate: f64,
    pub threads: usize,
}

/// A tree and which training rows each of its leaves holds.
pub struct Grown {
    pub tree: Tree,
    rows: Vec<u32>,
    ranges: Vec<std::ops::Range<usize>>,
}

impl Grown {
    /// Adds each leaf's value to the scores of its rows.
    pub fn add_to(&self, scores: &mut [f64]) {
        for (range, value) in self.ranges.iter().zip(&self.tree.leaves) {
            for row in &self.rows[range.clone()] {
                scores[*row as usize] += value;
            }
        }
    }
}

/// A leaf that may still be split.
struct Leaf {
    range: std::ops::Range<usize>,
    sums: Sums,
    /// The node above and whether this is its left child.
    parent: Option<(usize, bool)>,
    candidates: Vec<Candidate>,
}

/// One column of a leaf: its histogram and the best split by it.
#[derive(Clone, Default)]
struct Candidate {
    column: usize,
    histogram: Histogram,
    split: Option<Split>,
}

impl Leaf {
    fn best(&self) -> Option<Split> {
        let mut best: Option<Split> = None;
        for split in self.candidates.iter().filter_map(|c| c.split) {
            if best.is_none_or(|b| split.gain > b.gain) {
                best = Some(split);
            }
        }
        best
    }
}

impl Grower<'_> {
    /// Grows a tree on the slopes of all rows, by the given columns only.
    pub fn grow(&self, slopes: &[Slope], columns: &[usize]) -> Grown {
        let mut growth = Growth {
            grower: self,
            slopes,
            rows: (0..slopes.len() as u32).collect(),
            scratch: Vec::new(),
            ordered: Vec::new(),
            nodes: Vec::new(),
            leaves: Vec::new(),
        };
        growth.plant(columns);
        while growth.leaves.len() < self.max_leaves && growth.split_best() {}
        growth.finish()
    }
}

/// A tree in the making.
struct Growth<'a> {
    grower: &'a Grower<'a>,
    slopes: &'a [Slope],
    /// Row numbers, those of one leaf side by side and ascending.
    rows: Vec<u32>,
    scratch: Vec<u32>,
    /// Slopes of the rows that a histogram is being made of.
    ordered: Vec<Slope>,
    nodes: Vec<Node>,
    leaves: Vec<Leaf>,
}

impl Growth<'_> {
    /// Makes the root.
    fn plant(&mut self, columns: &[usize]) {
        let mut sums = Sums::default();
        for slope in self.slopes {
            sums += *slope;
        }
        let grower = self.grower;
        let mut candidates: Vec<Candidate> = columns
            .iter()
            .map(|column| Candidate {
                column: *column,
                ..Candidate::default()
            })
            .collect();
        if self.splittable(sums.rows) {
            let slopes = self.slopes;
            let threads = self.threads(slopes.len(), columns.len());
            threads::for_each(threads, &mut candidates, |candidate| {
                let binned = &grower.columns[candidate.column];
                candidate.histogram = Histogram::of_all(&binned.bins, slopes);
                grower.search(candidate, sums);
            });
        }
        self.leaves.push(Leaf {
            range: 0..self.rows.len(),
            sums,
            parent: None,
            candidates,
        });
    }

    /// Splits the leaf that gains most; false when none can be split.
    fn split_best(&mut self) -> bool {
        let mut chosen: Option<(usize, Split)> = None;
        for (index, leaf) in self.leaves.iter().enumerate() {
            if let Some(split) = leaf.best()
                && chosen.is_none_or(|(_, best)| split.gain > best.gain)
            {
                chosen = Some((index, split));
            }
        }
        match chosen {
            Some((index, split)) => self.split(index, split),
            None => return false,
        }
        true
    }

    /// The left side takes the leaf's place, the right side becomes the newest leaf.
    fn split(&mut self, index: usize, split: Split) {
        let range = self.leaves[index].range.clone();
        let middle = range.start + self.partition(range.clone(), &split);
        let node = self.add_node(index, &split);
        let candidates = std::mem::take(&mut self.leaves[index].candidates);
        let left = Leaf {
            range: range.start..middle,
            sums: split.left,
            parent: Some((node, true)),
            candidates: Vec::new(),
        };
        let right = Leaf {
            range: middle..range.end,
            sums: split.right,
            parent: Some((node, false)),
            candidates: Vec::new(),
        };
        let [left, right] = self.consider(left, right, candidates);
        self.leaves[index] = left;
        self.leaves.push(right);
    }

    fn add_node(&mut self, leaf: usize, split: &Split) -> usize {
        let node = self.nodes.len();
        if let Some((parent, is_left)) = self.leaves[leaf].parent {
            let parent = &mut self.nodes[parent];
            *(if is_left {
                &mut parent.left
            } else {
                &mut parent.right
            }) = node as i32;
        }
        self.nodes.push(Node {
            feature: split.column as u32,
            threshold: self.grower.columns[split.column].threshold(split.bin),
            missing_left: split.missing_left,
            left: !(leaf as i32),
            right: !(self.leaves.len() as i32),
            rows: self.leaves[leaf].sums.rows,
            gain: split.gain,
        });
        node
    }

    /// Orders the leaf's rows into left and right, each ascending; returns how many went left.
    fn partition(&mut self, range: std::ops::Range<usize>, split: &Split) -> usize {
        let bins = &self.grower.columns[split.column].bins;
        let rows = &mut self.rows[range];
        self.scratch.resize(rows.len(), 0);
        let (mut left, mut right) = (0, 0);
        for i in 0..rows.len() {
            let row = rows[i];
            let goes_left = split.goes_left(bins[row as usize]);
            // Both are written and one is kept: no branch to mispredict.
            rows[left] = row;
            self.scratch[right] = row;
            left += usize::from(goes_left);
            right += usize::from(!goes_left);
        }
        rows[left..].copy_from_slice(&self.scratch[..right]);
        left
    }

    /// Finds the best splits of two new siblings. The smaller gets fresh histograms, the larger what
    /// these leave of the parent's.
    fn consider(&mut self, left: Leaf, right: Leaf, parent: Vec<Candidate>) -> [Leaf; 2] {
        let left_is_smaller = left.range.len() <= right.range.len();
        let (mut small, mut large) = if left_is_smaller {
            (left, right)
        } else {
            (right, left)
        };
        // Only now does the tree have room for one more split than it had leaves before.
        let room = self.leaves.len() + 1 < self.grower.max_leaves;
        if room && self.splittable(large.sums.rows) {
            self.search_siblings(&mut small, &mut large, parent);
        }
        if left_is_smaller {
            [small, large]
        } else {
            [large, small]
        }
    }

    fn search_siblings(&mut self, small: &mut Leaf, large: &mut Leaf, parent: Vec<Candidate>) {
        let rows = &self.rows[small.range.clone()];
        self.ordered.clear();
        self.ordered
            .extend(rows.iter().map(|row| self.slopes[*row as usize]));
        let (grower, ordered) = (self.grower, &self.ordered);
        let small_too = self.splittable(small.sums.rows);
        let threads = self.threads(rows.len() + 512, parent.len());
        let mut pairs: Vec<(Candidate, Candidate)> = parent
            .into_iter()
            .map(|large| {
                let column = large.column;
                (
                    Candidate {
                        column,
                        ..Candidate::default()
                    },
                    large,
                )
            })
            .collect();
        threads::for_each(threads, &mut pairs, |(fresh, rest)| {
            let binned = &grower.columns[fresh.column];
            fresh.histogram = Histogram::of_rows(&binned.bins, rows, ordered);
            rest.histogram.subtract(&fresh.histogram);
            grower.search(rest, large.sums);
            if small_too {
                grower.search(fresh, small.sums);
            }
        });
        (small.candidates, large.candidates) = pairs.into_iter().unzip();
    }

    fn splittable(&self, rows: u32) -> bool {
        rows / 2 >= self.grower.limits.min_rows
    }

    fn threads(&self, rows: usize, columns: usize) -> usize {
        if rows * columns < WORTH_A_THREAD {
            1
        } else {
            self.grower.threads
        }
    }

    fn finish(self) -> Grown {
        let value =
            |leaf: &Leaf| self.grower.limits.leaf_value(leaf.sums) * self.grower.learning_rate;
        Grown {
            tree: Tree {
                nodes: self.nodes,
                leaves: self.leaves.iter().map(value).collect(),
                leaf_rows: self.leaves.iter().map(|leaf| leaf.sums.rows).collect(),
            },
            rows: self.rows,
            ranges: self.leaves.into_iter().map(|leaf| leaf.range).collect(),
        }
    }
}

impl Grower<'_> {
    fn search(&self, candidate: &mut Candidate, sums: Sums) {
        let column = candidate.column;
        let numbers = self.columns[column].numbers();
        candidate.split = best_split(column, &candidate.histogram, numbers, sums, self.limits);
    }
}

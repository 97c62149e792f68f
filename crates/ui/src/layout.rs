//! Where the boxes of a directed graph go: layers from left to right, few crossings, short edges.
//!
//! The classic four steps (Sugiyama, Tagawa and Toda 1981): give every node a layer, break long
//! edges with invisible nodes, order each layer by the barycentre of its neighbours, then move the
//! nodes of a layer as close to their neighbours as their order allows.

const SWEEPS: usize = 24;

/// A node's size in pixels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    pub width: f64,
    pub height: f64,
}

/// Room between boxes, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gaps {
    pub layer: f64,
    pub node: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Placed {
    /// Left upper corner of each node.
    pub nodes: Vec<(f64, f64)>,
    /// For each edge the points between its ends, where it passes layers: `(left, right, y)`.
    pub bends: Vec<Vec<(f64, f64, f64)>>,
    pub width: f64,
    pub height: f64,
}

/// Places the nodes. Edges are pairs of indices; an edge that closes a cycle is ignored.
pub(crate) fn layered(sizes: &[Size], edges: &[(usize, usize)], gaps: Gaps) -> Placed {
    if sizes.is_empty() {
        return Placed {
            bends: vec![Vec::new(); edges.len()],
            ..Placed::default()
        };
    }
    let layer_of = layers(sizes.len(), edges);
    let mut net = Net::new(sizes, edges, &layer_of);
    net.order();
    let y = net.settle(gaps.node);
    net.place(sizes.len(), edges.len(), &y, gaps.layer)
}

/// Longest path from the left; then nodes that only feed move right, next to their first reader.
fn layers(n: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut children = vec![Vec::new(); n];
    let mut waiting = vec![0usize; n];
    for &(from, to) in edges.iter().filter(|(from, to)| from != to) {
        children[from].push(to);
        waiting[to] += 1;
    }
    let mut layer = vec![0usize; n];
    let mut order: Vec<usize> = (0..n).filter(|i| waiting[*i] == 0).collect();
    let mut next = 0;
    while next < order.len() {
        let from = order[next];
        next += 1;
        for &to in &children[from] {
            layer[to] = layer[to].max(layer[from] + 1);
            waiting[to] -= 1;
            if waiting[to] == 0 {
                order.push(to);
            }
        }
    }
    for &i in order.iter().rev() {
        let first_reader: Option<usize> = children[i].iter().map(|c| layer[*c]).min();
        if let Some(first) = first_reader {
            layer[i] = layer[i].max(first.saturating_sub(1));
        }
    }
    layer
}

/// A node of the net: a box, or the place where a long edge passes a layer.
struct Cell {
    size: Size,
    layer: usize,
    left: Vec<usize>,
    right: Vec<usize>,
}

struct Net {
    cells: Vec<Cell>,
    /// Cells of each layer, top to bottom.
    layers: Vec<Vec<usize>>,
    /// The invisible cells of each edge, left to right.
    bends: Vec<Vec<usize>>,
}

impl Net {
    fn new(sizes: &[Size], edges: &[(usize, usize)], layer_of: &[usize]) -> Self {
        let depth = layer_of.iter().max().map_or(1, |deepest| deepest + 1);
        let mut net = Self {
            cells: Vec::new(),
            layers: vec![Vec::new(); depth],
            bends: vec![Vec::new(); edges.len()],
        };
        for (size, layer) in sizes.iter().zip(layer_of) {
            net.add(*size, *layer);
        }
        for (e, &(from, to)) in edges.iter().enumerate() {
            if layer_of[from] >= layer_of[to] {
                continue;
            }
            let mut last = from;
            for layer in layer_of[from] + 1..layer_of[to] {
                let bend = net.add(
                    Size {
                        width: 0.0,
                        height: 2.0,
                    },
                    layer,
                );
                net.connect(last, bend);
                net.bends[e].push(bend);
                last = bend;
            }
            net.connect(last, to);
        }
        net
    }

    fn add(&mut self, size: Size, layer: usize) -> usize {
        let index = self.cells.len();
        self.cells.push(Cell {
            size,
            layer,
            left: Vec::new(),
            right: Vec::new(),
        });
        self.layers[layer].push(index);
        index
    }

    fn connect(&mut self, from: usize, to: usize) {
        self.cells[from].right.push(to);
        self.cells[to].left.push(from);
    }

    /// Sweeps left and right, sorting each layer by its neighbours; keeps the best order seen.
    fn order(&mut self) {
        let mut best = self.layers.clone();
        let mut fewest = self.crossings();
        for sweep in 0..SWEEPS {
            if fewest == 0 {
                break;
            }
            let depth = self.layers.len();
            for step in 1..depth {
                let (layer, to_left) = if sweep % 2 == 0 {
                    (step, true)
                } else {
                    (depth - 1 - step, false)
                };
                self.sort_layer(layer, to_left);
            }
            let crossings = self.crossings();
            if crossings < fewest {
                fewest = crossings;
                best.clone_from(&self.layers);
            }
        }
        self.layers = best;
    }

    fn sort_layer(&mut self, layer: usize, to_left: bool) {
        let place = self.places();
        let key = |cell: usize| {
            let near = if to_left {
                &self.cells[cell].left
            } else {
                &self.cells[cell].right
            };
            match near.len() {
                0 => place[cell] as f64,
                n => near.iter().map(|c| place[*c] as f64).sum::<f64>() / n as f64,
            }
        };
        let mut keyed: Vec<(f64, usize)> = self.layers[layer]
            .iter()
            .map(|cell| (key(*cell), *cell))
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.layers[layer] = keyed.into_iter().map(|(_, cell)| cell).collect();
    }

    /// Each cell's position in its layer.
    fn places(&self) -> Vec<usize> {
        let mut place = vec![0; self.cells.len()];
        for layer in &self.layers {
            for (i, cell) in layer.iter().enumerate() {
                place[*cell] = i;
            }
        }
        place
    }

    /// Pairs of edges between neighbouring layers that cross.
    fn crossings(&self) -> usize {
        let place = self.places();
        let mut total = 0;
        for layer in &self.layers {
            let mut ends: Vec<usize> = Vec::new();
            for cell in layer {
                let mut right: Vec<usize> =
                    self.cells[*cell].right.iter().map(|c| place[*c]).collect();
                right.sort_unstable();
                for end in &right {
                    total += ends.iter().filter(|earlier| *earlier > end).count();
                }
                ends.extend(right);
            }
        }
        total
    }

    /// Vertical centre of every cell: as near to the mean of its neighbours as the order allows.
    fn settle(&self, gap: f64) -> Vec<f64> {
        let mut y = vec![0.0; self.cells.len()];
        for layer in &self.layers {
            let wish: Vec<f64> = vec![0.0; layer.len()];
            self.spread(layer, &wish, gap, &mut y);
        }
        for round in 0..SWEEPS {
            let depth = self.layers.len();
            for step in 0..depth {
                let layer = if round % 2 == 0 {
                    step
                } else {
                    depth - 1 - step
                };
                let wish: Vec<f64> = self.layers[layer]
                    .iter()
                    .map(|cell| self.pull(*cell, &y))
                    .collect();
                self.spread(&self.layers[layer], &wish, gap, &mut y);
            }
        }
        y
    }

    fn pull(&self, cell: usize, y: &[f64]) -> f64 {
        let cell_ref = &self.cells[cell];
        let near = cell_ref.left.iter().chain(&cell_ref.right);
        let (sum, n) = near.fold((0.0, 0), |(sum, n), c| (sum + y[*c], n + 1));
        if n == 0 { y[cell] } else { sum / f64::from(n) }
    }

    /// Least squares under minimal distances: pool adjacent violators. Where a block of cells would
    /// overlap, it moves as one to the mean of what its cells wish.
    fn spread(&self, layer: &[usize], wish: &[f64], gap: f64, y: &mut [f64]) {
        let mut offsets = Vec::with_capacity(layer.len());
        let mut at = 0.0;
        for (i, cell) in layer.iter().enumerate() {
            if i > 0 {
                let above = self.cells[layer[i - 1]].size.height;
                at += (above + self.cells[*cell].size.height) / 2.0 + gap;
            }
            offsets.push(at);
        }
        let mut blocks: Vec<(f64, usize)> = Vec::new(); // (mean, cells)
        for (wished, offset) in wish.iter().zip(&offsets) {
            let mut block = (wished - offset, 1);
            while let Some(&(mean, n)) = blocks.last().filter(|(mean, _)| *mean > block.0) {
                let total = mean * n as f64 + block.0 * block.1 as f64;
                block = (total / (n + block.1) as f64, n + block.1);
                blocks.pop();
            }
            blocks.push(block);
        }
        let mut cells = layer.iter().zip(&offsets);
        for (mean, n) in blocks {
            for (cell, offset) in cells.by_ref().take(n) {
                y[*cell] = mean + offset;
            }
        }
    }

    fn place(&self, nodes: usize, edges: usize, y: &[f64], gap: f64) -> Placed {
        let widths: Vec<f64> = self
            .layers
            .iter()
            .map(|layer| {
                layer
                    .iter()
                    .map(|c| self.cells[*c].size.width)
                    .fold(0.0, f64::max)
            })
            .collect();
        let lefts: Vec<f64> = widths
            .iter()
            .scan(0.0, |x, width| {
                let left = *x;
                *x += width + gap;
                Some(left)
            })
            .collect();
        let top = (0..self.cells.len())
            .map(|c| y[c] - self.cells[c].size.height / 2.0)
            .fold(f64::INFINITY, f64::min);
        let bottom = (0..self.cells.len())
            .map(|c| y[c] + self.cells[c].size.height / 2.0)
            .fold(f64::NEG_INFINITY, f64::max);
        let corner = |c: usize| {
            (
                lefts[self.cells[c].layer],
                y[c] - self.cells[c].size.height / 2.0 - top,
            )
        };
        let bend = |c: &usize| {
            let layer = self.cells[*c].layer;
            (lefts[layer], lefts[layer] + widths[layer], y[*c] - top)
        };
        Placed {
            nodes: (0..nodes).map(corner).collect(),
            bends: (0..edges)
                .map(|e| self.bends[e].iter().map(bend).collect())
                .collect(),
            width: lefts.last().unwrap_or(&0.0) + widths.last().unwrap_or(&0.0),
            height: bottom - top,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Size = Size {
        width: 100.0,
        height: 20.0,
    };
    const GAPS: Gaps = Gaps {
        layer: 50.0,
        node: 10.0,
    };

    #[test]
    fn readers_stand_to_the_right_of_what_they_read() {
        let edges = [(0, 1), (1, 2), (0, 2), (3, 2)];
        let placed = layered(&[BOX; 4], &edges, GAPS);
        let x: Vec<f64> = placed.nodes.iter().map(|(x, _)| *x).collect();
        assert_eq!(
            x,
            [0.0, 150.0, 300.0, 150.0],
            "3 only feeds 2: it stands next to it"
        );
        assert_eq!(placed.bends[2].len(), 1, "0 to 2 passes the middle layer");
        assert_eq!((placed.width, placed.bends[0].len()), (400.0, 0));
    }

    #[test]
    fn boxes_of_a_layer_never_overlap() {
        let edges: Vec<(usize, usize)> = (1..30).map(|i| (i / 3, i)).collect();
        let placed = layered(&[BOX; 30], &edges, GAPS);
        for a in 0..30 {
            for b in 0..a {
                let (dx, dy) = (
                    (placed.nodes[a].0 - placed.nodes[b].0).abs(),
                    (placed.nodes[a].1 - placed.nodes[b].1).abs(),
                );
                assert!(dx >= 100.0 || dy >= 29.9, "{a} and {b} overlap");
            }
        }
    }

    #[test]
    fn crossings_that_can_be_avoided_are_avoided() {
        // Two ladders, named so that the given order crosses.
        let edges = [(0, 3), (1, 2), (3, 5), (2, 4)];
        let mut net = Net::new(&[BOX; 6], &edges, &layers(6, &edges));
        assert!(net.crossings() > 0);
        net.order();
        assert_eq!(net.crossings(), 0);
    }

    #[test]
    fn cycles_and_nothing_are_drawn_without_a_hang() {
        assert_eq!(layered(&[], &[], GAPS).nodes.len(), 0);
        assert_eq!(
            layered(&[BOX; 3], &[(0, 1), (1, 2), (2, 1), (0, 0)], GAPS)
                .nodes
                .len(),
            3
        );
    }
}

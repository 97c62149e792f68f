//! The numbers that a booster learns from and scores: columns of `f64`, missing as NaN.

/// A table of numbers by column. Every column has the same number of rows.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    rows: usize,
    columns: Vec<Vec<f64>>,
}

impl Matrix {
    pub fn new(rows: usize) -> Self {
        Self {
            rows,
            columns: Vec::new(),
        }
    }

    /// Adds a column of exactly [`Matrix::rows`] values. An infinite value counts as missing.
    ///
    /// # Panics
    /// If the length differs: the caller builds all columns from the same rows.
    pub fn push(&mut self, mut column: Vec<f64>) {
        assert_eq!(
            column.len(),
            self.rows,
            "columns of one matrix have the same length"
        );
        for value in &mut column {
            *value = finite_or_missing(*value);
        }
        self.columns.push(column);
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn width(&self) -> usize {
        self.columns.len()
    }

    pub fn column(&self, index: usize) -> &[f64] {
        &self.columns[index]
    }

    /// Copies one row into `out`, which has one place a column.
    pub fn read_row(&self, row: usize, out: &mut [f64]) {
        for (place, column) in out.iter_mut().zip(&self.columns) {
            *place = column[row];
        }
    }

    /// All rows one after another, for code that visits a row's values together.
    pub(crate) fn row_major(&self) -> Vec<f64> {
        let mut all = vec![0.0; self.rows * self.width()];
        if !self.columns.is_empty() {
            for (row, out) in all.chunks_exact_mut(self.width()).enumerate() {
                self.read_row(row, out);
            }
        }
        all
    }
}

/// The one rule for values that are not numbers, for columns and for single rows.
pub fn finite_or_missing(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

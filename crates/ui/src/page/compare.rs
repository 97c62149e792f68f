//! `/compare?runs=<id>,<id>`: runs side by side.

use std::collections::BTreeMap;

use askama::Template;

use super::curves::{CurvePoint, Drawing};
use super::part::Status;
use super::run_row::{Column, ColumnKind, RunLink};
use super::runs::took;
use super::{Page, render};
use crate::chart::{Axis, Mark, ParallelAxis, Plot, SERIES, Values, parallel, series};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

/// Axes beside each other before the picture is more than one looks at.
const AXES: usize = 12;
const PLOTS: usize = 12;
/// Rows of a table; what does not differ is left out first.
const ROWS: usize = 500;

#[derive(Clone, Debug, Default, Template)]
#[template(path = "compare.html")]
pub struct Compare {
    pub runs: Vec<ComparedRun>,
    /// Ids that no run has.
    pub missing: Vec<String>,
    /// More were asked for than are compared.
    pub cut: bool,
    pub drawing: Drawing,
    /// Of the scatter plot, as [`Column::written`]; empty chooses for itself.
    pub x: String,
    pub y: String,
}

#[derive(Clone, Debug)]
pub struct ComparedRun {
    pub id: String,
    pub name: String,
    pub experiment: String,
    pub status: Status,
    pub started_ms: i64,
    pub finished_ms: Option<i64>,
    pub params: BTreeMap<String, String>,
    /// Newest values.
    pub metrics: BTreeMap<String, f64>,
    pub curves: BTreeMap<String, Vec<CurvePoint>>,
}

impl ComparedRun {
    fn link(&self) -> RunLink {
        RunLink {
            id: self.id.clone(),
            name: self.name.clone(),
        }
    }

    fn took(&self) -> String {
        took(Some(self.started_ms), self.finished_ms)
    }

    fn value(&self, column: &Column) -> Option<String> {
        match column.kind {
            ColumnKind::Metric => self.metrics.get(&column.key).map(ToString::to_string),
            _ => self.params.get(&column.key).cloned(),
        }
    }
}

/// Places of the smallest and the greatest value of a row.
type Ends = Option<(usize, usize)>;

/// A key with a value a run.
struct Row {
    key: String,
    values: Vec<Option<String>>,
    differs: bool,
    /// Places of the smallest and the greatest, where the values are numbers that differ.
    ends: Ends,
}

impl Row {
    fn mark(&self, place: usize) -> &'static str {
        match self.ends {
            Some((low, _)) if low == place => "smallest",
            Some((_, high)) if high == place => "greatest",
            _ => "",
        }
    }
}

impl Compare {
    fn ids(&self) -> String {
        let ids: Vec<&str> = self.runs.iter().map(|run| run.id.as_str()).collect();
        ids.join(",")
    }

    fn class(&self, nth: &usize) -> &'static str {
        series(*nth)
    }

    /// Colours come again with more runs than there are.
    fn repeats(&self) -> bool {
        self.runs.len() > SERIES.len()
    }

    fn without(&self, nth: &usize) -> String {
        let others = self.runs.iter().enumerate().filter(|(i, _)| i != nth);
        link::compare(others.map(|(_, run)| run.id.as_str()))
    }

    fn rows<V: PartialEq>(
        &self,
        of: fn(&ComparedRun) -> &BTreeMap<String, V>,
        shown: fn(&V) -> String,
        ends: fn(&[Option<&V>]) -> Ends,
    ) -> Vec<Row> {
        let mut keys: Vec<&String> = self.runs.iter().flat_map(|run| of(run).keys()).collect();
        keys.sort();
        keys.dedup();
        let row = |key: &String| {
            let values: Vec<Option<&V>> = self.runs.iter().map(|run| of(run).get(key)).collect();
            Row {
                differs: values.windows(2).any(|pair| pair[0] != pair[1]),
                ends: ends(&values),
                values: values.into_iter().map(|value| value.map(shown)).collect(),
                key: key.clone(),
            }
        };
        let mut rows: Vec<Row> = keys.into_iter().map(row).collect();
        if rows.len() > ROWS {
            rows.sort_by_key(|row| !row.differs);
            rows.truncate(ROWS);
        }
        rows
    }

    fn params(&self) -> Vec<Row> {
        self.rows(|run| &run.params, Clone::clone, |_| None)
    }

    fn metrics(&self) -> Vec<Row> {
        self.rows(|run| &run.metrics, |x| format::metric(*x), ends)
    }

    /// Parameters that differ and metrics, as long as there is room.
    fn columns(&self) -> Vec<Column> {
        let column = |kind, row: Row| Column { kind, key: row.key };
        let params = self.params().into_iter().filter(|row| row.differs);
        let mut columns: Vec<Column> = params.map(|row| column(ColumnKind::Param, row)).collect();
        columns.truncate(AXES - 4);
        let metrics = self.metrics().into_iter().filter(|row| row.differs);
        columns.extend(
            metrics
                .map(|row| column(ColumnKind::Metric, row))
                .take(AXES - columns.len()),
        );
        columns
    }

    fn axis(&self, column: &Column) -> ParallelAxis {
        let values = self.runs.iter().map(|run| run.value(column)).collect();
        ParallelAxis::read(&column.key, values)
    }

    fn parallel(&self) -> Option<Markup> {
        let axes: Vec<ParallelAxis> = self
            .columns()
            .iter()
            .map(|column| self.axis(column))
            .collect();
        let names: Vec<String> = self.runs.iter().map(|run| run.name.clone()).collect();
        let title = "Parameters and metrics of the runs";
        (axes.len() > 1 && names.len() > 1).then(|| parallel(title, &axes, &names))
    }

    /// Everything that the scatter plot can be of, with whether it is chosen.
    fn choices(&self, chosen: Option<&Column>) -> Vec<(String, bool)> {
        let of = |kind, rows: Vec<Row>| {
            rows.into_iter()
                .map(move |row| Column { kind, key: row.key })
        };
        let all =
            of(ColumnKind::Param, self.params()).chain(of(ColumnKind::Metric, self.metrics()));
        all.map(|column| (column.written(), chosen == Some(&column)))
            .collect()
    }

    /// A parameter that differs, a number if there is one.
    fn scatter_x(&self) -> Option<Column> {
        let columns = self.columns();
        let is_param = |column: &&Column| !column.is_number();
        let is_number = |column: &&Column| matches!(self.axis(column).values, Values::Numbers(_));
        let params = || columns.iter().filter(is_param);
        let usual = params()
            .find(is_number)
            .or_else(|| params().next())
            .or(columns.first());
        Column::parse(&self.x).or_else(|| usual.cloned())
    }

    /// The first metric.
    fn scatter_y(&self) -> Option<Column> {
        let columns = self.columns();
        let usual = columns
            .iter()
            .find(|column| column.is_number())
            .or(columns.last());
        Column::parse(&self.y).or_else(|| usual.cloned())
    }

    fn scatter(&self) -> Option<Markup> {
        let (x, y) = (self.scatter_x()?, self.scatter_y()?);
        let (across, up) = (self.axis(&x), self.axis(&y));
        let (x_axis, x_places) = laid(&across, &x);
        let (y_axis, y_places) = laid(&up, &y);
        let dot = |(nth, run): (usize, &ComparedRun)| {
            let (px, py) = (x_places[nth]?, y_places[nth]?);
            let says = format!(
                "{}: {} {}, {} {}",
                run.name,
                x.key,
                run.value(&x).unwrap_or_default(),
                y.key,
                run.value(&y).unwrap_or_default()
            );
            Some(Mark::Dots {
                class: series(nth),
                label: String::new(),
                points: vec![(px, py, 0.6, says)],
            })
        };
        let plot = Plot {
            title: format!(
                "{} over {}",
                format::clip(&y.key, 40),
                format::clip(&x.key, 40)
            ),
            description: format!("A dot for each of {} runs", self.runs.len()),
            x: x_axis,
            y: y_axis,
            marks: self.runs.iter().enumerate().filter_map(dot).collect(),
        };
        Some(plot.figure())
    }

    /// Curves of a metric, one a run.
    fn plots(&self) -> Vec<Markup> {
        let mut keys: Vec<&str> = self
            .runs
            .iter()
            .flat_map(|run| run.curves.keys())
            .map(String::as_str)
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let plot = |key: &&str| {
            let none: &[CurvePoint] = &[];
            let curve =
                |run: &ComparedRun| run.curves.get(*key).map_or(none.to_vec(), Clone::clone);
            let curves: Vec<(String, Vec<CurvePoint>)> = self
                .runs
                .iter()
                .map(|run| (run.name.clone(), curve(run)))
                .collect();
            let lines: Vec<(String, &[CurvePoint])> = curves
                .iter()
                .map(|(name, points)| (name.clone(), points.as_slice()))
                .collect();
            self.drawing.plot(key, &lines)
        };
        let chosen = |key: &&&str| {
            self.drawing.metrics.is_empty() || self.drawing.metrics.iter().any(|k| k == **key)
        };
        keys.iter().filter(chosen).take(PLOTS).map(plot).collect()
    }
}

fn ends(values: &[Option<&f64>]) -> Ends {
    let finite = || {
        values
            .iter()
            .enumerate()
            .filter_map(|(i, v)| v.filter(|v| v.is_finite()).map(|v| (i, *v)))
    };
    let low = finite().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let high = finite().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (low.1 < high.1).then_some((low.0, high.0))
}

/// An axis of a plot, and each run's place on it.
fn laid(axis: &ParallelAxis, column: &Column) -> (Axis, Vec<Option<f64>>) {
    match &axis.values {
        Values::Numbers(numbers) => {
            let all = numbers.iter().flatten().copied();
            (
                Axis::over(&format::clip(&column.key, 40), all),
                numbers.clone(),
            )
        }
        Values::Names(names) => {
            let mut known: Vec<String> = names.iter().flatten().cloned().collect();
            known.sort();
            known.dedup();
            let place = |name: &Option<String>| {
                let name = name.as_ref()?;
                known.binary_search(name).ok().map(|at| at as f64)
            };
            let places = names.iter().map(place).collect();
            (Axis::names(&format::clip(&column.key, 40), &known), places)
        }
    }
}

impl Page for Compare {
    fn title(&self) -> String {
        format!(
            "Compare {}",
            format::counted(self.runs.len() as u64, "run", "runs")
        )
    }

    fn section(&self) -> Section {
        Section::Experiments
    }

    fn crumbs(&self) -> Vec<Crumb> {
        let mut crumbs = vec![Crumb::new("Experiments", "/experiments")];
        let mut names: Vec<&str> = self
            .runs
            .iter()
            .map(|run| run.experiment.as_str())
            .collect();
        names.dedup();
        if let [one] = names[..] {
            crumbs.push(Crumb::new(one, link::experiment(one)));
        }
        crumbs
    }

    fn wide(&self) -> bool {
        true
    }

    fn body(&self) -> Markup {
        render(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, lr: &str, auc: Option<f64>) -> ComparedRun {
        ComparedRun {
            id: id.to_owned(),
            name: id.to_owned(),
            experiment: "e".to_owned(),
            status: Status::Success,
            started_ms: 0,
            finished_ms: None,
            params: [
                ("lr".to_owned(), lr.to_owned()),
                ("same".to_owned(), "1".to_owned()),
            ]
            .into(),
            metrics: auc.map(|auc| ("auc".to_owned(), auc)).into_iter().collect(),
            curves: BTreeMap::new(),
        }
    }

    #[test]
    fn differences_and_ends_are_marked_and_absent_values_are_no_numbers() {
        let runs = vec![
            run("a", "0.1", Some(0.7)),
            run("b", "0.2", None),
            run("c", "0.1", Some(0.6)),
        ];
        let page = Compare {
            runs,
            ..Compare::default()
        };
        let params = page.params();
        assert!(params[0].differs && !params[1].differs);
        let metrics = page.metrics();
        assert_eq!(
            (metrics[0].mark(0), metrics[0].mark(1), metrics[0].mark(2)),
            ("greatest", "", "smallest")
        );
        let columns: Vec<String> = page.columns().iter().map(Column::written).collect();
        assert_eq!(columns, ["params.lr", "metrics.auc"]);
        assert!(page.scatter().is_some() && page.parallel().is_some());
    }
}

//! Inner joins on equal columns that lie next to each other in a plan, as one set of relations with conditions.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{JoinSide, JoinType, NullEquality, Statistics};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};
use datafusion::physical_plan::joins::{HashJoinExec, HashJoinExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use super::super::in_order;

/// The part of rows whose text is the one that a condition asks for, where nothing is known of the
/// column (Selinger et al., 1979).
const ONE_TEXT: f64 = 0.1;

/// The part of groups that meets a condition over them.
const SOME_GROUPS: f64 = 0.2;

/// A column of one of the relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub relation: usize,
    pub column: usize,
}

/// What is joined: a table, or any other plan.
#[derive(Debug)]
pub(super) struct Relation {
    pub plan: Arc<dyn ExecutionPlan>,
    pub statistics: Arc<Statistics>,
    /// Estimated rows that the plan answers.
    pub rows: f64,
    /// Estimated rows before the plan's conditions.
    pub all_rows: f64,
}

/// A condition over columns of relations, other than that two are equal.
#[derive(Debug)]
pub(super) struct Condition {
    pub expression: Arc<dyn PhysicalExpr>,
    /// What the expression's columns are, by their index.
    pub places: Vec<Place>,
    pub schema: SchemaRef,
}

/// Which relations are joined first; the smaller one of two is kept in memory.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    Relation(usize),
    Join(Box<Tree>, Box<Tree>),
}

#[derive(Debug, Default)]
pub(super) struct Group {
    pub relations: Vec<Relation>,
    pub equal: Vec<(Place, Place)>,
    pub conditions: Vec<Condition>,
    /// The columns that the whole answers.
    pub answer: Vec<Place>,
    /// The order of the plan.
    pub written: Tree,
    /// Whether a semi-join above the joins went down to the relation whose rows it chooses.
    pub is_narrowed: bool,
}

impl Default for Tree {
    fn default() -> Self {
        Self::Relation(0)
    }
}

impl Group {
    /// The joins that begin with this node; nothing where fewer than three relations are joined, or
    /// where sizes are unknown.
    pub(super) fn below(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        if !joins(plan) {
            return Ok(None);
        }
        let mut group = Self::default();
        let Some((answer, written)) = group.take(plan)? else {
            return Ok(None);
        };
        group.answer = answer;
        group.written = written;
        let is_choice = group.relations.len() > 2 || group.is_narrowed;
        Ok((is_choice && group.relations.len() > 1).then_some(group))
    }

    /// Adds what the plan joins. Nothing is known of the whole where the size of a relation is not.
    fn take(&mut self, plan: &Arc<dyn ExecutionPlan>) -> Result<Option<(Vec<Place>, Tree)>> {
        if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
            if is_plain(join, JoinType::Inner) {
                return self.take_join(join);
            }
            if is_plain(join, JoinType::LeftSemi) && joins(join.left()) {
                return self.take_semi(plan, join);
            }
        }
        if let Some(projection) = plan.downcast_ref::<ProjectionExec>()
            && joins(projection.input())
            && let Some(columns) = plain_columns(projection)
        {
            let below = self.take(projection.input())?;
            return Ok(below.map(|(places, tree)| (pick(&places, &columns), tree)));
        }
        self.take_relation(plan)
    }

    fn take_relation(
        &mut self,
        plan: &Arc<dyn ExecutionPlan>,
    ) -> Result<Option<(Vec<Place>, Tree)>> {
        let Some((rows, all_rows)) = estimate(plan)? else {
            return Ok(None);
        };
        let relation = self.relations.len();
        self.relations.push(Relation {
            plan: Arc::clone(plan),
            statistics: statistics(plan)?,
            rows,
            all_rows,
        });
        let columns = 0..plan.schema().fields().len();
        let places = columns.map(|column| Place { relation, column }).collect();
        Ok(Some((places, Tree::Relation(relation))))
    }

    fn take_join(&mut self, join: &HashJoinExec) -> Result<Option<(Vec<Place>, Tree)>> {
        let Some((left, left_tree)) = self.take(join.left())? else {
            return Ok(None);
        };
        let Some((right, right_tree)) = self.take(join.right())? else {
            return Ok(None);
        };
        for (l, r) in join.on() {
            if let (Some(l), Some(r)) = (index(l), index(r)) {
                self.equal.push((left[l], right[r]));
            }
        }
        if let Some(filter) = join.filter() {
            let place = |column: &ColumnIndex| match column.side {
                JoinSide::Left => Some(left[column.index]),
                JoinSide::Right => Some(right[column.index]),
                JoinSide::None => None,
            };
            let Some(places) = filter.column_indices().iter().map(place).collect() else {
                return Ok(None);
            };
            self.conditions.push(Condition {
                expression: Arc::clone(filter.expression()),
                places,
                schema: Arc::clone(filter.schema()),
            });
        }
        let places = [left, right].concat();
        let places = match join.projection.as_deref() {
            Some(kept) => pick(&places, kept),
            None => places,
        };
        let tree = Tree::Join(Box::new(left_tree), Box::new(right_tree));
        Ok(Some((places, tree)))
    }

    /// A semi-join chooses rows as a condition does. Where it looks at one relation only, and few rows
    /// can be left, it is made before the joins.
    fn take_semi(
        &mut self,
        plan: &Arc<dyn ExecutionPlan>,
        semi: &HashJoinExec,
    ) -> Result<Option<(Vec<Place>, Tree)>> {
        let before = (
            self.relations.len(),
            self.equal.len(),
            self.conditions.len(),
        );
        let was_narrowed = self.is_narrowed;
        let Some((places, tree)) = self.take(semi.left())? else {
            return Ok(None);
        };
        if self.narrow(semi, &places)? {
            let places = match semi.projection.as_deref() {
                Some(kept) => pick(&places, kept),
                None => places,
            };
            return Ok(Some((places, tree)));
        }
        self.relations.truncate(before.0);
        self.equal.truncate(before.1);
        self.conditions.truncate(before.2);
        self.is_narrowed = was_narrowed;
        self.take_relation(plan)
    }

    /// Whether the semi-join went down to the one relation that it looks at.
    fn narrow(&mut self, semi: &HashJoinExec, places: &[Place]) -> Result<bool> {
        let looked = semi
            .on()
            .iter()
            .filter_map(|(left, _)| index(left))
            .chain(left_columns(semi.filter()))
            .map(|column| places[column]);
        let looked: Vec<Place> = looked.collect();
        let Some(relation) = looked.first().map(|place| place.relation) else {
            return Ok(false);
        };
        let Some((chosen, _)) = estimate(semi.right())? else {
            return Ok(false);
        };
        let target = &mut self.relations[relation];
        let is_one = looked.iter().all(|place| place.relation == relation);
        if !is_one || chosen >= target.rows {
            return Ok(false);
        }
        target.plan = on_relation(semi, places, &target.plan)?;
        target.rows = chosen;
        self.is_narrowed = true;
        Ok(true)
    }
}

/// The semi-join over the relation alone.
fn on_relation(
    semi: &HashJoinExec,
    places: &[Place],
    relation: &Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = relation.schema();
    let on = semi.on().iter().map(|(left, right)| {
        let column = index(left).map_or(0, |at| places[at].column);
        let left = Column::new(schema.field(column).name(), column);
        (Arc::new(left) as Arc<dyn PhysicalExpr>, Arc::clone(right))
    });
    let filter = semi.filter().map(|filter| {
        let columns = filter.column_indices().iter().map(|of| ColumnIndex {
            index: match of.side {
                JoinSide::Left => places[of.index].column,
                _ => of.index,
            },
            side: of.side,
        });
        let expression = Arc::clone(filter.expression());
        JoinFilter::new(expression, columns.collect(), Arc::clone(filter.schema()))
    });
    let (left, right) = (Arc::clone(relation), Arc::clone(semi.right()));
    let narrowed = HashJoinExecBuilder::new(left, right, on.collect(), JoinType::LeftSemi)
        .with_filter(filter)
        .with_partition_mode(semi.mode)
        .build()?;
    Ok(Arc::new(narrowed))
}

fn left_columns(filter: Option<&JoinFilter>) -> impl Iterator<Item = usize> {
    let columns = filter.map(JoinFilter::column_indices).unwrap_or_default();
    let left = |of: &&ColumnIndex| of.side == JoinSide::Left;
    columns.iter().filter(left).map(|of| of.index)
}

/// Whether the join is on equal columns, and its condition can be computed for any rows.
fn is_plain(join: &HashJoinExec, kind: JoinType) -> bool {
    let mut pairs = join.on().iter();
    let is_on_columns = pairs.all(|(l, r)| l.is::<Column>() && r.is::<Column>());
    let is_safe = |filter: &JoinFilter| !in_order::can_fail(filter.expression(), filter.schema());
    *join.join_type() == kind
        && join.null_equality == NullEquality::NullEqualsNothing
        && !join.null_aware
        && join.fetch().is_none()
        && is_on_columns
        && join.filter().is_none_or(is_safe)
}

/// Whether the plan is a join, but for columns that are left out.
pub(super) fn joins(plan: &Arc<dyn ExecutionPlan>) -> bool {
    match plan.downcast_ref::<ProjectionExec>() {
        Some(projection) => plain_columns(projection).is_some() && joins(projection.input()),
        None => plan.downcast_ref::<HashJoinExec>().is_some_and(|join| {
            is_plain(join, JoinType::Inner) || is_plain(join, JoinType::LeftSemi)
        }),
    }
}

fn plain_columns(projection: &ProjectionExec) -> Option<Vec<usize>> {
    let items = projection.expr().iter();
    items.map(|item| index(&item.expr)).collect()
}

fn index(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    expr.downcast_ref::<Column>().map(Column::index)
}

fn pick(places: &[Place], kept: &[usize]) -> Vec<Place> {
    kept.iter().map(|at| places[*at]).collect()
}

fn statistics(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<Statistics>> {
    StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())
}

#[expect(clippy::cast_precision_loss, reason = "sizes are estimates")]
fn rows(statistics: &Statistics) -> Option<f64> {
    let rows = statistics.num_rows.get_value()?;
    Some((*rows as f64).max(1.0))
}

/// Rows that the plan answers, and rows of what its conditions choose from. The engine's own estimate is
/// one in five for texts, in any number of conditions, and all for most conditions over groups.
pub(super) fn estimate(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<(f64, f64)>> {
    let (mut below, mut part) = (plan, 1.0);
    loop {
        below = if let Some(filter) = below.downcast_ref::<FilterExec>() {
            let conditions = split_conjunction(filter.predicate());
            part *= conditions.into_iter().map(part_of).product::<f64>();
            if filter.input().is::<AggregateExec>() {
                part *= SOME_GROUPS;
            }
            filter.input()
        } else if let Some(projection) = below.downcast_ref::<ProjectionExec>() {
            projection.input()
        } else {
            break;
        };
    }
    let (rows, all_rows) = (rows(&*statistics(plan)?), rows(&*statistics(below)?));
    let estimated = |(rows, all_rows): (f64, f64)| {
        let least = rows.min(all_rows * part).max(1.0);
        (least, all_rows.max(least))
    };
    Ok(rows.zip(all_rows).map(estimated))
}

/// The part of the rows that meets the condition, where it asks for one text.
fn part_of(condition: &Arc<dyn PhysicalExpr>) -> f64 {
    match asks_for_text(condition) {
        true => ONE_TEXT,
        false => 1.0,
    }
}

fn asks_for_text(condition: &Arc<dyn PhysicalExpr>) -> bool {
    let Some(binary) = condition.downcast_ref::<BinaryExpr>() else {
        return false;
    };
    let is_text = |expr: &Arc<dyn PhysicalExpr>| {
        let literal = expr.downcast_ref::<Literal>();
        literal.is_some_and(|literal| literal.value().data_type().is_string())
    };
    *binary.op() == Operator::Eq && (is_text(binary.left()) || is_text(binary.right()))
}

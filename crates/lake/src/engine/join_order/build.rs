//! The joins of a group, made in a given order.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{JoinSide, JoinType};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, conjunction};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};
use datafusion::physical_plan::joins::{HashJoinExecBuilder, PartitionMode};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use super::group::{Condition, Group, Place, Tree};
use super::moved;
use super::order::{Key, Set, relations};

/// A plan, and what its columns are.
struct Part {
    plan: Arc<dyn ExecutionPlan>,
    places: Vec<Place>,
    relations: Set,
}

/// The joins in the order of the tree, with the columns of the schema.
pub(super) fn build(
    group: &Group,
    keys: &[Key],
    tree: &Tree,
    schema: &SchemaRef,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let builder = Builder { group, keys };
    let part = builder.part(tree)?;
    let Some(columns) = part.columns(&group.answer) else {
        return Ok(None);
    };
    let named = columns.into_iter().zip(schema.fields());
    let items = named.map(|(column, field)| {
        let expr = part.column(column);
        ProjectionExpr::new(expr, field.name().clone())
    });
    let plan = ProjectionExec::try_new(items.collect::<Vec<_>>(), Arc::clone(&part.plan))?;
    Ok((plan.schema() == *schema).then(|| Arc::new(plan) as Arc<dyn ExecutionPlan>))
}

struct Builder<'a> {
    group: &'a Group,
    keys: &'a [Key],
}

impl Builder<'_> {
    fn part(&self, tree: &Tree) -> Result<Part> {
        match tree {
            Tree::Relation(relation) => Ok(self.relation(*relation)),
            Tree::Join(left, right) => self.join(self.part(left)?, self.part(right)?),
        }
    }

    fn relation(&self, relation: usize) -> Part {
        let plan = Arc::clone(&self.group.relations[relation].plan);
        let columns = 0..plan.schema().fields().len();
        let places = columns.map(|column| Place { relation, column }).collect();
        Part {
            plan,
            places,
            relations: 1 << relation,
        }
    }

    fn join(&self, left: Part, right: Part) -> Result<Part> {
        let on = self.keys.iter().filter_map(|key| {
            let l = left.first_of(key)?;
            let r = right.first_of(key)?;
            Some((left.column(l), right.column(r)))
        });
        let on = on.collect();
        let filter = self.filter(&left, &right)?;
        let (kept, places) = self.kept(&left, &right);
        let relations = left.relations | right.relations;
        let join = HashJoinExecBuilder::new(left.plan, right.plan, on, JoinType::Inner)
            .with_filter(filter)
            .with_projection(Some(kept))
            .with_partition_mode(PartitionMode::Auto)
            .build()?;
        Ok(Part {
            plan: Arc::new(join),
            places,
            relations,
        })
    }

    /// The columns that are needed above the join.
    fn kept(&self, left: &Part, right: &Part) -> (Vec<usize>, Vec<Place>) {
        let within = left.relations | right.relations;
        let awaits = |places: &[Place]| relations(places) & !within != 0;
        let places = [&left.places[..], &right.places].concat();
        let is_needed = |place: &Place| {
            let of_key = |key: &Key| {
                let first = places.iter().find(|of| key.places.contains(of));
                awaits(&key.places) && first == Some(place)
            };
            let of_condition = |of: &Condition| awaits(&of.places) && of.places.contains(place);
            self.group.answer.contains(place)
                || self.keys.iter().any(of_key)
                || self.group.conditions.iter().any(of_condition)
        };
        let all = places.iter().enumerate();
        let needed: Vec<(usize, Place)> = all
            .filter(|(_, place)| is_needed(place))
            .map(|(at, place)| (at, *place))
            .collect();
        needed.into_iter().unzip()
    }

    /// The conditions that neither side could look at alone.
    fn filter(&self, left: &Part, right: &Part) -> Result<Option<JoinFilter>> {
        let mut expressions = Vec::new();
        let mut columns: Vec<ColumnIndex> = Vec::new();
        let mut fields = Vec::new();
        for condition in &self.group.conditions {
            let Some(found) = due(condition, left, right) else {
                continue;
            };
            let expression = Arc::clone(&condition.expression);
            let by = columns.len();
            expressions.push(moved(expression, |index| index + by)?);
            columns.extend(found);
            fields.extend(condition.schema.fields().iter().cloned());
        }
        if expressions.is_empty() {
            return Ok(None);
        }
        let schema = Arc::new(Schema::new(fields));
        let all = conjunction(expressions);
        Ok(Some(JoinFilter::new(all, columns, schema)))
    }
}

impl Part {
    fn at(&self, place: &Place) -> Option<usize> {
        self.places.iter().position(|of| of == place)
    }

    fn columns(&self, places: &[Place]) -> Option<Vec<usize>> {
        places.iter().map(|place| self.at(place)).collect()
    }

    fn first_of(&self, key: &Key) -> Option<usize> {
        self.places.iter().position(|of| key.places.contains(of))
    }

    fn column(&self, at: usize) -> Arc<dyn PhysicalExpr> {
        Arc::new(Column::new(self.plan.schema().field(at).name(), at))
    }

    /// Whether a join of the part has looked at a condition over these relations.
    fn has_met(&self, relations: Set) -> bool {
        !self.relations.is_power_of_two() && relations & !self.relations == 0
    }
}

/// Where the condition's columns are, if this join is the first one that has them all.
fn due(condition: &Condition, left: &Part, right: &Part) -> Option<Vec<ColumnIndex>> {
    let relations = relations(&condition.places);
    if left.has_met(relations) || right.has_met(relations) {
        return None;
    }
    let column = |place: &Place| {
        let of = |part: &Part, side| part.at(place).map(|index| ColumnIndex { index, side });
        of(left, JoinSide::Left).or_else(|| of(right, JoinSide::Right))
    };
    condition.places.iter().map(column).collect()
}

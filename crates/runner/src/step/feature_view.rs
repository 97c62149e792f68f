//! A feature view: its values over time become a table, the newest ones go online.

use forebay_core::ml::FeatureView;
use forebay_core::{Diagnostic, Node, Relation};

use super::{Context, Outcome, relation};

pub async fn run(
    context: &Context<'_>,
    node: &Node,
    view: &FeatureView,
    source: &Relation,
    online: bool,
) -> Result<Outcome, Diagnostic> {
    let workspace = context.workspace;
    let lake = &workspace.lake;
    let written = forebay_ml::feature_view::materialize(lake, node, view, source).await?;
    let mut outcome = Outcome::written(relation(node)?, &written);
    if online {
        let store = workspace.online.as_ref();
        let pushed = forebay_ml::online::materialize(lake, store, node, view).await?;
        outcome.message = format!("{}, {} entities online", outcome.message, pushed.entities);
        outcome.details["online_entities"] = pushed.entities.into();
    }
    Ok(outcome)
}

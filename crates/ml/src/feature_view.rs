//! Feature views: from a definition to a query to a table of values over time.
//!
//! The table has one row for each entity and moment at which something became known of it: join
//! keys, `event_timestamp`, the created timestamp where the view has one, and the features. A
//! feature with a window looks back from that moment. Training joins the table as of each spine
//! row's moment; the online store holds its newest row for each entity: the same values, by
//! construction.

use std::collections::BTreeMap;

use forebay_core::ml::{Feature, FeatureView};
use forebay_core::{Diagnostic, Node, Relation, quote};
use forebay_lake::pit::{rowwise, windowed};
use forebay_lake::{Input, Lake, SchemaChange, WriteMode, WriteOptions, Written};

/// Column of the moment at which the values became known.
pub const EVENT_TIMESTAMP: &str = "event_timestamp";
/// Column of the moment at which the row was written, where the view has one.
pub const CREATED: &str = "created_timestamp";

/// The table of the view's values.
pub fn relation(node: &Node) -> Relation {
    match &node.relation {
        Some(relation) => relation.clone(),
        None => Relation::new("features", &node.name),
    }
}

/// The query of the view's values.
///
/// # Errors
/// An expression that is no expression, or that needs a window and has none, or the reverse; the
/// error names the feature.
pub fn sql(node: &Node, view: &FeatureView, source: &Relation) -> Result<String, Diagnostic> {
    let features = view
        .features
        .iter()
        .map(|feature| {
            Ok(format!(
                "{} as {}",
                expr(node, view, feature)?,
                quote(&feature.name)
            ))
        })
        .collect::<Result<Vec<_>, Diagnostic>>()?;
    let keys: Vec<String> = view.join_keys().iter().map(|key| quote(key)).collect();
    let instant = |column: &str, name: &str| {
        let column = quote(column);
        format!(
            "arrow_cast({column}, 'Timestamp(Microsecond, Some(\"UTC\"))') as {}",
            quote(name)
        )
    };
    let mut columns = keys.clone();
    columns.push(instant(&view.timestamp, EVENT_TIMESTAMP));
    columns.extend(
        view.created_timestamp
            .iter()
            .map(|column| instant(column, CREATED)),
    );
    columns.extend(features);
    let known: Vec<String> = keys
        .iter()
        .cloned()
        .chain([quote(&view.timestamp)])
        .map(|column| format!("{column} is not null"))
        .collect();
    let values = format!(
        "select {} from {} where {}",
        columns.join(", "),
        source.sql(),
        known.join(" and ")
    );
    Ok(one_row_a_moment(view, &keys, &values))
}

/// Rows of one entity and moment: the latest created counts; where that does not decide, the
/// greatest values, column by column, so that the answer does not depend on the rows' order.
fn one_row_a_moment(view: &FeatureView, keys: &[String], values: &str) -> String {
    let mut columns = keys.to_vec();
    columns.push(quote(EVENT_TIMESTAMP));
    let moment = columns.join(", ");
    let created = view.created_timestamp.as_ref().map(|_| quote(CREATED));
    columns.extend(created.clone());
    let features: Vec<String> = view.features.iter().map(|f| quote(&f.name)).collect();
    columns.extend(features.clone());
    let columns = columns.join(", ");
    // Windows see all rows of the moment, so all of them have the same values.
    if created.is_none() && view.features.iter().all(|feature| feature.window.is_some()) {
        return format!("select distinct {columns} from ({values}) as v");
    }
    let order = created
        .into_iter()
        .chain(features)
        .map(|c| format!("{c} desc nulls last"));
    let order = order.collect::<Vec<_>>().join(", ");
    format!(
        "select {columns} from (select *, row_number() over (partition by {moment} \
         order by {order}) as \"_place\" from ({values}) as v) as n where \"_place\" = 1"
    )
}

fn expr(node: &Node, view: &FeatureView, feature: &Feature) -> Result<String, Diagnostic> {
    let compiled = match feature.window {
        Some(window) => windowed(&feature.expr, &view.join_keys(), &view.timestamp, window),
        None => rowwise(&feature.expr),
    };
    compiled.map_err(|problem| about(node, feature, problem))
}

fn about(node: &Node, feature: &Feature, mut problem: Diagnostic) -> Diagnostic {
    problem.message = format!(
        "feature '{}' of view '{}': {}",
        feature.name, node.name, problem.message
    );
    problem.at(node.location.clone())
}

/// Computes the view's table anew, in one commit that names the version of the source it read.
pub async fn materialize(
    lake: &Lake,
    node: &Node,
    view: &FeatureView,
    source: &Relation,
) -> Result<Written, Diagnostic> {
    let sql = sql(node, view, source)?;
    if let Err(problem) = lake.schema_of(&sql).await {
        return Err(culprit(lake, node, view, source).await.unwrap_or(problem));
    }
    let version = lake.info(source).await?.map(|info| info.version);
    let mut metadata = BTreeMap::from([("source".to_owned(), source.to_string())]);
    metadata.extend(version.map(|version| ("source_version".to_owned(), version.to_string())));
    let options = WriteOptions {
        mode: WriteMode::Overwrite,
        txns: Vec::new(),
        schema_change: SchemaChange::Sync,
        metadata,
    };
    lake.write(&relation(node), Input::Sql(sql), options).await
}

/// Finds the feature that does not plan by planning each alone.
async fn culprit(
    lake: &Lake,
    node: &Node,
    view: &FeatureView,
    source: &Relation,
) -> Option<Diagnostic> {
    for feature in &view.features {
        let alone = FeatureView {
            features: vec![feature.clone()],
            ..view.clone()
        };
        let sql = sql(node, &alone, source).ok()?;
        if let Err(problem) = lake.schema_of(&sql).await {
            return Some(about(node, feature, problem));
        }
    }
    None
}

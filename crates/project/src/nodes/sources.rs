//! Source tables that property files declare.

use forebay_core::graph::Source;
use forebay_core::{Diagnostic, Node, NodeId, Relation, Spec};

use super::{Cx, Detail, Draft, Outcome, Section, locations, naming, node_scope, reader, tags};
use crate::config::{to_json, to_written};
use crate::properties::SourceTable;

pub(crate) fn source(cx: &Cx<'_>, table: &SourceTable) -> Outcome {
    let fqn = fqn(cx, table);
    let section: Section = |file| &file.sources;
    let mut config = cx.settings(section, &fqn, Some(&table.config));
    cx.override_settings(section, &fqn, &mut config);
    let reader = reader(
        cx,
        &config,
        format!("source '{}.{}'", table.source, table.table),
    );
    let off = reader.flag("enabled") == Some(false);
    let quoting = cx.shared.quoting.over(&table.quoting);
    let place = Relation::new(&table.schema, &table.identifier);
    let place = naming::placed(cx, quoting, place);
    let node = Node {
        id: id(cx, &table.source, &table.table),
        name: table.table.clone(),
        package: cx.package.name.clone(),
        location: table.at.clone(),
        fqn,
        tags: tags(&reader),
        group: None,
        description: table.description.clone(),
        columns: table.columns.clone(),
        relation: Some(place.clone()),
        depends_on: Vec::new(),
        spec: Spec::Source(Source {
            source_name: table.source.clone(),
            ingest: None,
            loaded_at_field: table.loaded_at_field.clone(),
            freshness: table.freshness.clone(),
        }),
    };
    let written = to_written(&config);
    let config = to_json(&config);
    let target = &cx.shared.target;
    // No other adapter knows the setting.
    let location = matches!(target.kind.as_str(), "duckdb" | "forebay")
        .then(|| locations::location(&target.database, table, &config))
        .flatten();
    let location =
        location.map(|found| found.map_err(|why| Diagnostic::error(why).at(table.at.clone())));
    let detail = Detail {
        written,
        scope: node_scope(cx, &node, &config, &place, "").into(),
        config,
        alias: table.identifier.clone(),
        patch_file: Some(table.file.clone()),
        docs: table.docs.clone(),
        source_description: table.source_description.clone(),
        source_meta: table.source_meta.clone(),
        external: table.external.clone(),
        loaded_at_query: table.loaded_at_query.clone(),
        quoting: table.quoting.clone(),
        ages: table.ages,
        never_stale: table.never_stale,
        written_schema: table.written_schema.clone(),
        loader: table.loader.clone(),
        location: location.and_then(|found| cx.problems.keep(found)),
        ..Detail::default()
    };
    let draft = Box::new(Draft { node, detail });
    match off {
        true => Outcome::Disabled(Some(draft)),
        false => Outcome::Draft(draft),
    }
}

pub(crate) fn id(cx: &Cx<'_>, source: &str, table: &str) -> NodeId {
    NodeId::new(format!("source.{}.{source}.{table}", cx.package.name))
}

fn fqn(cx: &Cx<'_>, table: &SourceTable) -> Vec<String> {
    let mut fqn = super::fqn(cx, cx.package.below(&table.file), "", &table.source);
    fqn.push(table.table.clone());
    fqn
}

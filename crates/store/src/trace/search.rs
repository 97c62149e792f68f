//! Searching traces, by themselves, their spans and their assessments.

use rusqlite::types::Value;

use super::{Trace, trace_info};
use crate::search::{self, Field, Kind, Page, Search, Sql, Target};
use crate::{Error, Store};

const SPAN: &[&str] = &["span"];
const ONE_SPAN: &str = "exists (select 1 from spans s where s.trace_id = t.id and {})";

const TARGET: Target = Target {
    what: "traces",
    table: "traces",
    entities: &["attribute", "attributes", "trace"],
    fields: &[
        Field::attribute(&["request_id", "trace_id"], Kind::Text, "t.id {}"),
        Field::attribute(&["timestamp_ms", "timestamp"], Kind::Number, "t.started_ms {}"),
        Field::attribute(&["execution_time_ms", "execution_time"], Kind::Number, "t.duration_ms {}").or_absent(),
        Field::attribute(
            &["end_time_ms", "end_time"],
            Kind::Number,
            "(t.started_ms + coalesce(t.duration_ms, 0)) {}",
        ),
        Field::attribute(&["status", "state"], Kind::Text, "t.state {}"),
        Field::attribute(&["client_request_id"], Kind::Text, "t.client_request_id {}"),
        Field::attribute(&["experiment_id"], Kind::Text, "cast(t.experiment_id as text) {}"),
        Field::attribute(
            &["name"],
            Kind::Text,
            "(select value from trace_tags where trace_id = t.id and key = 'mlflow.traceName') {}",
        )
        .or_absent(),
        Field::attribute(
            &["run_id"],
            Kind::Text,
            "exists (select run_id from trace_runs where trace_id = t.id and run_id {})",
        )
        .or_absent(),
        Field::attribute(
            &["prompt"],
            Kind::Text,
            "exists (select 1 from trace_prompts where trace_id = t.id and prompt {})",
        )
        .or_absent(),
        Field::attribute(&["text"], Kind::Text, "s.content {}").of(ONE_SPAN),
        Field::pair(
            &["tag", "tags"],
            Kind::Text,
            "(select value from trace_tags where trace_id = t.id and key = ?) {}",
        ),
        Field::pair(
            &["metadata", "request_metadata"],
            Kind::Text,
            "(select value from trace_metadata where trace_id = t.id and key = ?) {}",
        ),
        Field::member(SPAN, "name", Kind::Text, "s.name {}").of(ONE_SPAN),
        Field::member(SPAN, "type", Kind::Text, "s.type {}").of(ONE_SPAN),
        Field::member(SPAN, "status", Kind::Text, "s.status {}").of(ONE_SPAN),
        Field::member(SPAN, "content", Kind::Text, "s.content {}").of(ONE_SPAN),
        Field::path(
            SPAN,
            "attributes.",
            Kind::Text,
            "exists (select 1 from json_each(s.content, '$.attributes') x, json_each(x.value, '$.value') v \
             where x.value ->> '$.key' = ? and cast(v.value as text) {})",
        )
        .of(ONE_SPAN),
        Field::pair(
            &["feedback"],
            Kind::Json,
            "exists (select 1 from assessments a where a.trace_id = t.id and a.is_valid \
             and a.kind = 'feedback' and a.name = ? and a.value {})",
        ),
        Field::pair(
            &["expectation"],
            Kind::Json,
            "exists (select 1 from assessments a where a.trace_id = t.id and a.is_valid \
             and a.kind = 'expectation' and a.name = ? and a.value {})",
        ),
        Field::member(
            &["issue"],
            "id",
            Kind::Text,
            "exists (select 1 from assessments where trace_id = t.id and kind = 'issue' and name {})",
        ),
    ],
    ties: &[("t.started_ms", true), ("t.id", false)],
};

impl Store {
    /// Newest first, where no order is asked for.
    pub fn search_traces(
        &self,
        experiments: &[i64],
        search: &Search<'_>,
    ) -> Result<Page<Trace>, Error> {
        self.ask(|c| {
            let scope = Sql::new(
                "t.experiment_id in (select value from json_each(?))",
                vec![Value::Text(search::ids(experiments))],
            );
            let page = search::run(c, &TARGET, &scope, search)?;
            Ok(Page {
                items: trace_info::load(c, &page.items)?,
                next: page.next,
            })
        })
    }
}

//! Traces, spans, assessments and how they are found.

use super::*;
use crate::{Error, Search, Store};

fn uri(path: &str) -> String {
    format!("mlflow-artifacts:/{path}")
}

fn trace(id: &str, started_ms: i64) -> Trace {
    Trace {
        id: id.into(),
        state: TraceState::Ok,
        started_ms,
        duration_ms: Some(10),
        ..Trace::default()
    }
}

fn span(trace: &str, id: &str, parent: &str, name: &str, kind: &str) -> Span {
    let content = serde_json::json!({
        "name": name,
        "attributes": [{"key": "tokens", "value": {"int_value": 7}}, {"key": "who", "value": {"string_value": name}}],
    });
    Span {
        trace_id: trace.into(),
        id: id.into(),
        parent_id: parent.into(),
        name: name.into(),
        kind: kind.into(),
        status: "OK".into(),
        started_ns: 5_000_000,
        finished_ns: Some(9_000_000),
        inputs: "{}".into(),
        outputs: "3".into(),
        content: content.to_string(),
    }
}

fn feedback(id: &str, trace_id: &str, name: &str, value: &str) -> Assessment {
    Assessment {
        id: id.into(),
        trace_id: trace_id.into(),
        name: name.into(),
        kind: AssessmentKind::Feedback,
        value: value.into(),
        is_valid: true,
        overrides: String::new(),
        content: "{}".into(),
    }
}

fn found(store: &Store, filter: &str) -> String {
    let search = Search {
        filter,
        ..Search::default()
    };
    let page = store
        .search_traces(&[0], &search)
        .unwrap_or_else(|error| panic!("{filter}: {error}"));
    page.items.into_iter().map(|trace| trace.id).collect()
}

#[test]
fn spans_may_come_before_their_trace_and_after_it() {
    let store = Store::in_memory().unwrap();
    store
        .log_spans(0, &[span("t", "2", "1", "inner", "TOOL")], uri)
        .unwrap();
    let begun = store.trace("t").unwrap();
    assert_eq!(
        (begun.state, begun.started_ms, begun.duration_ms),
        (TraceState::InProgress, 5, Some(4))
    );
    assert_eq!(
        begun.tags["mlflow.artifactLocation"],
        "mlflow-artifacts:/0/traces/t/artifacts"
    );
    store
        .log_spans(0, &[span("t", "1", "", "outer", "UNKNOWN")], uri)
        .unwrap();
    let ended = store.trace("t").unwrap();
    assert_eq!(
        (ended.state, ended.tags["mlflow.traceName"].as_str()),
        (TraceState::Ok, "outer")
    );
    assert_eq!(
        (
            ended.request_preview.as_str(),
            ended.response_preview.as_str()
        ),
        ("{}", "3")
    );

    store.start_trace(&trace("t", 100), uri).unwrap();
    store
        .log_spans(0, &[span("t", "1", "", "outer", "UNKNOWN")], uri)
        .unwrap();
    let said = store.trace("t").unwrap();
    assert_eq!(
        (said.started_ms, said.duration_ms),
        (100, Some(10)),
        "its client's words stay"
    );
    assert_eq!(
        store.spans("t").unwrap().len(),
        2,
        "a span sent twice is one"
    );
    assert!(matches!(
        store.log_spans(77, &[span("u", "1", "", "x", "X")], uri),
        Err(Error::NotFound(_))
    ));
}

#[test]
fn traces_are_found_by_themselves_their_spans_and_what_was_said_of_them() {
    let store = Store::in_memory().unwrap();
    for (n, id) in ["a", "b", "c"].into_iter().enumerate() {
        let mut trace = trace(id, n as i64);
        trace.tags = [("team".to_owned(), id.to_owned())].into();
        trace.metadata = [("mlflow.sourceRun".to_owned(), format!("run-{id}"))].into();
        store.start_trace(&trace, uri).unwrap();
    }
    store
        .log_spans(
            0,
            &[
                span("a", "1", "", "ask", "LLM"),
                span("a", "2", "1", "look", "TOOL"),
            ],
            uri,
        )
        .unwrap();
    store
        .log_spans(0, &[span("b", "1", "", "look", "LLM")], uri)
        .unwrap();
    store
        .create_assessment(&feedback("f1", "a", "good", "true"))
        .unwrap();
    store
        .create_assessment(&feedback("f2", "b", "good", "\"yes\""))
        .unwrap();
    store
        .create_assessment(&feedback("f3", "b", "score", "0.5"))
        .unwrap();
    store.link_traces_to_run(&["c".into()], "run-x").unwrap();
    store
        .link_prompts_to_trace("b", &["greet/2".into()])
        .unwrap();
    for (filter, expected) in [
        ("", "cba"),
        ("trace.status = 'OK' and timestamp_ms >= 1", "cb"),
        ("attributes.end_time_ms < 12", "ba"),
        ("tags.team RLIKE '^[ab]$'", "ba"),
        ("tags.other IS NULL", "cba"),
        ("run_id = 'run-x'", "c"),
        ("attribute.run_id IN ('run-a', 'run-x')", "ca"),
        ("metadata.`mlflow.sourceRun` = 'run-b'", "b"),
        ("prompt = 'greet/2'", "b"),
        ("span.name = 'look'", "ba"),
        ("span.name = 'look' and span.type = 'TOOL'", "a"),
        ("span.name = 'ask' and span.type = 'TOOL'", ""),
        (
            "span.attributes.tokens = '7' and span.attributes.who LIKE 'as%'",
            "a",
        ),
        ("span.content ILIKE '%LOOK%'", "ba"),
        ("text LIKE '%ask%'", "a"),
        ("feedback.good = 'true'", "a"),
        ("feedback.good != 'true'", "b"),
        ("feedback.good = 'yes'", "b"),
        ("feedback.score > 0.4 and feedback.score <= 0.5", "b"),
        ("feedback.good > 0", ""),
        ("feedback.good IS NULL", "c"),
        ("feedback.good IS NOT NULL", "ba"),
        ("expectation.good IS NULL", "cba"),
    ] {
        assert_eq!(found(&store, filter), expected, "{filter}");
    }
    for filter in [
        "colour = 'x'",
        "span.colour = 'x'",
        "tags.a RLIKE '('",
        "status > 'OK'",
        "timestamp_ms = 'x'",
    ] {
        let search = Search {
            filter,
            ..Search::default()
        };
        assert!(
            matches!(
                store.search_traces(&[0], &search),
                Err(Error::Invalid(_) | Error::Misread { .. })
            ),
            "{filter}"
        );
    }
}

#[test]
fn one_assessment_overrides_another_until_it_goes() {
    let store = Store::in_memory().unwrap();
    store.start_trace(&trace("t", 1), uri).unwrap();
    store
        .create_assessment(&feedback("f1", "t", "good", "false"))
        .unwrap();
    let second = Assessment {
        overrides: "f1".into(),
        ..feedback("f2", "t", "good", "true")
    };
    store.create_assessment(&second).unwrap();
    assert!(!store.assessment("t", "f1").unwrap().is_valid);
    assert_eq!(
        (
            found(&store, "feedback.good = 'false'"),
            found(&store, "feedback.good = 'true'")
        ),
        (String::new(), "t".into())
    );
    store.delete_assessment("t", "f2").unwrap();
    assert_eq!(found(&store, "feedback.good = 'false'"), "t");
    assert!(matches!(
        store.assessment("t", "f2"),
        Err(Error::NotFound(_))
    ));
    let astray = Assessment {
        overrides: "nothing".into(),
        ..feedback("f3", "t", "good", "true")
    };
    assert!(matches!(
        store.create_assessment(&astray),
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        store.create_assessment(&feedback("f4", "u", "x", "1")),
        Err(Error::NotFound(_))
    ));
}

#[test]
fn traces_go_by_their_ids_or_their_age_with_all_that_is_theirs() {
    let store = Store::in_memory().unwrap();
    for n in 0..5 {
        let id = n.to_string();
        store.start_trace(&trace(&id, n), uri).unwrap();
        store
            .log_spans(0, &[span(&id, "1", "", "x", "X")], uri)
            .unwrap();
    }
    assert_eq!(
        store
            .delete_traces(0, &["4".into(), "9".into()], None, None)
            .unwrap(),
        1
    );
    assert_eq!(
        store.delete_traces(0, &[], Some(2), Some(2)).unwrap(),
        2,
        "the oldest two"
    );
    assert_eq!(found(&store, ""), "32");
    assert!(store.spans("0").unwrap().is_empty());
}

//! Evaluation datasets and scorers.

use serde_json::{Map, Value, json};

use super::*;
use crate::{Error, Search, Store};

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn record(id: &str, inputs: Value, expectations: Value) -> NewRecord {
    NewRecord {
        id: id.into(),
        inputs: map(inputs),
        expectations: map(expectations),
        tags: map(json!({"mlflow.user": "ada"})),
        ..NewRecord::default()
    }
}

#[test]
fn records_of_equal_inputs_are_one() {
    let store = Store::in_memory().unwrap();
    let tags = [("v".to_owned(), "1".to_owned())].into();
    let made = store
        .create_evaluation_dataset("d-1", "qa", &tags, &[0], 5)
        .unwrap();
    assert_eq!((made.experiments.as_slice(), made.records), (&[0][..], 0));
    let first = [
        record(
            "r1",
            json!({"a": 1, "b": {"x": 1, "y": 2}}),
            json!({"answer": "b"}),
        ),
        record("r2", json!({"q": "c?"}), json!({})),
    ];
    let counted = store.upsert_evaluation_records("d-1", &first, 6).unwrap();
    assert_eq!(
        counted,
        Upserted {
            inserted: 2,
            updated: 0
        }
    );
    let again = NewRecord {
        outputs: Some(json!(7)),
        ..record(
            "r3",
            json!({"b": {"y": 2, "x": 1}, "a": 1}),
            json!({"more": 1.5}),
        )
    };
    let counted = store.upsert_evaluation_records("d-1", &[again], 7).unwrap();
    assert_eq!(
        counted,
        Upserted {
            inserted: 0,
            updated: 1
        }
    );
    let page = store.evaluation_records("d-1", 1, "").unwrap();
    let merged = &page.items[0];
    assert_eq!((merged.id.as_str(), &merged.outputs), ("r1", &json!(7)));
    assert_eq!(merged.expectations, json!({"answer": "b", "more": 1.5}));
    assert_eq!((merged.created_ms, merged.updated_ms), (6, 7));
    let rest = store
        .evaluation_records("d-1", 5, &page.next.unwrap())
        .unwrap();
    assert_eq!((rest.items[0].id.as_str(), rest.next), ("r2", None));
    let dataset = store.evaluation_dataset("d-1").unwrap();
    assert_ne!(dataset.digest, made.digest);
    let schema: Value = serde_json::from_str(&dataset.schema.unwrap()).unwrap();
    assert_eq!(
        schema["inputs"],
        json!({"a": "integer", "b": "object", "q": "string"})
    );
    assert_eq!(
        (&schema["outputs"], &schema["expectations"]["more"]),
        (&json!("integer"), &json!("float"))
    );
    assert_eq!(
        store
            .delete_evaluation_records("d-1", &["r1".into(), "no".into()], 8)
            .unwrap(),
        1
    );
    assert_eq!(store.evaluation_dataset("d-1").unwrap().records, 1);
}

#[test]
fn datasets_are_found_by_name_tag_and_experiment() {
    let store = Store::in_memory().unwrap();
    let tags = [("v".to_owned(), "1".to_owned())].into();
    store
        .create_evaluation_dataset("d-1", "qa", &tags, &[0], 5)
        .unwrap();
    store
        .create_evaluation_dataset("d-2", "other", &Default::default(), &[], 6)
        .unwrap();
    let find = |filter: &str, experiments: &[i64]| -> Vec<String> {
        let search = Search {
            filter,
            ..Search::default()
        };
        let page = store
            .search_evaluation_datasets(experiments, &search)
            .unwrap();
        page.items.into_iter().map(|dataset| dataset.id).collect()
    };
    assert_eq!(find("", &[]), ["d-2", "d-1"]);
    assert_eq!(find("", &[0]), ["d-1"]);
    assert_eq!(find("name IN ('qa') and tags.v = '1'", &[]), ["d-1"]);
    store.unlink_evaluation_dataset("d-1", &[0]).unwrap();
    assert!(find("", &[0]).is_empty());
    assert!(matches!(
        store.link_evaluation_dataset("d-1", &[9]),
        Err(Error::NotFound(_))
    ));
    store.delete_evaluation_dataset("d-1").unwrap();
    assert!(matches!(
        store.evaluation_dataset("d-1"),
        Err(Error::NotFound(_))
    ));
}

#[test]
fn scorers_have_versions() {
    let store = Store::in_memory().unwrap();
    for (id, serialized) in [("s1", "{}"), ("s2", "{\"x\": 1}")] {
        store
            .register_scorer(id, 0, "polite", serialized, 5)
            .unwrap();
    }
    let newest = store.scorer(0, "polite", None).unwrap();
    assert_eq!(
        (newest.version, newest.id.as_str()),
        (2, "s1"),
        "the same scorer, its second version"
    );
    assert_eq!(store.scorers(&[0]).unwrap(), [newest]);
    assert_eq!(store.scorer_versions(0, "polite").unwrap().len(), 2);
    store.delete_scorer(0, "polite", Some(2)).unwrap();
    assert_eq!(store.scorer(0, "polite", None).unwrap().version, 1);
    store.delete_scorer(0, "polite", None).unwrap();
    for missing in [
        store.scorer(0, "polite", None).map(drop),
        store.delete_scorer(0, "polite", None),
    ] {
        assert!(matches!(missing, Err(Error::NotFound(_))));
    }
}

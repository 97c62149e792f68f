//! Versions, aliases and stages.

use super::NewVersion;
use crate::{Error, Search, Store};

fn version(hash: &str) -> NewVersion {
    NewVersion {
        model: "late".into(),
        run_id: "r1".into(),
        training_hash: hash.into(),
        source: "late/r1/model".into(),
        artifact_path: "late/r1/model".into(),
        created_ms: 1,
        ..NewVersion::default()
    }
}

#[test]
fn the_same_training_registers_once() {
    let store = Store::in_memory().unwrap();
    let first = store
        .register_version(&version("a"), Some("champion"))
        .unwrap();
    let again = store
        .register_version(&version("a"), Some("champion"))
        .unwrap();
    assert_eq!((first.version, &again), (1, &first));
    let second = store.register_version(&version("b"), None).unwrap();
    assert_eq!(second.version, 2);
    let champion = store.version_by_alias("late", "champion").unwrap().unwrap();
    assert_eq!(
        champion.version, 1,
        "a version without an alias leaves the champion alone"
    );
    assert_eq!(store.registered_models().unwrap()[0].versions.len(), 2);
}

#[test]
fn a_number_is_never_given_twice() {
    let store = Store::in_memory().unwrap();
    store
        .create_registered_model("late", "", &Default::default(), 1)
        .unwrap();
    for expected in 1..=2 {
        assert_eq!(
            store.create_version(&version("")).unwrap().version,
            expected
        );
    }
    store.set_alias("late", "champion", 2, 2).unwrap();
    store.delete_version("late", 2, 3).unwrap();
    assert_eq!(store.version_by_alias("late", "champion").unwrap(), None);
    assert_eq!(store.create_version(&version("")).unwrap().version, 3);
    assert!(matches!(
        store.get_version("late", 2),
        Err(Error::NotFound(_))
    ));
}

#[test]
fn everything_of_a_model_follows_its_new_name_and_goes_with_it() {
    let store = Store::in_memory().unwrap();
    let tags = [("a".to_owned(), "b".to_owned())].into();
    store.create_registered_model("late", "", &tags, 1).unwrap();
    store
        .create_version(&NewVersion {
            tags: tags.clone(),
            ..version("")
        })
        .unwrap();
    store.set_alias("late", "champion", 1, 2).unwrap();
    store.rename_registered_model("late", "delayed", 3).unwrap();
    let model = store.registered_model("delayed").unwrap();
    assert_eq!((model.tags, model.aliases["champion"]), (tags.clone(), 1));
    assert_eq!(model.versions[0].tags, tags);
    assert!(matches!(
        store.registered_model("late"),
        Err(Error::NotFound(_))
    ));
    store.delete_registered_model("delayed").unwrap();
    assert!(
        store
            .search_versions(&Search::default())
            .unwrap()
            .items
            .is_empty()
    );
}

#[test]
fn a_stage_may_push_out_those_that_held_it() {
    let store = Store::in_memory().unwrap();
    store
        .create_registered_model("late", "", &Default::default(), 1)
        .unwrap();
    store.create_version(&version("")).unwrap();
    store.create_version(&version("")).unwrap();
    store.set_stage("late", 1, "production", false, 2).unwrap();
    store.set_stage("late", 2, "Production", true, 3).unwrap();
    let stage = |number| store.get_version("late", number).unwrap().stage;
    assert_eq!(
        (stage(1), stage(2)),
        ("Archived".into(), "Production".into())
    );
    assert!(matches!(
        store.set_stage("late", 2, "live", false, 4),
        Err(Error::Invalid(_))
    ));
    let latest = store.registered_model("late").unwrap();
    let latest: Vec<u64> = latest.latest_versions().iter().map(|v| v.version).collect();
    assert_eq!(latest, [2, 1]);
}

#[test]
fn asking_for_what_is_no_prompt_finds_models_without_the_tag() {
    let store = Store::in_memory().unwrap();
    let prompt = [("mlflow.prompt.is_prompt".to_owned(), "true".to_owned())].into();
    store
        .create_registered_model("greeting", "", &prompt, 1)
        .unwrap();
    store
        .create_registered_model("late", "", &Default::default(), 1)
        .unwrap();
    let find = |filter| {
        let found = store
            .search_registered_models(&Search {
                filter,
                ..Search::default()
            })
            .unwrap();
        found
            .items
            .into_iter()
            .map(|model| model.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(find("tag.`mlflow.prompt.is_prompt` != 'true'"), ["late"]);
    assert_eq!(find("tag.`mlflow.prompt.is_prompt` = 'true'"), ["greeting"]);
    assert_eq!(find("name LIKE 'l%'"), ["late"]);
    assert_eq!(find("name LIKE 'L%'"), [""; 0]);
    assert_eq!(find("name ILIKE 'L%'"), ["late"]);
}

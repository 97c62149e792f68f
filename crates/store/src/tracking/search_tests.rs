//! Searching runs: whatever a search begins with, it finds the same.

use std::collections::BTreeMap;

use super::run::TARGET;
use super::{Batch, Metric, NewRun};
use crate::search::{self, Sql};
use crate::{Search, Stage, Store};

/// Runs in two experiments: every third lacks `auc`, every seventh has NaN, values repeat.
fn store(runs: i64) -> Store {
    let store = Store::in_memory().unwrap();
    let other = store
        .create_experiment("other", None, &BTreeMap::new(), 1)
        .unwrap();
    for n in 0..runs {
        let id = format!("{n:032x}");
        store
            .create_run(&NewRun {
                id: &id,
                experiment_id: if n % 5 == 0 { other } else { 0 },
                name: &id,
                user_id: "",
                started_ms: n % 40,
                tags: &pairs([("team", ["a", "b"][n as usize % 2])]),
            })
            .unwrap();
        store.log(&id, &logged(n)).unwrap();
        if n % 11 == 0 {
            store.delete_run(&id, 1).unwrap();
        }
    }
    store
}

fn logged(n: i64) -> Batch {
    let metric = |key: &str, value: f64| Metric {
        key: key.to_owned(),
        step: 0,
        timestamp_ms: 1,
        value,
    };
    let auc = if n % 7 == 0 {
        f64::NAN
    } else {
        (n % 13) as f64
    };
    let mut metrics = vec![metric("loss", (n % 10) as f64 / 10.0)];
    if n % 3 != 0 {
        metrics.push(metric("auc", auc));
    }
    Batch {
        metrics,
        params: pairs([("depth", &(n % 9).to_string())]),
        ..Batch::default()
    }
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// All pages, each of seven.
fn paged(store: &Store, experiments: &[i64], filter: &str, order_by: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let search = Search {
            filter,
            order_by,
            limit: 7,
            page_token: &token,
            ..Search::default()
        };
        let page = store.search_runs(experiments, &search).unwrap();
        found.extend(page.items.into_iter().map(|run| run.id));
        match page.next {
            Some(next) => token = next,
            None => return found,
        }
    }
}

/// Without any index of values.
fn plainly(store: &Store, experiments: &[i64], filter: &str, order_by: &[String]) -> Vec<String> {
    let search = Search {
        filter,
        order_by,
        ..Search::default()
    };
    let scope = Sql::new(
        "t.deleted_ms is null and t.experiment_id in (select value from json_each(?))",
        vec![search::ids(experiments).into()],
    );
    let id_of = |c: &rusqlite::Connection, row: i64| {
        c.query_row("select id from runs where rowid = ?1", [row], |row| {
            row.get(0)
        })
    };
    let found = store.ask(|c| {
        let page = search::run(c, &TARGET, &scope, &search)?;
        let ids = page.items.into_iter().map(|row| id_of(c, row));
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    });
    found.unwrap()
}

#[test]
fn an_index_changes_how_runs_are_found_and_never_which() {
    let store = store(230);
    let filters = [
        "",
        "params.depth = '3'",
        "params.depth = '3' and metrics.loss > 0.4",
        "metrics.auc >= 3 and metrics.auc < 5",
        "metrics.auc = 2 and tags.team = 'b'",
        "metrics.auc != 2",
        "metrics.none > 1",
        "params.depth like '%1'",
        "tags.team is not null and params.depth != '3'",
    ];
    let orders: [&[&str]; 6] = [
        &[],
        &["metrics.auc DESC"],
        &["metrics.auc"],
        &["metrics.auc DESC", "params.depth"],
        &["params.depth DESC", "metrics.loss"],
        &["metrics.none DESC", "metrics.auc"],
    ];
    for experiments in [&[0][..], &[1], &[0, 1], &[]] {
        for filter in filters {
            for order in orders {
                let order: Vec<String> = order.iter().map(|&text| text.to_owned()).collect();
                let found = paged(&store, experiments, filter, &order);
                let expected = plainly(&store, experiments, filter, &order);
                assert_eq!(found, expected, "{experiments:?} {filter} {order:?}");
            }
        }
    }
}

#[test]
fn a_page_in_the_order_of_a_metric_reads_that_page_alone() {
    let store = store(20);
    let search = Search {
        order_by: &["metrics.auc DESC".to_owned()],
        ..Search::default()
    };
    let plan = store.ask(|c| Ok(search::plan(c, &TARGET, &[0], &search)));
    let plan = plan.unwrap();
    let index = "COVERING INDEX latest_metrics_value (experiment_id=? AND key=? AND value<?)";
    assert!(plan[0].ends_with(index), "{plan:#?}");
    let sorted = plan
        .iter()
        .find(|line| line.contains("USE TEMP B-TREE FOR ORDER BY"));
    assert_eq!(sorted, None, "{plan:#?}");
}

#[test]
fn a_value_that_few_runs_have_leads_to_them() {
    let store = store(20);
    let search = Search {
        filter: "params.depth = '3' and metrics.loss >= 0",
        stage: Stage::All,
        ..Search::default()
    };
    let plan = store.ask(|c| Ok(search::plan(c, &TARGET, &[0, 1], &search)));
    let plan = plan.unwrap();
    let index = "COVERING INDEX params_value (experiment_id=? AND key=? AND value=?)";
    assert!(plan[0].ends_with(index), "{plan:#?}");
}

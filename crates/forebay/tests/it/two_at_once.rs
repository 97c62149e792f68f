//! Two builds of one project at the same time.

use std::process::Stdio;

use crate::project::{Project, text};

#[test]
fn the_second_waits_and_nothing_is_loaded_twice() {
    let project = Project::small_flights();
    let start = || {
        project
            .command(&[
                "build",
                "--select",
                "+stg_flights",
                "--exclude",
                "resource_type:test",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let (first, second) = (start(), start());
    for child in [first, second] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
    let count =
        project.rows("select count(*) as n, count(distinct _file) as files from raw.flights");
    assert_eq!(count, [r#"{"n":2988,"files":12}"#]);
}

#[test]
fn one_that_will_not_wait_is_told_who_holds_the_project() {
    let project = Project::small_flights();
    let mut first = project
        .command(&["build"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lock = project.root().join(".forebay/lock");
    let held = |path: &std::path::Path| std::fs::metadata(path).is_ok_and(|m| m.len() > 0);
    while !held(&lock) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let said = project.fails(2, &["build", "--lock-timeout", "0"]);
    assert!(said.contains("held by `forebay build` (process"), "{said}");
    first.kill().unwrap();
    first.wait().unwrap();
}

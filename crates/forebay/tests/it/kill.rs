//! Killed anywhere and run again, a build leaves what an undisturbed one does.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::project::Project;

/// `FOREBAY_KILLS=20 cargo test -p forebay kill` tries more moments.
fn kills() -> u32 {
    let wanted = std::env::var("FOREBAY_KILLS").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(3)
}

#[test]
fn a_killed_build_is_made_good_by_the_next() {
    let undisturbed = Project::small_flights();
    let clock = Instant::now();
    undisturbed.ok(&["build"]);
    let whole = clock.elapsed();
    let expected = undisturbed.contents();
    assert!(
        expected.len() > 40,
        "the example has tables and tests: {}",
        expected.len()
    );

    let mut killed = 0;
    for attempt in 0..kills() {
        let project = Project::small_flights();
        let moment = moment(whole, attempt, kills());
        let mut child = project
            .command(&["build"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(moment);
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        project.ok(&["build"]);
        let found = project.contents();
        for (name, rows) in &expected {
            assert_eq!(
                found.get(name),
                Some(rows),
                "{name} after a kill at {moment:?} of {whole:?}"
            );
        }
        assert_eq!(found.len(), expected.len(), "after a kill at {moment:?}");
    }
    assert!(
        killed > 0,
        "no build was still running when its moment came"
    );
}

/// Spread over the build, each somewhere in its own stretch.
fn moment(whole: Duration, attempt: u32, kills: u32) -> Duration {
    let noise = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    let within = f64::from(noise % 1_000) / 1_000.0;
    whole.mul_f64((f64::from(attempt) + within) / f64::from(kills))
}

//! The protocol's own client against a real socket.

use std::path::Path;

use forebay_testkit::python;

use crate::socket;

const CLIENT: &[&str] = &["tritonclient[http]==2.73.0"];

#[tokio::test(flavor = "multi_thread")]
async fn tritonclient_is_answered_in_json_and_binary() {
    let server = socket::start(|_| {}).await;
    let address = server.address.to_string();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/triton.py");
    let run = move || python::environment(CLIENT).run(&script, &[&address]);
    let said = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(said.ends_with("all good\n"), "{said}");
}

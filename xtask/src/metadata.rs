//! What cargo knows of the workspace: its crates and what each depends on.

use std::process::Command;

use serde_json::Value;

pub struct Crate {
    pub name: String,
    /// Normal and build dependencies, by package name; those for tests are free.
    pub dependencies: Vec<String>,
}

pub fn crates() -> Result<Vec<Crate>, String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--no-deps", "--locked"])
        .output()
        .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata is not JSON: {error}"))?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    Ok(packages.iter().map(read).collect())
}

fn read(package: &Value) -> Crate {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let dependencies = package["dependencies"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let for_tests = |dependency: &&Value| dependency["kind"].as_str() == Some("dev");
    Crate {
        name: text(&package["name"]),
        dependencies: dependencies
            .iter()
            .filter(|dependency| !for_tests(dependency))
            .map(|dependency| text(&dependency["name"]))
            .collect(),
    }
}

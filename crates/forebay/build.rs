//! Puts the example project into the program, so that `forebay demo` works wherever it is installed.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    let root = PathBuf::from("../../examples/flights");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut code = String::from("&[\n");
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file
            .strip_prefix(&root)
            .expect("files were found below the root");
        // Not an absolute path: another checkout may reuse this target folder, and what is in it.
        let path = Path::new("/").join(file);
        let path = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?})");
        writeln!(code, "    ({name:?}, include_bytes!({path})),").expect("a string takes all");
    }
    code.push_str("]\n");
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(Path::new(&out).join("example.rs"), code).expect("OUT_DIR is writable");
}

/// Everything but what building the example in place leaves behind.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let skipped = [".forebay", "target", "logs", "dbt_packages"];
    let entries = std::fs::read_dir(folder).expect("the example is part of the repository");
    for entry in entries.flatten() {
        let path = entry.path();
        if skipped.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        match path.is_dir() {
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

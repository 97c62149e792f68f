//! A Python environment with pinned packages below the target folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use forebay_core::digest;

/// An environment with exactly these requirements, such as `tritonclient[http]==2.60.0`.
///
/// It is made at the first call and found again at the next, in this run or another.
///
/// # Panics
///
/// Where Python or the package registry cannot be had, saying which and for what: a test that
/// needs a real client is not skipped.
pub fn environment(requirements: &[&str]) -> Python {
    let key = &digest::hex(requirements.join("\n").as_bytes())[..16];
    let folder = target().join("python").join(key);
    let root = folder.parent().expect("it was joined to target");
    std::fs::create_dir_all(root).expect("the target folder is writable");
    // Tests of several binaries may ask at the same time; one makes it, the others wait.
    let lock = std::fs::File::create(root.join(format!("{key}.lock")))
        .and_then(|file| file.lock().map(|()| file))
        .expect("the target folder takes a lock file");
    let ready = folder.join("ready");
    if !ready.exists() {
        make(&folder, requirements);
        std::fs::write(ready, requirements.join("\n")).expect("the environment is writable");
    }
    drop(lock);
    Python {
        executable: folder.join("bin/python"),
    }
}

pub struct Python {
    executable: PathBuf,
}

impl Python {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.executable
    }

    /// Runs a script with arguments; its standard output is returned.
    ///
    /// # Panics
    ///
    /// Where the script fails, with all that it printed.
    pub fn run(&self, script: &Path, arguments: &[&str]) -> String {
        let output = Command::new(&self.executable)
            .arg(script)
            .args(arguments)
            .output()
            .expect("the environment has a Python");
        assert!(
            output.status.success(),
            "{} failed:\n{}",
            script.display(),
            text(&output)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn make(folder: &Path, requirements: &[&str]) {
    let _ = std::fs::remove_dir_all(folder);
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(folder)
        .output();
    match made {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!(
            "`python3 -m venv` failed (is python3-venv there?):\n{}",
            text(&output)
        ),
        Err(error) => panic!("this test needs python3 (3.10 or newer) on the path: {error}"),
    }
    let installed = Command::new(folder.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(requirements)
        .output()
        .expect("the environment has a Python");
    assert!(
        installed.status.success(),
        "the package registry did not give {}:\n{}",
        requirements.join(", "),
        text(&installed)
    );
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The target folder that the running test was built in.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    // target/<profile>/deps/<test>
    test.ancestors()
        .nth(3)
        .expect("tests lie three folders deep")
        .to_owned()
}

//! An environment from a requirements file, made once for its content.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use forebay_core::{Diagnostic, digest};

use super::process::{self, Ended, Limits};

/// Changes when environments are made another way: old ones are not taken for new ones.
const FORMAT: &str = "1";
const PATIENCE: Duration = Duration::from_millis(100);

/// The interpreter of the environment for that requirements file (of the path's `python3`, where
/// there is none). It is made by `uv` if that is there, else by `venv` and `pip`; several processes
/// may ask at once. What the tools print goes to `say`.
pub async fn interpreter(
    folder: &Path,
    requirements: Option<&Path>,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<PathBuf, Diagnostic> {
    let Some(requirements) = requirements else {
        return Ok(PathBuf::from("python3"));
    };
    let wanted = content(requirements)?;
    let version = python_version().await?;
    let key = digest::hex(format!("{FORMAT}\n{version}\n{wanted}").as_bytes());
    let place = folder.join(&key[..16]);
    let ready = place.join("ready");
    let python = place.join("bin/python");
    if ready.exists() {
        return Ok(python);
    }
    let _lock = lock(folder, &key[..16]).await?;
    // Another process may have made it while this one waited.
    if !ready.exists() {
        say(&format!(
            "making the environment of {} in {}",
            requirements.display(),
            place.display()
        ));
        make(&place, requirements, say).await?;
        std::fs::write(&ready, wanted).map_err(|error| unwritable(&ready, &error))?;
    }
    Ok(python)
}

/// The text of a requirements file, and of those that it includes.
pub fn content(requirements: &Path) -> Result<String, Diagnostic> {
    let mut text = String::new();
    let mut waiting = vec![requirements.to_owned()];
    let mut seen = Vec::new();
    while let Some(path) = waiting.pop() {
        if seen.contains(&path) {
            continue;
        }
        let found = std::fs::read_to_string(&path).map_err(|error| {
            Diagnostic::error(format!("cannot read {}: {error}", path.display()))
        })?;
        let included = found.lines().filter_map(|line| {
            let (option, file) = line.trim().split_once([' ', '='])?;
            let includes = ["-r", "-c", "--requirement", "--constraint"];
            includes.contains(&option).then(|| file.trim().to_owned())
        });
        waiting.extend(included.map(|file| path.with_file_name(file)));
        text.push_str(&found);
        seen.push(path);
    }
    Ok(text)
}

async fn python_version() -> Result<String, Diagnostic> {
    let answer = tokio::process::Command::new("python3")
        .args(["-c", "import sys; print(sys.version)"])
        .output()
        .await;
    match answer {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Ok(output) => Err(Diagnostic::environment(format!(
            "python3 does not run: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
        Err(error) => Err(no_python(&error)),
    }
}

pub fn no_python(error: &std::io::Error) -> Diagnostic {
    Diagnostic::environment(format!("cannot start python3: {error}"))
        .hint("a training script needs Python 3.10 or newer on the path")
}

/// Held until it is dropped; waiting for it can be cancelled.
async fn lock(folder: &Path, key: &str) -> Result<File, Diagnostic> {
    let path = folder.join(format!("{key}.lock"));
    let failed = |error: std::io::Error| unwritable(&path, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let file = File::create(&path).map_err(failed)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => tokio::time::sleep(PATIENCE).await,
            Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::environment(format!("cannot write {}: {error}", path.display()))
}

async fn make(
    place: &Path,
    requirements: &Path,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<(), Diagnostic> {
    // What a killed process left half made.
    let _ = std::fs::remove_dir_all(place);
    let (place, file) = (
        place.display().to_string(),
        requirements.display().to_string(),
    );
    let python = format!("{place}/bin/python");
    let by_uv: [&[&str]; 2] = [
        &["uv", "venv", "--quiet", "--python", "python3", &place],
        &[
            "uv", "pip", "install", "--quiet", "--python", &python, "-r", &file,
        ],
    ];
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ];
    let by_pip = [&[python.as_str()][..], &pip, &[file.as_str()]].concat();
    let by_venv: [&[&str]; 2] = [&["python3", "-m", "venv", &place], &by_pip];
    for words in if has_uv().await { by_uv } else { by_venv } {
        let mut command = tokio::process::Command::new(words[0]);
        command.args(&words[1..]);
        match process::run(command, &Limits::default(), say).await? {
            Ended::Exited(0) => {}
            ended => {
                return Err(Diagnostic::environment(format!(
                    "the environment of {file} could not be made: `{}` {ended}",
                    words.join(" ")
                ))
                .hint("what it printed is above, and in the run's log"));
            }
        }
    }
    Ok(())
}

async fn has_uv() -> bool {
    let asked = tokio::process::Command::new("uv").arg("--version").output();
    asked.await.is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn included_files_are_part_of_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("requirements.txt");
        std::fs::write(&file, "-r base.txt\nnumpy==2.4.6\n").unwrap();
        assert!(content(&file).unwrap_err().message.contains("base.txt"));
        std::fs::write(
            folder.path().join("base.txt"),
            "pandas\n-r requirements.txt\n",
        )
        .unwrap();
        let text = content(&file).unwrap();
        assert!(
            text.contains("numpy==2.4.6") && text.contains("pandas"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn two_that_ask_at_once_get_the_one_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("requirements.txt");
        std::fs::write(&file, "# nothing\n").unwrap();
        let made = std::sync::Mutex::new(0);
        let ask = async || {
            let mut say = |line: &str| {
                *made.lock().unwrap() += usize::from(line.starts_with("making"));
            };
            let place = folder.path().join("environments");
            interpreter(&place, Some(&file), &mut say).await.unwrap()
        };
        let (one, two) = tokio::join!(ask(), ask());
        assert_eq!(one, two);
        assert!(one.exists());
        assert_eq!(*made.lock().unwrap(), 1);
    }
}

//! Writes every page with sample data into a folder, to be looked at in a browser without a server:
//! `cargo run -p forebay-ui --example preview --features sample -- /tmp/forebay-pages`.

use std::path::PathBuf;
use std::{env, fs, io};

use forebay_ui::{asset, sample};

fn main() -> io::Result<()> {
    let folder = env::args_os()
        .nth(1)
        .map_or_else(|| "/tmp/forebay-pages".into(), PathBuf::from);
    fs::create_dir_all(folder.join("assets"))?;
    for asset in asset::ALL {
        fs::write(folder.join("assets").join(asset.name), asset.body)?;
    }
    for (name, page) in sample::pages() {
        // Opened as files, the pages find their assets beside them.
        let html = sample::shell()
            .render(page.as_ref())
            .replace("\"/assets/", "\"assets/");
        fs::write(folder.join(name).with_extension("html"), html)?;
    }
    Ok(())
}

//! `docs`: the catalog of what is there, and the pages about it.

use forebay_core::Diagnostics;

use crate::args::{DocsGenerate, DocsServe, Global, Serve};
use crate::artifact;
use crate::report::Talk;
use crate::wiring;

/// Writes manifest.json, catalog.json and compiled SQL: what documentation sites are made from.
pub async fn generate(
    global: &Global,
    talk: &Talk,
    options: &DocsGenerate,
) -> Result<u8, Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let selected = wiring::selected(&workspace.project, global, &options.select, talk)?;
    wiring::read_instead(&workspace, global, &selected, None).await?;
    if !options.no_compile {
        let compiled = super::compile::all(&workspace, global, &selected).await?;
        let texts = compiled.iter().map(|(node, sql)| (*node, &**sql));
        artifact::compiled_manifest(&workspace.project, global, texts, false)?;
        let looked =
            super::compile::looked(&workspace, &options.select, &selected, &compiled).await;
        artifact::compiled(&workspace, global, looked)?;
    }
    let nothing = Default::default();
    let described = if options.empty_catalog {
        &nothing
    } else {
        &selected
    };
    let count = artifact::catalog(&workspace, global, described).await?;
    let path = global.artifacts().join("catalog.json");
    talk.say(&format!(
        "Catalog written to {} ({count} tables)",
        path.display()
    ));
    if options.one_page {
        artifact::one_page(&workspace.project, &global.artifacts())?;
    }
    talk.say("`forebay docs serve` shows the project's pages");
    Ok(0)
}

/// Our own pages, with lineage and runs; dbt's page is not part of this program.
pub async fn serve(global: &Global, talk: &Talk, options: &DocsServe) -> Result<u8, Diagnostics> {
    let serve = Serve {
        listen: Some(format!("{}:{}", options.host, options.port)),
        ..Serve::default()
    };
    super::serve::run(global, talk, &serve).await
}

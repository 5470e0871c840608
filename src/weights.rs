//! `sts models`: the store of weights, as a person sees it.

use anyhow::bail;
use clap::Subcommand;
use sts_models::Store;
use sts_models::store::{ArtifactState, ArtifactStatus, Progress};

use crate::config::Config;
use crate::doctor;
use crate::eval::report::table;

/// What to do with the store.
#[derive(Subcommand, Debug)]
pub enum ModelsCommand {
    /// Fetch what is missing, convert it, and verify every byte
    Fetch {
        /// Artifacts, by their names in the manifest; default: all
        names: Vec<String>,
    },
    /// List the artifacts, their sizes, licences and states
    List,
    /// Hash every file anew; exit status 1 when one is not what it should be
    Verify,
}

/// Does it.
///
/// # Errors
/// What could not be fetched, or is not whole.
pub fn run(command: ModelsCommand, config: &Config) -> anyhow::Result<()> {
    let store = Store::new(&config.models_dir)?;
    match command {
        ModelsCommand::Fetch { names } => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let report = store.fetch(&names, &Progress::on_stderr())?;
            if !report.fetched.is_empty() {
                println!("fetched and verified: {}", report.fetched.join(", "));
            }
            Ok(())
        }
        ModelsCommand::List => {
            print(&store.status(), &store);
            Ok(())
        }
        ModelsCommand::Verify => {
            let statuses = store.verify();
            print(&statuses, &store);
            let broken = statuses.iter().filter(|status| status.state != ArtifactState::Complete).count();
            if broken > 0 {
                bail!("{broken} artifacts are not complete; sts models fetch mends them");
            }
            Ok(())
        }
    }
}

fn print(statuses: &[ArtifactStatus], store: &Store) {
    let mut table = table(&["artifact", "MB", "licence", "upstream", "state"], 5);
    for status in statuses {
        let state = match &status.state {
            ArtifactState::Complete => "complete".to_owned(),
            ArtifactState::Missing => "missing".to_owned(),
            ArtifactState::Corrupt(problems) => problems.join("; "),
        };
        let upstream = store.manifest().artifact(&status.name).map_or("", |artifact| &artifact.upstream);
        let size = format!("{:.1}", status.bytes as f64 / 1e6);
        table.add_row([&status.name, &size, &status.licence, upstream, &state]);
    }
    println!("{table}");
}

/// The store's contents as `sts doctor` looks at them.
///
/// # Errors
/// A manifest that cannot be read.
pub fn artifacts(config: &Config) -> anyhow::Result<Vec<doctor::Artifact>> {
    let store = Store::new(&config.models_dir)?;
    let artifact = |status: ArtifactStatus| {
        let evaluation_only = store.manifest().artifact(&status.name).is_some_and(|artifact| artifact.evaluation_only);
        let state = match status.state {
            ArtifactState::Complete => doctor::ArtifactState::Complete,
            ArtifactState::Missing => doctor::ArtifactState::Missing,
            ArtifactState::Corrupt(problems) => doctor::ArtifactState::Damaged(problems.join("; ")),
        };
        doctor::Artifact { name: status.name, needed: !evaluation_only, state }
    };
    Ok(store.status().into_iter().map(artifact).collect())
}

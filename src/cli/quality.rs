//! `symbolon quality`: all data sets with one set of defaults, against their floors.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::profiles::ProfileName;
use crate::quality::{self, Manifest, Measured};
use service::bars::listener;

/// What `symbolon quality` takes.
#[derive(Args)]
pub(crate) struct QualityArguments {
    /// The list of data sets.
    #[arg(long, value_name = "FILE", default_value = "quality/sets.toml")]
    sets: PathBuf,
    /// Where the data sets are; without it only the sample that comes with the list is measured.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Measure only this set; may be given several times.
    #[arg(long = "set", value_name = "NAME")]
    names: Vec<String>,
    /// Link every set in clear text too, with the same model, and show what privacy costs.
    #[arg(long)]
    clear: bool,
    /// Encode under this profile instead of the schemas' own; a point of F1 below the floors will do then.
    #[arg(long)]
    profile: Option<ProfileName>,
    /// Link every set by a whole federation too, over sockets and from real files: matcher and resolver of two
    /// operators, encodings sent on demand, and decoys. Fails unless it finds the same to the last link. Sets of
    /// one registry are left to themselves.
    #[arg(long, conflicts_with = "key_server")]
    federated: bool,
    /// Have the tokens of all identifiers take a key server, here one in this process.
    #[arg(long)]
    key_server: bool,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &QualityArguments) -> anyhow::Result<()> {
    let mut manifest = Manifest::read(&arguments.sets)?;
    manifest.choose(&arguments.names)?;
    if let Some(profile) = arguments.profile {
        manifest.under(profile.into());
    }
    if arguments.federated {
        manifest.federated();
    }
    if arguments.key_server {
        manifest.with_key_server();
    }
    let progress = listener();
    let tell = |line: &str| eprintln!("{line}");
    let measured =
        manifest.measure(arguments.data.as_deref(), arguments.clear, &*progress, tell)?;
    drop(progress);
    if arguments.json {
        println!("{:#}", quality::json(&measured));
    } else {
        println!("{}", quality::table(&measured));
    }
    let short: Vec<String> = measured.iter().filter_map(Measured::shortfall).collect();
    if !short.is_empty() {
        bail!("{}", short.join("; "));
    }
    Ok(())
}

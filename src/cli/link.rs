//! `symbolon link`: the whole pipeline on local files.

use std::path::PathBuf;

use clap::Args;

use super::rehearsing::RehearsalArguments;
use crate::clear;
use crate::inputs;
use crate::key_server::KeyServer;
use crate::outcome;
use crate::rehearsal::Rehearsal;
use crate::standing::{Kept, KeptRun, StandingRun};
use service::bars::listener;

/// What `symbolon link` takes.
#[derive(Args)]
pub(crate) struct LinkArguments {
    /// The linkage schema.
    schema: PathBuf,
    /// A party of the schema and its registry, as CSV or gzip of it; once a party.
    #[arg(long = "party", value_name = "NAME=FILE", required = true)]
    parties: Vec<String>,
    /// What the rehearsal's keys are made from. The same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take similarities from the clear values instead of from encodings; blocks and model stay the
    /// same. For rehearsal on test data only: it shows what privacy costs, and no federation can do it.
    #[arg(long)]
    clear: bool,
    /// Keep the run there too, in a directory of its own, so that `symbolon extend` can add records to
    /// it. What is kept holds encodings, record ids and what the keys are made from, so whoever has it
    /// can try out names: guard it like the registries. All rows are held in memory meanwhile.
    #[arg(long, value_name = "DIR", conflicts_with = "clear")]
    keep: Option<PathBuf>,
    /// A field of identifiers whose tokens take a key server, here one in this process; once for each.
    #[arg(
        long = "key-server-field",
        value_name = "FIELD",
        conflicts_with = "keep"
    )]
    served: Vec<String>,
    #[command(flatten)]
    common: RehearsalArguments,
}

pub(crate) fn run(arguments: &LinkArguments) -> anyhow::Result<()> {
    let common = &arguments.common;
    common.begin()?;
    let (schema, schema_text) = inputs::read_schema_text(&arguments.schema)?;
    let files = inputs::party_files(&schema, &arguments.parties)?;
    let kept = arguments.keep.as_deref().map(KeptRun::create).transpose()?;
    let seed = arguments.seed;
    let served = &arguments.served;
    let server = (!served.is_empty()).then(|| KeyServer::of(&schema, served, seed));
    let server = server.transpose()?;
    let mut rehearsal = Rehearsal::new(schema, seed).within(common.scratch()?);
    if kept.is_some() {
        rehearsal = rehearsal.keeping_rows();
    }
    if let Some(server) = server {
        rehearsal = rehearsal.with_key_server(server);
    }
    if arguments.clear {
        rehearsal = rehearsal.on_clear_values()?;
        println!("{}", clear::WARNING);
    }
    let progress = listener();
    let (linked, run) = rehearsal.extend(StandingRun::default(), &files, &*progress)?;
    drop(progress);
    outcome::write(&common.out, &linked)?;
    if let Some(kept) = &kept {
        kept.save(&mut Kept {
            schema_text,
            seed,
            run,
        })?;
    }
    common.tell(&linked, None)
}

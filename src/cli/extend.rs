//! `symbolon extend`: adds records to a rehearsal that was kept.

use std::path::PathBuf;

use clap::Args;
use model::LinkageSchema;

use super::rehearsing::RehearsalArguments;
use crate::changes::Changes;
use crate::inputs;
use crate::outcome;
use crate::rehearsal::Rehearsal;
use crate::standing::{Kept, KeptRun};
use service::bars::listener;

/// What `symbolon extend` takes.
#[derive(Args)]
pub(crate) struct ExtendArguments {
    /// Where the run was kept, by `symbolon link --keep`. All rows of it are held in memory meanwhile;
    /// changes.csv in --out says which of its clusters changed.
    kept: PathBuf,
    /// A party of the schema and its added records, in the form of its registry; once a party. A
    /// party that had no part in the run may join it.
    #[arg(long = "party", value_name = "NAME=FILE", required = true)]
    parties: Vec<String>,
    #[command(flatten)]
    common: RehearsalArguments,
}

pub(crate) fn run(arguments: &ExtendArguments) -> anyhow::Result<()> {
    let common = &arguments.common;
    common.begin()?;
    let kept = KeptRun::open(&arguments.kept)?;
    let Kept {
        schema_text,
        seed,
        run,
    } = kept.load()?;
    let schema = LinkageSchema::parse(&schema_text)?;
    let files = inputs::party_files(&schema, &arguments.parties)?;
    let progress = listener();
    let before = run.clusters.clone();
    let (linked, run) = Rehearsal::new(schema, seed)
        .within(common.scratch()?)
        .keeping_rows()
        .extend(run, &files, &*progress)?;
    drop(progress);
    let changes = Changes::of(&linked, &before);
    outcome::write(&common.out, &linked)?;
    outcome::write_changes(&common.out, &changes)?;
    kept.save(&mut Kept {
        schema_text,
        seed,
        run,
    })?;
    common.tell(&linked, Some(changes.summary()))
}

//! What the commands that link local files have in common: where results go, what they are held
//! against, and what the work may take.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use link::{Memory, Scratch};

use super::showing::ShowArguments;
use crate::evaluation;
use crate::inputs;
use crate::outcome;
use crate::rehearsal::Linked;
use crate::truth::Truth;

/// What every such command takes.
#[derive(Args)]
pub(super) struct RehearsalArguments {
    /// Where clusters.csv, links.csv and run.json go. Cluster ids hold within one clusters.csv.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Who is who, to evaluate the result: columns registry (or source), record_id, person_id (or true_id).
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Memory for what may grow with the registries, as 256MiB or 4GiB; the rest goes to files in
    /// --out while the program runs. The result is the same.
    #[arg(long, value_name = "SIZE", default_value = "512MiB")]
    memory: Memory,
    #[command(flatten)]
    showing: ShowArguments,
    /// How many threads to use; all cores when not given.
    #[arg(long)]
    threads: Option<usize>,
}

impl RehearsalArguments {
    /// Sets the number of threads, and says what is wrong with the truth before any long work. It is read again when it is
    /// needed: meanwhile its memory is worth more to the linkage.
    pub(super) fn begin(&self) -> anyhow::Result<()> {
        inputs::use_threads(self.threads)?;
        self.read_truth().map(drop)
    }

    fn read_truth(&self) -> anyhow::Result<Option<Truth>> {
        self.truth.as_deref().map(Truth::read).transpose()
    }

    /// Where what outgrows the memory goes.
    pub(super) fn scratch(&self) -> anyhow::Result<Scratch> {
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("{} cannot be made", self.out.display()))?;
        Ok(Scratch::in_directory(&self.out, self.memory.bytes()))
    }

    /// Tells how the linkage went: in a few lines, with `more` after them, against the truth, and in
    /// what was asked to be shown.
    pub(super) fn tell(&self, linked: &Linked, more: Option<String>) -> anyhow::Result<()> {
        println!("{}", outcome::summary(linked));
        if let Some(more) = more {
            println!("{more}");
        }
        let truth = self.read_truth()?;
        if let Some(truth) = &truth {
            println!("{}", evaluation::table(&linked.assignments(), truth)?);
        }
        self.showing
            .show(linked, truth.as_ref().zip(self.truth.as_deref()))?;
        println!("written to {}", self.out.display());
        Ok(())
    }
}

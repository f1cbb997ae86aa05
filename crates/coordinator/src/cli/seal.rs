//! `symbolon-coordinator seal-keys`.

use std::path::PathBuf;

use super::Dir;

/// What `seal-keys` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: Dir,
    /// The file with the passphrase, for its owner alone, where the program will find it at every start.
    #[arg(long, value_name = "FILE")]
    passphrase_file: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    coordinator::seal_keys(&args.dir.open(), &args.passphrase_file)?;
    println!("sealed  every key in {}", args.dir.dir.display());
    println!("next    keep the passphrase where no backup of this directory has it");
    Ok(())
}

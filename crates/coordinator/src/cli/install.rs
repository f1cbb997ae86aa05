//! `symbolon-coordinator install`.

use std::path::PathBuf;

use coordinator::install;
use model::SystemClock;

use super::Dir;
use super::enrol::read;

/// What `install` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: Dir,
    /// The matcher's certificate (PEM), as the resolver's operator issued it.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The certificate of the project's authority (PEM).
    #[arg(long, value_name = "FILE")]
    authority: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let certificate = read(&args.certificate, "the certificate")?;
    let authority = read(&args.authority, "the authority's certificate")?;
    let [own, root] = install(&args.dir.open(), &certificate, &authority, &SystemClock)?;
    println!("certificate  {own}");
    println!("authority    {root}");
    println!("next         compare both with the resolver's operator by voice, then `run`");
    Ok(())
}

//! `symbolon-coordinator init`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use coordinator::directory::Listen;
use coordinator::{Setup, init};
use model::{ProjectName, SystemClock};
use secret::SystemEntropy;

use super::Dir;

/// What `init` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: Dir,
    /// The project's name: lower-case letters, digits, `-` and `_`.
    #[arg(long, value_name = "NAME")]
    project: ProjectName,
    /// The linkage schema all members agreed on; it is copied.
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
    /// Where the matcher will listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7401")]
    matcher_listen: SocketAddr,
    /// Where the resolver will listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7402")]
    resolver_listen: SocketAddr,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let directory = args.dir.open();
    let setup = Setup {
        project: args.project.clone(),
        schema: args.schema.clone(),
        listen: Listen {
            matcher: args.matcher_listen,
            resolver: args.resolver_listen,
        },
    };
    let entropy = &mut SystemEntropy::new();
    init(&directory, &setup, Arc::new(SystemClock), entropy)?;
    println!("state directory  {}", directory.path().display());
    println!(
        "authority        {}",
        directory.authority_certificate().display()
    );
    println!("next             enrol each node with `symbolon-coordinator enrol`, then `run`");
    Ok(())
}

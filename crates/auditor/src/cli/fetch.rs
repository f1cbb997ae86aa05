//! `symbolon-audit fetch`.

use std::path::PathBuf;

use auditor::{Bundle, fetch};
use service::Exit;

/// What `fetch` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The bundle: a directory, made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A coordinator's state directory, or a copy of it.
    #[arg(long, value_name = "DIR")]
    coordinator: Option<PathBuf>,
    /// A node's directory, or a copy of it. May be given for several nodes.
    #[arg(long, value_name = "DIR")]
    node: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let bundle = Bundle::create(&args.out)?;
    if let Some(directory) = &args.coordinator {
        fetch::coordinator(&bundle, directory)?;
    }
    for directory in &args.node {
        fetch::node(&bundle, directory)?;
    }
    for name in bundle.logs()?.keys() {
        println!("{name}");
    }
    Ok(Exit::Done)
}

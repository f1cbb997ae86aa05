//! `symbolon-coordinator run`.

use std::sync::Arc;

use anyhow::Context as _;
use coordinator::{Coordinator, Listeners, StateDir};
use model::SystemClock;
use service::Shutdown;

use super::Dir;

/// What `run` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: Dir,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let served = runtime.block_on(serve(args.dir.open()));
    // A stage under way is left where it is: it starts again with the program.
    runtime.shutdown_background();
    served
}

async fn serve(directory: StateDir) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals().context("cannot listen for signals")?;
    let coordinator = Coordinator::open(directory, Arc::new(SystemClock))?;
    let listeners = Listeners::bind(&coordinator.settings().listen)
        .await
        .context("cannot listen")?;
    let at = listeners.addresses().context("cannot listen")?;
    let settings = coordinator.settings();
    let (project, run) = (&settings.project, settings.run);
    tracing::info!(%project, %run, matcher = %at.matcher, resolver = %at.resolver, "listening");
    coordinator.serve(listeners, shutdown).await?;
    tracing::info!("stopped");
    Ok(())
}

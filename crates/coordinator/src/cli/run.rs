//! `symbolon-coordinator run`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use coordinator::anonlink::{self, Permission};
use coordinator::{Coordinator, Listeners, Roles, StateDir};
use gateway::anonlink::{Anonlink, Limits};
use link::Memory;
use model::SystemClock;
use service::{Shutdown, Tasks};
use tokio::net::TcpListener;

/// What `run` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The coordinator's state directory. One that `init` did not make serves the anonlink API alone,
    /// and is made where there is none.
    #[arg(long, value_name = "DIR", default_value = "symbolon-coordinator")]
    dir: PathBuf,
    /// The role that is meant to be here: matcher, resolver or both. Refused when the directory was made for
    /// another one.
    #[arg(long, value_name = "ROLE")]
    role: Option<Roles>,
    /// Memory for what may grow with the registries while a stage runs, as 512MiB or 4GiB; the rest goes to files
    /// in the state directory meanwhile. The result is the same. [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Memory>,
    #[command(flatten)]
    anonlink: AnonlinkArgs,
}

/// How the anonlink API is served.
#[derive(clap::Args)]
struct AnonlinkArgs {
    /// Serve the REST API of the anonlink entity service here, over plain HTTP.
    #[arg(long, value_name = "ADDRESS")]
    anonlink_listen: Option<SocketAddr>,
    /// Who answers for whole-record encodings of real people, by name and office. It is logged. Without
    /// it the API is for made-up data, on this machine and not through a proxy.
    #[arg(long, value_name = "NAME", requires = "anonlink_listen")]
    anonlink_allowed_by: Option<Permission>,
    /// The most bytes of an upload.
    #[arg(long, value_name = "BYTES", requires = "anonlink_listen")]
    anonlink_upload_limit: Option<u64>,
    /// The most requests a second from one address.
    #[arg(long, value_name = "NUMBER", requires = "anonlink_listen")]
    anonlink_rate_limit: Option<u32>,
}

/// An address other machines reach.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} is open to other machines, and nobody allowed whole-record encodings of real people; name who does with --anonlink-allowed-by, or listen on {local}:{port}", local = Ipv4Addr::LOCALHOST, port = .0.port()
)]
pub(super) struct NotAllowed(SocketAddr);

/// The directory is another role's.
#[derive(Debug, thiserror::Error)]
#[error(
    "this directory was made by `init --role {here}`, not for --role {meant}; what one operator has seen is not \
     divided afterwards, so begin a new project with a directory for each role"
)]
pub(super) struct OtherRole {
    here: Roles,
    meant: Roles,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let served = runtime.block_on(serve(args));
    // A stage under way is left where it is: it starts again with the program.
    runtime.shutdown_background();
    served
}

async fn serve(args: &Args) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals().context("cannot listen for signals")?;
    let mut tasks = Tasks::new(shutdown.clone());
    let mut directory = StateDir::new(&args.dir);
    if let Some(memory) = args.memory {
        directory = directory.within(memory);
    }
    if let Some(listen) = args.anonlink.anonlink_listen {
        let (service, listener) = open_anonlink(args, listen).await?;
        let served = service.serve(listener, shutdown.clone());
        tasks.spawn("the anonlink service", served);
    }
    // A directory with settings has a project; one without is for the anonlink service.
    if args.anonlink.anonlink_listen.is_none() || directory.settings().exists() {
        let (coordinator, listeners) = open_coordinator(directory, args.role).await?;
        let served = coordinator.serve(listeners, shutdown.clone());
        tasks.spawn("the coordinator", served);
    }
    tasks.run().await?;
    tracing::info!("stopped");
    Ok(())
}

async fn open_coordinator(
    directory: StateDir,
    meant: Option<Roles>,
) -> anyhow::Result<(Coordinator, Listeners)> {
    let here = directory.load()?.0.role;
    if let Some(meant) = meant.filter(|meant| *meant != here) {
        return Err(OtherRole { here, meant }.into());
    }
    let coordinator = Coordinator::open(directory, Arc::new(SystemClock))?;
    let listeners = Listeners::bind(&coordinator.settings().listen)
        .await
        .context("cannot listen")?;
    let at = listeners.addresses().context("cannot listen")?;
    let settings = coordinator.settings();
    let (project, run) = (&settings.project, settings.run);
    let told = |address: Option<SocketAddr>| {
        address.map_or_else(|| "elsewhere".to_owned(), |address| address.to_string())
    };
    let (matcher, resolver) = (told(at.matcher), told(at.resolver));
    tracing::info!(%project, %run, matcher, resolver, "listening");
    Ok((coordinator, listeners))
}

async fn open_anonlink(args: &Args, listen: SocketAddr) -> anyhow::Result<(Anonlink, TcpListener)> {
    let options = args.anonlink.options();
    if options.permission.is_none() && !listen.ip().is_loopback() {
        return Err(NotAllowed(listen).into());
    }
    let service = anonlink::open(&args.dir, &options, Arc::new(SystemClock))?;
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("cannot listen at {listen}"))?;
    let at = listener.local_addr().context("cannot listen")?;
    tracing::info!(anonlink = %at, "listening");
    Ok((service, listener))
}

impl AnonlinkArgs {
    fn options(&self) -> anonlink::Options {
        let usual = Limits::default();
        let per_second = self.anonlink_rate_limit;
        anonlink::Options {
            limits: Limits {
                upload_bytes: self.anonlink_upload_limit.unwrap_or(usual.upload_bytes),
                requests_per_second: per_second.unwrap_or(usual.requests_per_second),
                burst: per_second.map_or(usual.burst, |rate| rate.saturating_mul(5)),
                ..usual
            },
            permission: self.anonlink_allowed_by.clone(),
        }
    }
}

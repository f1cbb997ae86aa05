//! The command line: what is typed, and how outcomes become text and exit codes.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use keyserver::{Admitted, Home, KeyServer, KeyServerError, Setup, init};
use model::{Digest, Epoch, PartyName, ProjectName, SystemClock};
use secret::SystemEntropy;
use service::logs::LogFormat;
use service::{Exit, Shutdown};
use tokio::net::TcpListener;

type Done = Result<(), CliError>;

/// Evaluates blinded identifiers for the nodes of a project, under a key that neither custodians nor
/// coordinator have. Run by an agency or the office of its data protection officer, never by who
/// coordinates the linkage.
///
/// Exit codes: 0 done, 1 failed, 2 usage, 3 refused.
#[derive(Parser)]
#[command(name = "symbolon-key-server", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What to log: error, warn, info, debug, trace, or levels by part as `info,wire=debug`.
    #[arg(long, global = true, default_value = "info", value_name = "LEVEL")]
    log: String,
    /// Log JSON objects, one a line, for machines.
    #[arg(long, global = true)]
    log_json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Make the directory of a new key server, with the request for its certificate.
    Init(InitArgs),
    /// Install the certificate that the coordinator's operator issued.
    Enrol(EnrolArgs),
    /// Make or destroy the key of an epoch. The program must not run.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Take up a linkage agreement, its amendment, or what was stated of it. The program must not run.
    Agree(AgreeArgs),
    /// Hear a custodian's node under the certificate with this fingerprint.
    Admit(AdmitArgs),
    /// Do not hear the certificate with this fingerprint any more.
    Withdraw(WithdrawArgs),
    /// Serve nodes until SIGTERM or ctrl-c.
    Run(Dir),
    /// Show what has been evaluated for whom. The program must not run.
    Status(StatusArgs),
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Make the key of an epoch, and show its public half, which goes into the agreement.
    Make(EpochArgs),
    /// Destroy the key of an epoch: nobody makes a token of the epoch again.
    Destroy(EpochArgs),
}

/// The directory, as every command takes it.
#[derive(clap::Args)]
struct Dir {
    /// The key server's directory.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

#[derive(clap::Args)]
struct InitArgs {
    #[command(flatten)]
    dir: Dir,
    /// The linkage project.
    #[arg(long, value_name = "NAME")]
    project: ProjectName,
    /// The member that runs it, as the agreement names it.
    #[arg(long, value_name = "NAME")]
    name: PartyName,
    /// Where it will listen.
    #[arg(long, value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The file with the passphrase to seal its keys under.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(clap::Args)]
struct EnrolArgs {
    #[command(flatten)]
    dir: Dir,
    /// The certificate (PEM).
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The project's authority (PEM).
    #[arg(long, value_name = "FILE")]
    authority: PathBuf,
}

#[derive(clap::Args)]
struct EpochArgs {
    #[command(flatten)]
    dir: Dir,
    /// The epoch.
    #[arg(long, value_name = "NUMBER")]
    epoch: u32,
}

#[derive(clap::Args)]
struct AgreeArgs {
    #[command(flatten)]
    dir: Dir,
    /// The directory of the agreement, signed by all.
    #[arg(long, value_name = "DIR")]
    agreement: PathBuf,
}

#[derive(clap::Args)]
struct AdmitArgs {
    #[command(flatten)]
    dir: Dir,
    /// Whose node it is.
    #[arg(long, value_name = "NAME")]
    party: PartyName,
    /// The fingerprint, compared with the custodian by voice.
    #[arg(long, value_name = "FINGERPRINT")]
    certificate: Digest,
}

#[derive(clap::Args)]
struct WithdrawArgs {
    #[command(flatten)]
    dir: Dir,
    /// The fingerprint.
    #[arg(long, value_name = "FINGERPRINT")]
    certificate: Digest,
}

#[derive(clap::Args)]
struct StatusArgs {
    #[command(flatten)]
    dir: Dir,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// Why a command ended.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    KeyServer(#[from] KeyServerError),
    #[error(transparent)]
    Logs(#[from] service::logs::LogsError),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return told(&usage).into(),
    };
    match cli.run() {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            eprintln!("symbolon-key-server: {error}");
            let refused = matches!(&error, CliError::KeyServer(error) if error.is_refusal());
            let exit = if refused { Exit::Refused } else { Exit::Failed };
            exit.into()
        }
    }
}

/// Prints help to standard output and mistakes to standard error.
fn told(usage: &clap::Error) -> Exit {
    // If not even that can be printed, the exit code still tells.
    drop(usage.print());
    match usage.exit_code() {
        0 => Exit::Done,
        _ => Exit::Usage,
    }
}

impl Cli {
    fn run(self) -> Done {
        let format = match self.log_json {
            true => LogFormat::Json,
            false => LogFormat::Text,
        };
        service::logs::start(&self.log, format)?;
        match self.command {
            Command::Init(args) => make(&args),
            Command::Enrol(args) => enrol(&args),
            Command::Key(KeyCommand::Make(args)) => make_key(&args),
            Command::Key(KeyCommand::Destroy(args)) => destroy_key(&args),
            Command::Agree(args) => agree(&args),
            Command::Admit(args) => admit(&args),
            Command::Withdraw(args) => {
                let (home, _) = Home::open(&args.dir.dir)?;
                Ok(Admitted::of(&home).withdraw(&args.certificate)?)
            }
            Command::Run(dir) => run(&dir.dir),
            Command::Status(args) => status(&args),
        }
    }
}

fn line(text: &dyn std::fmt::Display) -> Done {
    Ok(writeln!(io::stdout(), "{text}")?)
}

fn open(dir: &Path) -> Result<KeyServer, KeyServerError> {
    let entropy = Box::new(SystemEntropy::new());
    KeyServer::open(dir, Arc::new(SystemClock), entropy)
}

fn make(args: &InitArgs) -> Done {
    let setup = Setup {
        project: args.project.clone(),
        name: args.name.clone(),
        listen: args.listen,
        passphrase_file: args.passphrase_file.clone(),
    };
    let home = init(&args.dir.dir, &setup, &mut SystemEntropy::new())?;
    line(&format_args!(
        "made     {}\nrequest  {}\nnext     have the coordinator's operator issue the certificate, and make the key of \
         an epoch with `symbolon-key-server key make`",
        home.root().display(),
        home.certificate_request().display()
    ))
}

fn enrol(args: &EnrolArgs) -> Done {
    let (home, _) = Home::open(&args.dir.dir)?;
    let enrolled = home.enrol(&args.certificate, &args.authority)?;
    line(&format_args!(
        "certificate  {}\nauthority    {}",
        enrolled.certificate, enrolled.authority
    ))
}

fn make_key(args: &EpochArgs) -> Done {
    let epoch = Epoch(args.epoch);
    let public_key = open(&args.dir.dir)?.make_key(epoch, &mut SystemEntropy::new())?;
    line(&format_args!(
        "epoch       {epoch}\npublic key  {public_key}\nnext        put it into the agreement, under [[key_server.key]]"
    ))
}

fn destroy_key(args: &EpochArgs) -> Done {
    open(&args.dir.dir)?.destroy_key(Epoch(args.epoch))?;
    line(&format_args!("destroyed the key of epoch {}", args.epoch))
}

fn agree(args: &AgreeArgs) -> Done {
    let installed = open(&args.dir.dir)?.install_agreement(&args.agreement)?;
    line(&format_args!(
        "agreement  {}\nnumber     {}",
        installed.digest(),
        installed.terms().number
    ))
}

fn admit(args: &AdmitArgs) -> Done {
    let (home, _) = Home::open(&args.dir.dir)?;
    Admitted::of(&home).admit(&args.party, &args.certificate)?;
    line(&format_args!(
        "admitted {} under {}",
        args.party, args.certificate
    ))
}

fn run(dir: &Path) -> Done {
    let server = Arc::new(open(dir)?);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals()?;
        let listener = TcpListener::bind(server.settings().listen).await?;
        let at = listener.local_addr()?;
        let project = &server.settings().project;
        tracing::info!(%project, key_server = %at, "listening");
        server.clone().serve(listener, shutdown).await?;
        tracing::info!("stopped");
        Ok(())
    })
}

fn status(args: &StatusArgs) -> Done {
    let status = open(&args.dir.dir)?.status()?;
    if args.json {
        let text = serde_json::to_string_pretty(&status).map_err(io::Error::other)?;
        return line(&text);
    }
    if let Some(refused) = &status.refused {
        line(&format_args!("evaluates nothing: {refused}"))?;
    }
    for epoch in &status.epochs {
        line(&format_args!("epoch {}  {}", epoch.epoch, epoch.public_key))?;
        for of in &epoch.custodians {
            let (party, spent, quota) = (&of.party, of.spent, of.quota);
            line(&format_args!("  {party}  {spent} of {quota}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

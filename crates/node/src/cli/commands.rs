//! One function a command: take the arguments, do the step, tell the outcome.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::SystemClock;
use secret::SystemEntropy;
use tokio::runtime::Runtime;

use super::args::{Collect, Command, Enrol, Init, KeyCommand, Prepare, Run, StatusArgs};
use super::progress::listener;
use super::{CliError, tell};
use crate::{CollectOptions, CollectSummary, InitOptions, Node, UploadSummary, new_linkage_key};

type Done = Result<(), CliError>;

pub(super) fn run(command: &Command) -> Done {
    match command {
        Command::Init(args) => init(args),
        Command::Key { command } => key(command),
        Command::Enrol(args) => enrol(args),
        Command::Prepare(args) => prepare(args),
        Command::Upload(args) => tell::upload(&upload(&open(&args.dir)?)?),
        Command::Collect(args) => collect(args),
        Command::Run(args) => all(args),
        Command::Status(args) => status(args),
    }
}

fn open(dir: &Path) -> Result<Node, CliError> {
    Ok(Node::open(dir, Arc::new(SystemClock))?)
}

fn runtime() -> Result<Runtime, CliError> {
    Runtime::new().map_err(CliError::Start)
}

fn init(args: &Init) -> Done {
    let options = InitOptions {
        party: args.party.clone(),
        project: args.project.clone(),
        schema: args.schema.clone(),
        matcher: args.matcher.clone(),
        resolver: args.resolver.clone(),
    };
    let mut entropy = SystemEntropy::new();
    let node = Node::init(&args.dir, &options, &mut entropy, Arc::new(SystemClock))?;
    tell::init(&node)
}

fn key(command: &KeyCommand) -> Done {
    match command {
        KeyCommand::New { out } => {
            let fingerprint = new_linkage_key(out, &mut SystemEntropy::new())?;
            tell::new_key(out, fingerprint)
        }
        KeyCommand::Install { dir, from } => {
            tell::installed_key(open(dir)?.install_linkage_key(from)?)
        }
        KeyCommand::Check { dir } => tell::line(&open(dir)?.linkage_key_fingerprint()?),
    }
}

fn enrol(args: &Enrol) -> Done {
    let node = open(&args.dir)?;
    node.enrol(&args.certificate, &args.authority)?;
    tell::enrolled(&node.local_status()?)
}

fn prepare(args: &Prepare) -> Done {
    let node = open(&args.dir)?;
    if !args.offline {
        runtime()?.block_on(node.ask_project())?;
    }
    let progress = listener();
    let mut entropy = SystemEntropy::new();
    let report = node.prepare(&args.input, args.again, &*progress, &mut entropy)?;
    drop(progress);
    if args.json {
        tell::json(&report)
    } else {
        tell::prepared(&report)
    }
}

fn upload(node: &Node) -> Result<UploadSummary, CliError> {
    let progress = listener();
    Ok(runtime()?.block_on(node.upload(&*progress))?)
}

fn fetch(node: &Node, options: &CollectOptions) -> Result<CollectSummary, CliError> {
    let progress = listener();
    Ok(runtime()?.block_on(node.collect(options, &*progress))?)
}

fn collect(args: &Collect) -> Done {
    let options = CollectOptions {
        wait: Duration::from_secs(args.wait),
        out: args.out.clone(),
    };
    let summary = fetch(&open(&args.dir)?, &options)?;
    if args.json {
        tell::json(&summary)
    } else {
        tell::collected(&summary)
    }
}

fn all(args: &Run) -> Done {
    let node = open(&args.dir)?;
    let project = runtime()?.block_on(node.ask_project())?;
    if !node.is_prepared(project.run) {
        let progress = listener();
        let mut entropy = SystemEntropy::new();
        let report = node.prepare(&args.input, false, &*progress, &mut entropy)?;
        drop(progress);
        tell::prepared(&report)?;
    }
    tell::upload(&upload(&node)?)?;
    let options = CollectOptions {
        wait: Duration::from_secs(args.wait),
        out: args.out.clone(),
    };
    tell::collected(&fetch(&node, &options)?)
}

fn status(args: &StatusArgs) -> Done {
    let status = runtime()?.block_on(open(&args.dir)?.status())?;
    if args.json {
        tell::json(&status)
    } else {
        tell::status(&status, &mut io::stdout().lock())?;
        Ok(())
    }
}

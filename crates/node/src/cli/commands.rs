//! One function a command: take the arguments, do the step, tell the outcome.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::lifecycle::Phase;
use model::{Clock as _, Day, Epoch, SystemClock};
use secret::{RecipientKey, SystemEntropy, Unlock};
use tokio::runtime::Runtime;

use super::args::{
    Approve, Collect, Command, Enrol, Evaluate, Init, KeyCommand, Prepare, Review, ReviewCommand,
    RiskCommand, Run, StatusArgs,
};
use super::{CliError, agree, tell, tell_review, tell_risk, walk};
use crate::error::NodeError;
use crate::{
    ApproveError, BackupError, CollectOptions, CollectSummary, Evaluated, InitOptions, KeyProgress,
    Node, ReviewSummary, RiskSummary, UploadSummary, new_holder_key, override_risk,
};
use service::bars::listener;

pub(super) type Done = Result<(), CliError>;

pub(super) fn run(command: &Command) -> Done {
    match command {
        Command::Init(args) => init(args),
        Command::Key { command } => key(command),
        Command::Enrol(args) => enrol(args),
        Command::Agree { command } => agree::run(command),
        Command::Approve(args) => approve(args),
        Command::Renew { dir } => tell::renewed(&open(dir)?.renew()?),
        Command::Evaluate(args) => evaluate(args),
        Command::Prepare(args) => prepare(args),
        Command::Risk { command } => risk(command),
        Command::Upload(args) => tell::upload(&upload(&open(&args.dir)?, args.wait)?),
        Command::Collect(args) => collect(args),
        Command::Run(args) => all(args),
        Command::Review(args) => review(args),
        Command::Status(args) => status(args),
    }
}

pub(super) fn open(dir: &Path) -> Result<Node, CliError> {
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
        dpo: args.dpo,
        matcher: args.matcher.clone(),
        resolver: args.resolver.clone(),
        key_server: args.key_server.clone(),
    };
    let mut entropy = SystemEntropy::new();
    let node = Node::init(&args.dir, &options, &mut entropy, Arc::new(SystemClock))?;
    tell::init(&node)
}

fn key(command: &KeyCommand) -> Done {
    match command {
        KeyCommand::Check { dir, epoch } => {
            tell::line(&open(dir)?.linkage_key_fingerprint(Epoch(*epoch))?)
        }
        KeyCommand::Card { dir, epoch } => {
            let card = open(dir)?.new_card(Epoch(*epoch), &mut SystemEntropy::new())?;
            tell::new_card(&card)
        }
        KeyCommand::Holder {
            out,
            passphrase_file,
        } => {
            let unlock = Unlock::from_file(passphrase_file.as_deref()).map_err(NodeError::from)?;
            tell::line(&new_holder_key(out, &unlock, &mut SystemEntropy::new())?)
        }
        KeyCommand::Backup {
            dir,
            epoch,
            needed,
            holder,
            out,
        } => {
            let holders = holder.iter().map(|text| holder_of(text));
            let holders = holders.collect::<Result<Vec<_>, _>>();
            let holders = holders.map_err(NodeError::from)?;
            let entropy = &mut SystemEntropy::new();
            open(dir)?.back_up_key(Epoch(*epoch), *needed, &holders, out, entropy)?;
            tell::line(&format_args!(
                "wrote {} shares into {}; give each to its holder, and keep none together",
                holders.len(),
                out.display()
            ))
        }
        KeyCommand::Restore {
            dir,
            epoch,
            share,
            passphrase_file,
        } => {
            let unlock = Unlock::from_file(passphrase_file.as_deref()).map_err(NodeError::from)?;
            let pair = |text: &String| match text.split_once('=') {
                Some((share, key)) => (share.into(), key.into()),
                None => (text.into(), PathBuf::new()),
            };
            let shares: Vec<(PathBuf, PathBuf)> = share.iter().map(pair).collect();
            tell::line(&open(dir)?.restore_key(Epoch(*epoch), &shares, &unlock)?)
        }
        KeyCommand::Seal {
            dir,
            passphrase_file,
        } => {
            open(dir)?.seal_keys(passphrase_file)?;
            tell::line(&"sealed every key; keep the passphrase where no backup of the node has it")
        }
        KeyCommand::Agree { dir, epoch, wait } => agree_on_key(&open(dir)?, Epoch(*epoch), *wait),
        KeyCommand::Destroy { dir, epoch } => {
            open(dir)?.destroy_keys(Epoch(*epoch))?;
            tell::line(&format_args!("destroyed the keys of epoch {epoch}"))
        }
    }
}

/// A holder's name and public key, as `NAME=KEY`.
fn holder_of(text: &str) -> Result<(String, RecipientKey), BackupError> {
    let wrong = || BackupError::Holder(text.to_owned());
    let (name, key) = text.split_once('=').ok_or_else(wrong)?;
    Ok((name.to_owned(), key.parse().map_err(|_| wrong())?))
}

/// Asks again every second until the key is there or the wait is over.
fn agree_on_key(node: &Node, epoch: Epoch, wait: u64) -> Done {
    let (runtime, mut entropy) = (runtime()?, SystemEntropy::new());
    for left in (0..=wait).rev() {
        match runtime.block_on(node.agree_on_key(epoch, &mut entropy))? {
            KeyProgress::Agreed(fingerprint) => return tell::agreed_key(fingerprint),
            KeyProgress::Waiting { what, missing } if left == 0 => {
                return tell::waiting_for_key(what, &missing);
            }
            KeyProgress::Waiting { .. } => std::thread::sleep(Duration::from_secs(1)),
        }
    }
    Ok(())
}

/// Tries again every second while the run is on its way to be linked.
fn approve(args: &Approve) -> Done {
    let (node, runtime) = (open(&args.dir)?, runtime()?);
    let mut left = args.wait;
    loop {
        match args.key.with(|key| runtime.block_on(node.approve(key))) {
            Ok(approval) => return tell::approved(&approval),
            Err(error) if left > 0 && may_be_linked_later(&error) => left -= 1,
            Err(error) => return Err(error.into()),
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn may_be_linked_later(error: &NodeError) -> bool {
    let NodeError::Approve(ApproveError::NotLinked { state, .. }) = error else {
        return false;
    };
    matches!(state, Phase::Open | Phase::Sealed | Phase::Linking)
}

fn enrol(args: &Enrol) -> Done {
    let node = open(&args.dir)?;
    node.enrol(&args.certificate, &args.authority, args.log_keys.as_deref())?;
    tell::enrolled(&node.local_status()?)
}

fn evaluate(args: &Evaluate) -> Done {
    let node = open(&args.dir)?;
    runtime()?.block_on(node.ask_project())?;
    let evaluated = evaluate_file(&node, &args.input)?;
    match args.json {
        true => tell::json(&evaluated),
        false => tell::evaluated(&evaluated),
    }
}

fn evaluate_file(node: &Node, input: &Path) -> Result<Evaluated, CliError> {
    let (progress, mut entropy) = (listener(), SystemEntropy::new());
    Ok(runtime()?.block_on(node.evaluate(input, &*progress, &mut entropy))?)
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

fn risk(command: &RiskCommand) -> Done {
    match command {
        RiskCommand::Report { dir, input, json } => {
            let summary = measure(&open(dir)?, input)?;
            match json {
                true => tell::json(&summary.report),
                false => tell_risk::measured(&summary, &mut io::stdout().lock()),
            }
        }
        RiskCommand::Override {
            report,
            agreement,
            key,
            reason,
        } => {
            let today = Day::of_millis(SystemClock.unix_millis());
            let said = key.with(|key| override_risk(report, agreement, key, reason, today))?;
            tell_risk::overridden(&said)
        }
    }
}

fn measure(node: &Node, input: &Path) -> Result<RiskSummary, CliError> {
    let progress = listener();
    Ok(node.measure_risk(input, &*progress)?)
}

fn upload(node: &Node, wait: u64) -> Result<UploadSummary, CliError> {
    let (progress, wait) = (listener(), Duration::from_secs(wait));
    Ok(runtime()?.block_on(node.upload_within(wait, &*progress))?)
}

fn fetch(node: &Node, options: &CollectOptions) -> Result<CollectSummary, CliError> {
    let progress = listener();
    Ok(runtime()?.block_on(node.collect(options, &*progress))?)
}

fn collect(args: &Collect) -> Done {
    let options = CollectOptions {
        wait: Duration::from_secs(args.wait),
        out: args.out.clone(),
        approve: args.approve.clone(),
    };
    let node = open(&args.dir)?;
    let summary = fetch(&node, &options)?;
    let review = fetch_review(&node)?;
    if args.json {
        tell::json(&tell_review::Collected { summary, review })
    } else {
        tell::collected(&summary)?;
        tell_review::fetched(review.as_ref())
    }
}

fn fetch_review(node: &Node) -> Result<Option<ReviewSummary>, CliError> {
    Ok(runtime()?.block_on(node.fetch_review(&mut SystemEntropy::new()))?)
}

fn review(args: &Review) -> Done {
    match &args.command {
        Some(ReviewCommand::List { dir, json }) => {
            let book = open(dir)?.review_book()?;
            if *json {
                tell::json(&tell_review::lines(&book))
            } else {
                tell_review::list(&book, &mut io::stdout().lock())?;
                Ok(())
            }
        }
        Some(ReviewCommand::Show { id, dir, input }) => {
            let node = open(dir)?;
            let book = node.review_book()?;
            let item = book.find(id).map_err(NodeError::from)?;
            let records = node.own_records(input, std::iter::once(item))?;
            tell_review::show(&book, item, &records, &mut io::stdout().lock())?;
            Ok(())
        }
        Some(ReviewCommand::Decide { id, answer, dir }) => {
            let node = open(dir)?;
            node.decide(id, *answer, &mut SystemEntropy::new())?;
            tell::line(&"kept; it counts from the next `symbolon-node prepare` on")
        }
        None => review_all(args),
    }
}

/// One pair after the other. Without a command both paths are there: the parser asks for them.
fn review_all(args: &Review) -> Done {
    let path = |path: &Option<PathBuf>| path.clone().unwrap_or_default();
    let (node, input) = (open(&path(&args.dir))?, path(&args.input));
    let mut entropy = SystemEntropy::new();
    let (mut answers, mut out) = (io::stdin().lock(), io::stdout().lock());
    walk::walk(&node, &input, &mut entropy, &mut answers, &mut out)
}

fn all(args: &Run) -> Done {
    let node = open(&args.dir)?;
    let project = runtime()?.block_on(node.ask_project())?;
    if !node.is_prepared(project.run) {
        if node.is_evaluation_asked(project.run)? {
            tell::evaluated(&evaluate_file(&node, &args.input)?)?;
        }
        let progress = listener();
        let mut entropy = SystemEntropy::new();
        let report = node.prepare(&args.input, false, &*progress, &mut entropy)?;
        drop(progress);
        tell::prepared(&report)?;
    }
    if node.is_risk_asked(project.run)? {
        tell_risk::measured(&measure(&node, &args.input)?, &mut io::stdout().lock())?;
    }
    tell::upload(&upload(&node, args.wait)?)?;
    let options = CollectOptions {
        wait: Duration::from_secs(args.wait),
        out: args.out.clone(),
        approve: args.approve.clone(),
    };
    tell::collected(&fetch(&node, &options)?)?;
    tell_review::fetched(fetch_review(&node)?.as_ref())
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

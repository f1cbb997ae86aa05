//! `agree`: what data protection officers and custodians do with a linkage agreement.

use std::io;
use std::path::PathBuf;

use clap::Subcommand;
use model::agreement::{
    Act, DecoyRules, Disclosure, Draft, DraftMember, EpochEvaluationKey, KeyServerRules, RiskRules,
};
use model::id::FieldName;
use model::signature::PublicKey;
use model::words::words;
use model::{Clock as _, Day, Digest, Epoch, PartyName, ProjectName, SignedAgreement, SystemClock};
use secret::{Passphrase, SystemEntropy, signing};
use service::{AgreementFault, AgreementFiles};

use super::CliError;
use super::commands::{Done, open};
use super::tell::{json, line};
use crate::error::NodeError;
use crate::open::read_schema;
use crate::{
    OfficerKey, dpo_public_key, new_dpo_key, sign_agreement, sign_card, state, write_draft,
};

/// An officer's signing key, on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct Key {
    /// The officer's signing key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    unlock: Unlock,
}

/// How a sealed key is opened.
#[derive(Debug, clap::Args)]
pub(super) struct Unlock {
    /// The passphrase the key is sealed under: a file for its owner alone, or `-` for a line of standard
    /// input.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Unlock {
    fn passphrase(&self) -> Result<Option<Passphrase>, NodeError> {
        Ok(match self.passphrase_file.as_deref() {
            None => None,
            Some(path) if path == "-" => Some(Passphrase::ask(&mut io::stdin().lock())?),
            Some(path) => Some(Passphrase::read(path)?),
        })
    }
}

impl Key {
    /// Has `work` done with the key.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(OfficerKey<'_>) -> Result<T, NodeError>,
    ) -> Result<T, NodeError> {
        let passphrase = self.unlock.passphrase()?;
        work(OfficerKey {
            file: &self.key,
            passphrase: passphrase.as_ref(),
        })
    }
}

/// What can be done with an agreement.
#[derive(Debug, Subcommand)]
pub(super) enum AgreeCommand {
    /// Make a data protection officer's signing key, and print its fingerprint.
    Key {
        /// The file to make, readable by its owner only.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Print the fingerprint of a signing key.
    Fingerprint {
        #[command(flatten)]
        key: Key,
    },
    /// Write the text of a new agreement, to be read and changed before anyone signs.
    Draft(DraftArgs),
    /// Sign the agreement in a directory; the signature goes beside it.
    Sign {
        /// The directory with the agreement.
        #[arg(value_name = "DIR")]
        agreement: PathBuf,
        #[command(flatten)]
        key: Key,
    },
    /// Sign the card of your node, by which it agrees on a linkage key; the signature goes beside it.
    Card {
        /// The card, in keys/epoch-N of the node's directory.
        #[arg(value_name = "FILE")]
        card: PathBuf,
        #[command(flatten)]
        key: Key,
    },
    /// Show what an agreement says, who signed it and what was stated since.
    Show {
        /// The directory with the agreement.
        #[arg(value_name = "DIR")]
        agreement: PathBuf,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check that an agreement is signed by all and in force now; refused if not.
    Check {
        /// The directory with the agreement.
        #[arg(value_name = "DIR")]
        agreement: PathBuf,
        /// The linkage schema it has to be about.
        #[arg(long, value_name = "FILE")]
        schema: Option<PathBuf>,
    },
    /// Install an agreement at a node, or what was stated of it since.
    Install {
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The directory with the agreement.
        #[arg(value_name = "AGREEMENT")]
        agreement: PathBuf,
    },
    /// State that nothing may be done under an agreement until you resume it.
    Suspend(StateArgs),
    /// State that your suspension is over.
    Resume(StateArgs),
    /// State that an agreement is over for good, and everything is to be destroyed.
    Revoke(StateArgs),
}

/// `agree draft`.
#[derive(Debug, clap::Args)]
pub(super) struct DraftArgs {
    /// The directory to make.
    #[arg(value_name = "DIR")]
    agreement: PathBuf,
    /// The linkage project.
    #[arg(long, value_name = "NAME")]
    project: ProjectName,
    /// The linkage schema.
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
    /// What the linkage is for.
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    /// The law that allows it.
    #[arg(long, value_name = "TEXT")]
    legal_basis: String,
    /// The last day on which it holds, as 2027-12-31; the first is today.
    #[arg(long, value_name = "DAY")]
    until: Day,
    /// How many runs may be made.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    runs: u32,
    /// Days after a release until everything of the run is destroyed.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    retention: u32,
    /// Ask for no risk report before an upload: for registries of made-up people.
    #[arg(long)]
    without_risk_report: bool,
    #[command(flatten)]
    key_server: KeyServerArgs,
    /// Each custodian and the fingerprint of its officer's key, as crvs=4f1d...
    #[arg(long = "dpo", value_name = "PARTY=FINGERPRINT", value_parser = dpo)]
    dpos: Vec<(PartyName, Digest)>,
}

/// A statement.
#[derive(Debug, clap::Args)]
pub(super) struct StateArgs {
    /// The directory with the agreement; the statement goes beside it.
    #[arg(value_name = "DIR")]
    agreement: PathBuf,
    #[command(flatten)]
    key: Key,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

fn evaluation_key(text: &str) -> Result<EpochEvaluationKey, String> {
    let parts = text.split_once('=').and_then(|(epoch, key)| {
        let (epoch, public_key) = (epoch.parse().ok()?, key.parse().ok()?);
        Some((Epoch(epoch), public_key))
    });
    let (epoch, public_key) = parts.ok_or("write it as EPOCH=KEY")?;
    Ok(EpochEvaluationKey { epoch, public_key })
}

/// The key server of a new agreement.
#[derive(Debug, clap::Args)]
pub(super) struct KeyServerArgs {
    /// Who runs a key server, and is neither matcher nor resolver.
    #[arg(long, value_name = "NAME", requires_all = ["served_fields", "evaluation_keys", "evaluations"])]
    key_server: Option<PartyName>,
    /// A field of identifiers whose tokens go through it; once for each.
    #[arg(long = "served-field", value_name = "FIELD", requires = "key_server")]
    served_fields: Vec<FieldName>,
    /// Its public key in an epoch, as `symbolon-key-server key make` shows it; once for each epoch.
    #[arg(long = "evaluation-key", value_name = "EPOCH=KEY", value_parser = evaluation_key, requires = "key_server")]
    evaluation_keys: Vec<EpochEvaluationKey>,
    /// How many values each custodian may have evaluated in an epoch.
    #[arg(long, value_name = "NUMBER", requires = "key_server")]
    evaluations: Option<u64>,
}

impl KeyServerArgs {
    fn rules(&self) -> Option<KeyServerRules> {
        Some(KeyServerRules {
            run_by: self.key_server.clone()?,
            fields: self.served_fields.clone(),
            evaluations: self.evaluations.unwrap_or_default(),
            key: self.evaluation_keys.clone(),
        })
    }
}

fn dpo(text: &str) -> Result<(PartyName, Digest), String> {
    let (party, key) = text
        .split_once('=')
        .ok_or("write it as PARTY=FINGERPRINT")?;
    let party = party
        .parse()
        .map_err(|error: model::id::IdError| error.to_string())?;
    let key = key
        .parse()
        .map_err(|error: model::id::IdError| error.to_string())?;
    Ok((party, key))
}

pub(super) fn run(command: &AgreeCommand) -> Done {
    match command {
        AgreeCommand::Key { out, unlock } => {
            let passphrase = unlock.passphrase()?;
            let key = OfficerKey {
                file: out,
                passphrase: passphrase.as_ref(),
            };
            tell_key(&new_dpo_key(key, &mut SystemEntropy::new())?)
        }
        AgreeCommand::Fingerprint { key } => tell_key(&key.with(|key| dpo_public_key(key))?),
        AgreeCommand::Draft(args) => draft(args),
        AgreeCommand::Sign { agreement, key } => {
            let signature = key.with(|key| sign_agreement(agreement, key))?;
            line(&format_args!(
                "signed  {}\nkey     {}",
                signature.document, signature.fingerprint
            ))
        }
        AgreeCommand::Card { card, key } => {
            let signature = key.with(|key| sign_card(card, key))?;
            line(&format_args!("signed  {}", words(&signature.document)))
        }
        AgreeCommand::Show { agreement, json } => show(agreement, *json),
        AgreeCommand::Check { agreement, schema } => check(agreement, schema.as_ref()),
        AgreeCommand::Install { dir, agreement } => tell(&open(dir)?.install_agreement(agreement)?),
        AgreeCommand::Suspend(args) => say(args, Act::Suspend),
        AgreeCommand::Resume(args) => say(args, Act::Resume),
        AgreeCommand::Revoke(args) => say(args, Act::Revoke),
    }
}

fn tell_key(key: &PublicKey) -> Done {
    let fingerprint = key.fingerprint();
    line(&format_args!(
        "fingerprint  {fingerprint}\nwords        {}",
        words(&fingerprint)
    ))
}

fn today() -> Day {
    Day::of_millis(SystemClock.unix_millis())
}

fn draft(args: &DraftArgs) -> Done {
    let custodian = |(party, key): &(PartyName, Digest)| DraftMember {
        party: party.clone(),
        dpo: format!("Data protection officer of {party}"),
        dpo_key: *key,
    };
    let schema = read_schema(&args.schema)?;
    let draft = Draft {
        project: args.project.clone(),
        purpose: args.purpose.clone(),
        legal_basis: args.legal_basis.clone(),
        starts: today(),
        expires: args.until,
        runs: args.runs,
        retention_days: args.retention,
        noise: None,
        disclosure: Some(Disclosure::default()),
        decoys: DecoyRules::of(schema.profile),
        risk: (!args.without_risk_report).then(RiskRules::default),
        key_server: args.key_server.rules(),
        custodians: args.dpos.iter().map(custodian).collect(),
        coordinator: "The linkage unit".to_owned(),
    };
    let text = draft.to_text(&schema);
    write_draft(&args.agreement, &text.map_err(refused)?)?;
    let directory = args.agreement.display();
    line(&format_args!(
        "wrote {directory}/agreement.toml; have it read and changed by those who answer for it, \
         then each officer runs\n   symbolon-node agree sign {directory} --key KEYFILE"
    ))
}

fn refused(error: impl std::fmt::Display) -> NodeError {
    AgreementFault::from(model::agreement::Clause::Agreement.refuse(error)).into()
}

fn read(directory: &std::path::Path) -> Result<SignedAgreement, CliError> {
    let files = AgreementFiles::read(directory).map_err(NodeError::from)?;
    let verified = files.verify(signing::verify).map_err(AgreementFault::from);
    Ok(verified.map_err(NodeError::from)?)
}

/// Also one that is not signed by all is shown; that it is not is told last.
fn show(directory: &std::path::Path, as_json: bool) -> Done {
    let files = AgreementFiles::read(directory).map_err(NodeError::from)?;
    // Only what parses is written to a terminal: it has no characters that do not show.
    model::Agreement::parse(files.document()).map_err(refused)?;
    if !as_json {
        use io::Write as _;
        io::stdout().write_all(files.document())?;
    }
    let agreement = read(directory)?;
    if as_json {
        json(&Shown::of(&agreement))
    } else {
        line(&"")?;
        tell(&agreement)
    }
}

fn check(directory: &std::path::Path, schema: Option<&PathBuf>) -> Done {
    let agreement = read(directory)?;
    let in_force = agreement.check_in_force(SystemClock.unix_millis());
    let fits = match schema {
        Some(schema) => agreement.check_schema(&read_schema(schema)?),
        None => Ok(()),
    };
    let checked = in_force.and(fits).map_err(AgreementFault::from);
    checked.map_err(NodeError::from)?;
    tell(&agreement)
}

fn say(args: &StateArgs, act: Act) -> Done {
    let statement = args
        .key
        .with(|key| state(&args.agreement, key, act, &args.reason, today()))?;
    line(&format_args!(
        "stated {} for {}; hand {}.toml and .sig to all custodians and to the coordinator's operator",
        act.as_str(),
        statement.party,
        statement.file_stem()
    ))
}

fn tell(agreement: &SignedAgreement) -> Done {
    let terms = agreement.terms();
    line(&format_args!(
        "agreement  {}, number {}",
        agreement.digest(),
        terms.number
    ))?;
    line(&format_args!("words      {}", words(&agreement.digest())))?;
    line(&format_args!(
        "holds      from {} to {}",
        terms.starts, terms.expires
    ))?;
    for member in terms.custodians() {
        line(&format_args!("signed     {}", member.name))?;
    }
    for statement in agreement.statements() {
        let (party, act, date) = (&statement.party, statement.act.as_str(), statement.date);
        line(&format_args!(
            "stated     {act} by {party} on {date}: {}",
            statement.reason
        ))?;
    }
    Ok(())
}

/// An agreement for programs.
#[derive(serde::Serialize)]
struct Shown {
    agreement: Digest,
    number: u32,
    starts: String,
    expires: String,
    standing: model::agreement::Standing,
    custodians: Vec<PartyName>,
}

impl Shown {
    fn of(agreement: &SignedAgreement) -> Self {
        let terms = agreement.terms();
        let custodians = terms.custodians().map(|member| member.name.clone());
        Self {
            agreement: agreement.digest(),
            number: terms.number,
            starts: terms.starts.to_string(),
            expires: terms.expires.to_string(),
            standing: agreement.standing(),
            custodians: custodians.collect(),
        }
    }
}

//! The arguments; their comments are the help texts.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use model::{Digest, PartyName, ProjectName};

use super::agree::AgreeCommand;
use crate::Answer;

/// How a node is used from beginning to end.
const EXAMPLE: &str = "\
A whole run, at the civil registry (`crvs`):

  # once: the data protection officer makes a signing key
  symbolon-node agree key --out dpo.key
  # once: make the node, send identity/request.csr to the coordinator's operator
  symbolon-node init --dir /srv/node --party crvs --project census \\
      --schema four-registries.toml \\
      --dpo 5f78c33274e43fa9de5659265c1d917e25c03722dcb0b8d27db8d5feaa813953 \\
      --matcher matcher.example:7401 --resolver resolver.example:7402
  # once: install what the operator sends back
  symbolon-node enrol --dir /srv/node --certificate crvs.pem --authority ca.pem --log-keys log-keys

  # once: the officer signs the agreement, and when all have signed it is installed
  symbolon-node agree sign agreement --key dpo.key
  symbolon-node agree install --dir /srv/node agreement

  # once an epoch, at every custodian at about the same time: agree on a linkage key
  symbolon-node key card --dir /srv/node
  symbolon-node agree card /srv/node/keys/epoch-1/card.toml --key dpo.key
  symbolon-node key agree --dir /srv/node --wait 86400

  # every run: prepare, measure the risk, upload, and collect the results when they are released
  symbolon-node prepare --dir /srv/node --input births.csv.gz
  symbolon-node risk report --dir /srv/node --input births.csv.gz
  symbolon-node upload  --dir /srv/node
  symbolon-node approve --dir /srv/node --key dpo.key --wait 86400
  symbolon-node collect --dir /srv/node --wait 86400 --out pseudonyms.csv
  # or all of it at once
  symbolon-node run --dir /srv/node --input births.csv.gz --wait 86400

Every command can be killed at any time and simply be given again.

Exit codes: 0 done, 1 failed, 2 called wrongly, 3 refused.";

/// A data custodian's node: links the custodian's registry with others without showing it to anyone.
///
/// The node turns a registry's file into encodings that only mean something together with a key the
/// coordinator never holds, uploads them, and leads the pseudonyms that come back to the registry's
/// own record ids. Nothing else leaves this machine.
#[derive(Debug, Parser)]
#[command(name = "symbolon-node", version, after_long_help = EXAMPLE, after_help = "See `--help` for a whole worked example.")]
pub struct Args {
    /// What is logged to standard error.
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn",
        value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub(super) log: String,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a node's directory, with its own secret and a request for its certificate.
    Init(Init),
    /// Agree on the linkage key all custodians share, compare and destroy it.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Install the node's certificate and the project's authority.
    Enrol(Enrol),
    /// Draft, sign, show and install the linkage agreement, and suspend or revoke it.
    Agree {
        #[command(subcommand)]
        command: AgreeCommand,
    },
    /// Make a new TLS key and the request for its certificate; the node has to be enrolled again.
    Renew {
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
    },
    /// Have identifiers evaluated by the key server, where the agreement has one: before preparing.
    Evaluate(Evaluate),
    /// Turn the registry's file into the batches of the current run.
    Prepare(Prepare),
    /// Measure what an attacker would make of what is prepared, and answer for an upload that this holds.
    Risk {
        #[command(subcommand)]
        command: RiskCommand,
    },
    /// Send the prepared batches: encodings to the matcher, the handle map to the resolver.
    Upload(Upload),
    /// Approve what came out of the current run, as the data protection officer.
    Approve(Approve),
    /// Fetch the released results and lead them back to the registry's record ids.
    Collect(Collect),
    /// Have identifiers evaluated, prepare and measure the risk if that is not done yet, upload, and collect.
    Run(Run),
    /// Look at the doubtful pairs of the registry's own records, and say what they are.
    ///
    /// Without a command, shows one pair after the other and asks. What is answered counts from the
    /// next `prepare` on.
    Review(Review),
    /// Show keys, certificate, batches and results here, and the coordinator's run.
    Status(StatusArgs),
}

/// `init`.
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// The directory to make; it may exist if it is empty.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// This registry's name in the linkage schema, as `crvs`.
    #[arg(long, value_name = "NAME")]
    pub(super) party: PartyName,
    /// The linkage project, as the coordinator's operator names it.
    #[arg(long, value_name = "NAME")]
    pub(super) project: ProjectName,
    /// The linkage schema all members agreed on; it is copied.
    #[arg(long, value_name = "FILE")]
    pub(super) schema: PathBuf,
    /// Fingerprint of the signing key of this custodian's data protection officer.
    #[arg(long, value_name = "FINGERPRINT")]
    pub(super) dpo: Digest,
    /// Where the coordinator's matcher listens.
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) matcher: String,
    /// Where the coordinator's resolver listens.
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) resolver: String,
    /// Where the key server listens, if the agreement is to have one.
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) key_server: Option<String>,
}

/// What can be done with the linkage key.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make this node's card for an epoch: public keys, which the data protection officer signs.
    Card {
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The epoch.
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        epoch: u32,
    },
    /// Agree on an epoch's linkage key with the other nodes, over the coordinator, which cannot read
    /// it.
    Agree {
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The epoch.
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        epoch: u32,
        /// How long to wait for the other nodes.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        wait: u64,
    },
    /// Destroy this node's keys of an epoch.
    Destroy {
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The epoch.
        #[arg(long, value_name = "NUMBER")]
        epoch: u32,
    },
    /// Make the key of somebody who is to hold a share of a linkage key, and print its public half.
    Holder {
        /// The new key file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The file with a passphrase to seal it under, for its owner alone.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Split the linkage key of an epoch among holders, some of whom together can restore it.
    Backup {
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The epoch.
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        epoch: u32,
        /// How many holders together have the key.
        #[arg(long, value_name = "NUMBER")]
        needed: u8,
        /// A holder, and the public key that `key holder` printed: alice=4f1d...
        #[arg(long, value_name = "NAME=KEY", required = true)]
        holder: Vec<String>,
        /// The directory for the shares, one file a holder.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Put the linkage key of an epoch together from shares, where it was lost.
    Restore {
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The epoch.
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        epoch: u32,
        /// A share and its holder's key file: share-epoch-1-alice.toml=alice.key
        #[arg(long, value_name = "SHARE=KEY", required = true)]
        share: Vec<String>,
        /// The file with the passphrase that the holders' keys are sealed under, if they are.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Seal every key of this node under a passphrase, where it lies.
    Seal {
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The file with the passphrase, for its owner alone, where the node will find it at every start.
        #[arg(long, value_name = "FILE")]
        passphrase_file: PathBuf,
    },
    /// Print the linkage key's fingerprint, to compare with the other custodians.
    Check {
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The epoch.
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        epoch: u32,
    },
}

/// `enrol`.
#[derive(Debug, clap::Args)]
pub(super) struct Enrol {
    /// The node's directory.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// The certificate the operator issued for identity/request.csr.
    #[arg(long, value_name = "FILE")]
    pub(super) certificate: PathBuf,
    /// The certificate of the project's authority.
    #[arg(long, value_name = "FILE")]
    pub(super) authority: PathBuf,
    /// The keys of the coordinator's logs, as `symbolon-coordinator enrol` writes them. Without, they
    /// are taken from the roles at the first contact.
    #[arg(long, value_name = "FILE")]
    pub(super) log_keys: Option<PathBuf>,
}

/// `prepare`.
#[derive(Debug, clap::Args)]
pub(super) struct Prepare {
    /// The node's directory.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// The registry: a CSV file in UTF-8 with a header, plain or gzip.
    #[arg(long, value_name = "FILE")]
    pub(super) input: PathBuf,
    /// Prepare for the run the resolver told of last, without asking it.
    #[arg(long)]
    pub(super) offline: bool,
    /// Replace what is prepared for the run; refused once it was accepted.
    #[arg(long)]
    pub(super) again: bool,
    /// Print the report as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// `evaluate`.
#[derive(Debug, clap::Args)]
pub(super) struct Evaluate {
    /// The node's directory.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// The registry: a CSV file in UTF-8 with a header, plain or gzip.
    #[arg(long, value_name = "FILE")]
    pub(super) input: PathBuf,
    /// Print what was evaluated as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What can be done with the risk report.
#[derive(Debug, Subcommand)]
pub(super) enum RiskCommand {
    /// Measure the latest prepared run on the registry, and write the signed report beside it.
    Report {
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The registry's file, the same that was prepared.
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Answer, as a data protection officer, for an upload that its report says to hold.
    ///
    /// It takes two: this custodian's officer and that of another. The word and its signature go beside
    /// the report; hand both files back to the node if this is another machine.
    Override {
        /// The report, report.json in risk of the prepared run.
        #[arg(value_name = "REPORT")]
        report: PathBuf,
        /// The directory with the agreement.
        #[arg(long, value_name = "DIR")]
        agreement: PathBuf,
        #[command(flatten)]
        key: super::agree::Key,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// `upload`.
#[derive(Debug, clap::Args)]
pub(super) struct Upload {
    /// The node's directory.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// How long to wait until every party has sent its block tokens, where the agreement asks for them.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(super) wait: u64,
}

/// `approve`.
#[derive(Debug, clap::Args)]
pub(super) struct Approve {
    /// The node's directory.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    #[command(flatten)]
    pub(super) key: super::agree::Key,
    /// How long to wait for the run to be linked.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(super) wait: u64,
}

/// `collect`.
#[derive(Debug, clap::Args)]
pub(super) struct Collect {
    /// The node's directory.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// How long to wait for the run to be released.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(super) wait: u64,
    /// Where the results go; results/run-N.csv in the node's directory if not given.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Approve the run with this signing key of the officer when it is linked, and wait for the others.
    #[arg(long, value_name = "FILE")]
    pub(super) approve: Option<PathBuf>,
    /// Print the summary as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// The node's directory.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// The registry: a CSV file in UTF-8 with a header, plain or gzip.
    #[arg(long, value_name = "FILE")]
    pub(super) input: PathBuf,
    /// How long to wait for the others, and for the run to be released.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(super) wait: u64,
    /// Where the results go; results/run-N.csv in the node's directory if not given.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Approve the run with this signing key of the officer when it is linked, and wait for the others.
    #[arg(long, value_name = "FILE")]
    pub(super) approve: Option<PathBuf>,
}

/// `review`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Review {
    #[command(subcommand)]
    pub(super) command: Option<ReviewCommand>,
    /// The node's directory.
    #[arg(long, value_name = "DIR", required = true)]
    pub(super) dir: Option<PathBuf>,
    /// The registry, to show the node's own record of each pair.
    #[arg(long, value_name = "FILE", required = true)]
    pub(super) input: Option<PathBuf>,
}

/// What can be done with the pairs up for review.
#[derive(Debug, Subcommand)]
pub(super) enum ReviewCommand {
    /// List the pairs of the latest run, and what was decided of earlier ones.
    List {
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Print them as JSON, with all steps.
        #[arg(long)]
        json: bool,
    },
    /// Show the node's own record of a pair, and how the pair's odds come about.
    Show {
        /// The pair's id, or its beginning.
        #[arg(value_name = "ID")]
        id: String,
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The registry: a CSV file in UTF-8 with a header, plain or gzip.
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
    },
    /// Say what a pair is; a later answer takes the place of an earlier one.
    Decide {
        /// The pair's id, or its beginning.
        #[arg(value_name = "ID")]
        id: String,
        /// Whether the records are of one person.
        #[arg(value_name = "ANSWER")]
        answer: Answer,
        /// The node's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
    },
}

/// `status`.
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// The node's directory.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// Print it as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn help_has_a_whole_worked_example_and_every_command() {
        let help = Args::command().render_long_help().to_string();
        for command in [
            "init", "key", "enrol", "agree", "approve", "prepare", "risk", "upload", "collect",
            "run", "review", "status",
        ] {
            assert!(help.contains(&format!("\n  {command}")), "{command}");
        }
        assert!(help.contains("symbolon-node key agree --dir /srv/node"));
        assert!(help.contains("Exit codes: 0 done"));
    }

    /// Every command of the example, line by line, is one the program takes.
    #[test]
    fn the_example_parses() {
        let joined = EXAMPLE.replace("\\\n", " ");
        let lines = joined.lines().map(str::trim);
        let commands: Vec<_> = lines
            .filter(|line| line.starts_with("symbolon-node"))
            .collect();
        assert_eq!(commands.len(), 14);
        for command in commands {
            let parsed = Args::try_parse_from(command.split_whitespace());
            assert!(parsed.is_ok(), "{command}: {parsed:?}");
        }
    }

    #[test]
    fn reviewing_goes_with_and_without_a_command() {
        for right in [
            "symbolon-node review --dir d --input f",
            "symbolon-node review list --dir d --json",
            "symbolon-node review show 3fa2 --dir d --input f",
            "symbolon-node review decide 3fa2 same --dir d",
        ] {
            let parsed = Args::try_parse_from(right.split_whitespace());
            assert!(parsed.is_ok(), "{right}: {parsed:?}");
        }
    }

    #[test]
    fn wrong_names_and_missing_arguments_are_usage_errors() {
        for wrong in [
            "symbolon-node",
            "symbolon-node prepare --dir d",
            "symbolon-node risk report --dir d",
            "symbolon-node risk override report.json --agreement a --key k",
            "symbolon-node collect --dir d --wait soon",
            "symbolon-node review --dir d",
            "symbolon-node review list",
            "symbolon-node review show 3fa2 --dir d",
            "symbolon-node review decide 3fa2 maybe --dir d",
            "symbolon-node init --dir d --party CRVS --project p --schema s --matcher a:1 --resolver b:2",
        ] {
            let error = Args::try_parse_from(wrong.split_whitespace()).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong}");
        }
    }
}

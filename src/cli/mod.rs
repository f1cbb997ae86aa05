//! The command line: what can be typed, and the exit codes.

mod attack;
mod country;
mod encode;
mod evaluate;
mod extend;
mod federation;
mod link;
mod plan;
mod profiles;
mod quality;
mod rehearsing;
mod schema;
mod showing;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Links the records of one person across registries without any registry showing another who
/// that person is.
///
/// Without a command: a whole federation on this machine, on sample data.
///
///   symbolon link examples/four-registries/schema.toml --party crvs=crvs.csv.gz --party id=id.csv.gz \
///       --truth truth.csv.gz --out linked
#[derive(Parser)]
#[command(name = "symbolon", version, verbatim_doc_comment)]
struct Arguments {
    #[command(flatten)]
    federation: federation::FederationArguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Rehearse a linkage on local files: encode, match, cluster, and write who belongs together.
    Link(link::LinkArguments),
    /// Add records to a rehearsal that was kept, and say which clusters changed and why.
    Extend(extend::ExtendArguments),
    /// Propose blocking passes from each party's local statistics.
    Plan(plan::PlanArguments),
    /// Link every data set of a list with one set of defaults and hold the results to their floors.
    Quality(quality::QualityArguments),
    /// Make up a country with its registries and the truth about them, to try things on.
    Country(country::CountryArguments),
    /// Compare clusters with the truth.
    Evaluate(evaluate::EvaluateArguments),
    /// Run re-identification attacks against one's own registry, encoded, and say what they name.
    Attack(attack::AttackArguments),
    /// Encode a CSV file as clkhash does, one CLK a record.
    Encode(encode::EncodeArguments),
    /// Check, convert and describe linkage schemas of clkhash.
    Schema(schema::SchemaArguments),
}

/// Runs what was typed. Exit codes: 0 done, 1 failed, 2 usage.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        None => federation::run(&arguments.federation),
        Some(Command::Link(arguments)) => link::run(&arguments),
        Some(Command::Extend(arguments)) => extend::run(&arguments),
        Some(Command::Plan(arguments)) => plan::run(&arguments),
        Some(Command::Quality(arguments)) => quality::run(&arguments),
        Some(Command::Country(arguments)) => country::run(&arguments),
        Some(Command::Evaluate(arguments)) => evaluate::run(&arguments),
        Some(Command::Attack(arguments)) => attack::run(&arguments),
        Some(Command::Encode(arguments)) => encode::run(&arguments),
        Some(Command::Schema(arguments)) => schema::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("symbolon: {error:#}");
            ExitCode::FAILURE
        }
    }
}

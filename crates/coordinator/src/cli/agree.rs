//! `symbolon-coordinator agree`.

use std::path::PathBuf;

use coordinator::adopt;

use super::Dir;

/// What `agree` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: Dir,
    /// The directory with the agreement, the signatures of all custodians' data protection officers
    /// and what they stated since.
    #[arg(long, value_name = "DIR")]
    agreement: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let agreement = adopt(&args.dir.open(), &args.agreement)?;
    let terms = agreement.terms();
    println!("agreement  {}, number {}", agreement.digest(), terms.number);
    println!("holds      from {} to {}", terms.starts, terms.expires);
    for member in terms.custodians() {
        println!("signed     {}", member.name);
    }
    for statement in agreement.statements() {
        let (party, act) = (&statement.party, statement.act.as_str());
        println!("stated     {act} by {party} on {}", statement.date);
    }
    Ok(())
}

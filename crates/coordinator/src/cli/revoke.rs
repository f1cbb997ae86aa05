//! `symbolon-coordinator revoke`.

use model::Digest;

use super::Dir;

/// What `revoke` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: Dir,
    /// The certificate's fingerprint, as `enrol` printed it.
    #[arg(long, value_name = "FINGERPRINT")]
    certificate: Digest,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let directory = args.dir.open();
    // Without settings it is no state directory, and nothing would ever read what is written.
    directory.load()?;
    directory
        .revoked()
        .revoke(&args.certificate, &args.reason)?;
    println!("revoked  {}", args.certificate);
    println!("next     enrol the node anew from a request with a new key");
    Ok(())
}

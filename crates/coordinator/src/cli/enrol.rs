//! `symbolon-coordinator enrol`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coordinator::{StateDir, enrol, enrol_key_server};
use model::{PartyName, SystemClock};
use service::files::write_atomic;
use wire::limits::MAX_PEM_BYTES;

use super::Dir;

/// What `enrol` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: Dir,
    /// The node's certificate request (PEM), as `symbolon-node enrol` makes it.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Whose node it is, as the linkage schema names the party.
    #[arg(long, value_name = "NAME", required_unless_present = "key_server")]
    party: Option<PartyName>,
    /// The request is that of the project's key server, as `symbolon-key-server init` makes it.
    #[arg(long, conflicts_with = "party")]
    key_server: bool,
    /// Where the certificate goes: a file, or a directory that gets `<NAME>.pem` (`key-server.pem`), `ca.pem`
    /// and `log-keys`.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let directory = args.dir.open();
    let request = read(&args.request)?;
    let enrolled = match &args.party {
        Some(party) => enrol(&directory, &request, party, &SystemClock)?,
        None => enrol_key_server(&directory, &request, &SystemClock)?,
    };
    let (certificate, authority) = places(args, &directory);
    write_atomic(&certificate, enrolled.certificate_pem.as_bytes())?;
    if args.out.is_dir() {
        write_atomic(&authority, enrolled.authority_pem.as_bytes())?;
        write_atomic(&args.out.join("log-keys"), enrolled.log_keys.as_bytes())?;
    }
    println!("certificate  {}", certificate.display());
    println!("fingerprint  {}", enrolled.fingerprint);
    println!("authority    {}", authority.display());
    println!("fingerprint  {}", enrolled.authority_fingerprint);
    println!(
        "next         hand these files, and `log-keys` beside them, to {}; compare the fingerprints by voice",
        holder(args)
    );
    Ok(())
}

/// Whose certificate it is.
fn holder(args: &Args) -> &str {
    args.party.as_ref().map_or("key-server", PartyName::as_str)
}

/// Where the node's certificate goes, and where the authority's lies.
fn places(args: &Args, directory: &StateDir) -> (PathBuf, PathBuf) {
    if args.out.is_dir() {
        let certificate = args.out.join(format!("{}.pem", holder(args)));
        (certificate, args.out.join("ca.pem"))
    } else {
        (args.out.clone(), directory.authority_certificate())
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    let context = || format!("cannot read the certificate request {}", path.display());
    let file = File::open(path).with_context(context)?;
    let mut text = String::new();
    // One byte over the limit is enough for the request to be refused as too long.
    let limit = MAX_PEM_BYTES as u64 + 1;
    file.take(limit)
        .read_to_string(&mut text)
        .with_context(context)?;
    Ok(text)
}

//! `symbolon-coordinator enrol`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coordinator::{StateDir, enrol, enrol_key_server, enrol_matcher};
use model::{PartyName, SystemClock};
use service::files::write_atomic;
use wire::limits::MAX_PEM_BYTES;

use super::Dir;

/// What `enrol` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: Dir,
    /// The certificate request (PEM): a node's or key server's `identity/request.csr`, or a
    /// matcher's `matcher/request.csr`.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Whose node it is, as the linkage schema names the party.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["role", "key_server"])]
    party: Option<PartyName>,
    /// Enrols the matcher that another operator runs, in place of a node: `matcher`.
    #[arg(
        long,
        value_name = "ROLE",
        conflicts_with = "party",
        requires = "log_key",
        value_parser = ["matcher"]
    )]
    role: Option<String>,
    /// The public key of the matcher's log: `matcher/log/key` there.
    #[arg(long, value_name = "FILE", requires = "role")]
    log_key: Option<PathBuf>,
    /// Enrols the project's key server, in place of a node.
    #[arg(long, conflicts_with_all = ["party", "role"])]
    key_server: bool,
    /// Where the certificate goes: a file, or a directory that gets `<NAME>.pem` (`matcher.pem`,
    /// `key-server.pem`), `ca.pem` and for a node `log-keys`.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let directory = args.dir.open();
    let request = read(&args.request, "the certificate request")?;
    let enrolled = match (&args.party, &args.log_key) {
        (Some(party), _) => enrol(&directory, &request, party, &SystemClock)?,
        (None, Some(key)) => {
            let key = read(key, "the log key")?;
            enrol_matcher(&directory, &request, &key, &SystemClock)?
        }
        (None, None) if args.key_server => enrol_key_server(&directory, &request, &SystemClock)?,
        (None, None) => {
            anyhow::bail!("say whose certificate it is, with --party, --role or --key-server")
        }
    };
    let (certificate, authority) = places(args, &directory);
    write_atomic(&certificate, enrolled.certificate_pem.as_bytes())?;
    if args.out.is_dir() {
        write_atomic(&authority, enrolled.authority_pem.as_bytes())?;
        if args.party.is_some() {
            write_atomic(&args.out.join("log-keys"), enrolled.log_keys.as_bytes())?;
        }
    }
    println!("certificate  {}", certificate.display());
    println!("fingerprint  {}", enrolled.fingerprint);
    println!("authority    {}", authority.display());
    println!("fingerprint  {}", enrolled.authority_fingerprint);
    println!("next         {}", next(args));
    Ok(())
}

/// What is done with the certificate.
fn next(args: &Args) -> String {
    let (files, whom) = match &args.party {
        Some(party) => (
            "these files, and `log-keys` beside them,",
            party.to_string(),
        ),
        None if args.key_server => (
            "these files",
            "the key server's operator, for `symbolon-key-server enrol`".to_owned(),
        ),
        None => (
            "these files",
            "the matcher's operator, for `symbolon-coordinator install`".to_owned(),
        ),
    };
    format!("hand {files} to {whom}; compare the fingerprints by voice")
}

/// Where the certificate goes, and where the authority's lies.
fn places(args: &Args, directory: &StateDir) -> (PathBuf, PathBuf) {
    if args.out.is_dir() {
        let other = if args.key_server {
            "key-server"
        } else {
            "matcher"
        };
        let name = args.party.as_ref().map_or(other, PartyName::as_str);
        let certificate = args.out.join(format!("{name}.pem"));
        (certificate, args.out.join("ca.pem"))
    } else {
        (args.out.clone(), directory.authority_certificate())
    }
}

/// Reads a small text that `what` names.
pub(super) fn read(path: &Path, what: &str) -> anyhow::Result<String> {
    let context = || format!("cannot read {what} {}", path.display());
    let file = File::open(path).with_context(context)?;
    let mut text = String::new();
    // One byte over the limit is enough for the text to be refused as too long.
    let limit = MAX_PEM_BYTES as u64 + 1;
    file.take(limit)
        .read_to_string(&mut text)
        .with_context(context)?;
    Ok(text)
}

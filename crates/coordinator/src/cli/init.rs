//! `symbolon-coordinator init`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use coordinator::directory::Listen;
use coordinator::{Roles, Setup, StateDir, init};
use model::{ProjectName, SystemClock};
use secret::SystemEntropy;
use wire::Role;

use super::Dir;

/// What `init` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: Dir,
    /// The project's name: lower-case letters, digits, `-` and `_`.
    #[arg(long, value_name = "NAME")]
    project: ProjectName,
    /// The linkage schema all members agreed on; it is copied.
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
    /// Which roles are here: both, or one where each has an operator of its own.
    #[arg(long, value_name = "ROLE", default_value = "both")]
    role: Roles,
    /// Host and port of the matcher, which another operator runs; with `--role resolver`.
    #[arg(long, value_name = "HOST:PORT", required_if_eq("role", "resolver"))]
    matcher: Option<String>,
    /// Where the matcher will listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7401")]
    matcher_listen: SocketAddr,
    /// Where the resolver will listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7402")]
    resolver_listen: SocketAddr,
}

/// An address that nothing would use.
#[derive(Debug, thiserror::Error)]
#[error("--matcher says where another operator's matcher is; with --role {0} the matcher is here")]
pub(super) struct MatcherIsHere(Roles);

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if args.matcher.is_some() && args.role.has(Role::Matcher) {
        return Err(MatcherIsHere(args.role).into());
    }
    let directory = args.dir.open();
    let setup = Setup {
        project: args.project.clone(),
        schema: args.schema.clone(),
        roles: args.role,
        matcher: args.matcher.clone(),
        listen: Listen {
            matcher: args.role.has(Role::Matcher).then_some(args.matcher_listen),
            resolver: args
                .role
                .has(Role::Resolver)
                .then_some(args.resolver_listen),
        },
    };
    let entropy = &mut SystemEntropy::new();
    init(&directory, &setup, Arc::new(SystemClock), entropy)?;
    println!("state directory  {}", directory.path().display());
    if args.role == Roles::Matcher {
        tell_matcher(&directory);
        return Ok(());
    }
    println!(
        "authority        {}",
        directory.authority_certificate().display()
    );
    if args.role == Roles::Resolver {
        println!(
            "next             enrol the matcher with `symbolon-coordinator enrol --role matcher`"
        );
    }
    println!("next             enrol each node with `symbolon-coordinator enrol`, then `run`");
    Ok(())
}

fn tell_matcher(directory: &StateDir) {
    let at = directory.role(Role::Matcher);
    println!("request          {}", at.certificate_request().display());
    println!("log key          {}", at.log().join("key").display());
    println!(
        "next             send both to the resolver's operator, and install what comes back with \
         `symbolon-coordinator install`"
    );
}

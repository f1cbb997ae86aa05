//! `symbolon-audit fetch`.

use std::path::PathBuf;

use anyhow::Context as _;
use auditor::{Bundle, fetch};
use model::SystemClock;
use service::Exit;
use wire::pki::PrivateKeyPem;
use wire::{NodeClient, NodeIdentity, Role, Target};

/// What `fetch` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The bundle: a directory, made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A coordinator's state directory, or a copy of it. Twice where matcher and resolver have one each.
    #[arg(long, value_name = "DIR")]
    coordinator: Vec<PathBuf>,
    /// A node's directory, or a copy of it. May be given for several nodes.
    #[arg(long, value_name = "DIR")]
    node: Vec<PathBuf>,
    /// The directory of a key server, or a copy of it.
    #[arg(long, value_name = "DIR")]
    key_server: Option<PathBuf>,
    /// A directory of checkpoints that a witness cosigned (`symbolon-audit witness --out`). May be given
    /// for several witnesses.
    #[arg(long, value_name = "DIR")]
    cosigned: Vec<PathBuf>,
    #[command(flatten)]
    wire: Wire,
}

/// How to ask the roles themselves, as a member.
#[derive(clap::Args)]
struct Wire {
    /// Host and port of the matcher, to read its log from itself.
    #[arg(long, value_name = "HOST:PORT", requires = "certificate")]
    matcher: Option<String>,
    /// Host and port of the resolver, to read its log from itself.
    #[arg(long, value_name = "HOST:PORT", requires = "certificate")]
    resolver: Option<String>,
    /// The project's authority, in PEM: a node's identity/ca.pem.
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// A member's certificate, in PEM: a node's identity/node.pem.
    #[arg(long, value_name = "FILE", requires = "authority", requires = "key")]
    certificate: Option<PathBuf>,
    /// Its private key, in PEM: a node's identity/node.key.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Wire {
    fn identity(&self) -> anyhow::Result<NodeIdentity> {
        let read = |path: &Option<PathBuf>| -> anyhow::Result<String> {
            let path = path
                .as_deref()
                .context("--authority, --certificate and --key are needed")?;
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        };
        Ok(NodeIdentity {
            authority_pem: read(&self.authority)?,
            certificate_pem: read(&self.certificate)?,
            key: PrivateKeyPem::new(read(&self.key)?),
        })
    }

    async fn fetch(&self, bundle: &Bundle) -> anyhow::Result<()> {
        let roles = [
            (Role::Matcher, &self.matcher),
            (Role::Resolver, &self.resolver),
        ];
        for (role, address) in roles {
            let Some(address) = address.clone() else {
                continue;
            };
            let target = Target { address, role };
            let client = NodeClient::connect(&target, &self.identity()?, &SystemClock).await?;
            fetch::role(bundle, &client, role).await?;
        }
        Ok(())
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let bundle = Bundle::create(&args.out)?;
    for directory in &args.coordinator {
        fetch::coordinator(&bundle, directory)?;
    }
    for directory in &args.node {
        fetch::node(&bundle, directory)?;
    }
    if let Some(directory) = &args.key_server {
        fetch::key_server(&bundle, directory)?;
    }
    for directory in &args.cosigned {
        fetch::cosigned(&bundle, directory)?;
    }
    tokio::runtime::Runtime::new()?.block_on(args.wire.fetch(&bundle))?;
    for name in bundle.logs()?.keys() {
        println!("{name}");
    }
    Ok(Exit::Done)
}

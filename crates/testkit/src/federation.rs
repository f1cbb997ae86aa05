//! A whole federation in one process: a coordinator with both roles, or one for each role as two institutions
//! have, and any number of nodes, over real sockets with mutual TLS, real stores and real files.
//!
//! Only three things differ from programs on several machines: the certificate requests and the
//! linkage key are handed over by function call, entropy may be seeded, and the clock is passed in.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coordinator::directory::Listen;
use coordinator::resolver::clusters::{ClusterRow, NotClusters, decode};
use coordinator::{Coordinator, Listeners, Roles, Setup, StateDir};
use encode::NodeKeys;
use model::lifecycle::Phase;
use model::{
    Clock, Day, Epoch, LinkageSchema, PartyName, Progress, ProjectName, RecordHandle, RunNumber,
};
use node::{InitOptions, KeyProgress, Node, PrepareReport};
use records::LocalKey;
use secret::key_file::{self, Purpose};
use secret::{Entropy, Key32};
use service::Shutdown;
use tokio::task::JoinHandle;
use wire::Role;

use crate::dpos::{Dpos, Terms};
use crate::processes::free_addresses;

/// How often is looked whether a run is linked.
const LOOKS: u32 = 36_000;
/// How long apart.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a federation did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum FederationError {
    /// A file or socket of the federation itself.
    #[error("the federation's own files or sockets: {0}")]
    Io(#[from] io::Error),
    /// The coordinator was not made.
    #[error(transparent)]
    Init(#[from] coordinator::InitError),
    /// The coordinator did not open.
    #[error(transparent)]
    Open(#[from] coordinator::OpenError),
    /// The coordinator stopped with an error.
    #[error(transparent)]
    Serve(#[from] coordinator::ServeError),
    /// The coordinator did not take up the agreement.
    #[error(transparent)]
    Adopt(#[from] coordinator::AdoptError),
    /// The officers could not agree.
    #[error(transparent)]
    Agree(#[from] node::NodeError),
    /// The linkage schema is wrong.
    #[error(transparent)]
    Schema(#[from] model::schema::SchemaError),
    /// The matcher's certificate was not installed.
    #[error(transparent)]
    Install(#[from] coordinator::InstallError),
    /// A node was not enrolled.
    #[error(transparent)]
    Enrol(#[from] coordinator::EnrolError),
    /// A node failed.
    #[error("node of {party}: {source}")]
    Node {
        /// Whose.
        party: PartyName,
        /// What it said.
        source: Box<node::NodeError>,
    },
    /// A node's secret cannot be read.
    #[error(transparent)]
    Key(#[from] secret::key_file::KeyFileError),
    /// The resolver's clusters cannot be read.
    #[error(transparent)]
    Clusters(#[from] NotClusters),
    /// The coordinator's task was lost.
    #[error("the coordinator's task was lost: {0}")]
    Lost(#[from] tokio::task::JoinError),
}

fn of<T>(party: &PartyName, result: Result<T, node::NodeError>) -> Result<T, FederationError> {
    result.map_err(|source| FederationError::Node {
        party: party.clone(),
        source: Box::new(source),
    })
}

/// Where the two roles are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The matcher.
    pub matcher: SocketAddr,
    /// The resolver.
    pub resolver: SocketAddr,
}

/// A running coordinator, and what its nodes need to join it.
pub struct Federation {
    dir: PathBuf,
    schema: PathBuf,
    project: ProjectName,
    clock: Arc<dyn Clock>,
    addresses: Addresses,
    /// One program, or one for each role.
    served: Vec<Served>,
}

/// A coordinator that serves.
struct Served {
    listen: Listen,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), coordinator::ServeError>>,
}

impl Served {
    async fn start(directory: StateDir, clock: Arc<dyn Clock>) -> Result<Self, FederationError> {
        let coordinator = Coordinator::open(directory, clock)?;
        let listeners = Listeners::bind(&coordinator.settings().listen).await?;
        let (listen, shutdown) = (listeners.addresses()?, Shutdown::new());
        let task = tokio::spawn(coordinator.serve(listeners, shutdown.clone()));
        Ok(Self {
            listen,
            shutdown,
            task,
        })
    }
}

/// A node that has joined, and its registry.
pub struct Member {
    /// The node.
    pub node: Node,
    /// Whose it is.
    pub party: PartyName,
    /// The registry's file.
    pub registry: PathBuf,
}

impl Federation {
    /// Makes a coordinator under `dir` and has it serve on loopback, on ports the system chooses.
    ///
    /// # Errors
    /// [`FederationError`] when it cannot be made or served.
    pub async fn start(
        dir: &Path,
        project: &ProjectName,
        schema: &Path,
        clock: Arc<dyn Clock>,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, FederationError> {
        Self::start_under(dir, project, schema, Terms::default(), clock, entropy).await
    }

    /// As [`Self::start`], under an agreement with these terms.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_under(
        dir: &Path,
        project: &ProjectName,
        schema: &Path,
        terms: impl Into<Terms>,
        clock: Arc<dyn Clock>,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, FederationError> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let setup = Setup {
            project: project.clone(),
            schema: schema.to_owned(),
            roles: Roles::Both,
            matcher: None,
            listen: Listen {
                matcher: Some(any),
                resolver: Some(any),
            },
        };
        let state = StateDir::new(dir.join("coordinator"));
        coordinator::init(&state, &setup, clock.clone(), entropy)?;
        let key = Key32::generate(entropy);
        key_file::write(&dir.join("linkage.key"), Purpose::Linkage, &key)?;
        agree(dir, project, schema, terms.into(), &*clock, entropy)?;
        coordinator::adopt(&state, &Dpos::open(&officers(dir)).agreement())?;
        Self::serve(dir, project, schema, clock).await
    }

    /// As [`Self::start_under`], but with an operator for each role, who has a state directory of its own: the
    /// matcher's is [`Self::matcher_state`].
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_apart(
        dir: &Path,
        project: &ProjectName,
        schema: &Path,
        terms: impl Into<Terms>,
        clock: Arc<dyn Clock>,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, FederationError> {
        let [matcher, resolver] = free_addresses()?;
        let setup = |roles: Roles| Setup {
            project: project.clone(),
            schema: schema.to_owned(),
            roles,
            matcher: (roles == Roles::Resolver).then(|| matcher.to_string()),
            listen: Listen {
                matcher: roles.has(Role::Matcher).then_some(matcher),
                resolver: roles.has(Role::Resolver).then_some(resolver),
            },
        };
        let (state, other) = (StateDir::new(dir.join("coordinator")), matcher_state(dir));
        coordinator::init(&state, &setup(Roles::Resolver), clock.clone(), entropy)?;
        coordinator::init(&other, &setup(Roles::Matcher), clock.clone(), entropy)?;
        let at = other.role(Role::Matcher);
        let request = std::fs::read_to_string(at.certificate_request())?;
        let log_key = std::fs::read_to_string(at.log().join("key"))?;
        let issued = coordinator::enrol_matcher(&state, &request, &log_key, &*clock)?;
        let (certificate, authority) = (&issued.certificate_pem, &issued.authority_pem);
        coordinator::install(&other, certificate, authority, &*clock)?;
        let key = Key32::generate(entropy);
        key_file::write(&dir.join("linkage.key"), Purpose::Linkage, &key)?;
        agree(dir, project, schema, terms.into(), &*clock, entropy)?;
        for state in [&state, &other] {
            coordinator::adopt(state, &Dpos::open(&officers(dir)).agreement())?;
        }
        Self::serve(dir, project, schema, clock).await
    }

    /// Serves the coordinator that [`Self::start`] made under `dir`, as after a restart.
    ///
    /// # Errors
    /// [`FederationError`] when it cannot be opened.
    pub async fn serve(
        dir: &Path,
        project: &ProjectName,
        schema: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, FederationError> {
        let all = [matcher_state(dir), StateDir::new(dir.join("coordinator"))];
        let mut served = Vec::new();
        for state in all.into_iter().filter(|state| state.settings().exists()) {
            served.push(Served::start(state, clock.clone()).await?);
        }
        let address = |role| {
            let address = served.iter().find_map(|served| served.listen.of(role));
            address.ok_or(io::ErrorKind::AddrNotAvailable)
        };
        let addresses = Addresses {
            matcher: address(Role::Matcher).map_err(io::Error::from)?,
            resolver: address(Role::Resolver).map_err(io::Error::from)?,
        };
        Ok(Self {
            dir: dir.to_owned(),
            schema: schema.to_owned(),
            project: project.clone(),
            clock,
            addresses,
            served,
        })
    }

    /// The coordinator's state directory; the resolver's, where each role has one.
    pub fn state(&self) -> StateDir {
        StateDir::new(self.dir.join("coordinator"))
    }

    /// The matcher's state directory, where each role has one.
    pub fn matcher_state(&self) -> StateDir {
        matcher_state(&self.dir)
    }

    /// Where the coordinator really listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The data protection officers, and the agreement they signed.
    pub fn dpos(&self) -> Dpos {
        Dpos::open(&officers(&self.dir))
    }

    /// The linkage key that [`Self::join`] gives to each node.
    pub fn linkage_key(&self) -> PathBuf {
        self.dir.join("linkage.key")
    }

    /// Has the officers of all members approve the open run as soon as it is linked.
    ///
    /// # Errors
    /// [`FederationError::Node`] when it will not be linked, or not within the patience.
    pub async fn approve(&self, members: &[Member]) -> Result<(), FederationError> {
        for member in members {
            self.approve_as(member).await?;
        }
        Ok(())
    }

    async fn approve_as(&self, member: &Member) -> Result<(), FederationError> {
        let key = self.dpos().key(&member.party);
        let mut looks = 0;
        loop {
            match member.node.approve(&key).await {
                Err(error) if looks < LOOKS && is_on_its_way(&error) => looks += 1,
                outcome => return of(&member.party, outcome.map(drop)),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Has the nodes of all members agree on the linkage key of `epoch`, each officer signing the
    /// card of its node.
    ///
    /// # Errors
    /// [`FederationError::Node`] when a node refuses to go on.
    pub async fn agree_on_key(
        &self,
        members: &[Member],
        epoch: Epoch,
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<(), FederationError> {
        self.make_cards(members, epoch, entropy)?;
        let mut waiting = members.len();
        while waiting > 0 {
            waiting = 0;
            for member in members {
                let made = member.node.agree_on_key(epoch, entropy).await;
                let is_agreed = matches!(of(&member.party, made)?, KeyProgress::Agreed(_));
                waiting += usize::from(!is_agreed);
            }
        }
        Ok(())
    }

    /// Makes the nodes' cards for `epoch`, and has their officers sign them.
    ///
    /// # Errors
    /// [`FederationError::Node`] when there is a card already.
    pub fn make_cards(
        &self,
        members: &[Member],
        epoch: Epoch,
        entropy: &mut dyn Entropy,
    ) -> Result<(), FederationError> {
        for member in members {
            let card = of(&member.party, member.node.new_card(epoch, entropy))?;
            let key = self.dpos().key(&member.party);
            of(&member.party, node::sign_card(&card, &key))?;
        }
        Ok(())
    }

    /// Makes a node for `party`, enrols it and gives it a linkage key as if the nodes had agreed on it
    /// already. It dials `addresses`, which may be those of something that stands between.
    ///
    /// # Errors
    /// [`FederationError`] when a step of joining fails.
    pub fn join(
        &self,
        party: &PartyName,
        registry: &Path,
        addresses: Addresses,
        entropy: &mut dyn Entropy,
    ) -> Result<Member, FederationError> {
        let member = self.join_without_key(party, registry, addresses, entropy)?;
        member.give_key(&self.linkage_key())?;
        Ok(member)
    }

    /// As [`Self::join`], without a linkage key: the nodes agree on one later.
    ///
    /// # Errors
    /// [`FederationError`] when a step of joining fails.
    pub fn join_without_key(
        &self,
        party: &PartyName,
        registry: &Path,
        addresses: Addresses,
        entropy: &mut dyn Entropy,
    ) -> Result<Member, FederationError> {
        let options = InitOptions {
            party: party.clone(),
            project: self.project.clone(),
            schema: self.schema.clone(),
            dpo: of(party, self.dpos().fingerprint(party))?,
            matcher: addresses.matcher.to_string(),
            resolver: addresses.resolver.to_string(),
            key_server: None,
        };
        let home = self.dir.join(format!("node-{party}"));
        let node = of(
            party,
            Node::init(&home, &options, entropy, self.clock.clone()),
        )?;
        self.enrol(&node, party)?;
        of(party, node.install_agreement(&self.dpos().agreement()))?;
        Ok(Member {
            node,
            party: party.clone(),
            registry: registry.to_owned(),
        })
    }

    fn enrol(&self, node: &Node, party: &PartyName) -> Result<(), FederationError> {
        let request = std::fs::read_to_string(node.home().certificate_request())?;
        let enrolled = coordinator::enrol(&self.state(), &request, party, &*self.clock)?;
        let handed = self.dir.join(format!("handed-to-{party}"));
        std::fs::create_dir_all(&handed)?;
        let [certificate, authority, log_keys] =
            ["node.pem", "ca.pem", "log-keys"].map(|name| handed.join(name));
        std::fs::write(&certificate, enrolled.certificate_pem)?;
        std::fs::write(&authority, enrolled.authority_pem)?;
        std::fs::write(&log_keys, enrolled.log_keys)?;
        of(party, node.enrol(&certificate, &authority, Some(&log_keys)))
    }

    /// The resolver's clusters of the first run, once it has linked: for tests and rehearsals, where
    /// one person holds everybody's files.
    ///
    /// # Errors
    /// [`FederationError`] when there are none yet.
    pub fn clusters(&self) -> Result<Vec<ClusterRow>, FederationError> {
        let file = self
            .state()
            .role(Role::Resolver)
            .runs()
            .join("1")
            .join("clusters.bin");
        Ok(decode(&std::fs::read(file)?)?)
    }

    /// Stops the coordinator and waits until it has.
    ///
    /// # Errors
    /// [`FederationError::Serve`] when it had failed.
    pub async fn stop(self) -> Result<(), FederationError> {
        self.served
            .iter()
            .for_each(|served| served.shutdown.request());
        for served in self.served {
            served.task.await??;
        }
        Ok(())
    }
}

/// Whether the run is not linked yet, and may be later.
fn is_on_its_way(error: &node::NodeError) -> bool {
    let node::NodeError::Approve(node::ApproveError::NotLinked { state, .. }) = error else {
        return false;
    };
    matches!(state, Phase::Open | Phase::Sealed | Phase::Linking)
}

fn matcher_state(dir: &Path) -> StateDir {
    StateDir::new(dir.join("matcher-operator"))
}

fn officers(dir: &Path) -> PathBuf {
    dir.join("officers")
}

/// Has the officers of all parties sign an agreement.
fn agree(
    dir: &Path,
    project: &ProjectName,
    schema: &Path,
    terms: Terms,
    clock: &dyn Clock,
    entropy: &mut dyn Entropy,
) -> Result<(), FederationError> {
    let schema = LinkageSchema::parse(&std::fs::read_to_string(schema)?)?;
    let today = Day::of_millis(clock.unix_millis());
    let dpos = Dpos::under(&officers(dir), project, &schema, terms, today, entropy)?;
    let parties: Vec<_> = schema
        .parties
        .iter()
        .map(|party| party.name.clone())
        .collect();
    Ok(dpos.sign(&parties)?)
}

impl Member {
    /// Gives the node the linkage key in the file `key` for the first epoch.
    ///
    /// # Errors
    /// [`FederationError::Key`] when the file is no linkage key.
    pub fn give_key(&self, key: &Path) -> Result<(), FederationError> {
        let home = self.node.home();
        std::fs::create_dir_all(home.epoch(Epoch(1)))?;
        let key = key_file::read(key, Purpose::Linkage)?;
        Ok(key_file::write(
            &home.linkage_key(Epoch(1)),
            Purpose::Linkage,
            &key,
        )?)
    }

    /// Asks for the project and prepares the registry.
    ///
    /// # Errors
    /// [`FederationError::Node`].
    pub async fn prepare(
        &self,
        progress: &dyn Progress,
        entropy: &mut dyn Entropy,
    ) -> Result<PrepareReport, FederationError> {
        of(&self.party, self.node.ask_project().await)?;
        of(
            &self.party,
            self.node.prepare(&self.registry, false, progress, entropy),
        )
    }

    /// The record handle that stands for `key` in `run`, as the node itself derives it.
    ///
    /// # Errors
    /// [`FederationError::Key`] when the node's secret cannot be read.
    pub fn handles(&self, run: RunNumber) -> Result<Handles, FederationError> {
        let secret = key_file::read(&self.node.home().node_secret(), Purpose::Vault)?;
        let project = &self.node.config().project;
        Ok(Handles(NodeKeys::derive(&secret, project, Epoch(1), run)))
    }
}

/// One node's way from its registry's keys to record handles.
pub struct Handles(NodeKeys);

impl Handles {
    /// The handle of `key`.
    pub fn of(&self, key: &LocalKey) -> RecordHandle {
        self.0.record_handle(key)
    }
}

//! Opening the roles of a state directory, each with its identity and with what it is served by.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use model::Clock;
use secret::key_file::{KeyFileError, Purpose};
use service::files::LockError;
use tokio::sync::Notify;
use wire::pki::PrivateKeyPem;
use wire::{Handover, NodeIdentity, Role, RoleIdentity, Target};

use crate::context::RoleError;
use crate::coordinator::{MatcherHere, ResolverHere};
use crate::directory::{Settings, SettingsError, StateDir};
use crate::ending::EndError;
use crate::matcher::Matcher;
use crate::project::Project;
use crate::remote::RemoteMatcher;
use crate::resolver::{BoardDesk, Resolver, ResolverKeys};

/// Why a coordinator did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Settings or schema are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Another program works in the directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A role cannot use its store or log.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// What is left of a destroyed run cannot be removed.
    #[error(transparent)]
    End(#[from] EndError),
    /// A key of the resolver cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The role has no certificate yet.
    #[error(
        "the {0} has no certificate; send {0}/request.csr to whoever has the project's authority, and install \
         what comes back with `symbolon-coordinator install`"
    )]
    NoCertificate(Role),
    /// A certificate or its key cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What the roles are opened with.
pub(crate) struct Opening<'a> {
    pub(crate) directory: &'a StateDir,
    pub(crate) settings: &'a Settings,
    pub(crate) project: Arc<Project>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Opening<'_> {
    /// The matcher.
    pub(crate) fn matcher(&self) -> Result<MatcherHere, OpenError> {
        let at = self.directory.role(Role::Matcher);
        let role = Matcher::open(&at, self.project.clone(), self.clock.clone())?;
        let (role, wake) = (Arc::new(role), Arc::<Notify>::default());
        role.finish_ending()?;
        Ok(MatcherHere {
            identity: identity(self.directory, Role::Matcher)?,
            desk: role.intake(wake.clone()),
            role,
            wake,
        })
    }

    /// The resolver beside `matcher`, or by itself.
    pub(crate) fn resolver(
        &self,
        matcher: Option<&MatcherHere>,
    ) -> Result<ResolverHere, OpenError> {
        let at = self.directory.role(Role::Resolver);
        let remote = match matcher {
            Some(_) => None,
            None => Some(Arc::new(self.remote()?)),
        };
        let handover: Option<Arc<dyn Handover>> = match (matcher, &remote) {
            (Some(here), _) => Some(here.role.clone()),
            (None, Some(remote)) => Some(remote.clone()),
            (None, None) => None,
        };
        let handover = handover.ok_or(SettingsError::NoMatcher)?;
        let keys = ResolverKeys::read(&at)?;
        let role = Resolver::open(
            &at,
            keys,
            self.project.clone(),
            handover,
            self.clock.clone(),
        )?;
        let (role, wake) = (Arc::new(role), Arc::<Notify>::default());
        role.finish_ending()?;
        Ok(ResolverHere {
            identity: identity(self.directory, Role::Resolver)?,
            desk: role.intake(wake.clone()),
            board: Arc::new(BoardDesk::new(role.clone(), wake.clone())),
            role,
            wake,
            remote,
        })
    }

    fn remote(&self) -> Result<RemoteMatcher, OpenError> {
        remote_matcher(
            self.directory,
            self.settings,
            self.project.clone(),
            self.clock.clone(),
        )
    }
}

/// The matcher that another operator runs.
pub(crate) fn remote_matcher(
    directory: &StateDir,
    settings: &Settings,
    project: Arc<Project>,
    clock: Arc<dyn Clock>,
) -> Result<RemoteMatcher, OpenError> {
    let address = settings.matcher.clone().ok_or(SettingsError::NoMatcher)?;
    let RoleIdentity {
        authority_pem,
        certificate_pem,
        key,
    } = identity(directory, Role::Resolver)?;
    let target = Target {
        address,
        role: Role::Matcher,
    };
    let identity = NodeIdentity {
        authority_pem,
        certificate_pem,
        key,
    };
    let report = directory.role(Role::Resolver).matcher_report();
    Ok(RemoteMatcher::new(target, identity, project, clock, report))
}

fn identity(directory: &StateDir, role: Role) -> Result<RoleIdentity, OpenError> {
    let at = directory.role(role);
    if !at.certificate().exists() {
        return Err(OpenError::NoCertificate(role));
    }
    Ok(RoleIdentity {
        authority_pem: read(directory.authority_certificate())?,
        certificate_pem: read(at.certificate())?,
        key: PrivateKeyPem::of_text(at.unlock().read_text(&at.key(), Purpose::Tls)?),
    })
}

fn read(path: PathBuf) -> Result<String, OpenError> {
    std::fs::read_to_string(&path).map_err(|source| OpenError::Unreadable { path, source })
}

//! A node at work: its settings and schema, read once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::schema::MAX_SCHEMA_BYTES;
use model::{Clock, Digest, LinkageSchema, PartyIndex, PartyName, ProjectName, RunNumber};
use secret::{Purpose, Unlock};
use serde::{Deserialize, Serialize};
use service::ConfigFile;
use wire::{NodeClient, Role, Target};

use crate::error::NodeError;
use crate::files::read_text;
use crate::home::{Home, HomeError};
use crate::vault::VaultKey;

/// The settings in `node.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// The custodian's name in the linkage schema.
    pub party: PartyName,
    /// The linkage project.
    pub project: ProjectName,
    /// The linkage schema's file, relative to the node's directory.
    pub schema: std::path::PathBuf,
    /// Fingerprint of the signing key of the custodian's data protection officer: no agreement
    /// counts here without that signature.
    pub dpo: Digest,
    /// The file with the passphrase under which all keys are sealed here, as a service manager hands it to
    /// the program, relative to where that runs; without, they are kept in clear, for this user alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<PathBuf>,
    /// Host and port of the coordinator's matcher.
    pub matcher: String,
    /// Host and port of the coordinator's resolver.
    pub resolver: String,
    /// Host and port of the key server, where the agreement has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_server: Option<String>,
}

/// A node whose directory has been opened. Its steps are in modules of their own: `prepare`,
/// `upload`, `collect` and so on.
pub struct Node {
    pub(crate) home: Home,
    pub(crate) config: NodeConfig,
    pub(crate) schema: LinkageSchema,
    pub(crate) party: PartyIndex,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Node {
    /// Opens the node whose directory is `dir`.
    ///
    /// # Errors
    /// [`NodeError`] when there is no node, or its settings or schema are wrong.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, NodeError> {
        let home = Home::new(dir);
        if !home.config().exists() {
            return Err(HomeError::NotANode(dir.to_owned()).into());
        }
        let file = ConfigFile::<NodeConfig>::load(&home.config()).map_err(HomeError::from)?;
        let unlock = Unlock::from_file(file.settings.passphrase_file.as_deref())?;
        let schema = read_schema(&file.resolve(&file.settings.schema))?;
        let party = party_in(&schema, &file.settings.party)?;
        Ok(Self {
            home: home.unlocked(unlock),
            config: file.settings,
            schema,
            party,
            clock,
        })
    }

    /// The node's directory.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The node's settings.
    pub fn config(&self) -> &NodeConfig {
        &self.config
    }

    /// The linkage schema installed here.
    pub fn schema(&self) -> &LinkageSchema {
        &self.schema
    }

    /// Dials one role of the coordinator.
    pub(crate) async fn connect(&self, role: Role) -> Result<NodeClient, NodeError> {
        let address = match role {
            Role::Matcher => &self.config.matcher,
            Role::Resolver => &self.config.resolver,
        };
        let target = Target {
            address: address.clone(),
            role,
        };
        let identity = self.identity()?;
        Ok(NodeClient::connect(&target, &identity, &*self.clock).await?)
    }

    /// Dials one role of the coordinator, holds its log to what this node saw, and hears what officers
    /// say of the agreement. The caller holds the directory's lock.
    pub(crate) async fn dial(&self, role: Role) -> Result<NodeClient, NodeError> {
        let client = self.connect(role).await?;
        self.check_log(&client, role, None).await?;
        if role == Role::Resolver {
            self.share_statements(&client).await?;
        }
        Ok(client)
    }

    pub(crate) fn secret(&self) -> Result<secret::Key32, NodeError> {
        let unlock = self.home.unlock();
        Ok(unlock.read(&self.home.node_secret(), Purpose::Vault)?)
    }

    pub(crate) fn vault_key(&self, run: RunNumber) -> Result<VaultKey, NodeError> {
        let NodeConfig { project, party, .. } = &self.config;
        Ok(VaultKey::derive(&self.secret()?, project, run, party))
    }
}

/// Reads and checks the linkage schema at `path`.
pub(crate) fn read_schema(path: &Path) -> Result<LinkageSchema, NodeError> {
    let text = read_text(path, MAX_SCHEMA_BYTES as u64)?;
    let schema = LinkageSchema::parse(&text).map_err(|source| HomeError::Schema {
        path: path.to_owned(),
        source,
    })?;
    Ok(schema)
}

/// The place of `party` in the schema.
pub(crate) fn party_in(schema: &LinkageSchema, party: &PartyName) -> Result<PartyIndex, HomeError> {
    let known = || {
        let names = schema.parties.iter().map(|party| party.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    schema
        .party_index(party)
        .ok_or_else(|| HomeError::UnknownParty {
            party: party.clone(),
            known: known(),
        })
}

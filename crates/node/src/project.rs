//! What the resolver says of the project: asked before preparing, and kept for work without a
//! connection.

use model::lifecycle::Phase;
use model::{Digest, Epoch, ProjectName, RunNumber};
use secret::RecipientKey;
use serde::{Deserialize, Serialize};
use wire::{Description, Role};

use crate::error::NodeError;
use crate::files::{read_json, write_json};
use crate::open::Node;

/// Why nothing can be prepared for the project.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// It was never asked about.
    #[error("the project is not known yet; run `symbolon-node prepare` once without --offline")]
    Unknown,
    /// Another project than the settings name.
    #[error("the coordinator runs the project `{found}`, this node is set up for `{expected}`")]
    Another {
        /// The coordinator's project.
        found: ProjectName,
        /// The node's.
        expected: ProjectName,
    },
    /// Another schema.
    #[error(
        "this node's linkage schema ({installed}) is not the project's ({agreed}); install the \
         schema all members agreed on as schema.toml"
    )]
    SchemaDiffers {
        /// The digest of the node's schema.
        installed: Digest,
        /// The digest of the project's.
        agreed: Digest,
    },
    /// The resolver did not say to which key handle maps are sealed.
    #[error("the resolver told no key to seal the handle map to; tell the coordinator's operator")]
    NoKey,
    /// The run takes no batches.
    #[error(
        "run {run} is {state} and takes no batches; ask the coordinator's operator for a new run"
    )]
    NotOpen {
        /// The run.
        run: RunNumber,
        /// Where it stands.
        state: Phase,
    },
}

/// What a batch is prepared for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The project.
    pub project: ProjectName,
    /// The epoch whose keys encode.
    pub epoch: Epoch,
    /// The current run.
    pub run: RunNumber,
    /// Digest of the linkage schema the project agreed on.
    pub schema_digest: Digest,
    /// The resolver's public key, to which handle maps are sealed.
    #[serde(with = "recipient")]
    pub resolver_key: RecipientKey,
}

impl TryFrom<Description> for Project {
    type Error = ProjectError;

    fn try_from(told: Description) -> Result<Self, ProjectError> {
        Ok(Self {
            project: told.project,
            epoch: told.epoch,
            run: told.run,
            schema_digest: told.schema_digest,
            resolver_key: RecipientKey(told.resolver_key.ok_or(ProjectError::NoKey)?),
        })
    }
}

impl Node {
    /// Asks the resolver about the project and keeps the answer. Has to be done before
    /// [`Node::prepare`], which works without a connection.
    ///
    /// # Errors
    /// [`NodeError`] when the resolver cannot be asked, or runs another project or schema, or takes
    /// no batches while nothing is prepared for its run.
    pub async fn ask_project(&self) -> Result<Project, NodeError> {
        let client = {
            let _lock = self.home.lock()?;
            self.dial(Role::Resolver).await?
        };
        let description = client.describe().await?;
        let (state, agreement) = (description.state, description.agreement);
        let project = Project::try_from(description)?;
        self.check_project(&project)?;
        self.check_same_agreement(agreement)?;
        if state != Phase::Open && !self.home.outbox_of(project.run).exists() {
            let run = project.run;
            return Err(ProjectError::NotOpen { run, state }.into());
        }
        write_json(&self.home.project(), &project)?;
        Ok(project)
    }

    /// The answer the resolver gave last.
    ///
    /// # Errors
    /// [`NodeError`] when it was never asked, or the project or schema is another one.
    pub fn known_project(&self) -> Result<Project, NodeError> {
        let project: Project = read_json(&self.home.project())?.ok_or(ProjectError::Unknown)?;
        self.check_project(&project)?;
        Ok(project)
    }

    fn check_project(&self, project: &Project) -> Result<(), ProjectError> {
        if project.project != self.config.project {
            return Err(ProjectError::Another {
                found: project.project.clone(),
                expected: self.config.project.clone(),
            });
        }
        if project.schema_digest != self.schema.digest() {
            return Err(ProjectError::SchemaDiffers {
                installed: self.schema.digest(),
                agreed: project.schema_digest,
            });
        }
        Ok(())
    }
}

/// The resolver's key as hexadecimal text.
mod recipient {
    use secret::RecipientKey;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(key: &RecipientKey, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(key)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<RecipientKey, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

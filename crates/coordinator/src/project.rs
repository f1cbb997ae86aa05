//! What both roles know of the project they serve, and never changes while they run.

use model::{Epoch, Layout, LinkageSchema, PartyIndex, PartyName, ProjectName, RunNumber};
use model::{Refusal, RefusalCode};

/// The project and its open run.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its name.
    pub name: ProjectName,
    /// The epoch whose keys encode.
    pub epoch: Epoch,
    /// The open run.
    pub run: RunNumber,
    /// What all members agreed on.
    pub schema: LinkageSchema,
    /// The layout of rows that follows from the schema.
    pub layout: Layout,
}

impl Project {
    /// A project with its open run.
    pub fn new(name: ProjectName, epoch: Epoch, run: RunNumber, schema: LinkageSchema) -> Self {
        let layout = Layout::of(&schema);
        Self {
            name,
            epoch,
            run,
            schema,
            layout,
        }
    }

    /// The members, in the schema's order.
    pub fn parties(&self) -> Vec<PartyName> {
        let names = self.schema.parties.iter().map(|party| party.name.clone());
        names.collect()
    }

    /// The index of a member.
    ///
    /// # Errors
    /// `NotAMember` for everyone else.
    pub fn member(&self, party: &PartyName) -> Result<PartyIndex, Refusal> {
        self.schema.party_index(party).ok_or_else(|| {
            let detail = format!("{party} takes no part in project {}", self.name);
            Refusal::new(RefusalCode::NotAMember, detail)
        })
    }
}

//! The data protection officers of a federation that one person plays: their keys, and the agreement
//! they sign. Exactly what the programs do, by the same functions.

use std::path::{Path, PathBuf};

use model::agreement::{
    Act, DecoyRules, Disclosure, Draft, DraftMember, KeyServerRules, RiskRules,
};
use model::schema::Party;
use model::{Day, Digest, LinkageSchema, PartyName, ProjectName};
use node::NodeError;
use secret::Entropy;

/// How long an agreement of a rehearsal holds before and after the day it is made, in days: tests
/// have clocks that are behind.
const DAYS: u32 = 365;
/// Milliseconds of that.
const DAYS_MILLIS: u64 = DAYS as u64 * 86_400_000;
/// How many runs a rehearsal may make.
const RUNS: u32 = 100;
/// How long its results may be kept, in days.
const RETENTION: u32 = 30;

/// What officers agree on besides what follows from the schema.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// On-demand disclosure.
    pub disclosure: Option<Disclosure>,
    /// What people change in the text that was drafted, before anybody signs.
    pub edit: Option<fn(&str) -> String>,
    /// Decoys.
    pub decoys: Option<DecoyRules>,
    /// What the risk report may say.
    pub risk: Option<RiskRules>,
    /// Identifiers that go through a key server.
    pub key_server: Option<KeyServerRules>,
}

impl From<Option<Disclosure>> for Terms {
    fn from(disclosure: Option<Disclosure>) -> Self {
        Self {
            disclosure,
            ..Self::default()
        }
    }
}

/// The officers of a schema's parties.
pub struct Dpos {
    dir: PathBuf,
}

impl Dpos {
    /// Draws the officers' keys into `dir`, which they make, and drafts an agreement that holds a year
    /// before and after `today`.
    ///
    /// # Errors
    /// [`NodeError`] when a file cannot be written.
    pub fn new(
        dir: &Path,
        project: &ProjectName,
        schema: &LinkageSchema,
        today: Day,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, NodeError> {
        Self::under(dir, project, schema, Terms::default(), today, entropy)
    }

    /// As [`Self::new`], with these terms in the agreement.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn under(
        dir: &Path,
        project: &ProjectName,
        schema: &LinkageSchema,
        terms: Terms,
        today: Day,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, NodeError> {
        let dpos = Self::open(dir);
        let made = service::files::create_dir_private(dir);
        made.map_err(|source| service::AgreementFault::Io {
            action: "make",
            path: dir.to_owned(),
            source,
        })?;
        let mut custodians = Vec::new();
        for party in &schema.parties {
            custodians.push(dpos.custodian(party, entropy)?);
        }
        let draft = Draft {
            project: project.clone(),
            purpose: "A rehearsal with made-up people".to_owned(),
            legal_basis: "None is needed: nobody in these registries exists".to_owned(),
            starts: Day::of_millis(today.start_millis().saturating_sub(DAYS_MILLIS)),
            expires: today.plus(DAYS),
            runs: RUNS,
            retention_days: RETENTION,
            noise: None,
            disclosure: terms.disclosure,
            decoys: terms.decoys,
            risk: terms.risk,
            key_server: terms.key_server,
            custodians,
            coordinator: "The linkage unit".to_owned(),
        };
        let refused = |error| {
            service::AgreementFault::from(model::agreement::Clause::Agreement.refuse(error))
        };
        let text = draft.to_text(schema).map_err(refused)?;
        let text = terms.edit.map_or(text.clone(), |edit| edit(&text));
        node::write_draft(&dpos.agreement(), &text)?;
        Ok(dpos)
    }

    /// The officers whose keys are in `dir`.
    pub fn open(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    fn custodian(
        &self,
        party: &Party,
        entropy: &mut dyn Entropy,
    ) -> Result<DraftMember, NodeError> {
        let key = node::new_dpo_key(&self.key(&party.name), entropy)?;
        Ok(DraftMember {
            party: party.name.clone(),
            dpo: format!("The officer of {}", party.title),
            dpo_key: key.fingerprint(),
        })
    }

    /// The directory of the agreement.
    pub fn agreement(&self) -> PathBuf {
        self.dir.join("agreement")
    }

    /// The signing key of a party's officer.
    pub fn key(&self, party: &PartyName) -> PathBuf {
        self.dir.join(format!("{party}.key"))
    }

    /// The fingerprint of that key.
    ///
    /// # Errors
    /// [`NodeError`] when there is no such key.
    pub fn fingerprint(&self, party: &PartyName) -> Result<Digest, NodeError> {
        Ok(node::dpo_public_key(&self.key(party))?.fingerprint())
    }

    /// Has the officers of these parties sign.
    ///
    /// # Errors
    /// [`NodeError`] when a key is not one of the agreement's.
    pub fn sign<'a>(
        &self,
        parties: impl IntoIterator<Item = &'a PartyName>,
    ) -> Result<(), NodeError> {
        for party in parties {
            node::sign_agreement(&self.agreement(), &self.key(party))?;
        }
        Ok(())
    }

    /// Has the officers of `parties` answer for the upload of the risk report in the file `report`.
    ///
    /// # Errors
    /// [`NodeError`] when the report says to release, or is of another agreement.
    pub fn override_risk<'a>(
        &self,
        report: &Path,
        parties: impl IntoIterator<Item = &'a PartyName>,
        reason: &str,
        today: Day,
    ) -> Result<(), NodeError> {
        for party in parties {
            let key = self.key(party);
            node::override_risk(report, &self.agreement(), &key, reason, today)?;
        }
        Ok(())
    }

    /// Has the officer of `party` say something about the agreement.
    ///
    /// # Errors
    /// [`NodeError`] when the agreement is not signed by all.
    pub fn state(&self, party: &PartyName, act: Act, today: Day) -> Result<(), NodeError> {
        node::state(&self.agreement(), &self.key(party), act, "a doubt", today).map(drop)
    }
}

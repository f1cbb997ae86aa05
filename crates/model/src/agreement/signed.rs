//! An agreement with its signatures and the statements made since: what it allows now.

use std::collections::BTreeMap;

use super::statement::{Act, Statement};
use super::{Agreement, Clause, Output};
use crate::day::Day;
use crate::digest::Digest;
use crate::id::{PartyName, ProjectName, RunNumber};
use crate::life_event::LifeEvent;
use crate::refusal::Refusal;
use crate::schema::LinkageSchema;
use crate::signature::{Signature, Verify};

/// Where an agreement stands by what was said since it was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nobody said anything against it.
    InForce,
    /// At least one custodian suspended it.
    Suspended,
    /// A custodian revoked it; that cannot be taken back.
    Revoked,
}

/// An agreement that every custodian's DPO signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAgreement {
    agreement: Agreement,
    digest: Digest,
    /// By party: its statement with the highest number; a revocation stands above all.
    statements: BTreeMap<PartyName, Statement>,
}

impl SignedAgreement {
    /// Checks that `document` is an agreement and that every custodian's DPO signed exactly these
    /// bytes with the key that is pinned in it.
    ///
    /// # Errors
    /// A [`Refusal`] that names the clause.
    pub fn verify(
        document: &[u8],
        signatures: &[Signature],
        verify: Verify,
    ) -> Result<Self, Refusal> {
        let agreement =
            Agreement::parse(document).map_err(|error| Clause::Agreement.refuse(error))?;
        agreement.check_served()?;
        check_signed(&agreement, document, signatures, verify)?;
        Ok(Self {
            agreement,
            digest: Digest::of(document),
            statements: BTreeMap::new(),
        })
    }

    /// Takes up a statement about this agreement, if its party's DPO signed it. An older one than
    /// the party's latest changes nothing.
    ///
    /// # Errors
    /// A [`Refusal`] for a document that is no statement of a custodian about this agreement.
    pub fn hear(
        &mut self,
        document: &[u8],
        signatures: &[Signature],
        verify: Verify,
    ) -> Result<(), Refusal> {
        let statement =
            Statement::parse(document).map_err(|error| Clause::Signatures.refuse(error))?;
        let Statement {
            party, agreement, ..
        } = &statement;
        if *agreement != self.digest {
            let detail = format!("a statement of {party} is about the agreement {agreement}");
            return Err(Clause::Agreement.refuse(detail));
        }
        let signed = |key| is_signed(document, signatures, &key, verify);
        if !self.agreement.dpo_key(party).is_some_and(signed) {
            let detail = format!("a statement of {party} is not signed by its DPO");
            return Err(Clause::Signatures.refuse(detail));
        }
        let known = self.statements.get(party);
        if known.is_none_or(|known| statement.outranks(known)) {
            self.statements.insert(party.clone(), statement);
        }
        Ok(())
    }

    /// The agreement itself.
    pub fn terms(&self) -> &Agreement {
        &self.agreement
    }

    /// The digest of its exact bytes, by which batches and logs name it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What holds of the statements made, by party.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.statements.values()
    }

    /// Where it stands by the statements made.
    pub fn standing(&self) -> Standing {
        let said = |act| self.statements().any(|statement| statement.act == act);
        if said(Act::Revoke) {
            Standing::Revoked
        } else if said(Act::Suspend) {
            Standing::Suspended
        } else {
            Standing::InForce
        }
    }

    /// Whether anything may be done at `unix_millis`.
    ///
    /// # Errors
    /// A [`Refusal`] that names the clause: revoked, suspended, not begun or over.
    pub fn check_in_force(&self, unix_millis: u64) -> Result<(), Refusal> {
        let today = Day::of_millis(unix_millis);
        let Agreement {
            starts, expires, ..
        } = self.agreement;
        if let Some(statement) = self.against() {
            let Statement {
                party,
                date,
                reason,
                ..
            } = statement;
            let (clause, what) = match statement.act {
                Act::Revoke => (Clause::Revocation, "revoked"),
                _ => (Clause::Suspension, "suspended"),
            };
            return Err(clause.refuse(format!("{party} {what} it on {date}: {reason}")));
        }
        if today < starts {
            return Err(Clause::Starts.refuse(format!("it holds from {starts} on")));
        }
        if today > expires {
            return Err(Clause::Expires.refuse(format!("it held until {expires}")));
        }
        Ok(())
    }

    /// The statement that stands against it, a revocation before a suspension.
    fn against(&self) -> Option<&Statement> {
        let find = |act| self.statements().find(|statement| statement.act == act);
        find(Act::Revoke).or_else(|| find(Act::Suspend))
    }

    /// Whether `run` of `project` may be made at `unix_millis`.
    ///
    /// # Errors
    /// A [`Refusal`] that names the clause.
    pub fn check_run(
        &self,
        project: &ProjectName,
        run: RunNumber,
        unix_millis: u64,
    ) -> Result<(), Refusal> {
        self.check_in_force(unix_millis)?;
        if self.agreement.project != *project {
            let detail = format!("it is about {}, not {project}", self.agreement.project);
            return Err(Clause::Project.refuse(detail));
        }
        let runs = self.agreement.runs;
        if run.0 == 0 || run.0 > runs {
            return Err(Clause::Runs.refuse(format!("run {run} of {runs} agreed on")));
        }
        Ok(())
    }

    /// Whether `party` may have `output`.
    ///
    /// # Errors
    /// A [`Refusal`] that names the clause.
    pub fn check_output(&self, party: &PartyName, output: Output) -> Result<(), Refusal> {
        let Some(member) = self.agreement.find(party) else {
            return Err(Clause::Member.refuse(format!("{party} takes no part")));
        };
        if member.outputs.contains(&output) {
            return Ok(());
        }
        let detail = format!("{party} may not have {}", output.as_str());
        Err(Clause::Outputs.refuse(detail))
    }

    /// Whether the linkage schema is the one agreed on, and the readable clauses say what it says.
    ///
    /// # Errors
    /// A [`Refusal`] that names the clause.
    pub fn check_schema(&self, schema: &LinkageSchema) -> Result<(), Refusal> {
        let agreed = &self.agreement;
        let digest = schema.digest();
        if agreed.schema != digest {
            let detail = format!("agreed on is {}, installed is {digest}", agreed.schema);
            return Err(Clause::Schema.refuse(detail));
        }
        if agreed.profile != schema.profile {
            return Err(Clause::Profile.refuse("the schema has another"));
        }
        let passes = schema.passes.iter().map(|pass| &pass.name);
        if !agreed.passes.iter().eq(passes) {
            return Err(Clause::Passes.refuse("the schema has others"));
        }
        if agreed.count_floor < schema.release.count_floor {
            let floor = schema.release.count_floor;
            return Err(Clause::CountFloor.refuse(format!("the schema asks for {floor}")));
        }
        if schema.review.pairs > agreed.review_pairs {
            let pairs = schema.review.pairs;
            return Err(Clause::ReviewPairs.refuse(format!("the schema has {pairs}")));
        }
        if let Some(rules) = &agreed.key_server {
            rules.check_fields(schema)?;
        }
        self.check_parties(schema)?;
        self.check_events(schema)
    }

    /// Whether somebody else's registry marks every event that a member is to have notice of.
    fn check_events(&self, schema: &LinkageSchema) -> Result<(), Refusal> {
        for member in self.agreement.custodians() {
            let is_marked = |event: LifeEvent| {
                let mut others = schema
                    .parties
                    .iter()
                    .filter(|party| party.name != member.name);
                others.any(|party| party.marks(event))
            };
            if let Some(event) = member.events.iter().find(|event| !is_marked(**event)) {
                let detail = format!(
                    "{} is to have notice of each {event}, which no other registry of the schema marks",
                    member.name
                );
                return Err(Clause::Events.refuse(detail));
            }
        }
        Ok(())
    }

    fn check_parties(&self, schema: &LinkageSchema) -> Result<(), Refusal> {
        let parties = schema.parties.iter().map(|party| &party.name);
        for party in parties.clone() {
            if !self
                .agreement
                .find(party)
                .is_some_and(super::Member::is_custodian)
            {
                return Err(Clause::Member.refuse(format!("{party} is no custodian in it")));
            }
        }
        let is_known = |name: &PartyName| parties.clone().any(|party| party == name);
        match self
            .agreement
            .custodians()
            .find(|member| !is_known(&member.name))
        {
            Some(member) => {
                let detail = format!("the schema has no party {}", member.name);
                Err(Clause::Member.refuse(detail))
            }
            None => Ok(()),
        }
    }

    /// Whether this is the amendment that follows `before`: it names it, and all who had to sign
    /// that one signed this one, also where they are no longer members or have another key now.
    ///
    /// # Errors
    /// A [`Refusal`] that names the clause.
    pub fn check_follows(
        &self,
        before: &Self,
        document: &[u8],
        signatures: &[Signature],
        verify: Verify,
    ) -> Result<(), Refusal> {
        let (ours, theirs) = (&self.agreement, &before.agreement);
        if ours.project != theirs.project {
            return Err(Clause::Project.refuse("an amendment is about the same project"));
        }
        let is_next = theirs.number.checked_add(1) == Some(ours.number);
        if ours.replaces != Some(before.digest) || !is_next {
            let detail = format!(
                "in force is number {}, {}; an amendment names it and has the next number",
                theirs.number, before.digest
            );
            return Err(Clause::Replaces.refuse(detail));
        }
        check_signed(theirs, document, signatures, verify)
    }
}

fn check_signed(
    agreement: &Agreement,
    document: &[u8],
    signatures: &[Signature],
    verify: Verify,
) -> Result<(), Refusal> {
    let is_missing = |key: &Digest| !is_signed(document, signatures, key, verify);
    let missing = agreement.custodians().filter(|member| {
        let key = member.dpo_key.as_ref();
        key.is_none_or(is_missing)
    });
    let names: Vec<&str> = missing.map(|member| member.name.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let detail = format!("the DPO of {} has not signed these bytes", names.join(", "));
    Err(Clause::Signatures.refuse(detail))
}

fn is_signed(document: &[u8], signatures: &[Signature], key: &Digest, verify: Verify) -> bool {
    signatures
        .iter()
        .any(|signature| signature.is_of(key, document, verify))
}

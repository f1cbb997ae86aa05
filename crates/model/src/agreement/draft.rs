//! Drafting an agreement: what follows from the linkage schema is filled in, people say the rest.

use super::{
    Agreement, AgreementError, DecoyRules, Disclosure, FORMAT, KeyServerRules, Kind, Member,
    MemberRole, NoiseRules, Output, RiskRules,
};
use crate::day::Day;
use crate::digest::Digest;
use crate::id::{PartyName, ProjectName};
use crate::schema::LinkageSchema;

/// What people say of a new agreement.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The linkage project.
    pub project: ProjectName,
    /// What the linkage is for.
    pub purpose: String,
    /// The law that allows it.
    pub legal_basis: String,
    /// The first day on which it holds.
    pub starts: Day,
    /// The last day on which it holds.
    pub expires: Day,
    /// How many runs may be made.
    pub runs: u32,
    /// Days after a release until everything of the run is destroyed.
    pub retention_days: u32,
    /// Noise on published counts.
    pub noise: Option<NoiseRules>,
    /// On-demand disclosure, where the profile has block keys.
    pub disclosure: Option<Disclosure>,
    /// Decoys, where the profile has block keys.
    pub decoys: Option<DecoyRules>,
    /// What the risk report may say before anything leaves.
    pub risk: Option<RiskRules>,
    /// Identifiers that go through a key server.
    pub key_server: Option<KeyServerRules>,
    /// By party of the schema: who signs for it.
    pub custodians: Vec<DraftMember>,
    /// Who runs matcher and resolver.
    pub coordinator: String,
}

/// A custodian of a new agreement.
#[derive(Debug, Clone)]
pub struct DraftMember {
    /// Its name in the linkage schema.
    pub party: PartyName,
    /// Who its DPO is.
    pub dpo: String,
    /// Fingerprint of the DPO's signing key.
    pub dpo_key: Digest,
}

impl Draft {
    /// The text of the agreement under `schema`. Custodians may have their own pseudonyms and
    /// counts; whoever drafts changes that in the text.
    ///
    /// # Errors
    /// [`AgreementError`] when what was said makes no agreement.
    pub fn to_text(&self, schema: &LinkageSchema) -> Result<String, AgreementError> {
        let agreement = self.agreement(schema);
        agreement.check()?;
        toml::to_string(&agreement).map_err(|error| AgreementError::Toml(error.to_string()))
    }

    fn agreement(&self, schema: &LinkageSchema) -> Agreement {
        let passes = schema.passes.iter().map(|pass| pass.name.clone());
        let mut member: Vec<Member> = self
            .custodians
            .iter()
            .map(|custodian| custodian.member(schema))
            .collect();
        member.push(self.coordinator());
        member.extend(self.key_server.as_ref().map(key_server_member));
        Agreement {
            kind: Kind::LinkageAgreement,
            format: FORMAT,
            project: self.project.clone(),
            number: 1,
            replaces: None,
            purpose: self.purpose.clone(),
            legal_basis: self.legal_basis.clone(),
            schema: schema.digest(),
            profile: schema.profile,
            passes: passes.collect(),
            count_floor: schema.release.count_floor.max(2),
            review_pairs: schema.review.pairs,
            runs: self.runs,
            starts: self.starts,
            expires: self.expires,
            retention_days: self.retention_days,
            noise: self.noise,
            disclosure: self.disclosure.filter(|_| schema.profile.is_block_keyed()),
            decoys: self.decoys.filter(|_| schema.profile.is_block_keyed()),
            risk: self.risk,
            key_server: self.key_server.clone(),
            member,
        }
    }

    #[expect(clippy::expect_used, reason = "a constant that is a name")]
    fn coordinator(&self) -> Member {
        // The text is a constant of this function, and a test makes a draft.
        let name = "linkage-unit".parse().expect("it is a name");
        Member {
            name,
            title: self.coordinator.clone(),
            roles: vec![MemberRole::Matcher, MemberRole::Resolver],
            dpo: None,
            dpo_key: None,
            outputs: Vec::new(),
            known_at: Vec::new(),
            events: Vec::new(),
        }
    }
}

/// Who runs the key server, as a member; whoever drafts may put another title to it.
fn key_server_member(rules: &KeyServerRules) -> Member {
    Member {
        name: rules.run_by.clone(),
        title: rules.run_by.to_string(),
        roles: vec![MemberRole::KeyServer],
        dpo: None,
        dpo_key: None,
        outputs: Vec::new(),
        known_at: Vec::new(),
        events: Vec::new(),
    }
}

impl DraftMember {
    fn member(&self, schema: &LinkageSchema) -> Member {
        let party = schema.party_index(&self.party);
        let title = party.map(|index| schema.party(index).title.clone());
        Member {
            name: self.party.clone(),
            title: title.unwrap_or_else(|| self.party.to_string()),
            roles: vec![MemberRole::Custodian],
            dpo: Some(self.dpo.clone()),
            dpo_key: Some(self.dpo_key),
            outputs: vec![Output::OwnPseudonyms, Output::Counts],
            known_at: Vec::new(),
            events: Vec::new(),
        }
    }
}

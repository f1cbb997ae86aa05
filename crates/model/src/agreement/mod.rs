//! The linkage agreement: one readable TOML document that says what may be linked, by whom, under
//! which law, for how long, and what each recipient may have of it. Every custodian's data
//! protection officer (DPO) signs its exact bytes.
//!
//! [`Agreement::parse`] checks everything once; [`SignedAgreement`] adds who signed and what was
//! said since, and answers whether something may be done, naming the clause where it may not.

mod check;
mod clause;
mod draft;
mod key_server;
mod rights;
mod signed;
mod statement;

use serde::{Deserialize, Serialize};

pub use check::AgreementError;
pub use clause::Clause;
pub use draft::{Draft, DraftMember};
pub use key_server::{EpochEvaluationKey, KeyServerRules};
pub use rights::Rights;
pub use signed::{SignedAgreement, Standing};
pub use statement::{Act, MAX_STATEMENT_BYTES, Statement, StatementError};

use crate::day::Day;
use crate::digest::Digest;
use crate::id::{FieldName, PartyName, ProjectName};
use crate::life_event::LifeEvent;
use crate::profile::Profile;
use crate::refusal::Refusal;

/// The version of the agreement language this program reads.
pub const FORMAT: u32 = 1;
/// The most bytes an agreement may have.
pub const MAX_AGREEMENT_BYTES: usize = 64 * 1024;
/// The most members an agreement may have.
pub const MAX_MEMBERS: usize = 64;
/// The most characters one text of an agreement may have.
pub const MAX_TEXT: usize = 4000;
/// The most days results and batches may be kept: ten years.
pub const MAX_RETENTION_DAYS: u32 = 3653;

/// What a document is; its first line, so that no signature over one serves for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A linkage agreement.
    LinkageAgreement,
}

/// What a member does in the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberRole {
    /// Holds records, runs a node, and signs by its DPO.
    Custodian,
    /// Runs the matcher.
    Matcher,
    /// Runs the resolver.
    Resolver,
    /// Asks for what its outputs allow; holds no records.
    Recipient,
    /// Runs the key server.
    KeyServer,
}

/// What may be released to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// A pseudonym of its own for each of its records.
    OwnPseudonyms,
    /// Of each of its records, whether the person is known at the parties in `known_at`, yes or no.
    YesNo,
    /// Counts, none below the floor.
    Counts,
    /// Notices of the events in `events` that another party has registered of people it knows.
    LifeEvents,
}

impl Output {
    /// The output's name in agreements.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnPseudonyms => "own-pseudonyms",
            Self::YesNo => "yes-no",
            Self::Counts => "counts",
            Self::LifeEvents => "life-events",
        }
    }
}

/// One party to the agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its short name; a custodian's is that of the linkage schema.
    pub name: PartyName,
    /// What people call it.
    pub title: String,
    /// What it does.
    pub roles: Vec<MemberRole>,
    /// Who its data protection officer is; every custodian has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpo: Option<String>,
    /// Fingerprint of the DPO's signing key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpo_key: Option<Digest>,
    /// What may be released to it.
    #[serde(default)]
    pub outputs: Vec<Output>,
    /// With `yes-no`: the parties it is told of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_at: Vec<PartyName>,
    /// With `life-events`: the events it is told of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<LifeEvent>,
}

impl Member {
    /// Whether it holds records, and its DPO has to sign.
    pub fn is_custodian(&self) -> bool {
        self.roles.contains(&MemberRole::Custodian)
    }
}

/// How published counts are made less exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseRules {
    /// Privacy loss of one published count, in thousandths (epsilon = 0.5 is 500).
    pub epsilon_permille: u32,
    /// What all published counts of the agreement's runs may add up to, in thousandths.
    pub budget_permille: u64,
}

/// How nodes keep encodings to themselves that can meet no one: they send block tokens first, and
/// encodings only for blocks that hold somebody else's records too, or two of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// Out of a thousand block tokens that stand alone, how many the answer may wrongly name.
    pub false_positives_permille: u32,
}

impl Default for Disclosure {
    /// One in a hundred: ten bits a token.
    fn default() -> Self {
        Self {
            false_positives_permille: 10,
        }
    }
}

/// Records of nobody that nodes mix among theirs, known to the resolver alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoyRules {
    /// About how many for a thousand records.
    pub permille: u32,
}

impl DecoyRules {
    /// As many as the profile has where nobody says.
    pub fn of(profile: Profile) -> Option<Self> {
        let permille = profile.decoys_permille();
        (permille > 0).then_some(Self { permille })
    }
}

/// What a custodian's risk report may say before its encodings leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskRules {
    /// The share of people, in thousandths, that each of the report's attackers may name.
    pub most_named_permille: u32,
    /// People attacked at most: the attacks take time, and name more the more people there are.
    pub people: u32,
}

impl Default for RiskRules {
    /// One in ten, of 10,000: with fewer people an attack names fewer.
    fn default() -> Self {
        Self {
            most_named_permille: 100,
            people: 10_000,
        }
    }
}

/// A linkage agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// What the document is.
    pub kind: Kind,
    /// The version of the agreement language.
    pub format: u32,
    /// The linkage project.
    pub project: ProjectName,
    /// 1 for the first agreement of a project; each amendment has the next number.
    pub number: u32,
    /// For an amendment: the digest of the agreement it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Digest>,
    /// What the linkage is for.
    pub purpose: String,
    /// The law that allows it.
    pub legal_basis: String,
    /// Digest of the linkage schema.
    pub schema: Digest,
    /// How values are encoded; as the schema says.
    pub profile: Profile,
    /// The blocking passes; as the schema says.
    pub passes: Vec<FieldName>,
    /// Counts below this are told as "fewer than".
    pub count_floor: u32,
    /// The most pairs of one run that nodes are shown for clerical review.
    pub review_pairs: u32,
    /// How many runs may be made; they are numbered from 1.
    pub runs: u32,
    /// The first day on which it holds.
    pub starts: Day,
    /// The last day on which it holds.
    pub expires: Day,
    /// Days after a run's release until its batches and results are destroyed.
    pub retention_days: u32,
    /// Noise on published counts; none when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<NoiseRules>,
    /// On-demand disclosure; without it nodes send the encodings of all their blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disclosure: Option<Disclosure>,
    /// Decoys; none when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoys: Option<DecoyRules>,
    /// What the risk report may say; without it none is asked for, but where encodings are open to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<RiskRules>,
    /// Identifiers whose tokens nobody can make without a key server; none when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_server: Option<KeyServerRules>,
    /// Who takes part.
    pub member: Vec<Member>,
}

/// Whether a character changes how a text looks without being seen itself: what people read and sign
/// has none.
fn is_hidden(letter: char) -> bool {
    let is_format = matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    is_format || (letter.is_control() && !matches!(letter, '\n' | '\t' | '\r'))
}

impl Agreement {
    /// Whether the programs serve everything it promises.
    ///
    /// # Errors
    /// A [`Refusal`] by the clause that promises more.
    pub fn check_served(&self) -> Result<(), Refusal> {
        for member in &self.member {
            let name = &member.name;
            if !member.is_custodian() && !member.outputs.is_empty() {
                let detail = format!(
                    "{name} holds no records, and these programs give outputs to custodians alone"
                );
                return Err(Clause::Outputs.refuse(detail));
            }
            if member.roles.contains(&MemberRole::Recipient) {
                let detail =
                    format!("{name} is a recipient, a role that these programs do not serve yet");
                return Err(Clause::Member.refuse(detail));
            }
        }
        Ok(())
    }

    /// The member of this name.
    pub fn find(&self, name: &PartyName) -> Option<&Member> {
        self.member.iter().find(|member| member.name == *name)
    }

    /// What a custodian's risk report may say before anything leaves. Under a profile whose encodings are
    /// comparable with all others there is no going without one.
    pub fn risk_rules(&self) -> Option<RiskRules> {
        let open = !self.profile.is_block_keyed();
        self.risk.or(open.then(RiskRules::default))
    }

    /// The member whose data protection officer has the key with this fingerprint.
    pub fn member_of_key(&self, key: &Digest) -> Option<&Member> {
        let mut custodians = self.custodians();
        custodians.find(|member| member.dpo_key.as_ref() == Some(key))
    }

    /// The members that hold records.
    pub fn custodians(&self) -> impl Iterator<Item = &Member> {
        self.member.iter().filter(|member| member.is_custodian())
    }

    /// The fingerprint of a custodian's DPO.
    pub fn dpo_key(&self, custodian: &PartyName) -> Option<Digest> {
        let member = self.find(custodian)?;
        member.dpo_key.filter(|_| member.is_custodian())
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

//! From bytes to an agreement that can be trusted: every entry within its limits, and none against
//! another.

use std::collections::HashSet;
use std::hash::Hash;

use super::{
    Agreement, FORMAT, MAX_AGREEMENT_BYTES, MAX_MEMBERS, MAX_RETENTION_DAYS, MAX_TEXT, Member,
    MemberRole, Output, is_hidden,
};
use crate::id::PartyName;
use crate::profile::Profile;
use crate::schema::{MAX_PASSES, MAX_REVIEW_PAIRS};

/// Why a document is no agreement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgreementError {
    /// Longer than any real agreement.
    #[error("the agreement has {0} bytes, the limit is {MAX_AGREEMENT_BYTES}")]
    TooLong(usize),
    /// Not TOML, or an entry that does not exist.
    #[error("the agreement is not readable: {0}")]
    Toml(String),
    /// A character that does not show.
    #[error("line {0} of the agreement has a character that does not show; write it without")]
    Hidden(usize),
    /// Written for another version of the language.
    #[error("the agreement has format {0}, this program reads format {FORMAT}")]
    Format(u32),
    /// An entry that is out of bounds or contradicts another.
    #[error("{entry}: {problem}")]
    Entry {
        /// Which.
        entry: String,
        /// What is wrong and what is allowed.
        problem: String,
    },
}

/// The most false positives out of a thousand that an answer may be agreed to have.
const MAX_FALSE_POSITIVES: u32 = 200;

/// The most decoys for a thousand records: as many as there are records.
const MAX_DECOYS: u32 = 1000;
/// The fewest people an attack may be made on: of fewer it says nothing.
const RISK_PEOPLE_LEAST: u32 = 100;
/// The most: of more an attack takes days.
const RISK_PEOPLE_MOST: u32 = 50_000;

pub(super) type Checked = Result<(), AgreementError>;

pub(super) fn wrong(entry: impl Into<String>, problem: impl Into<String>) -> Checked {
    Err(AgreementError::Entry {
        entry: entry.into(),
        problem: problem.into(),
    })
}

impl Agreement {
    /// Reads and checks an agreement.
    ///
    /// # Errors
    /// [`AgreementError`] says which entry cannot be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, AgreementError> {
        if bytes.len() > MAX_AGREEMENT_BYTES {
            return Err(AgreementError::TooLong(bytes.len()));
        }
        let text = String::from_utf8_lossy(bytes);
        if let Some(line) = text.lines().position(|line| line.contains(is_hidden)) {
            return Err(AgreementError::Hidden(line + 1));
        }
        let agreement: Self =
            toml::from_slice(bytes).map_err(|error| AgreementError::Toml(error.to_string()))?;
        agreement.check()?;
        Ok(agreement)
    }

    /// Holds every entry to its limits and to the others.
    ///
    /// # Errors
    /// [`AgreementError`] says which entry cannot be used.
    pub fn check(&self) -> Checked {
        if self.format != FORMAT {
            return Err(AgreementError::Format(self.format));
        }
        check_text("purpose", &self.purpose)?;
        check_text("legal_basis", &self.legal_basis)?;
        self.check_order()?;
        self.check_numbers()?;
        self.check_disclosure()?;
        self.check_decoys()?;
        self.check_risk()?;
        self.check_members()?;
        self.check_key_server()
    }

    fn check_order(&self) -> Checked {
        let is_first = self.number == 1;
        match self.replaces {
            _ if self.number == 0 => wrong("number", "agreements are numbered from 1"),
            None if !is_first => wrong("replaces", "an amendment names what it replaces"),
            Some(_) if is_first => wrong("replaces", "the first agreement replaces nothing"),
            _ if self.expires < self.starts => wrong("expires", "it ends before it starts"),
            _ => Ok(()),
        }
    }

    fn check_numbers(&self) -> Checked {
        if self.runs == 0 {
            return wrong("runs", "at least one run");
        }
        if self.count_floor < 2 {
            return wrong("count_floor", "a floor below 2 hides nothing");
        }
        if self.review_pairs > MAX_REVIEW_PAIRS {
            return wrong("review_pairs", format!("at most {MAX_REVIEW_PAIRS}"));
        }
        if self.retention_days > MAX_RETENTION_DAYS {
            return wrong("retention_days", format!("at most {MAX_RETENTION_DAYS}"));
        }
        if self.passes.is_empty() || self.passes.len() > MAX_PASSES {
            return wrong("passes", format!("from 1 to {MAX_PASSES}"));
        }
        match self.noise {
            Some(noise) if noise.epsilon_permille == 0 => {
                wrong("noise.epsilon_permille", "at least 1")
            }
            Some(noise) if noise.epsilon_permille > 20_000 => wrong(
                "noise.epsilon_permille",
                "more than 20000 is no noise; leave `noise` out",
            ),
            _ => Ok(()),
        }
    }

    fn check_disclosure(&self) -> Checked {
        let Some(disclosure) = self.disclosure else {
            return match self.profile {
                Profile::Strong => wrong("disclosure", "profile `strong` does not go without"),
                _ => Ok(()),
            };
        };
        if !self.profile.is_block_keyed() {
            return wrong(
                "disclosure",
                "the profile's encodings do not depend on blocks",
            );
        }
        match disclosure.false_positives_permille {
            1..=MAX_FALSE_POSITIVES => Ok(()),
            _ => wrong(
                "disclosure.false_positives_permille",
                format!("from 1 to {MAX_FALSE_POSITIVES}"),
            ),
        }
    }

    fn check_decoys(&self) -> Checked {
        match self.decoys {
            None => Ok(()),
            Some(_) if !self.profile.is_block_keyed() => {
                wrong("decoys", "the profile's encodings do not depend on blocks")
            }
            Some(decoys) if decoys.permille == 0 || decoys.permille > MAX_DECOYS => {
                wrong("decoys.permille", format!("from 1 to {MAX_DECOYS}"))
            }
            Some(_) => Ok(()),
        }
    }

    fn check_risk(&self) -> Checked {
        let Some(risk) = self.risk else {
            return Ok(());
        };
        if risk.most_named_permille > 1000 {
            return wrong("risk.most_named_permille", "at most 1000");
        }
        match risk.people {
            RISK_PEOPLE_LEAST..=RISK_PEOPLE_MOST => Ok(()),
            _ => wrong(
                "risk.people",
                format!("from {RISK_PEOPLE_LEAST} to {RISK_PEOPLE_MOST}"),
            ),
        }
    }

    fn check_members(&self) -> Checked {
        if self.member.len() > MAX_MEMBERS {
            return wrong("member", format!("at most {MAX_MEMBERS}"));
        }
        let mut names = HashSet::new();
        let mut keys = HashSet::new();
        for member in &self.member {
            check_member(member)?;
            if !names.insert(&member.name) {
                return wrong(place(member), "the name stands twice");
            }
            if member.dpo_key.is_some_and(|key| !keys.insert(key)) {
                return wrong(place(member), "another member has the same `dpo_key`");
            }
        }
        if self.custodians().count() < 2 {
            return wrong("member", "at least two custodians");
        }
        self.member
            .iter()
            .try_for_each(|member| self.check_outputs(member))?;
        for role in [MemberRole::Matcher, MemberRole::Resolver] {
            let mut members = self.member.iter();
            if !members.any(|member| member.roles.contains(&role)) {
                return wrong(
                    "member",
                    format!("nobody has the role {role:?}").to_lowercase(),
                );
            }
        }
        Ok(())
    }
}

impl Agreement {
    /// What an output is told of stands beside it, and nowhere else.
    fn check_outputs(&self, member: &Member) -> Checked {
        let place = |entry: &str| format!("{}.{entry}", place(member));
        let is_other = |name: &PartyName| {
            let mut others = self.custodians().filter(|other| other.name != member.name);
            others.any(|other| other.name == *name)
        };
        if !is_distinct(&member.outputs) {
            return wrong(place("outputs"), "each stands once");
        }
        if member.known_at.is_empty() == member.outputs.contains(&Output::YesNo) {
            return wrong(
                place("known_at"),
                "stands exactly where `outputs` has `yes-no`",
            );
        }
        if !is_distinct(&member.known_at) || !member.known_at.iter().all(is_other) {
            return wrong(place("known_at"), "names other custodians, each once");
        }
        if member.events.is_empty() == member.outputs.contains(&Output::LifeEvents) {
            let problem = "stands exactly where `outputs` has `life-events`";
            return wrong(place("events"), problem);
        }
        match is_distinct(&member.events) {
            true => Ok(()),
            false => wrong(place("events"), "each stands once"),
        }
    }
}

pub(super) fn is_distinct<T: Eq + Hash>(list: &[T]) -> bool {
    list.iter().collect::<HashSet<_>>().len() == list.len()
}

fn check_member(member: &Member) -> Checked {
    // Files of signatures are named by members, and those of statements begin so.
    if member.name.as_str().starts_with("statement-") {
        return wrong(place(member), "no name begins with `statement-`");
    }
    check_text(&format!("{}.title", place(member)), &member.title)?;
    if member.roles.is_empty() {
        return wrong(place(member), "at least one role");
    }
    if let Some(dpo) = &member.dpo {
        check_text(&format!("{}.dpo", place(member)), dpo)?;
    }
    let signs = member.dpo.is_some() && member.dpo_key.is_some();
    if member.is_custodian() && !signs {
        return wrong(place(member), "a custodian has `dpo` and `dpo_key`");
    }
    let blind = |role: &MemberRole| matches!(role, MemberRole::Matcher | MemberRole::Resolver);
    if member.is_custodian() && member.roles.iter().any(blind) {
        return wrong(
            place(member),
            "a custodian runs neither matcher nor resolver",
        );
    }
    Ok(())
}

pub(super) fn place(member: &Member) -> String {
    format!("member {}", member.name)
}

fn check_text(entry: &str, text: &str) -> Checked {
    if text.trim().is_empty() {
        return wrong(entry, "may not be empty");
    }
    if text.chars().count() > MAX_TEXT {
        return wrong(entry, format!("at most {MAX_TEXT} characters"));
    }
    match text.contains(is_hidden) {
        true => wrong(entry, "no characters that do not show"),
        false => Ok(()),
    }
}

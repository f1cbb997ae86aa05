//! The agreement's section on the key server: which identifiers' tokens cannot be made without it, who
//! runs it, under which keys, and how much of it each custodian may use.

use serde::{Deserialize, Serialize};

use super::check::{Checked, is_distinct, place, wrong};
use super::{Agreement, Clause, MemberRole};
use crate::evaluation::EvaluationKey;
use crate::id::{Epoch, FieldName, PartyName};
use crate::refusal::Refusal;
use crate::schema::{FieldKind, LinkageSchema};

/// The most fields that may go through a key server.
const MAX_FIELDS: usize = 16;
/// The most evaluations a custodian may have in an epoch: one for each record of the largest registry.
const MAX_EVALUATIONS: u64 = 200_000_000;
/// The most epochs an agreement may name the key of.
const MAX_KEYS: usize = 120;

/// Identifiers whose tokens take a key that the custodians do not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyServerRules {
    /// The member that runs it: it has the role `key-server`.
    pub run_by: PartyName,
    /// The fields of the linkage schema whose tokens go through it; each holds numbers or codes of one person.
    pub fields: Vec<FieldName>,
    /// How many values each custodian may have evaluated in one epoch.
    pub evaluations: u64,
    /// Its public keys.
    pub key: Vec<EpochEvaluationKey>,
}

/// The public key of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochEvaluationKey {
    /// The epoch.
    pub epoch: Epoch,
    /// What its evaluations are checked by.
    pub public_key: EvaluationKey,
}

impl KeyServerRules {
    /// The public key of `epoch`.
    ///
    /// # Errors
    /// A [`Refusal`] when the agreement names none: there are no evaluations in that epoch.
    pub fn key_of(&self, epoch: Epoch) -> Result<EvaluationKey, Refusal> {
        let key = self.key.iter().find(|key| key.epoch == epoch);
        key.map(|key| key.public_key).ok_or_else(|| {
            Clause::KeyServer.refuse(format!(
                "it names no key of epoch {epoch}; an amendment has to"
            ))
        })
    }

    /// The places of the fields in `schema`, in the schema's order.
    pub fn field_indices(&self, schema: &LinkageSchema) -> Vec<usize> {
        let fields = schema.fields.iter().enumerate();
        fields
            .filter(|(_, field)| self.fields.contains(&field.name))
            .map(|(place, _)| place)
            .collect()
    }

    /// Whether the schema has the fields, and they hold what can go through a key server.
    pub(super) fn check_fields(&self, schema: &LinkageSchema) -> Result<(), Refusal> {
        for name in &self.fields {
            let mut fields = schema.fields.iter();
            let field = fields.find(|field| field.name == *name);
            match field.map(|field| field.kind) {
                Some(FieldKind::Identifier | FieldKind::Phone) => {}
                Some(_) => {
                    let detail = format!("field {name} holds no identifiers or telephone numbers");
                    return Err(Clause::KeyServer.refuse(detail));
                }
                None => return Err(Clause::KeyServer.refuse(format!("there is no field {name}"))),
            }
        }
        Ok(())
    }
}

impl Agreement {
    /// The section stands exactly where a member has the role, and that member coordinates nothing.
    pub(super) fn check_key_server(&self) -> Checked {
        let mut having = self
            .member
            .iter()
            .filter(|member| member.roles.contains(&MemberRole::KeyServer));
        let (runs, another) = (having.next(), having.next());
        let Some(rules) = &self.key_server else {
            return match runs {
                Some(member) => wrong(place(member), "role key-server without `key_server`"),
                None => Ok(()),
            };
        };
        match runs {
            Some(member) if member.name == rules.run_by && another.is_none() => {
                let is_blind =
                    |role: &MemberRole| matches!(role, MemberRole::Matcher | MemberRole::Resolver);
                if member.roles.iter().any(is_blind) {
                    let problem = "who coordinates the linkage never runs its key server";
                    return wrong(place(member), problem);
                }
            }
            _ => {
                let problem = "it is the one member with the role key-server";
                return wrong("key_server.run_by", problem);
            }
        }
        if rules.fields.is_empty() || rules.fields.len() > MAX_FIELDS {
            return wrong("key_server.fields", format!("from 1 to {MAX_FIELDS}"));
        }
        if !is_distinct(&rules.fields) {
            return wrong("key_server.fields", "each stands once");
        }
        if !(1..=MAX_EVALUATIONS).contains(&rules.evaluations) {
            let problem = format!("from 1 to {MAX_EVALUATIONS}");
            return wrong("key_server.evaluations", problem);
        }
        let epochs: Vec<Epoch> = rules.key.iter().map(|key| key.epoch).collect();
        let keys: Vec<EvaluationKey> = rules.key.iter().map(|key| key.public_key).collect();
        match rules.key.len() {
            1..=MAX_KEYS if is_distinct(&epochs) && is_distinct(&keys) => Ok(()),
            1..=MAX_KEYS => wrong("key_server.key", "each epoch has a key of its own"),
            _ => wrong("key_server.key", format!("from 1 to {MAX_KEYS}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{draft, schema, signed};
    use super::*;

    fn rules() -> KeyServerRules {
        KeyServerRules {
            run_by: "dpo-office".parse().unwrap(),
            fields: vec!["number".parse().unwrap()],
            evaluations: 1000,
            key: vec![EpochEvaluationKey {
                epoch: Epoch(1),
                public_key: EvaluationKey::new([7; 32]),
            }],
        }
    }

    fn agreement(rules: KeyServerRules) -> Agreement {
        let mut draft = draft();
        draft.key_server = Some(rules);
        Agreement::parse(draft.to_text(&schema()).unwrap().as_bytes()).unwrap()
    }

    #[track_caller]
    fn is_refused(change: impl FnOnce(&mut Agreement), entry: &str) {
        let mut agreement = agreement(rules());
        change(&mut agreement);
        let text = agreement.check().unwrap_err().to_string();
        assert!(text.starts_with(entry), "{text}");
    }

    fn of(agreement: &mut Agreement) -> &mut KeyServerRules {
        agreement.key_server.as_mut().unwrap()
    }

    #[test]
    fn the_section_reads_as_it_is_written_and_gives_a_key_by_epoch() {
        let rules = agreement(rules()).key_server.unwrap();
        assert_eq!(rules, self::rules());
        assert_eq!(rules.key_of(Epoch(1)), Ok(EvaluationKey::new([7; 32])));
        assert!(rules.key_of(Epoch(2)).is_err());
    }

    #[test]
    fn who_coordinates_never_runs_it() {
        let last = |agreement: &mut Agreement, role| {
            agreement.member.last_mut().unwrap().roles.push(role);
        };
        is_refused(|of| last(of, MemberRole::Matcher), "member dpo-office");
        is_refused(|of| last(of, MemberRole::Resolver), "member dpo-office");
        let other = |of: &mut Agreement| self::of(of).run_by = "linkage-unit".parse().unwrap();
        is_refused(other, "key_server.run_by");
    }

    #[test]
    fn role_and_section_go_together() {
        is_refused(|of| of.key_server = None, "member dpo-office");
        let nobody = |of: &mut Agreement| drop(of.member.pop());
        is_refused(nobody, "key_server.run_by");
        let two = |of: &mut Agreement| of.member[0].roles.push(MemberRole::KeyServer);
        is_refused(two, "key_server.run_by");
    }

    #[test]
    fn fields_quota_and_keys_are_within_their_limits() {
        is_refused(
            |agreement| of(agreement).fields.clear(),
            "key_server.fields",
        );
        let twice = |agreement: &mut Agreement| {
            let rules = of(agreement);
            rules.fields.push(rules.fields[0].clone());
        };
        is_refused(twice, "key_server.fields");
        for evaluations in [0, MAX_EVALUATIONS + 1] {
            let change = |agreement: &mut Agreement| of(agreement).evaluations = evaluations;
            is_refused(change, "key_server.evaluations");
        }
        is_refused(|agreement| of(agreement).key.clear(), "key_server.key");
        for (epoch, public_key) in [(1, [8; 32]), (2, [7; 32])] {
            let key = EpochEvaluationKey {
                epoch: Epoch(epoch),
                public_key: EvaluationKey::new(public_key),
            };
            is_refused(|agreement| of(agreement).key.push(key), "key_server.key");
        }
    }

    #[test]
    fn only_identifiers_of_the_schema_go_through_it() {
        let mut schema = schema();
        let mut draft = draft();
        draft.key_server = Some(rules());
        let text = draft.to_text(&schema).unwrap();
        let refused = |schema: &LinkageSchema| {
            let rules = signed(&text).terms().key_server.clone().unwrap();
            rules
                .check_fields(schema)
                .err()
                .map(|refusal| refusal.detail)
        };
        assert!(refused(&schema).unwrap().contains("no field number"));
        schema.fields[0].name = "number".parse().unwrap();
        assert!(refused(&schema).unwrap().contains("holds no identifiers"));
        schema.fields[0].kind = FieldKind::Identifier;
        assert_eq!(refused(&schema), None);
    }
}

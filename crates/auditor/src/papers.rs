//! What officers signed: agreements, what was said of them since, and approvals of runs. Logs say that
//! something was approved or suspended; here each is held to the officer's own signature, so that a
//! coordinator that only says so in its log, and leaves out what it does not like, is shown up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use audit::{Entry, Event};
use model::agreement::{Act, Statement};
use model::approval::{Approval, MAX_APPROVAL_BYTES};
use model::signature::MAX_SIGNATURE_BYTES;
use model::{Day, Digest, PartyName, RunNumber, Signature, SignedAgreement};
use secret::signing;
use service::AgreementFiles;

use crate::bundle::{Bundle, BundleError, check_name, names, read_text};
use crate::evaluations;
use crate::finding::{Finding, Severity};
use crate::releases;
use crate::risk::Uploads;
use crate::verify::CheckedLog;

/// The directory of a bundle that they are in.
pub(crate) const PAPERS: &str = "papers";
/// What the directories of agreements begin with; their number follows.
pub(crate) const AGREEMENT: &str = "agreement-";
/// What the directories of approvals begin with; the run follows.
pub(crate) const APPROVALS: &str = "approval-run-";
/// Who the coordinator's papers are of.
pub(crate) const COORDINATOR: &str = "coordinator";

/// An approval with the signature under it.
struct Approved {
    approval: Approval,
    document: Vec<u8>,
    signature: Signature,
}

/// All papers of a bundle that can be read and were signed by who had to.
#[derive(Default)]
struct Papers {
    agreements: BTreeMap<Digest, SignedAgreement>,
    /// Each with whose papers it was found among.
    statements: Vec<(String, Statement)>,
    approvals: Vec<Approved>,
    findings: Vec<Finding>,
    /// Whether there are any of the coordinator.
    has_coordinator: bool,
}

/// Holds the releases that the resolver's log tells of to what officers signed. `officers` are
/// fingerprints of officers' keys that came another way than the bundle did: by signing an agreement an
/// officer vouches for the other officers' keys in it.
///
/// # Errors
/// A bundle that cannot be read.
pub fn check(
    bundle: &Bundle,
    logs: &[CheckedLog],
    officers: &[Digest],
) -> Result<Vec<Finding>, BundleError> {
    let mut papers = Papers::read(bundle)?;
    papers.check_officers(officers);
    if let Some(resolver) = logs.iter().find(|log| log.name == "resolver") {
        papers.check_adopted(resolver);
        papers.check_releases(resolver, logs);
    }
    papers.check_risk(logs);
    if let Some(log) = logs.iter().find(|log| log.name == evaluations::KEY_SERVER) {
        let quota = papers.quota();
        papers
            .findings
            .extend(evaluations::check_quotas(log, quota));
    }
    Ok(papers.findings)
}

/// The log whose keeper's papers these are.
fn log_of(keeper: &str) -> &str {
    match keeper {
        COORDINATOR => "resolver",
        node => node,
    }
}

impl Papers {
    fn read(bundle: &Bundle) -> Result<Self, BundleError> {
        let root = bundle.path().join(PAPERS);
        let mut papers = Self::default();
        for keeper in names(&root)? {
            let of_keeper = root.join(&keeper);
            check_name(&of_keeper, &keeper)?;
            papers.has_coordinator |= keeper == COORDINATOR;
            for directory in names(&of_keeper)? {
                let path = of_keeper.join(&directory);
                check_name(&path, &directory)?;
                if directory.starts_with(AGREEMENT) {
                    papers.take_agreement(&keeper, &path);
                } else if directory.starts_with(APPROVALS) {
                    papers.take_approvals(&keeper, &path)?;
                }
            }
        }
        Ok(papers)
    }

    /// The most evaluations that any agreement gives a custodian in an epoch.
    fn quota(&self) -> Option<u64> {
        let agreements = self.agreements.values();
        let rules = agreements.filter_map(|agreement| agreement.terms().key_server.as_ref());
        rules.map(|rules| rules.evaluations).max()
    }

    fn wrong(&mut self, keeper: &str, text: String) {
        let finding = Finding::new(Severity::Wrong, log_of(keeper), text);
        self.findings.push(finding);
    }

    /// An agreement with all that was said of it, if the officers signed it.
    fn take_agreement(&mut self, keeper: &str, path: &Path) {
        let verified = AgreementFiles::read(path)
            .map_err(|fault| fault.to_string())
            .and_then(|files| {
                let agreement = files.verify(signing::verify);
                Ok((agreement.map_err(|refusal| refusal.detail)?, files))
            });
        let (agreement, files) = match verified {
            Ok(verified) => verified,
            Err(why) => {
                let text = format!("an agreement among the papers of {keeper} is not one: {why}");
                return self.wrong(keeper, text);
            }
        };
        // That they were signed was checked with the agreement.
        let statements = files.statements();
        let statements = statements.filter_map(|(document, _)| Statement::parse(document).ok());
        let statements = statements.map(|statement| (keeper.to_owned(), statement));
        self.statements.extend(statements);
        self.agreements.insert(agreement.digest(), agreement);
    }

    fn take_approvals(&mut self, keeper: &str, path: &Path) -> Result<(), BundleError> {
        for name in names(path)? {
            check_name(&path.join(&name), &name)?;
            let Some(party) = name.strip_suffix(".toml") else {
                continue;
            };
            match read_approval(path, party) {
                Ok(approved) => self.approvals.push(approved),
                Err(why) => {
                    let text = format!("the approval of {party} that it keeps is none: {why}");
                    self.wrong(keeper, text);
                }
            }
        }
        Ok(())
    }

    /// Each agreement is vouched for by an officer whose key the auditor has another way.
    fn check_officers(&mut self, officers: &[Digest]) {
        let mut findings = Vec::new();
        for agreement in self.agreements.values() {
            let number = agreement.terms().number;
            let mut keys = agreement.terms().custodians();
            let is_known =
                keys.any(|member| member.dpo_key.is_some_and(|key| officers.contains(&key)));
            let (severity, text) = match (is_known, officers.is_empty()) {
                (true, _) => (
                    Severity::Right,
                    format!(
                        "agreement {number} is signed by all its officers, one of whom is known"
                    ),
                ),
                (false, true) => (
                    Severity::Unproved,
                    format!(
                        "agreement {number} is signed by the officers it names, whose keys came with the bundle: give one that did not, with --officer"
                    ),
                ),
                (false, false) => (
                    Severity::Wrong,
                    format!("agreement {number} is signed by none of the officers that are known"),
                ),
            };
            findings.push(Finding::new(severity, "resolver", text));
        }
        self.findings.extend(findings);
    }

    /// The agreements that the resolver says it took up are there.
    fn check_adopted(&mut self, resolver: &CheckedLog) {
        for entry in &resolver.entries {
            let Event::AgreementAdopted { agreement, number } = &entry.event else {
                continue;
            };
            if !self.agreements.contains_key(agreement) {
                let text = format!(
                    "agreement {number}, which it took up, is not in the bundle: fetch the coordinator's or a node's directory"
                );
                let finding = Finding::new(Severity::Unproved, &resolver.name, text);
                self.findings.push(finding.at(entry.sequence));
            }
        }
    }

    fn check_releases(&mut self, resolver: &CheckedLog, logs: &[CheckedLog]) {
        for entry in &resolver.entries {
            match &entry.event {
                Event::RunReleased { run, agreement } => {
                    let mut found = self.check_approvals(resolver, entry, *run, *agreement);
                    let what = format!("it released run {run}");
                    found.extend(self.check_standing(resolver, entry, &what, *agreement, logs));
                    self.findings.append(&mut found);
                }
                Event::ResultsCollected { run, party, .. } => {
                    let Some(agreement) = adopted_before(resolver, entry) else {
                        continue;
                    };
                    let what = format!("it gave {party} results of run {run}");
                    let found = self.check_standing(resolver, entry, &what, agreement, logs);
                    self.findings.extend(found);
                }
                _ => {}
            }
        }
    }

    /// What nodes uploaded they had measured the risk of, where the agreement asks for it.
    fn check_risk(&mut self, logs: &[CheckedLog]) {
        for log in logs {
            let Some(party) = log.name.strip_prefix("node-") else {
                continue;
            };
            let uploads = Uploads {
                party,
                log: &log.name,
                entries: &log.entries,
            };
            let found = uploads.check(|digest| {
                let terms = self.agreements.get(digest)?.terms();
                terms.risk_rules()?;
                Some(
                    terms
                        .custodians()
                        .map(|member| member.name.clone())
                        .collect(),
                )
            });
            self.findings.extend(found);
        }
    }

    /// Every custodian's officer signed the approval of exactly what was released.
    fn check_approvals(
        &self,
        resolver: &CheckedLog,
        released: &Entry,
        run: RunNumber,
        digest: Digest,
    ) -> Vec<Finding> {
        let finding = |severity, text: String| {
            vec![Finding::new(severity, &resolver.name, text).at(released.sequence)]
        };
        // Told with the agreements already.
        let Some(agreement) = self.agreements.get(&digest) else {
            return Vec::new();
        };
        let outcome = releases::outcome(resolver, run);
        let is_of = |approved: &&Approved, party: &PartyName| {
            let approval = &approved.approval;
            (&approval.party, approval.run, approval.agreement) == (party, run, digest)
                && Some(approval.outcome) == outcome
                && agreement.terms().dpo_key(party).is_some_and(|key| {
                    approved
                        .signature
                        .is_of(&key, &approved.document, signing::verify)
                })
        };
        let lacks = |party: &&PartyName| !self.approvals.iter().any(|one| is_of(&one, party));
        let custodians = agreement.terms().custodians().map(|member| &member.name);
        let missing: Vec<&str> = custodians.filter(lacks).map(PartyName::as_str).collect();
        if missing.is_empty() {
            let text =
                format!("the approvals of run {run} are signed by every custodian's officer");
            return finding(Severity::Right, text);
        }
        let missing = missing.join(", ");
        let is_gone = resolver
            .entries
            .iter()
            .any(|entry| matches!(entry.event, Event::ResolverKeysDestroyed));
        match self.has_coordinator && !is_gone {
            true => finding(
                Severity::Wrong,
                format!(
                    "it released run {run} without an approval that the officer of {missing} signed"
                ),
            ),
            false => finding(
                Severity::Unproved,
                format!(
                    "that the officer of {missing} signed the approval of run {run} cannot be seen from this bundle"
                ),
            ),
        }
    }

    /// Nothing was done while an officer had suspended or revoked the agreement: by what the role itself
    /// had logged, by what a node had logged by then, and by the days that officers wrote.
    fn check_standing(
        &self,
        resolver: &CheckedLog,
        done: &Entry,
        what: &str,
        agreement: Digest,
        logs: &[CheckedLog],
    ) -> Vec<Finding> {
        let mut found = BTreeSet::new();
        for log in logs {
            let is_before = |entry: &&Entry| match log.name == resolver.name {
                true => entry.sequence < done.sequence,
                false => entry.unix_millis < done.unix_millis,
            };
            let entries = log.entries.iter().filter(is_before);
            let said = entries.filter_map(|entry| stated(entry, agreement));
            for (party, act) in against(said) {
                let text = format!("{what} after {party} had {} the agreement", past(act));
                found.insert((log.name.clone(), text));
            }
        }
        let today = Day::of_millis(done.unix_millis);
        let dated = self.statements.iter().filter(|(_, statement)| {
            let is_before = match statement.act {
                Act::Resume => statement.date <= today,
                _ => statement.date < today,
            };
            statement.agreement == agreement && is_before
        });
        let dated = dated.map(|(_, said)| (&said.party, said.number, said.act));
        for (party, act) in against(dated) {
            let text = format!(
                "{what} after the day on which {party} {} the agreement",
                past(act)
            );
            found.insert((party.to_string(), text));
        }
        let finding = |(by, text): (String, String)| {
            Finding::new(Severity::Wrong, &resolver.name, text)
                .at(done.sequence)
                .shown_by(&by)
        };
        found.into_iter().map(finding).collect()
    }
}

fn past(act: Act) -> &'static str {
    match act {
        Act::Revoke => "revoked",
        _ => "suspended",
    }
}

/// What an entry says was said of `agreement`.
fn stated(entry: &Entry, about: Digest) -> Option<(&PartyName, u32, Act)> {
    match &entry.event {
        Event::AgreementStated {
            agreement,
            party,
            number,
            act,
        } if *agreement == about => Some((party, *number, *act)),
        _ => None,
    }
}

/// Of these statements, those that hold and forbid: of each party the one that stands above its others.
fn against<'a>(
    said: impl Iterator<Item = (&'a PartyName, u32, Act)>,
) -> impl Iterator<Item = (&'a PartyName, Act)> {
    let mut holds: BTreeMap<&PartyName, (u32, Act)> = BTreeMap::new();
    let rank = |(number, act): (u32, Act)| (act == Act::Revoke, number, act == Act::Suspend);
    for (party, number, act) in said {
        let known = holds.entry(party).or_insert((number, act));
        if rank((number, act)) > rank(*known) {
            *known = (number, act);
        }
    }
    let holds = holds.into_iter().map(|(party, (_, act))| (party, act));
    holds.filter(|(_, act)| *act != Act::Resume)
}

/// The agreement that a log had taken up last before an entry.
fn adopted_before(log: &CheckedLog, before: &Entry) -> Option<Digest> {
    let entries = log.entries.iter();
    let entries = entries.filter(|entry| entry.sequence < before.sequence);
    let mut adopted = entries.filter_map(|entry| match &entry.event {
        Event::AgreementAdopted { agreement, .. } => Some(*agreement),
        _ => None,
    });
    adopted.next_back()
}

fn read_approval(directory: &Path, party: &str) -> Result<Approved, String> {
    let read = |ending: &str, limit: usize| {
        let path = directory.join(format!("{party}.{ending}"));
        read_text(&path, limit as u64).map_err(|error| error.to_string())
    };
    let document = read("toml", MAX_APPROVAL_BYTES)?.into_bytes();
    let signature = read("sig", MAX_SIGNATURE_BYTES)?;
    let approval = Approval::parse(&document).map_err(|error| error.to_string())?;
    if approval.party.as_str() != party {
        return Err(format!("it is one of {}", approval.party));
    }
    Ok(Approved {
        approval,
        document,
        signature: Signature::parse(signature.as_bytes()).map_err(|error| error.to_string())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> PartyName {
        name.parse().unwrap()
    }

    #[test]
    fn what_a_party_says_last_holds_and_a_revocation_above_all() {
        use Act::{Resume, Revoke, Suspend};
        let (a, b) = (name("a"), name("b"));
        let holds = |said: &[(&PartyName, u32, Act)]| -> Vec<(String, Act)> {
            let said = said
                .iter()
                .map(|(party, number, act)| (*party, *number, *act));
            against(said)
                .map(|(party, act)| (party.to_string(), act))
                .collect()
        };
        assert_eq!(holds(&[(&a, 1, Suspend)]), [("a".to_owned(), Suspend)]);
        assert!(holds(&[(&a, 2, Resume), (&a, 1, Suspend)]).is_empty());
        // Only the same party resumes.
        let said = [(&a, 1, Suspend), (&b, 2, Resume)];
        assert_eq!(holds(&said), [("a".to_owned(), Suspend)]);
        let said = [(&a, 1, Revoke), (&a, 2, Resume)];
        assert_eq!(holds(&said), [("a".to_owned(), Revoke)]);
    }
}

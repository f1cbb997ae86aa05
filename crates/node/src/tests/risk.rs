//! Nothing leaves before its risk is measured, and nothing that is held unless two officers answer for it.

use std::fs;
use std::path::{Path, PathBuf};

use attack::report::Decision;
use audit::Event;
use model::risk::Verdict;
use model::{Day, RunNumber, Silent};

use super::fixture::{GOOD, Setting, now, registry};
use crate::{NodeError, RiskError, RiskSummary, override_risk};

/// A node under an agreement by which no attacker may name more than this share, in thousandths, with the
/// registry prepared.
fn setting(most_named: u32) -> Setting {
    let setting = Setting::without_agreement();
    let agreement = setting.dpos.agreement().join("agreement.toml");
    let text = fs::read_to_string(&agreement).unwrap();
    let risk = format!("\n[risk]\nmost_named_permille = {most_named}\npeople = 200\n");
    fs::write(&agreement, text + &risk).unwrap();
    setting.agree();
    setting.prepare(&registry(300)).unwrap();
    setting
}

impl Setting {
    fn measure(&self) -> Result<RiskSummary, NodeError> {
        self.node.measure_risk(&self.path("registry.csv"), &Silent)
    }

    fn risk_file(&self, name: &str) -> PathBuf {
        let run = self.node.home().outbox_of(RunNumber(1));
        run.join("risk").join(name)
    }

    fn answer(&self, party: &str) -> Result<(), NodeError> {
        let (report, key) = (self.risk_file("report.json"), self.dpos.key(party));
        let today = Day::of_millis(now() * 1000);
        override_risk(&report, &self.dpos.agreement(), &key, "a flood", today).map(drop)
    }

    /// What the gate says; that there is no coordinator comes after it.
    async fn held(&self) -> Option<RiskError> {
        let error = self.node.upload(&Silent).await.unwrap_err();
        let is_refusal = error.is_refusal();
        match error {
            NodeError::Risk(error) => {
                assert!(is_refusal);
                Some(error)
            }
            _ => None,
        }
    }
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[tokio::test]
async fn nothing_leaves_before_it_is_measured() {
    let setting = setting(1000);
    assert!(matches!(
        setting.held().await,
        Some(RiskError::Missing(RunNumber(1)))
    ));
    let summary = setting.measure().unwrap();
    assert_eq!(
        summary.report.decision,
        Decision::Release,
        "{:?}",
        summary.report
    );
    let prepared = summary.report.subject.as_ref().unwrap().prepared;
    let event = Event::RiskMeasured {
        run: RunNumber(1),
        prepared,
        report: summary.digest,
        verdict: Verdict::Release,
    };
    assert!(setting.node.home().has_recorded(&event).unwrap());
    assert!(setting.held().await.is_none());
    let page = fs::read_to_string(summary.page).unwrap();
    for words in [
        "What this is of",
        "census, run 1",
        "300",
        "What no figure covers",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(matches!(
        setting.answer("crvs"),
        Err(NodeError::Risk(RiskError::NotHeld))
    ));
    assert_eq!(setting.measure().unwrap().digest, summary.digest);
}

#[tokio::test]
async fn only_what_is_prepared_is_measured() {
    let setting = setting(1000);
    setting.write("registry.csv", &registry(301));
    let error = setting.measure().unwrap_err();
    assert!(
        matches!(error, NodeError::Risk(RiskError::OtherFile { .. })),
        "{error}"
    );
    assert!(error.is_refusal());
}

#[tokio::test]
async fn a_report_serves_for_what_it_was_made_of_alone() {
    let setting = setting(1000);
    setting.measure().unwrap();
    let kept = setting.path("kept");
    fs::create_dir(&kept).unwrap();
    for name in ["report.json", "report.sig"] {
        fs::copy(setting.risk_file(name), kept.join(name)).unwrap();
    }
    setting.prepare_with(GOOD, true, 5).unwrap();
    assert!(matches!(setting.held().await, Some(RiskError::Missing(_))));
    fs::create_dir(setting.risk_file("")).unwrap();
    for name in ["report.json", "report.sig"] {
        fs::copy(kept.join(name), setting.risk_file(name)).unwrap();
    }
    let held = setting.held().await;
    assert!(
        matches!(
            held,
            Some(RiskError::Other {
                what: "what is prepared",
                ..
            })
        ),
        "{held:?}"
    );
}

#[tokio::test]
async fn a_report_that_was_changed_counts_for_nothing() {
    let setting = setting(0);
    setting.measure().unwrap();
    assert!(matches!(setting.held().await, Some(RiskError::Held { .. })));
    edit(&setting.risk_file("report.json"), "\"hold\"", "\"Hold\"");
    assert!(matches!(setting.held().await, Some(RiskError::NotOurs(_))));
}

#[tokio::test]
async fn what_is_held_goes_when_two_officers_answer_for_it() {
    let setting = setting(0);
    let summary = setting.measure().unwrap();
    let held = setting.held().await.unwrap().to_string();
    assert!(
        held.contains("signed so far: nobody") && held.contains("clause `risk`"),
        "{held}"
    );
    setting.answer("sr").unwrap();
    let held = setting.held().await.unwrap().to_string();
    assert!(held.contains("signed so far: sr"), "{held}");
    setting.answer("crvs").unwrap();
    assert!(setting.held().await.is_none());
    let event = Event::RiskOverridden {
        run: RunNumber(1),
        report: summary.digest,
        officers: ["crvs", "sr"].map(|party| party.parse().unwrap()).to_vec(),
    };
    assert!(setting.node.home().has_recorded(&event).unwrap());
}

#[tokio::test]
async fn an_officers_word_is_for_one_report_and_in_one_name() {
    let setting = setting(0);
    setting.measure().unwrap();
    setting.answer("sr").unwrap();
    setting.answer("crvs").unwrap();
    let word = setting.risk_file("override-sr.toml");
    let original = fs::read_to_string(&word).unwrap();
    for (from, to, why) in [
        ("a flood", "a whim", "not signed by the officer"),
        ("run = 1", "run = 2", "another upload"),
        ("DPO of", "Friend of", "another name"),
        ("report = \"", "report = \"0", "override of a risk report"),
    ] {
        edit(&word, from, to);
        let held = setting.held().await.unwrap().to_string();
        assert!(held.contains(why), "{held}");
        fs::write(&word, &original).unwrap();
    }
    // The other officer's word under this one's name.
    for end in ["toml", "sig"] {
        let other = setting.risk_file(&format!("override-crvs.{end}"));
        fs::copy(other, setting.risk_file(&format!("override-sr.{end}"))).unwrap();
    }
    let held = setting.held().await.unwrap().to_string();
    assert!(held.contains("another name"), "{held}");
}

#[test]
fn a_key_that_the_agreement_does_not_name_answers_for_nothing() {
    let setting = setting(0);
    setting.measure().unwrap();
    let key = setting.path("other.key");
    crate::new_dpo_key(&key, &mut secret::SeededEntropy::new(77)).unwrap();
    let today = Day::of_millis(now() * 1000);
    let report = setting.risk_file("report.json");
    let error = override_risk(&report, &setting.dpos.agreement(), &key, "because", today);
    assert!(matches!(error, Err(NodeError::Dpo(_))));
}

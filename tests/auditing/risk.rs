//! Uploads whose risk was not measured, or that were held and let go by too few.

use attack::report::Decision;
use audit::Event;
use model::agreement::{Disclosure, RiskRules};
use model::{BatchKind, Day, Digest, SystemClock};
use model::{Clock as _, Silent};
use testkit::dpos::Terms;

use super::{Done, World, assert_shown};
use crate::cheating::rewrite;
use crate::setting::registry;

/// Four people each were born on one day, so that how alike they are tells who they are.
fn born_in_fours() -> String {
    let rows = registry(240);
    let (header, rows) = rows.split_once('\n').unwrap();
    let rows: Vec<(&str, &str)> = rows
        .lines()
        .map(|row| row.rsplit_once(',').unwrap())
        .collect();
    let row =
        |(place, (who, _)): (usize, &(&str, &str))| format!("{who},{}\n", rows[place / 4 * 4].1);
    let rows: String = rows.iter().enumerate().map(row).collect();
    format!("{header}\n{rows}")
}

impl World {
    /// After a run under an agreement that asks for risk reports and allows next to nothing, for which both officers
    /// answered.
    async fn measured(disclosure: Option<Disclosure>) -> Done {
        let risk = RiskRules {
            most_named_permille: 0,
            people: 100,
        };
        let terms = Terms {
            risk: Some(risk),
            disclosure,
            ..Terms::default()
        };
        let world = Self::ready_under(terms, &born_in_fours()).await;
        let officers = ["crvs", "sr"].map(|party| party.parse().unwrap());
        let today = Day::of_millis(SystemClock.unix_millis());
        for member in &world.members {
            let measured = member.node.measure_risk(&member.registry, &Silent).unwrap();
            assert_ne!(measured.report.decision, Decision::Release);
            let (report, dpos) = (
                measured.page.with_extension("json"),
                world.federation.dpos(),
            );
            let said = dpos.override_risk(&report, &officers, "a test", today);
            said.unwrap();
        }
        world.finished().await
    }
}

/// What is found about the social registry's node after its log was written anew.
fn shown(done: &Done, change: impl FnMut(u64, Event) -> Option<Event>, words: &str) {
    rewrite(&done.nodes[1], change);
    assert_shown(&done.wrong(), "node-sr", "node-sr", None, words);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_officers_answer_for_are_right_and_without_that_word_they_are_shown() {
    let done = World::measured(None).await;
    let (verdict, _) = done.audit();
    let words = "the risk report of the encodings of run 1 said to hold, and the officers of crvs and sr answer for it";
    assert!(verdict.to_string().contains(words), "{verdict}");
    assert!(done.wrong().is_empty(), "{verdict}");
    let alone = |_, event| match event {
        Event::RiskOverridden {
            run,
            report,
            mut officers,
        } => {
            officers.truncate(1);
            Some(Event::RiskOverridden {
                run,
                report,
                officers,
            })
        }
        event => Some(event),
    };
    shown(
        &done,
        alone,
        "no two officers, one of its own, answer for it",
    );
    let unmeasured = |_, event| {
        let is_about_risk = matches!(
            event,
            Event::RiskMeasured { .. } | Event::RiskOverridden { .. }
        );
        (!is_about_risk).then_some(event)
    };
    shown(&done, unmeasured, "without a risk report of them before");
}

/// Where block tokens go first, the report is of them, and before them.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_another_batch_than_the_tokens_that_left_is_shown() {
    let done = World::measured(Some(Disclosure::default())).await;
    let (verdict, _) = done.audit();
    assert!(done.wrong().is_empty(), "{verdict}");
    for kind in [BatchKind::BlockTokens, BatchKind::Encodings] {
        let words = format!(
            "the risk report of the {} of run 1 said to hold",
            kind.as_str()
        );
        assert!(verdict.to_string().contains(&words), "{verdict}");
    }
    let other = |_, event| match event {
        Event::RiskMeasured {
            run,
            report,
            verdict,
            ..
        } => Some(Event::RiskMeasured {
            run,
            prepared: Digest::of(b"another batch"),
            report,
            verdict,
        }),
        event => Some(event),
    };
    shown(&done, other, "without a risk report of them before");
}

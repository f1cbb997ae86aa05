//! `symbolon` without a command, as the first thing anybody types: a federation of four registries that
//! ends with an auditor's verdict, and a report that opens in a browser.

use std::fs;
use std::process::Command;

use testkit::browser::Browser;
use testkit::processes::Ran;

use crate::setting::WORKBENCH;

#[test]
fn a_federation_ends_with_an_audit_verdict_and_a_report_that_opens() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(WORKBENCH);
    command.args(["--persons", "300", "--keep"]).arg(dir.path());
    let ran = Ran::of(&mut command).unwrap();
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let words = "Everything that was checked is as it should be: ";
    assert!(ran.out.contains(words), "{}", ran.out);
    let page = dir.path().join("audit-report.html");
    let text = fs::read_to_string(&page).unwrap();
    // The key was agreed on, the agreement signed, the run approved and released.
    for words in [
        "took up linkage agreement number 1",
        "agreed with the other nodes on the linkage key of epoch 1",
        "the officer of ibr approved what came out of run 1",
        "released the results of run 1",
        "measured the risk of what it prepared for run 1: hold",
        "against its risk report, for which the officers of crvs and id answer",
    ] {
        assert!(text.contains(words), "{words}");
    }
    let Some(browser) = Browser::find() else {
        println!("no browser on this machine: the report was not opened");
        return;
    };
    let opened = browser.open(&page).unwrap();
    assert_eq!(opened.complaints, [""; 0]);
    for words in [
        "<h1>Audit report: sample</h1>",
        "Everything that was checked is as it should be.",
        "The log of resolver",
        "href=\"#resolver-",
    ] {
        assert!(opened.document.contains(words), "{words}");
    }
    let risk = dir.path().join("node-crvs/outbox/run-1/risk/report.html");
    let opened = browser.open(&risk).unwrap();
    assert_eq!(opened.complaints, [""; 0]);
    for words in [
        "<b>Hold.</b>",
        "What four attackers would achieve",
        "sample, run 1",
        "If the linkage key leaks",
    ] {
        assert!(opened.document.contains(words), "{words}");
    }
    for (page, name) in [(&risk, "risk.png"), (&page, "audit.png")] {
        let picture = dir.path().join(name);
        browser.draw(page, 2000, &picture).unwrap();
        assert!(fs::metadata(&picture).unwrap().len() > 20_000);
    }
}

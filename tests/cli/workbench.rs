//! What `symbolon` says to its users: what it refuses, what it reports, and attacks on the command line.

use std::fs;
use std::process::Command;

use super::*;

#[test]
fn the_workbench_refuses_bad_registries_and_says_where() {
    let site = Site::new();
    for case in unreadable() {
        let ran = site.rehearse(&site.write(case.name, &case.content));
        assert_told(case.name, &ran, FAILED, case.says);
    }
    let ran = site.rehearse(&site.path("absent.csv"));
    assert_told("a missing file", &ran, FAILED, &["absent.csv"]);
}

#[test]
fn the_workbench_reports_a_linkage_and_explains_its_pairs() {
    let site = Site::new();
    let ran = site.show(&[
        "--report",
        "shown",
        "--explain",
        "crvs:k-1,sr:k-1",
        "--explain",
        "crvs:k-1,SR:k-9",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for said in [
        "decision: linked",
        "together",
        "never met in a pass",
        "pairs completeness: 1.0000",
    ] {
        assert!(ran.out.contains(said), "without `{said}`: {}", ran.out);
    }
    let read = |name: &str| fs::read_to_string(site.path(name)).unwrap();
    let page = read("shown/report.html");
    for heading in [
        "Odds of the compared pairs",
        "Precision and recall",
        "Where pairs were lost",
    ] {
        assert!(page.contains(heading), "without `{heading}`");
    }
    assert!(!page.contains("k-1"), "the page names a record");
    assert!(
        read("shown/pair-1.svg").starts_with("<svg") && !site.path("shown/pair-2.svg").exists()
    );
    let run: serde_json::Value = serde_json::from_str(&read("linked/run.json")).unwrap();
    assert!(run["calibration_pairs"].is_u64() && run["review_pairs"].is_u64());
    assert_eq!(run["cuts"], serde_json::json!({}));
    assert_eq!(run["model"]["classes"][0], "one person");
    assert!(run["estimated_pairs_completeness"].as_f64().unwrap() > 0.99);
}

/// Attacks on the sample's identity register.
fn attack(arguments: &[&str]) -> Ran {
    let sample = workspace().join("examples/four-registries");
    let mut attack = Command::new(WORKBENCH);
    attack.arg("attack").arg(sample.join("schema.toml"));
    let party = format!("id={}", sample.join("id.csv.gz").display());
    ran(attack
        .args(["--party", &party, "--n", "300"])
        .args(arguments))
}

#[test]
fn attacks_tell_the_same_on_any_number_of_threads() {
    let told = |threads: &str| {
        let ran = attack(&[
            "--profile",
            "compat",
            "--only",
            "gm-l,dict",
            "--json",
            "--threads",
            threads,
        ]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let mut told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let attacks = &mut told["profiles"][0]["attacks"];
        for one in attacks.as_array_mut().unwrap() {
            one.as_object_mut().unwrap().remove("seconds").unwrap();
        }
        told
    };
    let one = told("1");
    assert_eq!(one, told("3"));
    assert_eq!(one["profiles"][0]["profile"], "record-clk");
    let unknown = attack(&["--profile", "compat", "--only", "ef"]);
    assert_told(
        "an attack the profile does not have",
        &unknown,
        FAILED,
        &["no attack `ef`"],
    );
}

#[test]
fn attacks_see_what_leaves_and_tell_how_much_that_is() {
    let sample = workspace().join("examples/four-registries");
    let files = ["crvs", "sr", "ibr"].map(|party| {
        format!(
            "{party}={}",
            sample.join(format!("{party}.csv.gz")).display()
        )
    });
    let files = files.join(",");
    let told = |arguments: &[&str]| -> serde_json::Value {
        let ran = attack(&[&["--only", "ef", "--holds", "copy", "--json"], arguments].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        serde_json::from_str(&ran.out).unwrap()
    };
    let all = told(&["--profile", "strong"]);
    let less = told(&[
        "--profile",
        "strong",
        "--decoys",
        "profile",
        "--disclosed-to",
        &files,
    ]);
    let count = |told: &serde_json::Value, what: &str| {
        let leaving = &told["profiles"][0]["leaving"];
        leaving[what].as_u64().unwrap()
    };
    assert_eq!(
        (count(&all, "decoys"), count(&all, "sent")),
        (0, count(&all, "made"))
    );
    let rate = count(&less, "decoys") as f64 / count(&less, "records") as f64;
    assert!((0.15..0.35).contains(&rate), "{rate}");
    assert!(count(&less, "sent") < count(&less, "made"));
    let wrong = attack(&["--disclosed-to", "id=x.csv"]);
    assert_told("its own registry", &wrong, FAILED, &["name the others"]);
    let keyless = attack(&["--profile", "compat", "--disclosed-to", "sr=x.csv"]);
    assert_told("no blocks", &keyless, FAILED, &["no disclosure on demand"]);
    let much = attack(&["--decoys", "2000"]);
    assert_told("too many decoys", &much, USAGE, &["profile"]);
}

#[test]
fn one_chart_has_all_profiles_that_were_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let chart = dir.path().join("chart.svg");
    let profiles = ["--profile", "compat,standard,strong", "--overlap", "100"];
    let what = ["--only", "gm-l,ef-passes-apart", "--holds", "copy"];
    let drawn = ["--trend", "100,200", "--chart", chart.to_str().unwrap()];
    let ran = attack(&[&profiles[..], &what, &drawn].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.out.matches("records and 0 decoys").count(), 3);
    let drawn = fs::read_to_string(&chart).unwrap();
    for line in [
        ">What attacks name: copy 100 %<",
        ">record-clk, GM-L<",
        ">standard, GM-L<",
        ">strong, EF, passes apart<",
    ] {
        assert!(drawn.contains(line), "{line}");
    }
    assert_eq!(drawn.matches("<polyline").count(), 5);
    assert!(!drawn.contains("passes joined") && !drawn.contains("record-clk, EF"));
    let reports = ["--profile", "standard,strong", "--report", "risk"];
    let two = attack(&reports);
    assert_told("two profiles", &two, FAILED, &["one profile"]);
}

#[test]
fn a_risk_report_is_written_and_says_what_it_cannot_promise() {
    let dir = tempfile::tempdir().unwrap();
    let ran = attack(&[
        "--profile",
        "strong",
        "--report",
        dir.path().to_str().unwrap(),
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        ran.out.contains("M12") && ran.out.contains("decision: "),
        "{}",
        ran.out
    );
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let report: serde_json::Value = serde_json::from_str(&read("report.json")).unwrap();
    assert_eq!(report["metrics"].as_array().unwrap().len(), 12);
    let page = read("report.html");
    for always in report["residual"].as_array().unwrap() {
        assert!(
            page.contains(always.as_str().unwrap()),
            "without `{always}`"
        );
    }
}

#[test]
fn records_are_added_to_a_kept_rehearsal_and_only_once() {
    let site = Site::new();
    let kept = site.show(&["--keep", "kept"]);
    assert_eq!(kept.code, Some(0), "{}", kept.err);
    let rows = registry(230);
    let (header, old) = rows.split_once('\n').unwrap();
    let later: Vec<&str> = old.lines().skip(200).collect();
    site.write("later.csv", format!("{header}\n{}\n", later.join("\n")));
    let extend = |kept: &str, file: &str| {
        let mut extend = Command::new(WORKBENCH);
        extend.args(["extend", kept, "--party", &format!("crvs={file}")]);
        ran(extend.args(["--out", "added"]).current_dir(site.dir.path()))
    };
    let added = extend("kept", "later.csv");
    assert_eq!(added.code, Some(0), "{}", added.err);
    assert!(added.out.contains("clusters that stood"), "{}", added.out);
    let clusters = fs::read_to_string(site.path("added/clusters.csv")).unwrap();
    assert_eq!(clusters.lines().count(), 1 + 230 + 200);
    let changes = fs::read_to_string(site.path("added/changes.csv")).unwrap();
    assert!(changes.starts_with("source,record_id,cluster_before,cluster_id,change,reason"));
    let again = extend("kept", "later.csv");
    assert_told("added twice", &again, FAILED, &["an earlier batch"]);
    let nowhere = extend("linked", "later.csv");
    assert_told("nothing kept", &nowhere, FAILED, &["--keep"]);
    let clear = site.show(&["--keep", "kept", "--clear"]);
    assert_told("clear values kept", &clear, USAGE, &["--clear"]);
}

#[test]
fn pairs_that_cannot_be_explained_are_refused() {
    let site = Site::new();
    let wrong = site.show(&["--explain", "crvs:k-1"]);
    assert_told("half a pair", &wrong, USAGE, &["SOURCE:RECORD_ID"]);
    let absent = site.show(&["--explain", "crvs:k-1,sr:k-none"]);
    assert_told("an unknown record", &absent, FAILED, &["`sr`", "k-none"]);
    let mut link = Command::new(WORKBENCH);
    link.args([
        "link",
        "schema.toml",
        "--party",
        "crvs=x.csv",
        "--out",
        "linked",
    ]);
    let alone = ran(link.args(["--persons", "persons.csv"]));
    assert_told("persons without truth", &alone, USAGE, &["--truth"]);
}

//! `symbolon quality`: the floors of the sample are held, and one that is not is told.

use std::fs;
use std::process::{Command, Output};

use crate::setting::workspace;

fn quality(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_symbolon"))
        .arg("quality")
        .args(arguments)
        .current_dir(workspace())
        .output()
        .unwrap()
}

#[test]
fn the_sample_reaches_its_floor_and_encoding_costs_little() {
    let output = quality(&["--set", "sample", "--clear", "--json"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let sample = &figures["sets"][0];
    assert_eq!(sample["held"], true);
    let of = |name: &str| sample[name].as_f64().unwrap();
    // One point of F1 is what privacy may cost.
    assert!(of("clear_f1") - of("f1") <= 0.01, "{sample}");
    assert!(of("pairs_completeness") >= of("recall") - 0.01, "{sample}");
}

/// Shorter signatures, more flips and hidden patterns may cost a point of F1.
#[test]
fn strong_loses_at_most_a_point_against_standard() {
    let f1 = |profile| {
        let output = quality(&["--set", "sample", "--profile", profile, "--json"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        figures["sets"][0]["f1"].as_f64().unwrap()
    };
    let (standard, strong) = (f1("standard"), f1("strong"));
    assert!(strong >= standard - 0.01, "{standard} {strong}");
    // The flag does something.
    assert_ne!(standard, strong);
}

/// Two operators, disclosure on demand and decoys change no link, whatever the profile hides.
#[test]
fn a_federation_finds_the_sample_the_same_to_the_last_link() {
    for profile in ["standard", "strong"] {
        let arguments = ["--set", "sample", "--profile", profile, "--federated"];
        let output = quality(&[&arguments[..], &["--json"]].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = &figures["sets"][0]["federated"];
        assert_eq!(found["records_differing"], 0, "{profile}");
        assert_eq!(found["links"], found["links_without"], "{profile}");
        assert!(found["links"].as_u64().unwrap() > 1000, "{found}");
        // It was on.
        assert!(found["decoys"].as_u64().unwrap() > 100, "{found}");
        let sent = found["sent"].as_f64().unwrap();
        assert!((0.1..1.0).contains(&sent), "{found}");
    }
}

#[test]
fn a_floor_that_is_not_held_fails_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let sets = dir.path().join("sets.toml");
    let examples = workspace().join("quality");
    let text = fs::read_to_string(examples.join("sets.toml")).unwrap();
    let sample = text.split("[[set]]").nth(1).unwrap();
    let sample = sample
        .replace(
            "../examples",
            &workspace().join("examples").display().to_string(),
        )
        .replace("floor = 0", "floor = 1");
    fs::write(&sets, format!("[[set]]{sample}")).unwrap();
    let output = quality(&["--sets", sets.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("sample: F1") && told.contains("below"),
        "{told}"
    );
}

#[test]
fn a_set_that_is_not_listed_is_refused() {
    let output = quality(&["--set", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("no data set `nowhere`"), "{told}");
}

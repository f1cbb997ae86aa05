//! What people read.

use super::fixture::{GOOD, Setting};

#[test]
fn reports_hold_counts_and_rows_and_no_value() {
    let setting = Setting::new();
    let odd = format!("{GOOD}k-5,Zawadi,Mbeki,31.12.1999\n");
    let report = setting.prepare(&odd).unwrap();
    let text = serde_json::to_string(&report).unwrap() + &crate::cli::prepared_text(&report);
    for expected in [
        "5 records",
        "first rows 3",
        "born",
        "60.0 % present",
        "as in rows 5",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    for value in ["Zawadi", "Mbeki", "1999", "k-5", "Amina"] {
        assert!(!text.contains(value), "{value}: {text}");
    }
}

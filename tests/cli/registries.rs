//! Registries that no program takes, and what has to be said of each. Their values stand in
//! `VALUES` of the tests, so that a message which shows one is found.

/// A registry no one can use.
pub(super) struct BadRegistry {
    pub(super) name: &'static str,
    pub(super) content: Vec<u8>,
    /// What the message has to say.
    pub(super) says: &'static [&'static str],
}

fn bad(name: &'static str, content: &str, says: &'static [&'static str]) -> BadRegistry {
    BadRegistry {
        name,
        content: content.replace('|', "\n").into_bytes(),
        says,
    }
}

/// Registries that no program reads to the end.
pub(super) fn unreadable() -> Vec<BadRegistry> {
    let good = "k-77341,Zyxquorna,Plimbert,1987-04-13|";
    let with = |rows: &str| format!("id,given,surname,born|{good}{rows}");
    let not_utf8 = [&b"id,given,surname,born\nk-77341,Zyxquorna,Plimb\xffert,1987\n"[..]].concat();
    vec![
        bad(
            "missing-column.csv",
            "id,given,born|k-77341,Zyxquorna,1987|",
            &["`surname`"],
        ),
        bad(
            "renamed-column.csv",
            &with("").replace("surname", "family"),
            &["`surname`"],
        ),
        bad("no-header.csv", good, &["`"]),
        bad(
            "repeated-column.csv",
            &with("").replace("given", "born"),
            &["columns 2 and 4"],
        ),
        bad(
            "repeated-id.csv",
            &with("k-77341,Quondamly,Plimbert,1990|"),
            &["row 2", "row 1"],
        ),
        bad("no-id.csv", &with(",Quondamly,Plimbert,1990|"), &["row 2"]),
        bad(
            "too-wide.csv",
            &with("k-2,Quondamly,Plimbert,1990,Zyxquorna|"),
            &["row 2", "5 values", "4"],
        ),
        bad(
            "too-narrow.csv",
            &with("k-2,Quondamly|"),
            &["row 2", "2 values"],
        ),
        bad("empty.csv", "", &["empty"]),
        BadRegistry {
            name: "not-utf8.csv",
            content: not_utf8,
            says: &["row 1", "`surname`", "not UTF-8"],
        },
    ]
}

/// Registries that read well and mean nothing.
pub(super) fn meaningless() -> Vec<BadRegistry> {
    let dates: String = (0..20)
        .map(|n| format!("k-77341{n},Zyxquorna,Plimbert,thirteenth of Quondamly|"))
        .collect();
    let dates = format!("id,given,surname,born|{dates}");
    vec![
        bad("dates.csv", &dates, &["`born`", "20 of 20", "rows 1"]),
        bad("header-only.csv", "id,given,surname,born|", &["no records"]),
    ]
}

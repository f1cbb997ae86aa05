//! Who allowed whole-record encodings of real people. Such encodings fall to graph matching without
//! any key (threat model, T2), so nobody gets to upload real ones here by accident: without a
//! permission the service is for made-up data on one machine. A permission names who gave it, and
//! stands in the service's log before the first request is answered.

use std::path::Path;
use std::str::FromStr;

use audit::{Actor, Event, FileStore, Log, LogError};
use model::Clock;

/// The most characters of a permission.
const MAX_CHARACTERS: usize = 200;

/// Who allowed it: name and office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission(String);

/// Text that names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "name who allows it, with name and office, in 3 to {MAX_CHARACTERS} characters of one line"
)]
pub struct NotAName;

/// Why a permission could not be logged.
#[derive(Debug, thiserror::Error)]
#[error("cannot log who allowed whole-record encodings")]
pub struct PermissionError(#[from] LogError);

impl FromStr for Permission {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let text = text.trim();
        let length = text.chars().count();
        let letters = text.chars().filter(|character| character.is_alphabetic());
        let is_name = (3..=MAX_CHARACTERS).contains(&length)
            && letters.count() >= 3
            && !text.chars().any(char::is_control);
        match is_name {
            true => Ok(Self(text.to_owned())),
            false => Err(NotAName),
        }
    }
}

/// Puts the permission into the log at `path`, unless the last one there is the same, and tells the
/// operator what the service is for.
pub(super) fn record(
    path: &Path,
    permission: Option<&Permission>,
    clock: &dyn Clock,
) -> Result<(), PermissionError> {
    let Some(Permission(by)) = permission else {
        tracing::warn!(
            "nobody allowed whole-record encodings of real people: the anonlink service is for made-up data on this machine"
        );
        return Ok(());
    };
    tracing::warn!(
        allowed_by = by,
        "the anonlink service takes whole-record encodings of real people"
    );
    let mut log = Log::open(FileStore::open(path).map_err(LogError::from)?)?;
    let event = Event::WholeRecordAllowed { by: by.clone() };
    let last = log.size().checked_sub(1).map(|last| log.entry(last));
    let last = last.transpose()?.flatten();
    if last.is_none_or(|entry| entry.event != event) {
        log.append(event, Actor::Operator, clock.unix_millis())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SystemClock;

    #[test]
    fn a_permission_names_somebody() {
        for text in ["", "  ", "yes\nno", "12", "1, 2, 3", &"a".repeat(201)] {
            assert_eq!(text.parse::<Permission>(), Err(NotAName), "{text:?}");
        }
        let name = " A. Person, data protection officer ".parse::<Permission>();
        assert_eq!(name.unwrap().0, "A. Person, data protection officer");
    }

    #[test]
    fn each_permission_stands_in_the_log_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let names = ["A. Person", "A. Person", "B. Person", "A. Person"];
        for name in names {
            record(&path, Some(&name.parse().unwrap()), &SystemClock).unwrap();
        }
        record(&path, None, &SystemClock).unwrap();
        let log = Log::open(FileStore::open(&path).unwrap()).unwrap();
        let entries = (0..log.size()).map(|at| log.entry(at).unwrap().unwrap());
        let names = entries.map(|entry| match entry.event {
            Event::WholeRecordAllowed { by } => by,
            other => panic!("{other:?}"),
        });
        assert!(names.eq(["A. Person", "B. Person", "A. Person"]));
    }
}

//! What several tests share: the programs, a small project, and registries for it.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use model::{Clock, SystemClock};
use testkit::processes::Programs;

/// A project of two parties.
pub(crate) const SCHEMA: &str = r#"
format = 1
name = "two"
revision = 1
profile = "standard"
latest_year = 2025
field = [
  { name = "given", kind = "given-name" },
  { name = "surname", kind = "surname" },
  { name = "born", kind = "date" },
]
pass = [
  { name = "born", block = ["born"] },
  { name = "name", block = ["given.code", "surname.code", "born.year"] },
]
[[party]]
name = "crvs"
title = "Births"
duplicates = false
record_id = "id"
[party.map]
given = { columns = ["given"] }
surname = { columns = ["surname"] }
born = { columns = ["born"], formats = ["YYYY-MM-DD", "YYYY"] }
[[party]]
name = "sr"
title = "Households"
duplicates = false
record_id = "id"
[party.map]
given = { columns = ["given"] }
surname = { columns = ["surname"] }
born = { columns = ["born"], formats = ["YYYY-MM-DD"] }
"#;

/// Where the workspace is.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The workbench, as it was built for the tests.
pub(crate) const WORKBENCH: &str = env!("CARGO_BIN_EXE_symbolon");

/// All programs, built when the first test needs them.
pub(crate) fn programs() -> &'static Programs {
    static PROGRAMS: LazyLock<Programs> = LazyLock::new(|| {
        Programs::build(env!("CARGO"), workspace(), Path::new(WORKBENCH)).unwrap()
    });
    &PROGRAMS
}

/// A registry of the small project: each record with an id, a name and a date of its own.
pub(crate) fn registry(records: u32) -> String {
    let letter = |n: u32| char::from(b'a' + (n % 26) as u8);
    let name = |n: u32| [n, n / 26, n / 676].map(letter).iter().collect::<String>();
    let line = |n: u32| {
        let (year, month, day) = (1950 + n % 60, 1 + n % 12, 1 + n % 28);
        format!(
            "k-{n},B{}o,C{}a,{year}-{month:02}-{day:02}\n",
            name(n),
            name(n / 7)
        )
    };
    let header = "id,given,surname,born\n".to_owned();
    (0..records).map(line).fold(header, |all, line| all + &line)
}

/// Copies a directory with all in it. Keys stay private, as files keep their permissions.
pub(crate) fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// An error and all its causes.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A clock that stands still.
pub(crate) struct At {
    /// Milliseconds since the Unix epoch.
    pub(crate) unix_millis: u64,
}

impl At {
    /// A clock that stands `days` before now.
    pub(crate) fn days_ago(days: u64) -> Self {
        let unix_millis = SystemClock.unix_millis() - days * 86_400_000;
        Self { unix_millis }
    }
}

impl Clock for At {
    fn unix_millis(&self) -> u64 {
        self.unix_millis
    }
}

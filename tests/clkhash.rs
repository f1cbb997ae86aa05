//! `symbolon encode` and `symbolon schema`: the vectors of clkhash on the command line, bad input, and
//! what is left behind.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::setting::{WORKBENCH, workspace};

fn vector(name: &str) -> Value {
    let path = workspace().join("tests/data/clkhash").join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Header and rows as CSV.
fn csv(vector: &Value) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    let rows = vector["rows"].as_array().unwrap();
    for row in std::iter::once(&vector["header"]).chain(rows) {
        let cells = row.as_array().unwrap().iter();
        writer
            .write_record(cells.map(|cell| cell.as_str().unwrap()))
            .unwrap();
    }
    writer.into_inner().unwrap()
}

/// A directory with the schema, the data and the secret of a vector.
fn laid_out(vector: &Value) -> TempDir {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write("schema.json", vector["schema"].to_string().as_bytes());
    write("data.csv", &csv(vector));
    let secret = vector["secret"].as_str().unwrap_or("secret");
    write("secret", format!("{secret}\n").as_bytes());
    let owner = fs::Permissions::from_mode(0o600);
    fs::set_permissions(dir.path().join("secret"), owner).unwrap();
    dir
}

const FILES: [&str; 9] = [
    "encode",
    "--schema",
    "schema.json",
    "--secret-file",
    "secret",
    "--input",
    "data.csv",
    "--output",
    "clks.json",
];

fn run(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(WORKBENCH)
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn encodes_the_vectors() {
    for name in [
        "08-non-ascii.json",
        "16-v1-schema.json",
        "17-v2-schema.json",
        "23-csv-quoting.json",
    ] {
        let vector = vector(name);
        let dir = laid_out(&vector);
        let ran = run(dir.path(), &FILES);
        assert!(ran.status.success(), "{name}: {}", said(&ran));
        let clks = fs::read_to_string(dir.path().join("clks.json")).unwrap();
        let clks: Value = serde_json::from_str(&clks).unwrap();
        assert_eq!(clks["clks"], vector["clks"], "{name}");
    }
}

#[test]
fn trims_when_asked() {
    let vector = vector("trim-compat.json");
    let dir = laid_out(&vector);
    assert_eq!(run(dir.path(), &FILES).status.code(), Some(1));
    let ran = run(dir.path(), &[&FILES[..], &["--trim"]].concat());
    assert!(ran.status.success(), "{}", said(&ran));
    let clks: Value =
        serde_json::from_slice(&fs::read(dir.path().join("clks.json")).unwrap()).unwrap();
    assert_eq!(clks["clks"], vector["clks_trimmed"]);
}

#[test]
fn reads_standard_input_and_writes_standard_output() {
    let vector = vector("01-v3-basic-blake.json");
    let dir = laid_out(&vector);
    let mut arguments = FILES;
    (arguments[6], arguments[8]) = ("-", "-");
    let mut child = Command::new(WORKBENCH)
        .args(arguments)
        .args(["--no-header", "--threads", "1"])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let data = csv(&vector);
    let rows = data.splitn(2, |byte| *byte == b'\n').nth(1).unwrap();
    child.stdin.take().unwrap().write_all(rows).unwrap();
    let ran = child.wait_with_output().unwrap();
    let clks: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(clks["clks"], vector["clks"]);
}

#[test]
fn bad_data_leaves_no_file_and_shows_no_value() {
    for case in vector("errors.json")["invalid_data"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let dir = laid_out(case);
        let ran = run(dir.path(), &FILES);
        assert_eq!(ran.status.code(), Some(1), "{name}: {}", said(&ran));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "{name}");
        let reference = case["message"].as_str().unwrap();
        if reference.contains("row 0") {
            let place = "data.csv: row 0 (line 2), column `a`: ";
            assert!(said(&ran).contains(place), "{name}: {}", said(&ran));
        }
    }
}

#[test]
fn a_refusal_keeps_the_file_of_an_earlier_run() {
    let case = &vector("errors.json")["invalid_data"][0];
    let dir = laid_out(case);
    fs::write(dir.path().join("clks.json"), "earlier").unwrap();
    assert_eq!(run(dir.path(), &FILES).status.code(), Some(1));
    assert_eq!(fs::read(dir.path().join("clks.json")).unwrap(), b"earlier");
}

#[test]
fn bad_schemas_are_refused_by_all_commands() {
    for case in vector("errors.json")["invalid_schemas"]
        .as_array()
        .unwrap()
        .iter()
        .step_by(4)
    {
        let dir = laid_out(&serde_json::json!({
            "schema": case["schema"], "header": ["a"], "rows": [["x"]],
        }));
        for arguments in [
            &FILES[..],
            &["schema", "validate", "schema.json"],
            &["schema", "describe", "schema.json"],
        ] {
            let ran = run(dir.path(), arguments);
            assert_eq!(
                ran.status.code(),
                Some(1),
                "{}: {}",
                case["name"],
                said(&ran)
            );
            assert!(said(&ran).contains("schema.json"), "{}", said(&ran));
        }
    }
}

#[test]
fn converts_old_schemas() {
    for pair in vector("conversions.json").as_array().unwrap() {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("old.json"), pair["from"].to_string()).unwrap();
        let ran = run(dir.path(), &["schema", "convert", "old.json"]);
        let converted: Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(converted, pair["to"]);
    }
}

#[test]
fn output_goes_where_a_link_leads_and_keeps_the_link() {
    let dir = laid_out(&vector("16-v1-schema.json"));
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("store")).unwrap();
    for (name, arguments) in [
        ("clks.json", &FILES[..]),
        (
            "new.json",
            &["schema", "convert", "schema.json", "--output", "new.json"],
        ),
    ] {
        let kept = Path::new("store").join(name);
        fs::write(path("store").join(name), "earlier").unwrap();
        std::os::unix::fs::symlink(&kept, path(name)).unwrap();
        let ran = run(dir.path(), arguments);
        assert!(ran.status.success(), "{}", said(&ran));
        assert_eq!(fs::read_link(path(name)).unwrap(), kept);
        assert!(serde_json::from_slice::<Value>(&fs::read(path(name)).unwrap()).is_ok());
    }
    assert_eq!(fs::read_dir(path("store")).unwrap().count(), 2);
    let mode = fs::metadata(path("clks.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_schema_that_cannot_be_written_leaves_the_earlier_one() {
    let dir = laid_out(&vector("16-v1-schema.json"));
    fs::write(dir.path().join("new.json"), "earlier").unwrap();
    fs::write(dir.path().join("schema.json"), "{}").unwrap();
    let convert = ["schema", "convert", "schema.json", "--output", "new.json"];
    assert_eq!(run(dir.path(), &convert).status.code(), Some(1));
    assert_eq!(fs::read(dir.path().join("new.json")).unwrap(), b"earlier");
    let ran = run(
        dir.path(),
        &[
            "schema",
            "convert",
            "schema.json",
            "--output",
            "none/new.json",
        ],
    );
    assert_eq!(ran.status.code(), Some(1));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
}

#[test]
fn the_example_works_and_is_described() {
    let example = workspace().join("examples/clkhash");
    let dir = TempDir::new().unwrap();
    for name in ["schema.json", "people.csv"] {
        fs::copy(example.join(name), dir.path().join(name)).unwrap();
    }
    fs::write(dir.path().join("secret"), "a secret open to others").unwrap();
    let ran = run(
        dir.path(),
        &[
            "encode",
            "--schema",
            "schema.json",
            "--secret-file",
            "secret",
            "--input",
            "people.csv",
            "--stats",
            "--json",
        ],
    );
    assert!(said(&ran).contains("chmod 600"), "{}", said(&ran));
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["clks"], 4);
    assert_eq!(report["popcounts"]["bits"], 1024);
    let ran = run(dir.path(), &["schema", "describe", "schema.json", "--json"]);
    let described: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(described["features"][5]["comparison"], "numeric, 9 points");
}

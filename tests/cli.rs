//! The programs on the command line: every help text, and bad input, which ends with a documented
//! exit code and a message that says where, and holds no value of any record.

mod registries;
mod workbench;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use model::{Clock as _, Day, Epoch, LinkageSchema, RunNumber, SystemClock};
use node::Project;
use secret::key_file::{self, Purpose};
use secret::{Key32, RecipientSecret, SeededEntropy};
use tempfile::TempDir;
use testkit::dpos::Dpos;
use testkit::processes::Ran;

use registries::{meaningless, unreadable};

use crate::setting::{SCHEMA, WORKBENCH, programs, registry, workspace};

/// Stand in every bad registry and must not stand in any message.
const VALUES: [&str; 4] = ["Zyxquorna", "Plimbert", "Quondamly", "k-77341"];

const FAILED: i32 = 1;
const USAGE: i32 = 2;
const REFUSED: i32 = 3;

/// A directory with a schema, and a node that has all it needs to prepare without a connection.
struct Site {
    dir: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        site.write("schema.toml", SCHEMA);
        let schema = LinkageSchema::parse(SCHEMA).unwrap();
        let (project, entropy) = ("census".parse().unwrap(), &mut SeededEntropy::new(9));
        let today = Day::of_millis(SystemClock.unix_millis());
        Dpos::new(&site.path("officers"), &project, &schema, today, entropy).unwrap();
        site
    }

    fn officers(&self) -> Dpos {
        Dpos::open(&self.path("officers"))
    }

    /// The fingerprint of a party's officer.
    fn officer(&self, party: &str) -> String {
        let fingerprint = self.officers().fingerprint(&party.parse().unwrap());
        fingerprint.unwrap().to_string()
    }

    /// Has both officers sign, and the node install what they signed.
    fn agree(&self) -> Ran {
        let officers = self.officers();
        let parties = ["crvs", "sr"].map(|party| party.parse().unwrap());
        officers.sign(&parties).unwrap();
        let mut install = self.node();
        install
            .args(["agree", "install", "--dir"])
            .arg(self.path("node"));
        ran(install.arg(officers.agreement()))
    }

    fn with_node() -> Self {
        let site = Self::new();
        assert_eq!(site.init_node("schema.toml").code, Some(0));
        // As if the nodes had agreed on it: a node alone cannot.
        let epoch = site.path("node/keys/epoch-1");
        fs::create_dir(&epoch).unwrap();
        let key = Key32::generate(&mut SeededEntropy::new(10));
        key_file::write(&epoch.join("linkage.key"), Purpose::Linkage, &key).unwrap();
        let project = serde_json::to_string(&told_by_resolver()).unwrap();
        site.write("node/project.json", &project);
        assert_eq!(site.agree().code, Some(0));
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn node(&self) -> Command {
        programs().command("symbolon-node")
    }

    fn init_node(&self, schema: &str) -> Ran {
        let mut init = self.node();
        init.args(["init", "--party", "crvs", "--project", "census"]);
        init.args([
            "--matcher",
            "localhost:7401",
            "--resolver",
            "localhost:7402",
        ]);
        init.arg("--schema").arg(self.path(schema));
        init.args(["--dpo", &self.officer("crvs")]);
        ran(init.arg("--dir").arg(self.path("node")))
    }

    fn prepare(&self, input: &Path) -> Ran {
        let mut prepare = self.node();
        prepare
            .args(["prepare", "--offline", "--dir"])
            .arg(self.path("node"));
        ran(prepare.arg("--input").arg(input))
    }

    fn rehearse(&self, input: &Path) -> Ran {
        let mut link = Command::new(WORKBENCH);
        link.arg("link").arg(self.path("schema.toml"));
        link.arg("--party").arg(format!("crvs={}", input.display()));
        ran(link.arg("--out").arg(self.path("linked")))
    }

    /// Links two registries of the same people with what is to be shown, the truth at hand.
    fn show(&self, arguments: &[&str]) -> Ran {
        let rows = registry(200);
        let ids: Vec<&str> = rows
            .lines()
            .skip(1)
            .filter_map(|row| row.split(',').next())
            .collect();
        let truth = |source: &str| -> String {
            ids.iter()
                .map(|id| format!("{source},{id},{id},typo\n"))
                .collect()
        };
        self.write("crvs.csv", &rows);
        self.write("sr.csv", &rows);
        let truth = [
            "registry,record_id,person_id,errors\n",
            &truth("crvs"),
            &truth("sr"),
        ]
        .concat();
        self.write("truth.csv", truth);
        let mut link = Command::new(WORKBENCH);
        link.args([
            "link",
            "schema.toml",
            "--party",
            "crvs=crvs.csv",
            "--party",
            "sr=sr.csv",
        ]);
        link.args(["--truth", "truth.csv", "--out", "linked"]);
        ran(link.args(arguments).current_dir(self.dir.path()))
    }

    fn coordinator(&self, arguments: &[&str]) -> Ran {
        let mut command = programs().command("symbolon-coordinator");
        ran(command.args(arguments).current_dir(self.dir.path()))
    }
}

fn told_by_resolver() -> Project {
    Project {
        project: "census".parse().unwrap(),
        epoch: Epoch(1),
        run: RunNumber(1),
        schema_digest: LinkageSchema::parse(SCHEMA).unwrap().digest(),
        resolver_key: RecipientSecret::generate(&mut SeededEntropy::new(5)).public(),
    }
}

fn ran(command: &mut Command) -> Ran {
    Ran::of(command).unwrap()
}

/// Holds a program to its exit code, to what its message has to say, and to silence on values.
fn assert_told(case: &str, ran: &Ran, code: i32, says: &[&str]) {
    assert_eq!(ran.code, Some(code), "{case}: {}", ran.err);
    for text in says {
        assert!(
            ran.err.contains(text),
            "{case} without `{text}`: {}",
            ran.err
        );
    }
    let all = format!("{}{}", ran.out, ran.err);
    let leaked: Vec<_> = VALUES
        .into_iter()
        .filter(|value| all.contains(value))
        .collect();
    assert!(leaked.is_empty(), "{case} shows {leaked:?}: {all}");
    assert!(!all.contains("panicked"), "{case}: {all}");
}

#[test]
fn a_node_refuses_bad_registries_and_says_where() {
    let site = Site::with_node();
    for case in unreadable().into_iter().chain(meaningless()) {
        let ran = site.prepare(&site.write(case.name, &case.content));
        assert_told(case.name, &ran, REFUSED, case.says);
        assert!(!site.path("node/outbox/run-1").exists(), "{}", case.name);
    }
    let ran = site.prepare(&site.path("absent.csv"));
    assert_told("a missing file", &ran, FAILED, &["absent.csv"]);
}

#[test]
fn unreadable_registries_are_named_with_their_file() {
    let site = Site::with_node();
    // What is wrong with the records as a whole is told without the file, which was named a line
    // above; what stands in one place is told with it.
    for case in unreadable()
        .into_iter()
        .filter(|case| !case.name.ends_with("-id.csv"))
    {
        let ran = site.prepare(&site.write(case.name, &case.content));
        assert_told(case.name, &ran, REFUSED, &[case.name]);
    }
}

#[test]
fn schemas_with_unknown_entries_are_told_by_all_programs() {
    let site = Site::new();
    let wrong = SCHEMA.replace("latest_year", "flavour = 3\nlatest_year");
    let wrong = site.write("wrong.toml", wrong);
    let says = ["wrong.toml", "flavour"];
    assert_told("node", &site.init_node("wrong.toml"), FAILED, &says);
    let arguments = [
        "init",
        "--dir",
        "state",
        "--project",
        "census",
        "--schema",
        "wrong.toml",
    ];
    assert_told("coordinator", &site.coordinator(&arguments), FAILED, &says);
    let mut link = Command::new(WORKBENCH);
    link.arg("link")
        .arg(wrong)
        .args(["--party", "crvs=x.csv", "--out", "linked"]);
    assert_told("workbench", &ran(&mut link), FAILED, &says);
    assert!(!site.path("node").exists() && !site.path("state").exists());
}

#[test]
fn a_coordinator_says_what_is_missing_and_overwrites_nothing() {
    let site = Site::new();
    let init = [
        "init",
        "--dir",
        "state",
        "--project",
        "census",
        "--schema",
        "schema.toml",
    ];
    assert_eq!(site.coordinator(&init).code, Some(0));
    assert_told(
        "init twice",
        &site.coordinator(&init),
        REFUSED,
        &["state exists"],
    );
    let absent = [
        "init",
        "--dir",
        "other",
        "--project",
        "p",
        "--schema",
        "absent.toml",
    ];
    assert_told(
        "no schema",
        &site.coordinator(&absent),
        FAILED,
        &["absent.toml"],
    );
    for command in ["run", "status"] {
        let ran = site.coordinator(&[command, "--dir", "nowhere"]);
        assert_told(command, &ran, FAILED, &["nowhere"]);
    }
    site.write("request.csr", "Zyxquorna");
    let enrol = |party, request| {
        let arguments = [
            "enrol", "--dir", "state", "--party", party, "--out", "x.pem",
        ];
        site.coordinator(&[&arguments[..], &["--request", request]].concat())
    };
    assert_told(
        "no party",
        &enrol("other", "request.csr"),
        REFUSED,
        &["other", "not-a-member"],
    );
    assert_told(
        "no request",
        &enrol("crvs", "absent.csr"),
        FAILED,
        &["absent.csr"],
    );
    assert_told(
        "a wrong request",
        &enrol("crvs", "request.csr"),
        FAILED,
        &["certificate"],
    );
}

#[test]
fn a_node_says_what_is_missing_and_overwrites_nothing() {
    let site = Site::with_node();
    assert_told(
        "init twice",
        &site.init_node("schema.toml"),
        REFUSED,
        &["not empty"],
    );
    let node = |arguments: &[&str]| ran(site.node().args(arguments).current_dir(site.dir.path()));
    let ran = node(&["status", "--dir", "nowhere"]);
    assert_told("no node", &ran, FAILED, &["nowhere", "symbolon-node init"]);
    let ran = node(&["upload", "--dir", "node"]);
    assert_told(
        "nothing prepared",
        &ran,
        REFUSED,
        &["symbolon-node prepare"],
    );
    assert_eq!(node(&["agree", "key", "--out", "dpo.key"]).code, Some(0));
    let ran = node(&["agree", "key", "--out", "dpo.key"]);
    assert_told("a second key", &ran, REFUSED, &["dpo.key exists"]);
    let ran = node(&["agree", "fingerprint", "--key", "schema.toml"]);
    assert_told("no key file", &ran, REFUSED, &["schema.toml", "chmod 600"]);
}

#[test]
fn an_officers_key_under_a_passphrase_opens_with_it_alone() {
    let site = Site::new();
    for (name, passphrase) in [
        ("right", "four words of mine"),
        ("wrong", "four words of yours"),
    ] {
        let path = site.write(name, passphrase);
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let node = |arguments: &str| {
        let mut node = site.node();
        ran(node
            .args(arguments.split_whitespace())
            .current_dir(site.dir.path()))
    };
    let made = node("agree key --out dpo.key --passphrase-file right");
    assert_eq!(made.code, Some(0), "{}", made.err);
    let shown = node("agree fingerprint --key dpo.key --passphrase-file right");
    assert_eq!((shown.code, shown.out), (Some(0), made.out));
    let ran = node("agree fingerprint --key dpo.key");
    assert_told(
        "no passphrase",
        &ran,
        REFUSED,
        &["dpo.key", "--passphrase-file"],
    );
    let ran = node("agree fingerprint --key dpo.key --passphrase-file wrong");
    assert_told(
        "another",
        &ran,
        REFUSED,
        &["does not open with this passphrase"],
    );
    let ran = node("agree fingerprint --key dpo.key --passphrase-file schema.toml");
    assert_told(
        "open to others",
        &ran,
        REFUSED,
        &["schema.toml", "chmod 600"],
    );
}

#[test]
fn without_an_agreement_nothing_is_prepared_or_sent_and_the_clause_is_named() {
    let site = Site::with_node();
    fs::remove_dir_all(site.path("node/agreements")).unwrap();
    let ran = site.prepare(&site.write("crvs.csv", registry(20)));
    assert_told("none", &ran, REFUSED, &["clause `agreement`", "agree show"]);
    let mut install = site.node();
    install
        .args(["agree", "install", "--dir"])
        .arg(site.path("node"));
    fs::remove_file(site.officers().agreement().join("sr.sig")).unwrap();
    let ran = self::ran(install.arg(site.officers().agreement()));
    assert_told(
        "unsigned",
        &ran,
        REFUSED,
        &["clause `signatures`", "the DPO of sr"],
    );
    assert!(!site.path("node/agreements").exists());
}

#[test]
fn wrong_arguments_are_usage_errors() {
    let workbench = || Command::new(WORKBENCH);
    let node = || programs().command("symbolon-node");
    let coordinator = || programs().command("symbolon-coordinator");
    for program in [workbench, node, coordinator] as [fn() -> Command; 3] {
        let ran = ran(program().arg("--no-such-thing"));
        assert_told(
            "an unknown argument",
            &ran,
            USAGE,
            &["--no-such-thing", "--help"],
        );
    }
}

#[test]
fn every_help_text_is_printed() {
    let names = ["symbolon-node", "symbolon-coordinator"];
    let others = names.map(|name| programs().command(name));
    let programs = others.into_iter().chain([Command::new(WORKBENCH)]);
    let texts: usize = programs
        .map(|program| helps(program.get_program().as_ref(), &[]))
        .sum();
    assert!(texts > 15, "{texts} help texts");
}

/// Asks for the help of a command and of all below it, and counts them.
fn helps(program: &Path, command: &[String]) -> usize {
    let ran = ran(Command::new(program).args(command).arg("--help"));
    assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.err);
    let below = subcommands(&ran.out).map(|name| [command, &[name]].concat());
    1 + below.map(|command| helps(program, &command)).sum::<usize>()
}

/// The names in the help text's list of commands.
fn subcommands(help: &str) -> impl Iterator<Item = String> {
    let list = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned)
}

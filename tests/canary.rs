//! Nothing raw leaves a node. Rare values are planted in four registries, a run is made with taps on
//! every connection, some refusals are provoked, and then the values and all keys are searched for
//! in whatever others could see.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use attack::report::{Decision, Leaving};
use auditor::{Bundle, Finding, Severity, Verdict, fetch, reconcile, report, verify};
use model::agreement::{DecoyRules, Disclosure, RiskRules};
use model::{BatchKind, Clock as _, Day, PartyName, RunNumber, Silent, SystemClock};
use node::{CollectOptions, Node, NodeError, PrepareReport};
use secret::SeededEntropy;
use tempfile::TempDir;
use testkit::canary::{Planted, Search, files_under};
use testkit::country::{CountrySpec, ErrorLevel, File, generate};
use testkit::dpos::Terms;
use testkit::federation::{Addresses, Federation, Member};
use testkit::tap::{Place, Tap};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use wire::pki::{Authority, PrivateKeyPem, Validity, request};
use wire::{NodeIdentity, Role};

use crate::setting::{told, workspace};

/// One person as each registry writes them, with record ids and numbers nobody else has.
const PLANTED: [Row; 4] = [
    Row {
        file: File::Crvs,
        party: "crvs",
        values: &[
            ("record_id", "C900731884-Vexpold"),
            ("given_name", "Zyxquorna"),
            ("second_name", "Wobblinka"),
            ("surname", "Plimberthwaite"),
            ("birth_date", "1987-04-13"),
            ("birth_place", "Quondamville"),
            ("father_name", "Jaxquimo Plimberthwaite"),
            ("mother_name", "Hyzzabeth Crumblewick"),
            ("address_line1", "77341 Snorkelbach Lane"),
            ("phone_number", "791837465"),
        ],
    },
    Row {
        file: File::Id,
        party: "id",
        values: &[
            ("record_id", "N900582771-Grumfizz"),
            ("given_name", "ZYXQUORNA"),
            ("surname", "PLIMBERTHWAITE"),
            ("birth_date", "1987-04-13"),
            ("father_name", "Jaxquimo Plimberthwaite"),
            ("address_line1", "77341 Snorkelbach Lane"),
            ("phone_number", "793216548"),
        ],
    },
    Row {
        file: File::Sr,
        party: "sr",
        values: &[
            ("record_id", "S900663917-Blortnak"),
            ("full_name", "Zyxquörna Plimberthwaite"),
            ("birth_date", "13/04/1987"),
            ("mother_name", "Hyzzabeth Crumblewick"),
            ("address_line1", "Plot 77341 Snorkelbach"),
            ("phone_number", "796541238"),
        ],
    },
    Row {
        file: File::Ibr,
        party: "ibr",
        values: &[
            ("record_id", "B900114529-Thwackum"),
            ("name", "PLIMBERTHWAITE, ZYXQUORNA"),
            ("birth_date", "13.04.1987"),
            ("phone_number", "798123654"),
        ],
    },
];

/// The planted date of birth as programs write dates.
const BIRTH_DATE: [&str; 4] = ["19870413", "1987-4-13", "13041987", "1987, 4, 13"];

/// A row to plant.
struct Row {
    file: File,
    party: &'static str,
    values: &'static [(&'static str, &'static str)],
}

impl Row {
    /// The registry of a small country with the planted row at its end.
    fn registry(&self, country: &testkit::country::Country) -> Vec<u8> {
        let table = country.table(self.file);
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(table.columns()).unwrap();
        (0..table.len()).for_each(|row| writer.write_record(table.row(row)).unwrap());
        // Where nothing is planted, the first record's values stand: sex, places, programmes.
        let value = |column: &&'static str| {
            let planted = self.values.iter().find(|(name, _)| name == column);
            planted.map_or_else(|| table.cell(0, column).unwrap(), |(_, value)| value)
        };
        writer
            .write_record(table.columns().iter().map(value))
            .unwrap();
        writer.into_inner().unwrap()
    }

    /// Headerless, narrow, doubled and damaged registries that hold the planted values.
    fn bad_registries(&self, good: &[u8]) -> Vec<Vec<u8>> {
        let lines: Vec<&[u8]> = good.trim_ascii_end().split(|byte| *byte == b'\n').collect();
        let (header, planted) = (lines[0], lines[lines.len() - 1]);
        let joined = |lines: &[&[u8]]| lines.join(&b'\n');
        let mut not_utf8 = planted.to_vec();
        not_utf8.insert(planted.len() / 2, 0xff);
        let date = |text: &str| text.contains("1987");
        let dates = self.values.iter().find(|(_, value)| date(value)).unwrap().1;
        let text = String::from_utf8(planted.to_vec()).unwrap();
        let undated: Vec<Vec<u8>> = (0..9)
            .map(|n| {
                text.replace(dates, "of Plimberthwaite")
                    .replacen("900", &format!("90{n}"), 1)
            })
            .map(String::into_bytes)
            .collect();
        let undated: Vec<&[u8]> = [header]
            .into_iter()
            .chain(undated.iter().map(Vec::as_slice))
            .collect();
        vec![
            joined(&[planted, planted]),
            [planted, b",", planted].concat(),
            joined(&[header, planted, planted]),
            joined(&[header, &[planted, b",Crumblewick"].concat()]),
            joined(&[header, &not_utf8]),
            joined(&undated),
        ]
    }
}

/// What the whole process logs, at every level, while the test runs.
#[derive(Clone)]
struct Logged(Arc<Mutex<Vec<u8>>>);

static IS_LOGGED: AtomicBool = AtomicBool::new(false);

impl Logged {
    fn start() -> Self {
        let logged = Self(Arc::default());
        let writer = logged.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .with_filter(dynamic_filter_fn(|_, _| IS_LOGGED.load(Ordering::Relaxed)));
        tracing_subscriber::registry().with(layer).init();
        IS_LOGGED.store(true, Ordering::Relaxed);
        logged
    }

    fn finish(self) -> Vec<u8> {
        IS_LOGGED.store(false, Ordering::Relaxed);
        self.0.lock().unwrap().clone()
    }
}

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The example's schema, with pairs put up for review.
fn reviewed_schema() -> String {
    let path = workspace().join("examples/four-registries/schema.toml");
    let text = fs::read_to_string(path).unwrap();
    text.replacen("[release]", "[review]\npairs = 500\n\n[release]", 1)
}

/// A federation with a tap on each connection.
struct World {
    dir: TempDir,
    federation: Federation,
    entropy: SeededEntropy,
    members: Vec<Member>,
    taps: Vec<(String, Tap)>,
    /// Whatever was refused, in words.
    refusals: Vec<String>,
    /// What each node prepared.
    prepared: Vec<PrepareReport>,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let schema = dir.path().join("reviewed.toml");
        fs::write(&schema, reviewed_schema()).unwrap();
        let mut entropy = SeededEntropy::new(3);
        let (project, clock) = ("census".parse().unwrap(), Arc::new(SystemClock));
        let terms = Terms {
            disclosure: Some(Disclosure::default()),
            decoys: Some(DecoyRules { permille: 250 }),
            risk: Some(RiskRules {
                most_named_permille: 1000,
                people: 100,
            }),
            ..Terms::default()
        };
        let entropy_of = &mut entropy;
        let federation =
            Federation::start_under(dir.path(), &project, &schema, terms, clock, entropy_of).await;
        Self {
            federation: federation.unwrap(),
            dir,
            entropy,
            members: Vec::new(),
            taps: Vec::new(),
            refusals: Vec::new(),
            prepared: Vec::new(),
        }
    }

    /// A node of the row's party, with taps before both roles.
    async fn join(&mut self, row: &Row, registry: &[u8]) {
        let path = self.dir.path().join(format!("{}.csv", row.party));
        fs::write(&path, registry).unwrap();
        let party: PartyName = row.party.parse().unwrap();
        let real = self.federation.addresses();
        let tapped = Addresses {
            matcher: self.tap(Role::Matcher, real.matcher, &party).await,
            resolver: self.tap(Role::Resolver, real.resolver, &party).await,
        };
        let joined = self
            .federation
            .join(&party, &path, tapped, &mut self.entropy);
        self.members.push(joined.unwrap());
    }

    async fn tap(
        &mut self,
        role: Role,
        target: std::net::SocketAddr,
        party: &PartyName,
    ) -> std::net::SocketAddr {
        let state = self.federation.state();
        let read = |path| fs::read_to_string(path).unwrap();
        let key = PrivateKeyPem::new(read(state.authority_key()));
        let authority = Authority::load(&read(state.authority_certificate()), &key).unwrap();
        let validity = Validity::days(&SystemClock, 10);
        let request = request(party).unwrap();
        let node = NodeIdentity {
            authority_pem: authority.certificate_pem().to_owned(),
            certificate_pem: authority
                .issue_node(&request.request_pem, party, validity)
                .unwrap(),
            key: request.key,
        };
        let authority = &authority;
        let place = Place {
            role,
            target,
            authority,
            validity,
        };
        let tap = Tap::start(&place, &node).await.unwrap();
        let address = tap.address();
        self.taps.push((format!("from {party} to the {role}"), tap));
        address
    }

    /// Refusals before anything is uploaded: bad registries, and results asked for too early.
    async fn provoke_first(&mut self, place: usize, row: &Row, good: &[u8]) {
        let path = self.dir.path().join(format!("bad-{}.csv", row.party));
        self.members[place].node.ask_project().await.unwrap();
        for bad in row.bad_registries(good) {
            fs::write(&path, bad).unwrap();
            let node = &self.members[place].node;
            let refused = node.prepare(&path, false, &Silent, &mut self.entropy);
            self.refused(refused.err());
        }
    }

    /// Refusals on the wire: a batch changed on disk, and results asked for too early.
    async fn provoke_on_the_wire(&mut self, place: usize) {
        let node = &self.members[place].node;
        let path = node.home().batch(RunNumber(1), BatchKind::BlockTokens);
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        fs::write(&path, changed).unwrap();
        let upload = node.upload(&Silent).await.err();
        fs::write(&path, whole).unwrap();
        let collected = node
            .collect(&CollectOptions::default(), &Silent)
            .await
            .err();
        self.refused(upload);
        self.refused(collected);
    }

    fn refused(&mut self, error: Option<NodeError>) {
        let error = error.unwrap();
        self.refusals.push(format!("{} {error:?}", told(&error)));
    }

    async fn prepare_all(&mut self) {
        for member in &self.members {
            let report = member.prepare(&Silent, &mut self.entropy).await.unwrap();
            assert!(report.decoys > 10, "only {} decoys", report.decoys);
            self.refusals.push(serde_json::to_string(&report).unwrap());
            self.prepared.push(report);
        }
    }

    /// Risk reports of what is prepared, with officers who answer where they say to hold.
    fn measure_all(&mut self) {
        let today = Day::of_millis(SystemClock.unix_millis());
        for (place, member) in self.members.iter().enumerate() {
            let measured = member.node.measure_risk(&member.registry, &Silent).unwrap();
            let report = measured.page.with_extension("json");
            self.refusals.push(fs::read_to_string(&report).unwrap());
            if measured.report.decision != Decision::Release {
                let next = &self.members[(place + 1) % self.members.len()];
                let officers = [member.party.clone(), next.party.clone()];
                let dpos = self.federation.dpos();
                dpos.override_risk(&report, &officers, "a rehearsal", today)
                    .unwrap();
            }
        }
    }

    /// What is measured once it is settled which rows leave is what the outbox holds, decoys and all.
    fn measure_what_left(&self) {
        for (member, prepared) in self.members.iter().zip(&self.prepared) {
            let measured = member.node.measure_risk(&member.registry, &Silent).unwrap();
            let upload = &measured.report.upload;
            let Leaving::Some { made, sent } = upload.leaving else {
                panic!("{:?}", upload.leaving);
            };
            assert!(sent < made && upload.decoys as u64 == prepared.decoys);
            let rows = upload.rows_a_record * (upload.measured + upload.decoys) as f64;
            assert_eq!(rows.round() as u64, sent - prepared.calibration_rows);
        }
    }

    async fn finish_run(&mut self) {
        for member in &self.members {
            member.node.upload(&Silent).await.unwrap();
        }
        for member in &self.members {
            let wait = Duration::from_secs(60);
            let sent = member.node.upload_within(wait, &Silent).await.unwrap();
            let chosen = sent.disclosed.expect("nothing was chosen");
            assert!(chosen.sent < chosen.made, "nothing stayed");
        }
        self.measure_what_left();
        self.federation.approve(&self.members).await.unwrap();
        let options = CollectOptions {
            wait: Duration::from_secs(120),
            ..CollectOptions::default()
        };
        let mut pairs = 0;
        for member in &self.members {
            let summary = member.node.collect(&options, &Silent).await.unwrap();
            assert_eq!(summary.records, summary.with_pseudonym + summary.set_aside);
            let review = member.node.fetch_review(&mut self.entropy).await.unwrap();
            pairs += review.unwrap().pairs;
        }
        assert!(pairs > 0, "nothing was put up for review");
    }
}

/// What an auditor fetches from everybody and makes of it.
fn audit(world: &World) -> PathBuf {
    let dir = world.dir.path().join("auditor");
    let bundle = Bundle::create(&dir).unwrap();
    fetch::coordinator(&bundle, world.federation.state().path()).unwrap();
    for member in &world.members {
        fetch::node(&bundle, member.node.home().root()).unwrap();
    }
    let (verdict, logs) = verify::verify(&bundle, &[]).unwrap();
    let signed = auditor::papers::check(&bundle, &logs, &[]).unwrap();
    let all = [verdict.findings(), &signed, &reconcile::reconcile(&logs)].concat();
    let verdict = Verdict::of(all);
    // The taps are certificates that no node ever had, one a tap, and that is all that is wrong.
    let wrong = |finding: &&Finding| finding.severity == Severity::Wrong;
    let (taps, others): (Vec<_>, Vec<_>) = (verdict.findings().iter().filter(wrong))
        .partition(|finding| finding.text.contains("by a certificate that"));
    assert!(others.is_empty(), "{verdict}");
    assert_eq!(taps.len(), world.taps.len(), "{verdict}");
    let page = report::page(&verdict, &logs, 1_800_000_000);
    fs::write(dir.join("report.html"), page).unwrap();
    dir
}

/// Everything planted in registries, and the custodians' keys.
fn planted(world: &World) -> Search {
    let mut planted = Planted::new();
    for row in &PLANTED {
        for (column, value) in row.values {
            planted.text(&format!("{column} of {}", row.party), value);
        }
    }
    for form in BIRTH_DATE {
        planted.text("the date of birth in another form", form);
    }
    plant_key(
        &mut planted,
        "the linkage key",
        &world.federation.linkage_key(),
    );
    for member in &world.members {
        let what = format!("the secret of {}", member.party);
        plant_key(&mut planted, &what, &member.node.home().node_secret());
    }
    planted.search().unwrap()
}

/// A key file's last word is the key, in hexadecimal.
fn plant_key(planted: &mut Planted, what: &str, path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let hex = text.split_whitespace().last().unwrap();
    let byte = |place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap();
    let key: Vec<u8> = (0..64).step_by(2).map(byte).collect();
    planted.key(what, &key);
}

/// The files of a node but for its keys and its results.
fn open_files(node: &Node) -> Vec<PathBuf> {
    let root = node.home().root();
    let closed = ["keys", "results"].map(|part| root.join(part));
    let mut files = files_under(root).unwrap();
    files.retain(|file| !closed.iter().any(|part| file.starts_with(part)));
    files
}

fn found(world: &World, search: &Search, logged: &[u8]) -> BTreeSet<String> {
    let mut found = search.bytes("a log line", logged);
    for refusal in &world.refusals {
        found.extend(search.bytes(&format!("the message `{refusal}`"), refusal.as_bytes()));
    }
    for (line, tap) in &world.taps {
        let heard = tap.heard();
        assert!(heard.len() > 10, "the tap {line} heard nothing");
        found.extend(heard.iter().flat_map(|said| search.bytes(line, said)));
    }
    let coordinator = world.federation.state();
    let held = [
        coordinator.path().to_owned(),
        coordinator.role(Role::Matcher).path().to_owned(),
        coordinator.role(Role::Resolver).path().to_owned(),
        audit(world),
    ];
    for directory in held {
        let files = files_under(&directory).unwrap();
        assert!(files.len() > 5, "little in {}", directory.display());
        found.extend(search.files(&directory).unwrap());
    }
    for member in &world.members {
        let files = open_files(&member.node);
        for kept in [
            "outbox/run-1/encodings.bin",
            "outbox/run-1/risk/report.html",
            "outbox/run-1/risk/left/report.html",
            "vault/run-1.sealed",
            "log/entries",
            "project.json",
            "review.sealed",
        ] {
            assert!(files.iter().any(|file| file.ends_with(kept)), "{kept}");
        }
        found.extend(files.iter().flat_map(|file| search.file(file).unwrap()));
    }
    found
}

/// The planted records come back to their registries, so they did take part.
fn assert_took_part(world: &World) {
    let pseudonyms = world.members.iter().zip(&PLANTED).map(|(member, row)| {
        let results = fs::read_to_string(member.node.home().results(RunNumber(1))).unwrap();
        let line = results
            .lines()
            .find(|line| line.starts_with(row.values[0].1));
        line.unwrap().split(',').nth(1).unwrap().to_owned()
    });
    let pseudonyms: BTreeSet<String> = pseudonyms.collect();
    assert_eq!(pseudonyms.len(), 4, "{pseudonyms:?}");
    assert!(pseudonyms.iter().all(|pseudonym| pseudonym.len() > 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_raw_leaves_a_node() {
    let logged = Logged::start();
    let country = generate(&CountrySpec {
        persons: 200,
        level: ErrorLevel::Severe,
        seed: 11,
    });
    let mut world = World::new().await;
    for (place, row) in PLANTED.iter().enumerate() {
        let registry = row.registry(&country);
        world.join(row, &registry).await;
        world.provoke_first(place, row, &registry).await;
    }
    world.prepare_all().await;
    world.measure_all();
    world.provoke_on_the_wire(0).await;
    world.finish_run().await;
    let logged = logged.finish();
    assert!(
        logged.len() > 10_000,
        "only {} bytes were logged",
        logged.len()
    );
    assert_took_part(&world);
    let found = found(&world, &planted(&world), &logged);
    let list: Vec<_> = found.iter().take(40).cloned().collect();
    assert!(
        found.is_empty(),
        "{} leaks:\n{}",
        found.len(),
        list.join("\n")
    );
}

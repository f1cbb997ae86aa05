//! A small registry, a node for it, and the clock and keys they live with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use model::agreement::{Act, Draft, DraftMember};
use model::{
    Clock, Day, Digest, Epoch, LinkageSchema, ProjectName, RunNumber, Silent, SystemClock,
};
use secret::{Key32, RecipientSecret, SeededEntropy};
use tempfile::TempDir;
use wire::Role;
use wire::pki::{Authority, Validity};

use crate::files::write_json;
use crate::{
    InitOptions, Node, NodeError, PrepareReport, Project, dpo_public_key, new_dpo_key,
    sign_agreement, state, write_draft,
};

pub(crate) const SCHEMA: &str = r#"
format = 1
name = "s"
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

pub(crate) const GOOD: &str = "\
id,given,surname,born
k-1,Amina,Diallo,1985-03-09
k-2,Jose,Silva,1990
k-3,,,
k-4,\"Mary, Jr\",Okafor,2001-12-31
";

/// A clock that stands at this many seconds.
pub(crate) struct At(pub(crate) u64);

impl Clock for At {
    fn unix_millis(&self) -> u64 {
        self.0 * 1000
    }
}

pub(super) const DAY: u64 = 24 * 60 * 60;

/// The second the tests began: TLS looks at the machine's clock, so certificates have to hold now.
pub(crate) fn now() -> u64 {
    static NOW: LazyLock<u64> = LazyLock::new(|| SystemClock.unix_millis() / 1000);
    *NOW
}

pub(super) fn clock() -> Arc<dyn Clock> {
    Arc::new(At(now()))
}

pub(super) fn project_name() -> ProjectName {
    "census".parse().unwrap()
}

/// A new registry of `records` records, each with an id, a name and a date of its own.
pub(super) fn registry(records: u32) -> String {
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

/// The data protection officers of a schema's parties, and the agreement they sign.
pub(crate) struct Dpos {
    pub(crate) dir: TempDir,
    schema: LinkageSchema,
}

impl Dpos {
    /// Their keys, and an agreement nobody has signed. It holds 300 days before and after now.
    pub(crate) fn new(schema: &LinkageSchema, project: &str) -> Self {
        Self::drawn_from(schema, project, 100)
    }

    /// As [`Self::new`], with keys drawn from `seed` and the numbers after it.
    pub(crate) fn drawn_from(schema: &LinkageSchema, project: &str, seed: u64) -> Self {
        let dpos = Self {
            dir: tempfile::tempdir().unwrap(),
            schema: schema.clone(),
        };
        for (party, seed) in schema.parties.iter().zip(seed..) {
            let key = dpos.key(party.name.as_str());
            new_dpo_key(&key, &mut SeededEntropy::new(seed)).unwrap();
        }
        let text = dpos.draft(project).to_text(schema).unwrap();
        write_draft(&dpos.agreement(), &text).unwrap();
        dpos
    }

    fn draft(&self, project: &str) -> Draft {
        let today = Day::of_millis(now() * 1000);
        let custodian = |party: &model::schema::Party| DraftMember {
            party: party.name.clone(),
            dpo: format!("DPO of {}", party.title),
            dpo_key: self.fingerprint(party.name.as_str()),
        };
        Draft {
            project: project.parse().unwrap(),
            purpose: "To find out".to_owned(),
            legal_basis: "Act 1, section 2".to_owned(),
            starts: Day::of_millis((now() - 300 * DAY) * 1000),
            expires: today.plus(300),
            runs: 3,
            retention_days: 30,
            noise: None,
            disclosure: None,
            decoys: None,
            risk: None,
            key_server: None,
            custodians: self.schema.parties.iter().map(custodian).collect(),
            coordinator: "The linkage unit".to_owned(),
        }
    }

    pub(crate) fn agreement(&self) -> PathBuf {
        self.dir.path().join("agreement")
    }

    pub(crate) fn key(&self, party: &str) -> PathBuf {
        self.dir.path().join(format!("dpo-{party}.key"))
    }

    pub(crate) fn fingerprint(&self, party: &str) -> Digest {
        dpo_public_key(&self.key(party)).unwrap().fingerprint()
    }

    pub(crate) fn sign(&self) {
        for party in &self.schema.parties {
            sign_agreement(&self.agreement(), &self.key(party.name.as_str())).unwrap();
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&std::fs::read(self.agreement().join("agreement.toml")).unwrap())
    }
}

/// A directory with a node in it, and beside it what the node is given.
pub(crate) struct Setting {
    pub(super) dir: TempDir,
    pub(crate) node: Node,
    pub(super) authority: Authority,
    pub(super) dpos: Dpos,
}

impl Setting {
    /// A node of `crvs` with its keys and an agreement, not enrolled, that knows the project.
    pub(crate) fn new() -> Self {
        let setting = Self::without_agreement();
        setting.agree();
        setting
    }

    /// As [`Self::new`], before the officers signed.
    pub(crate) fn without_agreement() -> Self {
        let setting = Self::bare(&Addresses::default());
        let key = Key32::generate(&mut SeededEntropy::new(7));
        setting.node.put_linkage_key(Epoch(1), &key).unwrap();
        setting.know(&setting.project());
        setting
    }

    /// A node of `crvs` as `init` leaves it.
    pub(super) fn bare(addresses: &Addresses) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let schema = dir.path().join("four.toml");
        std::fs::write(&schema, SCHEMA).unwrap();
        let dpos = Dpos::new(&LinkageSchema::parse(SCHEMA).unwrap(), "census");
        let options = InitOptions {
            dpo: dpos.fingerprint("crvs"),
            ..options(&schema, addresses)
        };
        let mut entropy = SeededEntropy::new(1);
        let node = Node::init(&dir.path().join("node"), &options, &mut entropy, clock()).unwrap();
        let validity = Validity::days(&At(now()), 365);
        let authority = Authority::create(&project_name(), validity).unwrap();
        Self {
            dir,
            node,
            authority,
            dpos,
        }
    }

    /// Has both officers sign, and installs what they signed.
    pub(crate) fn agree(&self) {
        self.dpos.sign();
        let agreement = self.dpos.agreement();
        self.node.install_agreement(&agreement).unwrap();
    }

    /// Has the officer of `party` say something, and installs it.
    pub(crate) fn state(&self, party: &str, act: Act) {
        let (agreement, key) = (self.dpos.agreement(), self.dpos.key(party));
        state(&agreement, &key, act, "doubt", Day::of_millis(now() * 1000)).unwrap();
        self.node.install_agreement(&agreement).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// What the resolver would say.
    pub(crate) fn project(&self) -> Project {
        Project {
            project: project_name(),
            epoch: Epoch(1),
            run: RunNumber(1),
            schema_digest: LinkageSchema::parse(SCHEMA).unwrap().digest(),
            resolver_key: resolver().public(),
        }
    }

    pub(crate) fn know(&self, project: &Project) {
        write_json(&self.node.home().project(), project).unwrap();
    }

    pub(crate) fn prepare(&self, registry: &str) -> Result<PrepareReport, NodeError> {
        self.prepare_with(registry, false, 5)
    }

    pub(super) fn prepare_with(
        &self,
        registry: &str,
        again: bool,
        seed: u64,
    ) -> Result<PrepareReport, NodeError> {
        let input = self.write("registry.csv", registry);
        let mut entropy = SeededEntropy::new(seed);
        self.node.prepare(&input, again, &Silent, &mut entropy)
    }

    /// Has the authority issue a certificate for `request`, made at second `at`.
    pub(super) fn issue(&self, request: &Path, party: &str, at: u64, days: u32) -> PathBuf {
        let request = std::fs::read_to_string(request).unwrap();
        let validity = Validity::days(&At(at), days);
        let party = party.parse().unwrap();
        let issued = self.authority.issue_node(&request, &party, validity);
        self.write("issued.pem", &issued.unwrap())
    }

    pub(super) fn authority_file(&self) -> PathBuf {
        self.write("authority.pem", self.authority.certificate_pem())
    }

    pub(super) fn enrol(&self) {
        let request = self.node.home().certificate_request();
        let certificate = self.issue(&request, "crvs", now(), 30);
        self.node
            .enrol(&certificate, &self.authority_file(), None)
            .unwrap();
    }
}

/// Where the roles listen.
pub(super) struct Addresses {
    pub(super) matcher: String,
    pub(super) resolver: String,
}

impl Default for Addresses {
    fn default() -> Self {
        let nobody = || "127.0.0.1:9".to_owned();
        Self {
            matcher: nobody(),
            resolver: nobody(),
        }
    }
}

impl Addresses {
    pub(super) fn set(&mut self, role: Role, address: String) {
        match role {
            Role::Matcher => self.matcher = address,
            Role::Resolver => self.resolver = address,
        }
    }
}

pub(super) fn options(schema: &Path, addresses: &Addresses) -> InitOptions {
    InitOptions {
        party: "crvs".parse().unwrap(),
        project: project_name(),
        dpo: Digest::of(b"nobody's key"),
        schema: schema.to_owned(),
        matcher: addresses.matcher.clone(),
        resolver: addresses.resolver.clone(),
        key_server: None,
    }
}

pub(super) fn resolver() -> RecipientSecret {
    RecipientSecret::generate(&mut SeededEntropy::new(99))
}

pub(super) fn other_digest() -> Digest {
    Digest::of(b"another schema")
}

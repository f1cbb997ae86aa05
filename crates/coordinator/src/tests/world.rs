//! A coordinator in a directory of its own, and the two registries of the small project.

use std::path::PathBuf;
use std::sync::Arc;

use model::{Clock, Digest, PartyName};
use secret::SeededEntropy;
use service::Shutdown;
use tempfile::TempDir;
use wire::{ResultsRow, Role, Topic};

use super::fixture::{self, Agreed, Registry, SCHEMA, upload};
use crate::directory::{Listen, StateDir};
use crate::{Coordinator, Roles, Setup, adopt, init};

/// Forty persons are in both registries.
pub(super) const REGISTRIES: [Registry; 2] = [
    Registry {
        party: "a",
        persons: 0..60,
    },
    Registry {
        party: "b",
        persons: 20..80,
    },
];

pub(super) struct World(TempDir);

impl World {
    pub(super) fn new() -> Self {
        Self::at(fixture::clock())
    }

    /// A world whose certificates hold at the clock's time.
    pub(super) fn at(clock: Arc<dyn Clock>) -> Self {
        Self::under(SCHEMA, clock)
    }

    /// A world under another schema.
    pub(super) fn under(schema: &str, clock: Arc<dyn Clock>) -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        let setup = world.setup_under(schema);
        let entropy = &mut SeededEntropy::new(1);
        init(&world.directory(), &setup, clock, entropy).unwrap();
        let offer = world.offer();
        Agreed::under(schema).offer(&offer);
        adopt(&world.directory(), &offer).unwrap();
        world
    }

    pub(super) fn setup(&self) -> Setup {
        self.setup_under(SCHEMA)
    }

    fn setup_under(&self, text: &str) -> Setup {
        let schema = self.0.path().join("agreed.toml");
        std::fs::write(&schema, text).unwrap();
        Setup {
            project: "p".parse().unwrap(),
            schema,
            roles: Roles::Both,
            matcher: None,
            listen: Listen {
                matcher: Some("127.0.0.1:0".parse().unwrap()),
                resolver: Some("127.0.0.1:0".parse().unwrap()),
            },
        }
    }

    /// The directory of the agreement the officers signed.
    pub(super) fn offer(&self) -> PathBuf {
        self.0.path().join("agreement")
    }

    /// The digest of the agreement.
    pub(super) fn agreement(&self) -> Digest {
        Digest::of(&std::fs::read(self.offer().join("agreement.toml")).unwrap())
    }

    pub(super) fn directory(&self) -> StateDir {
        StateDir::new(self.0.path().join("state"))
    }

    pub(super) fn output(&self, role: Role, name: &str) -> PathBuf {
        self.directory().role(role).runs().join("1").join(name)
    }

    /// The coordinator, as after a restart.
    pub(super) fn open(&self) -> Coordinator {
        Coordinator::open(self.directory(), fixture::clock()).unwrap()
    }

    /// Opens the run of this number at the next start.
    pub(super) fn open_run(&self, run: u32) {
        let settings = self.directory().settings();
        let text = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(settings, text.replace("run = 1", &format!("run = {run}"))).unwrap();
    }

    /// Sends both batches of a registry.
    pub(super) fn deliver(&self, coordinator: &Coordinator, registry: &Registry) {
        self.deliver_under(coordinator, registry, Agreed::new().digest());
    }

    /// As [`Self::deliver`], prepared under the agreement of this digest.
    pub(super) fn deliver_under(
        &self,
        coordinator: &Coordinator,
        registry: &Registry,
        agreement: Digest,
    ) {
        let (mut manifest, rows) = registry.encodings();
        manifest.agreement = agreement;
        upload(
            &*coordinator.intake(Role::Matcher).unwrap(),
            &manifest,
            &rows,
        );
        let intake = coordinator.intake(Role::Resolver).unwrap();
        let key = intake.describe(&manifest.party).unwrap().resolver_key;
        let (mut manifest, sealed) = registry.handle_map(key.unwrap());
        manifest.agreement = agreement;
        upload(&*intake, &manifest, &sealed);
    }

    /// Has both officers approve the open run, which is linked.
    pub(super) fn approve(&self, coordinator: &Coordinator) {
        let told = coordinator
            .results()
            .unwrap()
            .run_status(&name("a"))
            .unwrap();
        let agreed = self.agreed();
        for party in ["a", "b"] {
            let posting = agreed.approval(party, &told);
            coordinator
                .board()
                .unwrap()
                .post(Topic::Approval(told.run), &posting)
                .unwrap();
        }
    }

    /// The agreement as it was offered.
    pub(super) fn agreed(&self) -> Agreed {
        let text = std::fs::read_to_string(self.offer().join("agreement.toml")).unwrap();
        Agreed { text }
    }

    /// Links the run, has it approved, and releases it.
    pub(super) fn finish(&self, coordinator: &Coordinator) {
        coordinator.advance(&Shutdown::new()).unwrap();
        self.approve(coordinator);
        coordinator.advance(&Shutdown::new()).unwrap();
    }

    /// A whole run, without a restart.
    pub(super) fn run(&self) -> Coordinator {
        let coordinator = self.open();
        for registry in &REGISTRIES {
            self.deliver(&coordinator, registry);
        }
        self.finish(&coordinator);
        coordinator
    }
}

pub(super) fn name(party: &str) -> PartyName {
    party.parse().unwrap()
}

/// All rows of a party, in pages of seven.
pub(super) fn rows(coordinator: &Coordinator, party: &str) -> Vec<ResultsRow> {
    let run = coordinator.run().1;
    let results = coordinator.results().unwrap();
    let mut rows: Vec<ResultsRow> = Vec::new();
    loop {
        let from = rows.len() as u64;
        let page = results.results_rows(&name(party), run, from, 7).unwrap();
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}

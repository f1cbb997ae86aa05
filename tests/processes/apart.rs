//! Matcher and resolver as two operators run them, each killed in the middle of the handover.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use audit::Event;
use model::layout::ROW_HEADER;
use model::{Digest, Layout, LinkageSchema};

use super::world::{APART, PARTIES, World, done, refused, shows};
use crate::cheating::{alter, rewrite};
use crate::setting::SCHEMA;

/// A piece of comparisons has more bytes than all that is said besides in one read.
const LARGE: usize = 4 << 10;

/// A network between resolver and matcher that stops in the middle of the first large answer until it is
/// let on.
struct Stopping {
    address: SocketAddr,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    has_stopped: AtomicBool,
    is_open: AtomicBool,
}

impl Stopping {
    fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, gate) = (listener.local_addr().unwrap(), Arc::<Gate>::default());
        let shared = gate.clone();
        thread::spawn(move || {
            for from in listener.incoming().flatten() {
                // Nobody is there while the matcher is dead.
                if let Ok(to) = TcpStream::connect(target) {
                    pass(from, to, &shared);
                }
            }
        });
        Self { address, gate }
    }

    fn wait_until_stopped(&self) {
        for _ in 0..600 {
            if self.gate.has_stopped.load(Ordering::SeqCst) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("no large answer came by");
    }

    fn let_on(&self) {
        self.gate.is_open.store(true, Ordering::SeqCst);
    }
}

fn pass(resolver: TcpStream, matcher: TcpStream, gate: &Arc<Gate>) {
    let (mut asks, mut asked) = (resolver.try_clone().unwrap(), matcher.try_clone().unwrap());
    thread::spawn(move || {
        drop(io::copy(&mut asks, &mut asked));
        drop(asked.shutdown(Shutdown::Both));
    });
    let gate = gate.clone();
    thread::spawn(move || {
        drop(answer(matcher, &resolver, &gate));
        drop(resolver.shutdown(Shutdown::Both));
    });
}

fn answer(mut matcher: TcpStream, mut resolver: &TcpStream, gate: &Gate) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    loop {
        let read = matcher.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        let (now, later) = match read > LARGE && !gate.is_open.load(Ordering::SeqCst) {
            true => buffer[..read].split_at(read / 2),
            false => (&buffer[..read], &[][..]),
        };
        resolver.write_all(now)?;
        if !later.is_empty() {
            gate.has_stopped.store(true, Ordering::SeqCst);
            while !gate.is_open.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(20));
            }
            resolver.write_all(later)?;
        }
    }
}

/// Uploads, with the resolver behind a network that stops; returns when it has.
fn stopped_in_the_middle() -> (World, Stopping) {
    let mut world = World::at(&APART);
    let [matcher, _] = world.listen();
    let network = Stopping::before(matcher);
    let settings = "coordinator/coordinator.toml";
    let text = world.read(settings);
    let own = format!("matcher = \"{matcher}\"");
    assert!(text.contains(&own), "{text}");
    let other = format!("matcher = \"{}\"", network.address);
    world.write(settings, &text.replace(&own, &other));
    world.start();
    for party in PARTIES {
        done(world.node(party, "upload"));
    }
    network.wait_until_stopped();
    (world, network)
}

fn finish(world: &World) {
    for party in PARTIES {
        done(world.node(party, &format!("approve --wait 90 --key {party}.dpo")));
    }
    for party in PARTIES {
        done(world.node(party, "collect --wait 60"));
    }
}

/// Nothing wrong, nothing unproved, and the linkage done again in one place, from what both operators hold,
/// gives the same.
fn assert_right(world: &World) {
    let verdict = done(world.audit("reconcile"));
    let words = "it linked run 1 from the comparisons the matcher handed over";
    assert!(
        verdict.out.contains("\n0 wrong, 0 unproved, "),
        "{}",
        verdict.out
    );
    let again = done(world.audit("replay --coordinator coordinator --coordinator matcher"));
    let same = "linking run 1 again gives the same";
    assert!(again.out.contains(same), "{}", again.out);
    let told = done(world.audit("reconcile --json"));
    assert!(told.out.contains(words), "{}", told.out);
}

/// Also: what each directory holds of the other's.
#[test]
fn two_operators_link_and_the_auditor_finds_nothing_wrong() {
    let mut world = World::at(&APART);
    world.start();
    for party in PARTIES {
        done(world.node(party, "upload"));
    }
    finish(&world);
    assert_right(&world);
    let status = done(world.coordinator("status")).out;
    assert!(status.contains("answers since"), "{status}");
    assert!(!status.contains("encodings"), "{status}");
    let other = done(world.matcher("status")).out;
    assert!(
        other.contains("comparisons to hand over") && !other.contains("resolver"),
        "{other}"
    );
    let ran = world.matcher("run --role resolver");
    refused(&ran, &["this directory was made by `init --role matcher`"]);
    let layout = Layout::of(&LinkageSchema::parse(SCHEMA).unwrap());
    let rows = fs::read(world.path("node-crvs/outbox/run-1/encodings.bin"));
    let rows = rows.unwrap();
    let row = &rows[..layout.row_bytes];
    for needle in [&row[17..33], &row[ROW_HEADER..]] {
        assert!(holds(&world, "matcher", needle));
        assert!(!holds(&world, "coordinator", needle));
    }
}

fn holds(world: &World, directory: &str, needle: &[u8]) -> bool {
    let files = testkit::canary::files_under(&world.path(directory)).unwrap();
    files.iter().any(|file| {
        let bytes = fs::read(file).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[test]
fn a_matcher_killed_in_the_middle_of_the_handover_finishes_it_after_a_restart() {
    let (mut world, network) = stopped_in_the_middle();
    world.stop_matcher();
    network.let_on();
    let away = || {
        done(world.coordinator("status"))
            .out
            .contains("DOES NOT ANSWER")
    };
    assert!((0..100).any(|_| away() || {
        thread::sleep(Duration::from_millis(100));
        false
    }));
    world.start_matcher();
    finish(&world);
    assert_right(&world);
}

#[test]
fn a_resolver_killed_in_the_middle_of_the_handover_finishes_it_after_a_restart() {
    let (mut world, network) = stopped_in_the_middle();
    world.stop();
    network.let_on();
    world.start_resolver();
    finish(&world);
    assert_right(&world);
}

/// The matcher's operator changes a grade. Noticed by: the resolver, whose run fails, and every node is told
/// why.
#[test]
fn comparisons_changed_at_the_matcher_are_noticed_by_the_resolver() {
    let (mut world, network) = stopped_in_the_middle();
    world.stop();
    world.stop_matcher();
    alter(&world.path("matcher/matcher/runs/1/comparisons.bin"));
    network.let_on();
    world.start();
    for party in PARTIES {
        refused(
            &world.node(party, "collect --wait 60"),
            &["the comparisons are not those the matcher made"],
        );
    }
}

/// The resolver's operator changes what its log says it took, or leaves it out, and signs the log again. Noticed
/// by: the auditor, who has the matcher's log.
#[test]
fn a_log_that_names_other_comparisons_or_none_is_noticed_by_the_auditor() {
    let mut world = World::at(&APART);
    world.start();
    for party in PARTIES {
        done(world.node(party, "upload"));
    }
    finish(&world);
    world.stop();
    world.stop_matcher();
    let resolver = world.path("coordinator/resolver");
    rewrite(&resolver, |_, event| {
        Some(match event {
            Event::ComparisonsTaken { run, .. } => Event::ComparisonsTaken {
                run,
                comparisons_digest: Digest::of(b"others"),
            },
            other => other,
        })
    });
    let other = "it linked run 1 from other comparisons than the matcher made";
    shows(&world.audit("reconcile"), "matcher", "resolver", other);
    rewrite(&resolver, |_, event| {
        (!matches!(event, Event::ComparisonsTaken { .. })).then_some(event)
    });
    let none = "it linked run 1 and does not say that it took the comparisons";
    shows(&world.audit("reconcile"), "matcher", "resolver", none);
}

/// The matcher's operator leaves out that it handed anything over. Noticed by: the auditor, who has the resolver's
/// log.
#[test]
fn a_matcher_that_does_not_say_what_it_handed_over_is_noticed_by_the_auditor() {
    let mut world = World::at(&APART);
    world.start();
    for party in PARTIES {
        done(world.node(party, "upload"));
    }
    finish(&world);
    world.stop();
    world.stop_matcher();
    rewrite(&world.path("matcher/matcher"), |_, event| {
        (!matches!(event, Event::ComparisonsHandedOver { .. })).then_some(event)
    });
    let words = "it linked run 1 from comparisons that the matcher never says it handed over";
    shows(&world.audit("reconcile"), "matcher", "resolver", words);
}

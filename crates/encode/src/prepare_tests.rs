//! What leaves prepare: comparable inside a block, incomparable across blocks and keys.

use model::layout::Row;
use model::{Epoch, PassIndex, RunNumber};
use records::RawField;
use secret::Key32;

use std::collections::BTreeMap;

use super::*;
use crate::handing_on::RowsOfRecord;
use crate::keys::LinkageKey;
use crate::tally::BlockTally;

const SCHEMA: &str = r#"
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
name = "a"
title = "A"
duplicates = false
record_id = "id"
[party.map]
given = { columns = ["given"] }
surname = { columns = ["surname"] }
born = { columns = ["born"], formats = ["YYYY-MM-DD", "YYYY"] }
"#;

pub(crate) fn schema(profile: &str) -> LinkageSchema {
    LinkageSchema::parse(&SCHEMA.replace("standard", profile)).unwrap()
}

fn raw(row: u64, key: &str, fields: [&str; 3]) -> RawRecord {
    let fields = fields
        .iter()
        .map(|field| RawField::new((*field).to_owned()))
        .collect();
    RawRecord {
        row,
        key: LocalKey::new(key.to_owned()),
        fields,
    }
}

struct Setting {
    profile: &'static str,
    linkage: u8,
    node: u8,
    run: u32,
    /// The epoch of the node's own keys alone.
    own_epoch: u32,
}

const BASE: Setting = Setting {
    profile: "standard",
    linkage: 1,
    node: 1,
    run: 1,
    own_epoch: 1,
};

fn prepare(setting: &Setting, records: Vec<RawRecord>) -> Result<Prepared, PrepareError> {
    prepare_with(setting, 0, records)
}

fn prepare_with(
    setting: &Setting,
    decoys_permille: u32,
    records: Vec<RawRecord>,
) -> Result<Prepared, PrepareError> {
    with_preparer(setting, |preparer| {
        let mut preparer = preparer.with_decoys(decoys_permille);
        preparer.add(records)?;
        Ok(preparer.finish())
    })
}

/// Works with a preparer of this setting.
fn with_preparer<T>(setting: &Setting, work: impl FnOnce(Preparer<'_>) -> T) -> T {
    let schema = schema(setting.profile);
    let layout = Layout::of(&schema);
    let project = "p".parse().unwrap();
    let linkage = LinkageKey::new(Key32::from_bytes(&mut [setting.linkage; 32]));
    let epoch = linkage.epoch(&project, Epoch(1), &schema);
    let secret = Key32::from_bytes(&mut [setting.node; 32]);
    let epoch_of_node = Epoch(setting.own_epoch);
    let node = NodeKeys::derive(&secret, &project, epoch_of_node, RunNumber(setting.run));
    let plan = ColumnPlan::of(&schema, PartyIndex(0));
    let party = PartyIndex(0);
    work(Preparer::new(&schema, &layout, party, &plan, &epoch, &node))
}

fn people() -> Vec<RawRecord> {
    vec![
        raw(1, "k1", ["Amina", "Diallo", "1985-03-09"]),
        raw(2, "k2", ["Amina", "Diallo", "1985-03-09"]),
        raw(3, "k3", ["Jose", "Silva", "1990"]),
        raw(4, "k4", ["", "", ""]),
    ]
}

fn rows(prepared: &Prepared) -> Vec<Row<'_>> {
    prepared.rows.iter().map(Row::new).collect()
}

#[test]
fn counts_add_up_and_rows_leave_in_handle_order() {
    let prepared = prepare(&BASE, people()).ok().unwrap();
    let report = &prepared.report;
    assert_eq!((report.records, report.rows, report.set_aside), (4, 8, 1));
    // Whoever can meet nobody is not in the sample either.
    assert_eq!(report.calibration_rows, 3);
    assert_eq!(report.set_aside_examples, [4]);
    assert_eq!(report.present, [3, 3, 3]);
    let handles: Vec<_> = rows(&prepared).iter().map(|row| row.handle()).collect();
    assert!(handles.is_sorted());
    assert_eq!(
        handles,
        prepared
            .handle_map
            .iter()
            .map(|entry| entry.pass)
            .collect::<Vec<_>>()
    );
}

/// Many people, some of whom are nobody to any pass.
fn crowd() -> Vec<RawRecord> {
    let person = |number: u64| {
        let (year, name) = (1950 + number % 60, format!("Amina{}", number % 7));
        let born = format!("{year}-03-09");
        let fields = match number % 11 {
            0 => ["", "", ""],
            _ => [name.as_str(), "Diallo", &born],
        };
        raw(number + 1, &format!("k{number}"), fields)
    };
    (0..150).map(person).collect()
}

/// Rows handed on, by record, and how many more were said to be alone.
#[derive(Default)]
struct Taken {
    rows: std::sync::Mutex<Vec<(u32, Vec<u8>)>>,
    alone: std::sync::atomic::AtomicU32,
}

impl Taken {
    fn take(
        &self,
        record: RowsOfRecord<'_>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let rows = (record.number, record.rows.to_vec());
        self.rows.lock().unwrap().push(rows);
        self.alone
            .fetch_add(record.alone, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn rows_handed_on_are_those_that_are_kept() {
    let kept = prepare(&BASE, crowd()).ok().unwrap();
    let taken = Taken::default();
    let tally = BlockTally::new(1 << 16);
    let made = with_preparer(&BASE, |mut preparer| {
        let mut records = crowd();
        let (last, rest) = (records.split_off(110), records.split_off(70));
        preparer.read(records, &tally).unwrap();
        preparer.read(rest, &tally).unwrap();
        assert!(preparer.waiting_bytes() > 0);
        preparer.hand_on(None, &|rows| taken.take(rows)).unwrap();
        assert_eq!(preparer.waiting_bytes(), 0);
        preparer.read(last, &tally).unwrap();
        preparer.hand_on(None, &|rows| taken.take(rows)).unwrap();
        preparer.finish_handed_on()
    });
    let (taken, alone) = (taken.rows.into_inner().unwrap(), taken.alone.into_inner());
    assert_eq!(alone, 0);
    assert_eq!(made.report, kept.report);
    let keys = |vault: &[(RecordHandle, LocalKey)]| -> Vec<_> {
        vault.iter().map(|(handle, _)| *handle).collect()
    };
    assert_eq!(keys(&made.vault), keys(&kept.vault));
    let owners = kept.handle_map.iter().map(|entry| entry.record);
    let mut expected: Vec<_> = kept.rows.iter().map(<[u8]>::to_vec).zip(owners).collect();
    let mut rows = Vec::new();
    let row_bytes = expected[0].0.len();
    for (number, own) in taken.iter().chain(&made.calibration) {
        let owner = made.handles[*number as usize];
        rows.extend(own.chunks_exact(row_bytes).map(|row| (row.to_vec(), owner)));
    }
    rows.sort();
    expected.sort();
    assert!(rows == expected, "the rows, or whose they are, differ");
    let nobodys = made
        .handles
        .iter()
        .filter(|handle| **handle == RecordHandle::NOBODY);
    assert_eq!(nobodys.count() as u64, kept.report.set_aside);
    assert_eq!(kept.report.set_aside, 14);
}

#[test]
fn rows_alone_in_their_block_count_and_are_not_made() {
    let kept = prepare(&BASE, crowd()).ok().unwrap();
    let mut shared: BTreeMap<_, u32> = BTreeMap::new();
    let calibration = schema("standard").calibration_pass();
    let rows = || {
        rows(&kept)
            .into_iter()
            .filter(|row| Some(row.pass()) != calibration)
    };
    rows().for_each(|row| *shared.entry(row.token()).or_default() += 1);
    let (taken, tally) = (Taken::default(), BlockTally::new(1 << 20));
    let made = with_preparer(&BASE, |mut preparer| {
        preparer.read(crowd(), &tally).unwrap();
        preparer
            .hand_on(Some(&tally), &|rows| taken.take(rows))
            .unwrap();
        preparer.finish_handed_on()
    });
    assert_eq!(made.report, kept.report);
    assert_eq!(made.calibration.len() as u64, kept.report.calibration_rows);
    let (taken, alone) = (taken.rows.into_inner().unwrap(), taken.alone.into_inner());
    let row_bytes = Layout::of(&schema("standard")).row_bytes;
    let mut made: Vec<_> = taken
        .iter()
        .flat_map(|(_, rows)| rows.chunks(row_bytes))
        .collect();
    let mut expected: Vec<_> = (kept.rows.iter())
        .filter(|row| {
            let row = Row::new(row);
            Some(row.pass()) != calibration && shared[&row.token()] > 1
        })
        .collect();
    made.sort();
    expected.sort();
    assert!(made == expected);
    assert!(alone > 0);
    assert_eq!(made.len() + alone as usize, rows().count());
}

#[test]
fn whoever_takes_rows_may_fail() {
    let tally = BlockTally::new(1 << 16);
    let failed = with_preparer(&BASE, |mut preparer| {
        preparer.read(people(), &tally).unwrap();
        preparer.hand_on(None, &|_| Err("the disk is full".into()))
    });
    assert!(
        matches!(failed, Err(PrepareError::HandingOn(cause)) if cause.to_string().contains("full"))
    );
}

#[test]
fn equal_records_meet_in_every_pass_and_look_alike_there() {
    let prepared = prepare(&BASE, people()).ok().unwrap();
    let layout = Layout::of(&schema("standard"));
    let rows = rows(&prepared);
    let mut met = 0;
    for (place, left) in rows.iter().enumerate() {
        for right in rows[place + 1..]
            .iter()
            .filter(|right| right.token() == left.token())
        {
            met += 1;
            for part in &layout.parts {
                let differing = bits::hamming(left.signature(part), right.signature(part));
                assert!(
                    differing < part.bits / 4,
                    "flips alone change about a tenth"
                );
            }
        }
    }
    assert_eq!(met, 2);
}

#[test]
fn blocks_are_incomparable_unless_the_profile_says_so() {
    let given_across_passes = |profile: &'static str| {
        let prepared = prepare(&Setting { profile, ..BASE }, people())
            .ok()
            .unwrap();
        let layout = Layout::of(&schema(profile));
        let record = prepared.vault[0].0;
        let own: Vec<Row<'_>> = rows(&prepared)
            .into_iter()
            .zip(&prepared.handle_map)
            .filter(|(_, entry)| entry.record == record)
            .map(|(row, _)| row)
            .collect();
        let part = &layout.parts[0];
        bits::hamming(own[0].signature(part), own[1].signature(part))
    };
    assert!(
        given_across_passes("standard") > 80,
        "unrelated signatures differ in half of 256 bits"
    );
    assert_eq!(given_across_passes("field-bloom"), 0);
}

#[test]
fn another_linkage_key_changes_tokens_and_another_run_only_handles() {
    let tokens = |setting: &Setting| {
        let prepared = prepare(setting, people()).ok().unwrap();
        let mut tokens: Vec<_> = rows(&prepared).iter().map(|row| row.token()).collect();
        tokens.sort();
        tokens
    };
    assert_ne!(tokens(&BASE), tokens(&Setting { linkage: 2, ..BASE }));
    let (first, second) = (Setting { ..BASE }, Setting { run: 2, ..BASE });
    assert_eq!(tokens(&first), tokens(&second));
    let handles = |setting| prepare(setting, people()).ok().unwrap().handle_map;
    assert!(
        handles(&first)
            .iter()
            .all(|entry| !handles(&second).contains(entry))
    );
}

#[test]
fn noise_is_the_same_in_every_run_of_an_epoch() {
    let layout = Layout::of(&schema("standard"));
    let signatures = |run| {
        let prepared = prepare(&Setting { run, ..BASE }, people()).ok().unwrap();
        let mut signatures: Vec<Vec<u8>> = rows(&prepared)
            .iter()
            .map(|row| row.signature(&layout.parts[0]).to_vec())
            .collect();
        signatures.sort();
        signatures
    };
    assert_eq!(signatures(1), signatures(2));
}

/// The signature of the first part of a record in its block of a pass. The first two records are alike but for
/// their noise.
fn signature_of(prepared: &Prepared, layout: &Layout, record: usize, pass: u8) -> Vec<u8> {
    let handle = prepared.vault[record].0;
    let mut own = rows(prepared).into_iter().zip(&prepared.handle_map);
    let row = own.find(|(row, entry)| entry.record == handle && row.pass() == PassIndex(pass));
    row.unwrap().0.signature(&layout.parts[0]).to_vec()
}

#[test]
fn noise_is_another_for_every_record_block_and_epoch() {
    for profile in ["standard", "strong"] {
        let layout = Layout::of(&schema(profile));
        let prepared = |own_epoch, run| {
            let setting = Setting {
                profile,
                own_epoch,
                run,
                ..BASE
            };
            prepare(&setting, people()).ok().unwrap()
        };
        let (first, again, next) = (prepared(1, 1), prepared(1, 2), prepared(2, 1));
        let of = |prepared, record, pass| signature_of(prepared, &layout, record, pass);
        let differing = |pass| -> Vec<u8> {
            let (one, other) = (of(&first, 0, pass), of(&first, 1, pass));
            one.iter().zip(other).map(|(a, b)| a ^ b).collect()
        };
        for pass in [0, 1] {
            assert_eq!(of(&first, 0, pass), of(&again, 0, pass));
            assert_ne!(of(&first, 0, pass), of(&next, 0, pass), "in each epoch");
            assert!(
                differing(pass).iter().any(|byte| *byte != 0),
                "of each record"
            );
        }
        // Were it of the record alone, it would fall on the same bits in both blocks.
        assert_ne!(differing(0), differing(1), "in each block");
    }
}

#[test]
fn repeated_and_empty_record_ids_are_refused_by_row() {
    let twice = vec![
        raw(1, "k", ["A", "B", "1990"]),
        raw(2, "k", ["C", "D", "1991"]),
    ];
    let message = prepare(&BASE, twice).err().unwrap().to_string();
    assert!(
        message.contains("row 2") && message.contains("row 1"),
        "{message}"
    );
    let empty = prepare(&BASE, vec![raw(1, " ", ["A", "B", "1990"])])
        .err()
        .unwrap();
    assert!(matches!(empty, PrepareError::EmptyRecordId { row: 1 }));
}

/// What every node must write, to the byte, under these rules. When this fails, encodings have
/// changed: count up `model::schema::RULES`, or nodes of two builds link garbage without noticing.
#[test]
fn rows_are_those_of_the_rules_in_force() {
    let prepared = prepare(&BASE, people()).ok().unwrap();
    assert_eq!(
        (
            model::schema::RULES,
            model::Digest::of(&prepared.rows.to_vec())
                .to_string()
                .as_str()
        ),
        (
            "symbolon rules 6, unicode 17, any_ascii 0.3.3",
            "a89ed502a37c9d39b0d99b46f5eab71b01e2ab383f030c22bf52b53150db97bd"
        )
    );
}

/// People with names and dates that several share.
fn registry(people: u64) -> Vec<RawRecord> {
    let names = ["Ana", "Bo", "Carla", "Dan", "Eva", "Finn", "Gina", "Hugo"];
    let person = |n: u64| {
        let given = names[(n * 7 % 8) as usize];
        let surname = format!("{}son", names[(n / 8 % 8) as usize]);
        let born = format!("{}-{:02}-{:02}", 1970 + n % 9, 1 + n % 12, 1 + n % 28);
        raw(n + 1, &format!("k{n}"), [given, &surname, &born])
    };
    (0..people).map(person).collect()
}

/// Pass, token, presence and signatures of each row: all but its handle, in order.
fn contents<'a>(rows: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let content = |row: &[u8]| [&row[..1], &row[17..]].concat();
    let mut contents: Vec<Vec<u8>> = rows.map(content).collect();
    contents.sort();
    contents
}

fn decoys(prepared: &Prepared) -> Vec<Vec<u8>> {
    let with_entries = prepared.rows.iter().zip(&prepared.handle_map);
    let nobodys = with_entries.filter(|(_, entry)| entry.record == RecordHandle::NOBODY);
    contents(nobodys.map(|(row, _)| row))
}

#[test]
fn decoys_are_more_rows_and_change_no_others() {
    let plain = prepare(&BASE, registry(400)).ok().unwrap();
    let mixed = prepare_with(&BASE, 250, registry(400)).ok().unwrap();
    assert_eq!(plain.report.decoys, 0);
    assert!(
        (60..140).contains(&mixed.report.decoys),
        "{:?}",
        mixed.report
    );
    assert_eq!((mixed.report.records, mixed.vault.len()), (400, 400));
    let real = mixed.rows.iter().zip(&mixed.handle_map);
    let real = real.filter(|(_, entry)| entry.record != RecordHandle::NOBODY);
    let (real, entries): (Vec<&[u8]>, Vec<HandleEntry>) = real.unzip();
    assert!(real.iter().copied().eq(plain.rows.iter()));
    assert_eq!(entries, plain.handle_map);
    let handles: Vec<_> = rows(&mixed).iter().map(|row| row.handle()).collect();
    assert!(handles.is_sorted());
}

/// They sit in blocks with others, as real rows do, and have the passes and parts of real rows.
#[test]
fn decoys_have_the_company_of_real_records() {
    let mixed = prepare_with(&BASE, 250, registry(400)).ok().unwrap();
    let of = |content: &Vec<u8>| (content[0], content[1..17].to_vec());
    let all = contents(mixed.rows.iter());
    let decoys = decoys(&mixed);
    let real: Vec<_> = all
        .iter()
        .filter(|row| !decoys.contains(row))
        .map(of)
        .collect();
    let beside = decoys.iter().filter(|row| real.contains(&of(row))).count();
    assert!(beside * 3 > decoys.len(), "{beside} of {}", decoys.len());
    let calibration = schema("standard").calibration_pass().unwrap();
    assert!(decoys.iter().all(|row| row[0] != calibration.0));
    let presence = |row: &Vec<u8>| row[17..25].to_vec();
    assert!(decoys.iter().all(|row| presence(row) == presence(&all[0])));
}

#[test]
fn decoys_are_the_same_in_every_run_of_an_epoch_and_the_nodes_own() {
    let of = |setting: &Setting| decoys(&prepare_with(setting, 250, registry(400)).ok().unwrap());
    let first = of(&BASE);
    assert_eq!(of(&Setting { run: 2, ..BASE }), first);
    let others = of(&Setting { node: 2, ..BASE });
    assert!(others.iter().all(|row| !first.contains(row)));
    // A record more changes the decoys that start from it or take from it, and no others.
    let grown = decoys(&prepare_with(&BASE, 250, registry(401)).ok().unwrap());
    let gone = first.iter().filter(|row| !grown.contains(row)).count();
    assert!(gone <= 4, "{gone}");
}

#[test]
fn one_record_alone_makes_no_decoy() {
    let prepared = prepare_with(&BASE, 1000, registry(1)).ok().unwrap();
    assert_eq!(prepared.report.decoys, 0);
}

/// A registry in which one person has no given name.
fn with_a_gap() -> Vec<RawRecord> {
    let mut records = registry(60);
    records.push(raw(61, "gap", ["", "Silva", "1990-03-09"]));
    records
}

#[test]
fn a_rare_pattern_of_missing_parts_shows_under_standard_alone() {
    let shown = |profile| {
        let prepared = prepare(&Setting { profile, ..BASE }, with_a_gap())
            .ok()
            .unwrap();
        let mut shown: Vec<u64> = rows(&prepared).iter().map(|row| row.presence()).collect();
        shown.sort_unstable();
        shown.dedup();
        shown.len()
    };
    assert!(shown("standard") > 1);
    assert_eq!(shown("strong"), 1);
}

/// Decoys have the gaps of those they are made of, and would otherwise make a rare one common.
#[test]
fn decoys_do_not_change_what_a_record_is_shown_with() {
    let strong = Setting {
        profile: "strong",
        ..BASE
    };
    let gaps = |n| raw(n, &format!("gap{n}"), ["", "Silva", "1990-03-09"]);
    let records = || {
        registry(200)
            .into_iter()
            .chain((201..205).map(gaps))
            .collect()
    };
    let plain = prepare(&strong, records()).ok().unwrap();
    let mixed = prepare_with(&strong, 1000, records()).ok().unwrap();
    let with_gap = decoys(&mixed);
    assert!(with_gap.len() > 200, "{}", with_gap.len());
    let real = mixed.rows.iter().zip(&mixed.handle_map);
    let real = real.filter(|(_, entry)| entry.record != RecordHandle::NOBODY);
    assert!(real.map(|(row, _)| row).eq(plain.rows.iter()));
    // And decoys show nothing that records do not.
    let shown = |prepared: &Prepared| {
        let shown = rows(prepared).into_iter().map(|row| row.presence());
        shown.collect::<std::collections::BTreeSet<u64>>()
    };
    assert_eq!(shown(&mixed), shown(&plain));
}

#[test]
fn what_hides_a_gap_is_the_same_in_every_run_and_another_in_every_block() {
    let layout = Layout::of(&schema("strong"));
    let made_up = |run| {
        let setting = Setting {
            profile: "strong",
            run,
            ..BASE
        };
        let prepared = prepare(&setting, with_a_gap()).ok().unwrap();
        let record = prepared.vault[60].0;
        let own = rows(&prepared).into_iter().zip(&prepared.handle_map);
        let own = own.filter(|(_, entry)| entry.record == record);
        let mut parts: Vec<Vec<u8>> = own
            .map(|(row, _)| row.signature(&layout.parts[0]).to_vec())
            .collect();
        parts.sort();
        parts
    };
    let parts = made_up(1);
    assert_eq!(parts, made_up(2));
    // In its block by date, and in calibration.
    assert_eq!(parts.len(), 2);
    assert_ne!(parts[0], parts[1]);
    for part in &parts {
        let ones: u32 = part.iter().map(|byte| byte.count_ones()).sum();
        assert!((40..88).contains(&ones), "{ones} of 128");
    }
}

#[test]
fn parts_that_are_not_shown_are_empty() {
    let mut records = registry(60);
    records.extend((61..70).map(|n| raw(n, &format!("gap{n}"), ["", "Silva", "1990-03-09"])));
    let prepared = prepare(
        &Setting {
            profile: "strong",
            ..BASE
        },
        records,
    )
    .ok()
    .unwrap();
    let layout = Layout::of(&schema("strong"));
    let mut gaps = 0;
    for row in rows(&prepared) {
        for (number, part) in layout.parts.iter().enumerate() {
            let is_empty = row.signature(part).iter().all(|byte| *byte == 0);
            assert_eq!(row.presence() >> number & 1 == 0, is_empty);
            gaps += u32::from(is_empty);
        }
    }
    assert!(gaps > 0);
}

//! Results against their definition: scores by counting bits one by one, groups by hand.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::http::Request;
use crate::service::{Service, clks, encodings, upload};

fn start() -> (tempfile::TempDir, Service) {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("state"));
    (dir, service)
}

fn dice(left: &[u8], right: &[u8]) -> f64 {
    let ones = |bytes: &mut dyn Iterator<Item = u8>| bytes.map(u8::count_ones).sum::<u32>();
    let both = ones(&mut left.iter().zip(right).map(|(a, b)| a & b));
    let all = ones(&mut left.iter().copied()) + ones(&mut right.iter().copied());
    if all == 0 {
        0.0
    } else {
        f64::from(2 * both) / f64::from(all)
    }
}

/// All pairs of two sets, as the API lists them.
fn pairs(
    left: &[Vec<u8>],
    right: &[Vec<u8>],
    threshold: f64,
    may: impl Fn(usize, usize) -> bool,
) -> Value {
    let mut found = Vec::new();
    for (i, one) in left.iter().enumerate() {
        for (j, other) in right.iter().enumerate() {
            let score = dice(one, other);
            if score >= threshold && may(i, j) {
                found.push((score, i, j));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let pair = |(score, i, j): &(f64, usize, usize)| json!([[0, i], [1, j], score]);
    json!({"similarity_scores": found.iter().map(pair).collect::<Vec<_>>()})
}

/// Ids of blocks that overlap a lot.
fn blocks(record: usize, salt: usize) -> Vec<Value> {
    match (record * 7 + salt) % 5 {
        0 => vec![],
        1 => vec![json!("a"), json!(3)],
        2 => vec![json!("3")],
        3 => vec![json!("b"), json!("a"), json!("a")],
        _ => vec![json!(-1)],
    }
}

fn texts(blocks: &[Value]) -> BTreeSet<String> {
    let text = |id: &Value| id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    blocks.iter().map(text).collect()
}

#[test]
fn scores_of_small_and_large_sets_are_exact() {
    let (_dir, service) = start();
    // Below and above what is compared pair by pair; an empty encoding among them.
    for (rows, bytes) in [(40, 16), (300, 64)] {
        let mut left = encodings(1, rows, bytes);
        let right = encodings(2, rows, bytes);
        left[3] = vec![0; bytes];
        left[5] = right[7].clone();
        let project = service.project(&json!({"result_type": "similarity_scores"}));
        // One party each way: both end up in one common block.
        project.upload_well(0, &upload(&left));
        let answer = project.upload_bytes(&project.updates[1], bytes, &right);
        assert_eq!(answer.status, 201);
        for threshold in [0.5, 0.36] {
            let run = project.run(threshold);
            let expected = pairs(&left, &right, threshold, |_, _| true);
            let count = expected["similarity_scores"].as_array().unwrap().len();
            assert!(count > if threshold < 0.5 { 30 } else { 0 }, "{count}");
            assert_eq!(project.result(&run), expected);
        }
    }
}

#[test]
fn only_records_that_share_a_block_are_compared_and_each_pair_counts_once() {
    let (_dir, service) = start();
    let (left, right) = (encodings(3, 60, 8), encodings(4, 50, 8));
    let project =
        service.project(&json!({"result_type": "similarity_scores", "uses_blocking": true}));
    let with_blocks: Vec<Value> = clks(&left)
        .into_iter()
        .enumerate()
        .map(|(i, clk)| [vec![json!(clk)], blocks(i, 0)].concat().into())
        .collect();
    project.upload_well(0, &json!({"clknblocks": with_blocks}));
    // Records without blocks are left out of the object, and numbers do not move.
    let by_record: serde_json::Map<String, Value> = (0..50)
        .map(|j| (j.to_string(), json!(blocks(j, 2))))
        .filter(|(_, blocks)| blocks != &json!([]))
        .collect();
    project.upload_well(1, &json!({"encodings": clks(&right), "blocks": by_record}));
    let run = project.run(0.4);
    let share = |i, j| !texts(&blocks(i, 0)).is_disjoint(&texts(&blocks(j, 2)));
    let expected = pairs(&left, &right, 0.4, share);
    assert!(expected["similarity_scores"].as_array().unwrap().len() > 20);
    assert_eq!(project.result(&run), expected);
    // Comparisons count once a block.
    let in_block = |id: &str, rows, salt| {
        (0..rows)
            .filter(|i| texts(&blocks(*i, salt)).contains(id))
            .count()
    };
    let sizes = ["a", "b", "3", "-1"].map(|id| in_block(id, 60, 0) * in_block(id, 50, 2));
    let told = project.status(&run)["total_number_comparisons"].as_u64();
    assert_eq!(told, Some(sizes.iter().sum::<usize>() as u64));
}

#[test]
fn three_parties_are_grouped_where_all_pairs_are_alike() {
    let (_dir, service) = start();
    let project = service.project(&json!({"number_parties": 3}));
    let people = encodings(5, 4, 32);
    // Person 0 is with all, person 1 with two, and the third party's record 1 is like neither.
    let parties = [
        vec![people[0].clone(), people[1].clone()],
        vec![people[1].clone(), people[0].clone()],
        vec![people[0].clone(), people[2].clone()],
    ];
    let run = project.run(0.95);
    for (party, rows) in parties.iter().enumerate() {
        assert_eq!(project.status(&run)["state"], "created");
        project.upload_well(party, &upload(rows));
    }
    let told = project.result(&run);
    let mut groups: Vec<Value> = told["groups"].as_array().unwrap().clone();
    groups.sort_by_key(Value::to_string);
    let expected = [json!([[0, 0], [1, 1], [2, 0]]), json!([[0, 1], [1, 0]])];
    assert_eq!(groups, expected);
}

#[test]
fn permutations_let_matched_records_meet_and_receipts_open_only_these() {
    let (_dir, service) = start();
    let people = encodings(6, 30, 32);
    let (left, right) = (people[..25].to_vec(), people[15..].to_vec());
    let project = service.project(&json!({"result_type": "permutations"}));
    let receipts = [
        project.upload_well(0, &upload(&left)),
        project.upload_well(1, &upload(&right)),
    ];
    let run = project.run(0.9);
    let mask = project.result(&run)["mask"].clone();
    let of_party = |party: usize| {
        let told = project
            .get(&format!("/runs/{run}/result"), &receipts[party])
            .json();
        assert_eq!(told["rows"], 15);
        let places = told["permutation"].as_array().unwrap().clone();
        places
            .iter()
            .map(|place| place.as_u64().unwrap() as usize)
            .collect::<Vec<_>>()
    };
    let (lefts, rights) = (of_party(0), of_party(1));
    assert_eq!(
        (lefts.len(), rights.len(), mask.as_array().unwrap().len()),
        (25, 15, 15)
    );
    for place in 0..15 {
        let record = |order: &[usize]| order.iter().position(|at| *at == place).unwrap();
        let is_match = left[record(&lefts)] == right[record(&rights)];
        assert_eq!(mask[place], u8::from(is_match));
    }
    assert_eq!(
        mask.as_array()
            .unwrap()
            .iter()
            .filter(|one| **one == 1)
            .count(),
        10
    );
}

#[test]
fn results_come_in_parts_too() {
    let (_dir, service) = start();
    let rows = encodings(7, 20, 8);
    let project = service.project(&json!({"result_type": "similarity_scores"}));
    project.upload_well(0, &upload(&rows));
    project.upload_well(1, &upload(&rows));
    let run = project.run(0.5);
    project.result(&run);
    let path = project.path(&format!("/runs/{run}/result"));
    let ask = |range: &str| {
        service.send(
            &Request::get(&path)
                .token(&project.owner)
                .header("Range", range),
        )
    };
    let all = ask("bytes=0-");
    assert_eq!(all.status, 206);
    let length = all.body.len();
    let halves = [ask("bytes=0-99"), ask("bytes=100-")];
    assert_eq!(
        halves[0].header("content-range"),
        Some(&*format!("bytes 0-99/{length}"))
    );
    assert_eq!([&halves[0].body[..], &halves[1].body].concat(), all.body);
    assert_eq!(ask(&format!("bytes={length}-")).status, 416);
    assert_eq!(
        project
            .get(&format!("/runs/{run}/result"), &project.owner)
            .body,
        all.body
    );
}

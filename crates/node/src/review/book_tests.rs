//! The book: what it keeps, what it forgets, and that nobody else can read it.

use super::*;
use secret::SeededEntropy;
use tempfile::TempDir;
use wire::ReviewStep;

fn key(secret: u8) -> BookKey {
    let secret = Key32::from_bytes(&mut [secret; 32]);
    BookKey::derive(&secret, &"p".parse().unwrap(), &"crvs".parse().unwrap())
}

fn item(id: u8, record: &str, also: Option<&str>) -> ReviewItem {
    ReviewItem {
        id: ReviewId::new([id; 16]),
        run: RunNumber(1),
        answer: None,
        record: LocalKey::new(record.to_owned()),
        also: also.map(|key| LocalKey::new(key.to_owned())),
        other: "sr".parse().unwrap(),
        explanation: ReviewExplanation {
            prior_millibits: -9_000,
            steps: vec![ReviewStep {
                variable: "names".to_owned(),
                level: "same".to_owned(),
                weight_millibits: 9_100,
            }],
            alternatives_millibits: 0,
            odds_millibits: 100,
        },
    }
}

fn book(items: Vec<ReviewItem>) -> Book {
    let mut book = Book::default();
    book.take(RunNumber(1), items);
    book
}

fn sealed(book: &Book) -> (TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("review.sealed");
    book.seal(&path, &key(1), &mut SeededEntropy::new(1))
        .unwrap();
    (dir, path)
}

#[expect(clippy::disallowed_methods, reason = "the test looks at made-up keys")]
fn shown(book: &Book) -> Vec<String> {
    let show = |item: &ReviewItem| {
        let keys: Vec<&str> = item.records().map(LocalKey::expose).collect();
        let (run, steps) = (item.run, item.explanation.steps.len());
        format!(
            "{} {run} {:?} {keys:?} {steps}",
            &item.id.to_string()[..2],
            item.answer
        )
    };
    book.items.iter().map(show).collect()
}

#[test]
fn a_book_comes_back_whole() {
    let mut before = book(vec![item(1, "k-1", None), item(2, "née-2", Some("k-3"))]);
    before.find_mut("0202").unwrap().answer = Some(Answer::Different);
    let (_dir, path) = sealed(&before);
    let after = Book::open(&path, &key(1)).unwrap();
    assert_eq!(shown(&after), shown(&before));
    assert_eq!(after.latest, RunNumber(1));
    assert_eq!(after.items[0].explanation, before.items[0].explanation);
    let absent = Book::open(&path.with_file_name("none"), &key(1)).unwrap();
    assert!(absent.items.is_empty());
}

#[test]
fn nothing_of_a_key_stands_in_the_file_and_no_other_secret_opens_it() {
    let (_dir, path) = sealed(&book(vec![item(1, "birth-4711", None)]));
    let file = std::fs::read(&path).unwrap();
    assert!(!file.windows(4).any(|window| window == b"4711"));
    let other = Book::open(&path, &key(2));
    assert!(matches!(other, Err(ReviewError::Sealed { .. })));
}

#[test]
fn every_cut_chunk_is_refused() {
    let whole = bytes(&item(1, "k-1", Some("k-2"))).unwrap();
    assert!(parse(&whole).is_some());
    for length in 0..whole.len() {
        assert!(parse(&whole[..length]).is_none(), "cut to {length}");
    }
    for (place, wrong) in [(16, 4), (21, 0), (21, 3)] {
        let mut changed = whole.to_vec();
        changed[place] = wrong;
        assert!(parse(&changed).is_none());
    }
}

#[test]
fn a_pair_asked_about_again_keeps_its_answer_and_an_earlier_one_its_verdict() {
    let mut book = book(vec![
        item(1, "k-1", None),
        item(2, "k-2", None),
        item(3, "k-3", None),
    ]);
    for (id, answer) in [("0101", Answer::Same), ("0202", Answer::Different)] {
        book.find_mut(id).unwrap().answer = Some(answer);
    }
    let mut again = item(1, "k-1", None);
    again.run = RunNumber(2);
    book.take(RunNumber(2), vec![again]);
    assert_eq!(
        shown(&book),
        [
            "01 2 Some(Same) [\"k-1\"] 1",
            "02 1 Some(Different) [\"k-2\"] 0",
            "03 1 None [\"k-3\"] 0",
        ]
    );
    assert_eq!(book.open_items().count(), 0);
}

#[test]
fn an_answer_does_not_pass_to_another_record() {
    let mut book = book(vec![item(1, "k-1", None)]);
    book.find_mut("0101").unwrap().answer = Some(Answer::Same);
    book.take(RunNumber(1), vec![item(1, "k-9", None)]);
    assert_eq!(shown(&book), ["01 1 None [\"k-9\"] 1"]);
    assert_eq!(book.open_items().count(), 1);
}

#[test]
fn a_full_book_forgets_what_was_never_decided_first() {
    let mut book = Book {
        items: (0..MAX_ITEMS).map(|_| item(9, "k", None)).collect(),
        ..Book::default()
    };
    for (place, item) in book.items.iter_mut().enumerate() {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&(place as u32).to_le_bytes());
        item.id = ReviewId::new(id);
    }
    book.items[7].answer = Some(Answer::Same);
    book.take(
        RunNumber(2),
        vec![item(255, "k-1", None), item(254, "k-2", None)],
    );
    assert_eq!(book.items.len(), MAX_ITEMS);
    let decided = book.items.iter().filter(|item| item.answer.is_some());
    assert_eq!(decided.count(), 1);
    assert_eq!(book.items[0].id, ReviewId::new([255; 16]));
}

#[test]
fn a_pair_is_named_by_the_beginning_of_its_id() {
    let mut near = item(1, "k-2", None);
    near.id = ReviewId::new(*b"\x01\x01\x01\x02............");
    let book = book(vec![item(1, "k-1", None), near]);
    assert_eq!(book.find("01010101").unwrap().id, book.items[0].id);
    assert_eq!(book.find("01010102").unwrap().id, book.items[1].id);
    assert!(matches!(
        book.find("0101"),
        Err(ReviewError::Ambiguous { count: 2, .. })
    ));
    for unknown in ["", "010", "ffff", "../x"] {
        assert!(matches!(
            book.find(unknown),
            Err(ReviewError::Unknown { .. })
        ));
    }
}

//! Tests of whole countries: what is in the files, and whether it hangs together.

use super::*;
use std::collections::{HashMap, HashSet};

fn country(persons: u32, level: ErrorLevel, seed: u64) -> Country {
    generate(&CountrySpec {
        persons,
        level,
        seed,
    })
}

fn moderate() -> Country {
    country(3_000, ErrorLevel::Moderate, 1)
}

const RECORDS: [(&str, File); 4] = [
    ("CRVS", File::Crvs),
    ("ID", File::Id),
    ("SR", File::Sr),
    ("IBR", File::Ibr),
];

#[test]
fn one_seed_one_country() {
    assert_eq!(
        country(500, ErrorLevel::Severe, 9),
        country(500, ErrorLevel::Severe, 9)
    );
    assert_ne!(
        country(500, ErrorLevel::Severe, 9),
        country(500, ErrorLevel::Severe, 10)
    );
}

#[test]
fn levels_share_people_and_records() {
    let (clean, severe) = (
        country(800, ErrorLevel::Clean, 4),
        country(800, ErrorLevel::Severe, 4),
    );
    assert_eq!(clean.persons, severe.persons);
    assert_eq!(clean.sr_households, severe.sr_households);
    for (registry, file) in RECORDS {
        let ids = |country: &Country| {
            country
                .table(file)
                .column("record_id")
                .map(str::to_owned)
                .collect::<HashSet<_>>()
        };
        assert_eq!(ids(&clean), ids(&severe), "{registry}");
    }
}

#[test]
fn columns_are_those_of_the_registries() {
    let country = country(100, ErrorLevel::Clean, 1);
    let expected: [(File, usize, &str, &str); 7] = [
        (File::Crvs, 24, "registration_number", "phone_number"),
        (File::Id, 20, "uin", "status"),
        (File::Sr, 18, "group_identifier", "registration_date"),
        (File::SrHouseholds, 8, "group_type", "region_code"),
        (File::Ibr, 16, "name", "benefit_value"),
        (File::Truth, 5, "record_id", "errors"),
        (File::Persons, 15, "culture", "uin"),
    ];
    for (file, count, second, last) in expected {
        let columns = country.table(file).columns();
        assert_eq!(
            (columns.len(), columns[1], columns[count - 1]),
            (count, second, last),
            "{file:?}"
        );
        assert!(!country.table(file).is_empty(), "{file:?}");
    }
}

#[test]
fn no_column_is_always_empty() {
    let country = moderate();
    for file in File::ALL {
        for column in country.table(file).columns() {
            let filled = country
                .table(file)
                .column(column)
                .filter(|cell| !cell.is_empty())
                .count();
            assert!(filled > 0, "{column} of {file:?}");
        }
    }
}

#[test]
fn truth_knows_every_record_once() {
    let country = moderate();
    let persons: HashSet<&str> = country.persons.column("person_id").collect();
    assert_eq!(persons.len(), country.persons.len());
    let mut noted = HashSet::new();
    for row in 0..country.truth.len() {
        let cell = |column| country.truth.cell(row, column).unwrap();
        assert!(
            noted.insert((cell("registry"), cell("record_id"))),
            "noted twice: {}",
            cell("record_id")
        );
        assert_eq!(
            cell("person_id").starts_with("GHOST"),
            cell("flags").contains("ghost")
        );
        assert!(cell("flags").contains("ghost") || persons.contains(cell("person_id")));
    }
    for (registry, file) in RECORDS {
        let table = country.table(file);
        assert!(
            table
                .column("record_id")
                .all(|record| noted.contains(&(registry, record))),
            "{registry}"
        );
    }
    assert_eq!(
        noted.len(),
        RECORDS
            .iter()
            .map(|(_, file)| country.table(*file).len())
            .sum::<usize>()
    );
}

#[test]
fn every_flag_occurs() {
    let country = country(6_000, ErrorLevel::Moderate, 1);
    let mut flags = HashMap::new();
    for row in 0..country.truth.len() {
        let cell = |column| country.truth.cell(row, column).unwrap();
        for flag in cell("flags").split(';') {
            *flags.entry((cell("registry"), flag)).or_insert(0) += 1;
        }
    }
    let wanted = [
        ("CRVS", vec!["birth", "death", "marriage", "unnamed"]),
        ("ID", vec!["second_number", "dead"]),
        ("SR", vec!["resurvey", "second_household"]),
        (
            "IBR",
            vec!["duplicate", "ghost", "stolen_uin", "deceased_paid"],
        ),
    ];
    for (registry, flag) in wanted
        .iter()
        .flat_map(|(registry, all)| all.iter().map(move |flag| (*registry, *flag)))
    {
        assert!(flags.contains_key(&(registry, flag)), "{registry} {flag}");
    }
}

#[test]
fn national_numbers_check_where_written_without_slips() {
    let country = moderate();
    for uin in country
        .id
        .column("uin")
        .chain(country.persons.column("uin"))
    {
        assert!(uin.len() == 12 && has_valid_check_digit(uin), "{uin}");
    }
    let numbers: HashSet<&str> = country.id.column("uin").collect();
    assert_eq!(numbers.len(), country.id.len());
    let told: Vec<&str> = country
        .sr
        .column("uin")
        .filter(|uin| !uin.is_empty())
        .collect();
    let wrong = told
        .iter()
        .filter(|uin| !has_valid_check_digit(uin))
        .count();
    assert!(
        wrong > 0 && wrong * 20 < told.len(),
        "{wrong} of {}",
        told.len()
    );
}

/// Share of an office's records with an error, in percent.
fn share_with_error(country: &Country, registry: &str) -> usize {
    let rows = (0..country.truth.len())
        .filter(|&row| country.truth.cell(row, "registry") == Some(registry));
    let (mut all, mut wrong) = (0, 0);
    for row in rows {
        all += 1;
        wrong += usize::from(country.truth.cell(row, "errors") != Some(""));
    }
    wrong * 100 / all
}

#[test]
fn errors_are_as_common_as_the_level_says() {
    let bands = [
        (
            ErrorLevel::Clean,
            [
                ("CRVS", 10..25),
                ("ID", 5..17),
                ("SR", 30..50),
                ("IBR", 20..36),
            ],
        ),
        (
            ErrorLevel::Moderate,
            [
                ("CRVS", 38..56),
                ("ID", 24..40),
                ("SR", 62..82),
                ("IBR", 50..68),
            ],
        ),
        (
            ErrorLevel::Severe,
            [
                ("CRVS", 58..78),
                ("ID", 40..60),
                ("SR", 78..96),
                ("IBR", 62..84),
            ],
        ),
    ];
    for (level, registries) in bands {
        let country = country(3_000, level, 1);
        for (registry, band) in registries {
            let share = share_with_error(&country, registry);
            assert!(band.contains(&share), "{registry} at {level:?}: {share} %");
        }
    }
}

#[test]
fn registries_write_dates_their_own_way() {
    let country = moderate();
    let shapes = |file: File| {
        let shape = |cell: &str| {
            cell.chars()
                .map(|letter| if letter.is_ascii_digit() { '9' } else { letter })
                .collect()
        };
        let cells = country
            .table(file)
            .column("birth_date")
            .filter(|cell| !cell.is_empty());
        cells.map(shape).collect::<HashSet<String>>()
    };
    let set = |all: &[&str]| {
        all.iter()
            .map(|shape| (*shape).to_owned())
            .collect::<HashSet<_>>()
    };
    assert_eq!(shapes(File::Crvs), set(&["9999-99-99", "9999"]));
    assert_eq!(shapes(File::Id), set(&["9999-99-99"]));
    assert_eq!(shapes(File::Sr), set(&["99/99/9999", "9999"]));
    assert_eq!(shapes(File::Ibr), set(&["99.99.9999", "99.99.99", "9999"]));
}

#[test]
fn households_have_the_size_they_say() {
    let country = moderate();
    let mut counted: HashMap<&str, usize> = HashMap::new();
    for group in country.sr.column("group_identifier") {
        *counted.entry(group).or_default() += 1;
    }
    assert_eq!(counted.len(), country.sr_households.len());
    for row in 0..country.sr_households.len() {
        let cell = |column| country.sr_households.cell(row, column).unwrap();
        assert_eq!(
            counted[cell("group_identifier")].to_string(),
            cell("group_size")
        );
    }
}

#[test]
fn the_two_parties_of_a_marriage_share_a_number() {
    let country = moderate();
    let mut parties: HashMap<&str, Vec<&str>> = HashMap::new();
    for row in 0..country.crvs.len() {
        if country.crvs.cell(row, "event_type") == Some("marriage") {
            let number = country.crvs.cell(row, "registration_number").unwrap();
            parties
                .entry(number)
                .or_default()
                .push(country.crvs.cell(row, "record_id").unwrap());
        }
    }
    assert!(parties.len() > 100 && parties.values().all(|records| records.len() == 2));
}

#[test]
fn files_are_the_same_bytes_each_time() {
    let country = country(150, ErrorLevel::Moderate, 1);
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    country.write_to(one.path(), true).unwrap();
    country.write_to(other.path(), true).unwrap();
    for file in File::ALL {
        let name = format!("{}.csv.gz", file.stem());
        let read = |dir: &tempfile::TempDir| std::fs::read(dir.path().join(&name)).unwrap();
        assert_eq!(read(&one), read(&other), "{name}");
    }
}

#[test]
fn plain_files_read_back() {
    let country = country(150, ErrorLevel::Severe, 1);
    let dir = tempfile::tempdir().unwrap();
    country.write_to(dir.path(), false).unwrap();
    for file in File::ALL {
        let table = country.table(file);
        let mut reader =
            csv::Reader::from_path(dir.path().join(format!("{}.csv", file.stem()))).unwrap();
        assert_eq!(
            reader.headers().unwrap().iter().collect::<Vec<_>>(),
            table.columns()
        );
        for (row, record) in reader.records().enumerate() {
            assert!(
                record.unwrap().iter().eq(table.row(row)),
                "row {row} of {file:?}"
            );
        }
    }
}

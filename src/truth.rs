//! Reading who is who: truth files, and cluster files in the same shape.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use flate2::bufread::MultiGzDecoder;

/// A record as files name it: source, in lower case, and record id.
pub(crate) type RecordName = (String, String);

/// The cluster or person of each record.
pub(crate) type Assignments = Vec<(RecordName, String)>;

/// Which person each record belongs to.
pub(crate) struct Truth(pub(crate) BTreeMap<RecordName, String>);

impl Truth {
    /// Reads a truth file, plain or gzip.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let columns = [
            &["registry", "source"][..],
            &["record_id"],
            &["person_id", "true_id"],
        ];
        let mut persons = BTreeMap::new();
        for (record, person) in read_columns(path, &columns)? {
            if persons.insert(record, person).is_some() {
                bail!("{}: a record stands there twice", path.display());
            }
        }
        Ok(Self(persons))
    }
}

/// Reads a clusters file, plain or gzip.
pub(crate) fn read_assignments(path: &Path) -> anyhow::Result<Assignments> {
    read_columns(
        path,
        &[&["source", "registry"][..], &["record_id"], &["cluster_id"]],
    )
}

fn read_columns(path: &Path, wanted: &[&[&str]; 3]) -> anyhow::Result<Assignments> {
    let place = || path.display().to_string();
    let mut reader = csv::Reader::from_reader(open(path).with_context(place)?);
    let header = reader.headers().with_context(place)?.clone();
    let find = |names: &[&str]| {
        header
            .iter()
            .position(|column| names.contains(&column))
            .with_context(|| {
                format!(
                    "{}: there is no column `{}`",
                    path.display(),
                    names.join("` or `")
                )
            })
    };
    let [source, record, group] = [find(wanted[0])?, find(wanted[1])?, find(wanted[2])?];
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.with_context(place)?;
        rows.push((
            (row[source].to_lowercase(), row[record].to_owned()),
            row[group].to_owned(),
        ));
    }
    Ok(rows)
}

/// Opens a file, plain or gzip.
pub(crate) fn open(path: &Path) -> std::io::Result<Box<dyn Read>> {
    let mut file = BufReader::new(File::open(path)?);
    let zipped = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if zipped {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    })
}

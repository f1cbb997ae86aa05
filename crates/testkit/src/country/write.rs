//! Puts a country on disk: one CSV file a table, the same bytes for the same country.

use super::table::Table;
use super::{Country, File};
use flate2::{Compression, GzBuilder};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

impl Country {
    /// Writes all tables into `dir`, which is made if it is not there: `crvs.csv` and so on, or `crvs.csv.gz` if
    /// `compress`. Files that are there are replaced.
    pub fn write_to(&self, dir: &Path, compress: bool) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        for file in File::ALL {
            let path = path_of(dir, file, compress);
            let out = BufWriter::new(fs::File::create(path)?);
            if compress {
                // No file name and no time in the header: the bytes depend on the rows alone.
                let zipped = GzBuilder::new().mtime(0).write(out, Compression::new(4));
                write_table(self.table(file), zipped)?.finish()?.flush()?;
            } else {
                write_table(self.table(file), out)?.flush()?;
            }
        }
        Ok(())
    }
}

fn path_of(dir: &Path, file: File, compress: bool) -> PathBuf {
    let ending = if compress { "csv.gz" } else { "csv" };
    dir.join(format!("{}.{ending}", file.stem()))
}

fn write_table<W: Write>(table: &Table, out: W) -> io::Result<W> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(table.columns())?;
    for row in 0..table.len() {
        writer.write_record(table.row(row))?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

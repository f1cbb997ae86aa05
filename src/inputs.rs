//! What the commands of the workbench read: the schema, the parties' files, the number of threads.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, bail};
use model::{LinkageSchema, PartyIndex};

use crate::rehearsal::PartyFile;

/// The least memory a command takes.
const LEAST_MEMORY: usize = 16 << 20;

/// A number of bytes, as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) usize);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unreadable = || format!("`{text}` is no size; write it as 256MiB or 4GiB");
        let (number, unit) = text
            .strip_suffix("MiB")
            .map(|number| (number, 20))
            .or_else(|| text.strip_suffix("GiB").map(|number| (number, 30)))
            .ok_or_else(unreadable)?;
        let number: usize = number.trim().parse().map_err(|_| unreadable())?;
        let bytes = number.checked_mul(1 << unit).ok_or_else(unreadable)?;
        if bytes < LEAST_MEMORY {
            return Err(format!("{text} is too little; give at least 16MiB"));
        }
        Ok(Self(bytes))
    }
}

/// Uses so many threads from here on; all cores when not given.
pub(crate) fn use_threads(threads: Option<usize>) -> anyhow::Result<()> {
    if let Some(threads) = threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()?;
    }
    Ok(())
}

/// Reads and checks the linkage schema at `path`.
pub(crate) fn read_schema(path: &Path) -> anyhow::Result<LinkageSchema> {
    read_schema_text(path).map(|(schema, _)| schema)
}

/// As [`read_schema`], with the text it was read from.
pub(crate) fn read_schema_text(path: &Path) -> anyhow::Result<(LinkageSchema, String)> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the schema {} cannot be read", path.display()))?;
    let schema = LinkageSchema::parse(&text).with_context(|| path.display().to_string())?;
    Ok((schema, text))
}

/// The files that `--party NAME=FILE` names, in the order of the schema's parties.
pub(crate) fn party_files(
    schema: &LinkageSchema,
    given: &[String],
) -> anyhow::Result<Vec<PartyFile>> {
    let mut files: Vec<PartyFile> = Vec::new();
    for text in given {
        let Some((label, path)) = text.split_once('=') else {
            bail!("`--party {text}` is not NAME=FILE");
        };
        let party = party_of(schema, label)?;
        if files.iter().any(|file| file.party == party) {
            bail!("the party `{label}` is given twice");
        }
        files.push(PartyFile {
            party,
            label: label.to_owned(),
            path: path.into(),
        });
    }
    files.sort_by_key(|file| file.party);
    Ok(files)
}

/// The party of the schema that `label` names, in any case.
pub(crate) fn party_of(schema: &LinkageSchema, label: &str) -> anyhow::Result<PartyIndex> {
    let name = label.to_lowercase().parse().ok();
    name.and_then(|name| schema.party_index(&name))
        .with_context(|| {
            let known: Vec<&str> = schema
                .parties
                .iter()
                .map(|party| party.name.as_str())
                .collect();
            format!(
                "the schema has no party `{label}`; it has: {}",
                known.join(", ")
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_binary_units_and_nothing_else() {
        let read = |text: &str| text.parse::<Bytes>().map(|bytes| bytes.0).ok();
        assert_eq!(read("256MiB"), Some(256 << 20));
        assert_eq!(read("4 GiB"), Some(4 << 30));
        for wrong in ["", "4", "4GB", "-1GiB", "1MiB", "99999999999999999GiB"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}

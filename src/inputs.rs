//! What the commands of the workbench read: the schema, the parties' files, the number of threads.

use std::path::Path;

use anyhow::{Context, bail};
use model::{LinkageSchema, PartyIndex};

use crate::rehearsal::PartyFile;

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

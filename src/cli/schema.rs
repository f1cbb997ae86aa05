//! `symbolon schema`: look into the linkage schemas of clkhash, and bring old ones to version 3.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use encode::clk::{ClkSchema, Document, MAX_SCHEMA_BYTES, SchemaVersion};
use serde_json::json;

use super::encode::write_whole;

/// A schema is for everyone whom the umask lets read it.
const SHARED: u32 = 0o666;

/// What `symbolon schema` takes.
#[derive(Args)]
pub(crate) struct SchemaArguments {
    #[command(subcommand)]
    command: SchemaCommand,
}

#[derive(Subcommand)]
enum SchemaCommand {
    /// Say whether a file is a linkage schema of clkhash, and what is wrong with it.
    Validate(SchemaFile),
    /// Print a schema of version 1 or 2 as version 3.
    Convert {
        /// The schema, JSON; `-` for standard input.
        schema: PathBuf,
        /// Write it there and not to standard output.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Show what a schema does with each column.
    Describe(SchemaFile),
}

#[derive(Args)]
struct SchemaFile {
    /// The schema, JSON; `-` for standard input.
    schema: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &SchemaArguments) -> anyhow::Result<()> {
    match &arguments.command {
        SchemaCommand::Validate(file) => validate(file),
        SchemaCommand::Convert { schema, output } => convert(schema, output.as_deref()),
        SchemaCommand::Describe(file) => describe(file),
    }
}

/// Reads a linkage schema of clkhash.
pub(super) fn read_clk_schema(path: &Path) -> anyhow::Result<ClkSchema> {
    ClkSchema::parse(&read(path)?).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("the schema {} cannot be read", path.display());
    let mut bytes = Vec::new();
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).with_context(cannot)?)
    };
    // One byte more shows that it is too long.
    let mut input = input.take(MAX_SCHEMA_BYTES as u64 + 1);
    input.read_to_end(&mut bytes).with_context(cannot)?;
    Ok(bytes)
}

/// The document as version 3, its own version, and what it says.
fn open(path: &Path) -> anyhow::Result<(Document, u8, ClkSchema)> {
    let name = || path.display().to_string();
    let (document, version) = Document::read(&read(path)?).with_context(name)?;
    let schema = ClkSchema::from_document(&document).with_context(name)?;
    let version = match version {
        SchemaVersion::V1 => 1,
        SchemaVersion::V2 => 2,
        SchemaVersion::V3 => 3,
    };
    Ok((document, version, schema))
}

fn validate(file: &SchemaFile) -> anyhow::Result<()> {
    let (_, version, schema) = open(&file.schema)?;
    let (features, bits) = (schema.identifiers().len(), schema.clk_bits());
    if file.json {
        println!(
            "{:#}",
            json!({ "version": version, "features": features, "bits": bits })
        );
    } else {
        let name = file.schema.display();
        println!(
            "{name} is a linkage schema of version {version}: {features} features, {bits} bits"
        );
    }
    Ok(())
}

fn convert(path: &Path, output: Option<&Path>) -> anyhow::Result<()> {
    let (document, ..) = open(path)?;
    let Some(output) = output else {
        println!("{document}");
        return Ok(());
    };
    write_whole(output, SHARED, |file| {
        writeln!(file, "{document}")
            .with_context(|| format!("{} cannot be written", output.display()))
    })
}

fn describe(file: &SchemaFile) -> anyhow::Result<()> {
    let (_, version, schema) = open(&file.schema)?;
    let (bits, folds, features) = (schema.clk_bits(), schema.folds(), schema.summary());
    if file.json {
        let described =
            json!({ "version": version, "bits": bits, "folds": folds, "features": features });
        println!("{described:#}");
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["column", "format", "comparison", "strategy", "hash"]);
    for feature in features {
        table.add_row([
            feature.identifier.as_str(),
            feature.format,
            &feature.comparison,
            &feature.strategy,
            feature.hash,
        ]);
    }
    println!("version {version}, {bits} bits after {folds} folds\n{table}");
    Ok(())
}

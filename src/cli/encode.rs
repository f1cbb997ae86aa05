//! `symbolon encode`: a CSV file to CLKs, bit for bit those of clkhash.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{ArgAction, Args};
use encode::clk::{
    ClkEncoder, ClkSecret, Header, PopcountSummary, Popcounts, ReadOptions, encode_csv,
};
use serde_json::json;
use zeroize::Zeroizing;

use super::schema::read_clk_schema;
use crate::inputs::use_threads;
use service::bars::listener;

/// No secret is longer.
const MAX_SECRET_BYTES: usize = 1 << 16;

/// Permission bits that let anyone but the owner at a file.
const OTHERS: u32 = 0o077;

/// Encodings are for their owner.
const OWN: u32 = 0o600;

/// What `symbolon encode` takes.
///
///   symbolon encode --schema schema.json --secret-file secret.txt --input people.csv --output clks.json
///
/// One CLK a record leaks more than the encodings of `symbolon-node`: see docs/clkhash.md.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct EncodeArguments {
    /// The linkage schema: clkhash's JSON, version 1, 2 or 3.
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
    /// The secret shared by all parties. One line end at the end of the file is not part of it.
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// Take the secret file as it is, with a line end at its end.
    #[arg(long)]
    secret_verbatim: bool,
    /// The records as CSV, in UTF-8; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where the CLKs go as JSON; `-` for standard output. May be left out with --stats.
    #[arg(long, value_name = "FILE", required_unless_present = "stats")]
    output: Option<PathBuf>,
    /// The first row is data, too.
    #[arg(long)]
    no_header: bool,
    /// Hold the header against the schema; with `false` it is skipped unseen.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    check_header: bool,
    /// Hold the values against the schema; numbers and dates have to be ones all the same.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    validate: bool,
    /// Strip white space around every cell, as clkhash did up to 0.18.1.
    #[arg(long)]
    trim: bool,
    /// Show how many bits the CLKs have set.
    #[arg(long)]
    stats: bool,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
    /// Threads; all cores without it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

pub(crate) fn run(arguments: &EncodeArguments) -> anyhow::Result<()> {
    use_threads(arguments.threads)?;
    let schema = read_clk_schema(&arguments.schema)?;
    let secret = read_secret(&arguments.secret_file, arguments.secret_verbatim)?;
    let encoder =
        ClkEncoder::new(schema, &secret).with_context(|| arguments.schema.display().to_string())?;
    let encoder = if arguments.validate {
        encoder
    } else {
        encoder.without_validation()
    };
    let popcounts = encode(arguments, &encoder)?;
    report(arguments, &popcounts)
}

/// Reads the secret, and says so when others can read it too.
fn read_secret(path: &Path, verbatim: bool) -> anyhow::Result<ClkSecret> {
    let cannot = || format!("the secret file {} cannot be read", path.display());
    let file = File::open(path).with_context(cannot)?;
    let mode = file.metadata().with_context(cannot)?.permissions().mode();
    if mode & OTHERS != 0 {
        let shown = path.display();
        eprintln!("symbolon: {shown} is open to others: run `chmod 600 {shown}`");
    }
    // Room for all of it: growing would leave copies behind.
    let mut secret = Zeroizing::new(Vec::with_capacity(MAX_SECRET_BYTES + 1));
    file.take(MAX_SECRET_BYTES as u64 + 1)
        .read_to_end(&mut secret)
        .with_context(cannot)?;
    if secret.len() > MAX_SECRET_BYTES {
        let shown = path.display();
        bail!("{shown} is longer than {MAX_SECRET_BYTES} bytes: no secret is, correct the path");
    }
    if !verbatim && secret.last() == Some(&b'\n') {
        secret.pop();
        if secret.last() == Some(&b'\r') {
            secret.pop();
        }
    }
    Ok(ClkSecret::new(secret))
}

fn encode(arguments: &EncodeArguments, encoder: &ClkEncoder) -> anyhow::Result<Popcounts> {
    let Some(path) = &arguments.output else {
        return encode_to(arguments, encoder, &mut io::sink());
    };
    if is_standard(path) {
        return encode_to(arguments, encoder, &mut io::stdout());
    }
    write_whole(path, OWN, |output| encode_to(arguments, encoder, output))
}

/// Writes a file that takes its name when it is complete: a failure leaves none behind, and one of
/// that name as it was. `mode` is that of the file but for what the umask takes away.
pub(super) fn write_whole<T>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let cannot = || format!("{} cannot be written", path.display());
    if path.exists() && !path.is_file() {
        // A device or a pipe is not replaced but written to.
        let mut file = File::create(path).with_context(cannot)?;
        return flushed(&mut file, write, cannot);
    }
    // Where a symbolic link leads is replaced, not the link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = target.parent().filter(|dir| !dir.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(directory.unwrap_or(Path::new(".")))
        .with_context(cannot)?;
    let written = flushed(file.as_file_mut(), write, cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(&target).with_context(cannot)?;
    Ok(written)
}

/// Writes through a buffer, all of it.
fn flushed<T>(
    file: &mut File,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> anyhow::Result<T>,
    cannot: impl Fn() -> String,
) -> anyhow::Result<T> {
    let mut output = BufWriter::new(file);
    let written = write(&mut output)?;
    output.flush().with_context(cannot)?;
    Ok(written)
}

fn encode_to(
    arguments: &EncodeArguments,
    encoder: &ClkEncoder,
    output: &mut impl Write,
) -> anyhow::Result<Popcounts> {
    let options = ReadOptions {
        header: match (arguments.no_header, arguments.check_header) {
            (true, _) => Header::Absent,
            (false, true) => Header::Checked,
            (false, false) => Header::Skipped,
        },
        trim: arguments.trim,
    };
    let progress = listener();
    if is_standard(&arguments.input) {
        progress.stage("encoding, bytes", 0);
        return encode_csv(encoder, io::stdin(), output, options, &*progress)
            .context("standard input");
    }
    let shown = arguments.input.display();
    let input = File::open(&arguments.input).with_context(|| format!("{shown} cannot be read"))?;
    progress.stage(
        "encoding, bytes",
        fs::metadata(&arguments.input).map_or(0, |data| data.len()),
    );
    encode_csv(encoder, input, output, options, &*progress).with_context(|| shown.to_string())
}

fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// Says what was done: on standard error when the CLKs went to standard output.
fn report(arguments: &EncodeArguments, popcounts: &Popcounts) -> anyhow::Result<()> {
    let summary = popcounts.summary();
    let clks = summary.as_ref().map_or(0, |summary| summary.clks);
    let mut text = String::new();
    if arguments.json {
        let popcounts = arguments.stats.then_some(&summary);
        text = serde_json::to_string_pretty(&json!({ "clks": clks, "popcounts": popcounts }))?;
    } else {
        if let Some(path) = arguments.output.as_ref().filter(|path| !is_standard(path)) {
            text = format!("{clks} CLKs written to {}", path.display());
        }
        if arguments.stats {
            let figures = summary.as_ref().map_or("no CLKs".to_owned(), in_words);
            text = [text, figures].join("\n");
        }
    }
    let text = text.trim();
    let to_output = arguments.output.as_deref().is_some_and(is_standard);
    if to_output || (!arguments.json && !arguments.stats) {
        if !text.is_empty() {
            eprintln!("{text}");
        }
    } else {
        println!("{text}");
    }
    Ok(())
}

/// Figures and a bar for each range that is not empty.
fn in_words(summary: &PopcountSummary) -> String {
    const WIDTH: u64 = 50;
    let mut text = format!(
        "bits set of {}: {:.1} on average, deviation {:.1}, from {} to {}\n",
        summary.bits, summary.mean, summary.deviation, summary.least, summary.most
    );
    let ranges = || summary.ranges.iter().filter(|range| range.clks > 0);
    let highest = ranges().map(|range| range.clks).max().unwrap_or(1);
    for range in ranges() {
        let width = (range.clks * WIDTH).div_ceil(highest);
        // At most the width of the longest bar.
        let bar = "#".repeat(usize::try_from(width).unwrap_or(0));
        text += &format!(
            "{:>6} to {:<6} {:>10}  {bar}\n",
            range.from, range.to, range.clks
        );
    }
    text
}

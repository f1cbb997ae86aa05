//! `symbolon-coordinator status`.

use coordinator::status::{PartyBatch, RoleStatus};
use coordinator::{Status, status};

use super::Dir;

/// What `status` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: Dir,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let status = status(&args.dir.open())?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print!("{}", text(&status));
    }
    Ok(())
}

fn text(status: &Status) -> String {
    let mut lines = vec![
        format!(
            "project   {}, epoch {}, run {}",
            status.project, status.epoch, status.run
        ),
        format!("schema    {}", status.schema_digest),
    ];
    lines.extend(role_lines("matcher", &status.matcher));
    lines.extend(role_lines("resolver", &status.resolver));
    if let coordinator::resolver::ResolverState::Failed { reason } = &status.resolver.detail {
        lines.push(format!("reason    {reason}"));
    }
    if let Some(totals) = status.resolver.detail.totals() {
        lines.push(format!(
            "outcome   {} records, {} pairs, {} links, {} clusters",
            totals.records, totals.pairs, totals.links, totals.clusters
        ));
    }
    lines.join("\n") + "\n"
}

fn role_lines<S>(name: &str, role: &RoleStatus<S>) -> Vec<String> {
    let mut lines = vec![format!("{name:<9} {}", role.state)];
    lines.extend(role.batches.iter().map(batch_line));
    lines
}

fn batch_line(batch: &PartyBatch) -> String {
    let party = batch.party.as_str();
    let rows = batch.rows.unwrap_or_default();
    match batch.chunks {
        None => format!("  {party:<12} nothing yet"),
        Some(_) if batch.accepted => format!("  {party:<12} accepted, {rows} rows"),
        Some(chunks) => format!("  {party:<12} {} of {} chunks", chunks.durable, chunks.all),
    }
}

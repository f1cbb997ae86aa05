//! `symbolon-coordinator status`.

use coordinator::matcher::MatcherState;
use coordinator::resolver::{ResolverState, ReviewTotals};
use coordinator::status::{PartyBatch, RoleStatus};
use coordinator::{MatcherReport, Status, status};
use model::Day;

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
    if let Some(matcher) = &status.matcher {
        lines.extend(role_lines("matcher", matcher));
        // The resolver's lines say so where it is here.
        lines.extend(
            status
                .resolver
                .is_none()
                .then(|| outcome(&matcher.detail))
                .flatten(),
        );
    }
    lines.extend(status.other_matcher.as_ref().map(matcher_line));
    lines.extend(status.resolver.iter().flat_map(resolver_lines));
    lines.join("\n") + "\n"
}

/// What came of a matcher's work that the name of its state does not say.
fn outcome(matcher: &MatcherState) -> Option<String> {
    match matcher {
        MatcherState::Matched { pairs, .. } => {
            Some(format!("outcome   {pairs} comparisons to hand over"))
        }
        MatcherState::Failed { reason } => Some(format!("reason    {reason}")),
        _ => None,
    }
}

/// How the matcher of another operator was found.
fn matcher_line(found: &MatcherReport) -> String {
    let since = Day::of_millis(found.since_unix_millis);
    match &found.reason {
        None => format!("matcher   at {}, answers since {since}", found.address),
        Some(reason) => format!("matcher   DOES NOT ANSWER since {since}: {reason}"),
    }
}

fn resolver_lines(resolver: &RoleStatus<ResolverState>) -> Vec<String> {
    let mut lines = role_lines("resolver", resolver);
    if let ResolverState::Failed { reason } = &resolver.detail {
        lines.push(format!("reason    {reason}"));
    }
    if let Some(totals) = resolver.detail.totals() {
        lines.push(format!(
            "outcome   {} records, {} pairs, {} links, {} clusters",
            totals.records, totals.pairs, totals.links, totals.clusters
        ));
        lines.extend(review_lines(&totals.review));
    }
    lines
}

/// Of the resolver's operator's business only: members are told floored counts, and never the shift.
fn review_lines(review: &ReviewTotals) -> Vec<String> {
    if review.digest.is_none() {
        return Vec::new();
    }
    let bits = f64::from(review.shift_millibits) / 1000.0;
    vec![
        format!("review    {} pairs put up", review.pairs),
        format!(
            "verdicts  {} followed, {} contradicted, {} about absent records; odds moved by {bits:+.2} bits",
            review.followed, review.contradicted, review.unknown
        ),
    ]
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

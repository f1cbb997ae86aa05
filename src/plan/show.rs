//! The plan for people, for programs, and for pasting into a schema.

use comfy_table::{Table, presets};
use serde_json::{Value, json as value};

use super::Plan;
use super::blocks::MAX_RECORDS;
use super::pass_set::{Agreement, PassSet, PlannedPass};

/// The plan as text.
pub(crate) fn text(plan: &Plan) -> String {
    let mut parts = vec![
        format!("proposed\n{}", table(plan, &plan.chosen)),
        total(plan, &plan.chosen),
        format!("\nthe schema's passes\n{}", table(plan, &plan.present)),
        total(plan, &plan.present),
        String::new(),
    ];
    parts.extend(refusals(plan));
    if plan.sampled {
        parts.push(format!(
            "of each large registry {MAX_RECORDS} records or fewer were looked at; pairs are scaled up"
        ));
    }
    parts.push(format!("\n{}", toml(plan)));
    parts.join("\n")
}

/// The refusals one may wonder about: of the schema's own passes, and of single values.
fn refusals(plan: &Plan) -> Vec<String> {
    let own = plan.present.passes.iter().filter_map(|pass| {
        let reason = pass.measured.cost.refusal()?;
        Some(format!(
            "refused: the schema's pass {}: {reason}",
            pass.name
        ))
    });
    let lone = plan
        .refused
        .iter()
        .filter(|refused| refused.components.len() == 1);
    let lone = lone.map(|refused| {
        let title = plan.components.title(&refused.components);
        format!("refused: {title} alone: {}", refused.reason)
    });
    let counted = format!(
        "{} passes could be chosen from, {} were refused",
        plan.candidates,
        plan.refused.len()
    );
    own.chain(lone).chain([counted]).collect()
}

const HEADER: [&str; 7] = [
    "pass",
    "block",
    "pairs a record",
    "complete so far",
    "adds to the rest",
    "with a block",
    "largest block",
];

fn table(plan: &Plan, set: &PassSet) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    let truth = match set.actual_completeness() {
        Some(_) => &["in truth: pairs", "complete"][..],
        None => &[],
    };
    table.set_header(HEADER.iter().chain(truth));
    for pass in &set.passes {
        table.add_row(row(plan, pass));
    }
    table.to_string()
}

fn row(plan: &Plan, pass: &PlannedPass) -> Vec<String> {
    let per_record = |pairs: f64| format!("{:.2}", pairs / plan.records);
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let cost = &pass.measured.cost;
    let mut cells = vec![
        pass.name.clone(),
        plan.components.title(&pass.measured.components),
        per_record(cost.pairs),
        percent(pass.cumulative),
        percent(pass.adds),
        percent(cost.covered),
        cost.largest.to_string(),
    ];
    if let (Some(actual), Some(cumulative)) = (&pass.actual, pass.actual_cumulative) {
        cells.push(per_record(actual.pairs as f64));
        cells.push(percent(cumulative));
    }
    cells
}

fn total(plan: &Plan, set: &PassSet) -> String {
    let records = plan.records;
    let mut line = format!(
        "together: {:.1} % of true pairs (estimated), {:.1} pairs and {:.1} rows a record",
        100.0 * set.completeness(),
        set.pairs() / records,
        set.rows() as f64 / records
    );
    if let (Some(complete), Some(pairs)) = (set.actual_completeness(), set.actual_pairs()) {
        line += &format!(
            "; in truth {:.1} %, {:.1} pairs a record",
            100.0 * complete,
            pairs as f64 / records
        );
    }
    line
}

/// The proposed passes as a schema writes them.
pub(crate) fn toml(plan: &Plan) -> String {
    let pass = |pass: &PlannedPass| {
        let texts: Vec<String> = pass
            .measured
            .components
            .iter()
            .map(|place| format!("\"{}\"", plan.components.text(*place)))
            .collect();
        format!(
            "[[pass]]\nname = \"{}\"\nblock = [{}]\n",
            pass.name,
            texts.join(", ")
        )
    };
    let all: Vec<String> = plan.chosen.passes.iter().map(pass).collect();
    all.join("\n")
}

/// All figures.
pub(crate) fn json(plan: &Plan) -> Value {
    let refused = plan.refused.iter().map(|refused| {
        value!({ "block": plan.components.texts(&refused.components), "reason": refused.reason })
    });
    value!({
        "records": plan.records,
        "proposed": set(plan, &plan.chosen),
        "present": set(plan, &plan.present),
        "candidates": plan.candidates,
        "refused": refused.collect::<Vec<_>>(),
        "agreement": plan.agreements.iter().map(agreement).collect::<Vec<_>>(),
    })
}

fn agreement(agreement: &Agreement) -> Value {
    value!({
        "component": agreement.component,
        "estimated": agreement.estimated,
        "actual": agreement.actual,
    })
}

fn set(plan: &Plan, set: &PassSet) -> Value {
    value!({
        "completeness": set.completeness(),
        "actual_completeness": set.actual_completeness(),
        "pairs": set.pairs(),
        "actual_pairs": set.actual_pairs(),
        "passes": set.passes.iter().map(|pass| one(plan, pass)).collect::<Vec<_>>(),
    })
}

fn one(plan: &Plan, pass: &PlannedPass) -> Value {
    let cost = &pass.measured.cost;
    value!({
        "name": pass.name,
        "block": plan.components.texts(&pass.measured.components),
        "pairs": cost.pairs,
        "rows": cost.rows,
        "records_with_a_block": cost.covered,
        "largest_block": cost.largest,
        "largest_share": cost.largest_share,
        "completeness_so_far": pass.cumulative,
        "adds": pass.adds,
        "actual_pairs": pass.actual.as_ref().map(|actual| actual.pairs),
        "actual_completeness_so_far": pass.actual_cumulative,
    })
}

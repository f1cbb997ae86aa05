//! The table of attacks, for a terminal.

use attack::{Hits, Knowledge, Run};
use comfy_table::{CellAlignment, Table, presets};

use super::Attacked;

/// One row an attack.
pub(crate) fn table(attacked: &[Attacked]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header([
        "attack",
        "attacker holds",
        "overlap",
        "n",
        "named",
        "of",
        "share",
        "sure",
        "right",
        "top 20",
        "top 100",
        "prior",
        "advantage",
        "time",
    ]);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for one in attacked {
        table.add_row(row(one));
    }
    table
}

fn row(one: &Attacked) -> [String; 14] {
    let outcome = &one.outcome;
    let share = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.3}"));
    let hits = |hits: Hits| share(hits.precision());
    [
        one.run.attack.words(),
        holds(one.run.knowledge).to_owned(),
        format!("{} %", one.overlap),
        one.people.to_string(),
        outcome.named.to_string(),
        outcome.of.to_string(),
        share(Some(outcome.share())),
        outcome.sure.made.to_string(),
        hits(outcome.sure),
        hits(outcome.top_20),
        hits(outcome.top_100),
        format!("{:.5}", outcome.prior),
        share(outcome.advantage()),
        format!("{:.2} s", one.time.as_secs_f64()),
    ]
}

/// The scene of a run in a few words.
pub(super) fn scene(run: &Run) -> String {
    let register = match run.knowledge {
        Knowledge::Copy => "copy",
        Knowledge::Noisy => "noisy",
        Knowledge::Other => "other registry",
    };
    format!("{register} {} %", run.overlap)
}

fn holds(knowledge: Knowledge) -> &'static str {
    match knowledge {
        Knowledge::Copy => "the same records",
        Knowledge::Noisy => "the same people, noisy",
        Knowledge::Other => "another registry",
    }
}

//! What a rehearsal shows of itself: the report page, and why single pairs weigh what they weigh.

mod counts;
mod losses;
mod meetings;
mod odds;
mod pair;
mod people;
mod warnings;

use link::Resolution;

use crate::rehearsal::Linked;
use crate::report::data::{Level, QualityRow, ReportData, Variable};

pub(crate) use counts::cuts;
pub(crate) use meetings::Meetings;
pub(crate) use pair::{PairName, Told};
pub(crate) use people::People;

/// Levels shown of one variable; names have hundreds.
const MOST_LEVELS: usize = 40;

/// Everything the page shows; `people` and `quality` are known where the truth is.
pub(crate) fn report_data(
    linked: &Linked,
    people: Option<&People>,
    quality: Vec<QualityRow>,
) -> ReportData {
    ReportData {
        warnings: warnings::all(linked),
        weights: odds::histogram(linked),
        variables: variables(&linked.resolution),
        curve: people.map(|people| odds::curve(linked, people)),
        sizes: counts::sizes(linked),
        overlap: counts::overlap(linked),
        blocking: counts::blocking(linked),
        fit: counts::fit(linked),
        cuts: counts::cuts(linked),
        losses: people.map_or_else(Vec::new, |people| losses::all(linked, people)),
        head: counts::head(linked, quality),
        count_floor: None,
    }
}

/// Whether these two records ended in one cluster.
fn is_together(resolution: &Resolution, (left, right): (u32, u32)) -> bool {
    resolution.cluster_of[left as usize] == resolution.cluster_of[right as usize]
}

fn bits(millibits: i32) -> f64 {
    f64::from(millibits) / 1000.0
}

fn variables(resolution: &Resolution) -> Vec<Variable> {
    let tables = resolution.model.variables.iter();
    let variable = |table: &link::resolve::VariableTable| {
        let all = table.levels.len();
        let mut commonest: Vec<usize> = (0..all).collect();
        commonest.sort_by_key(|level| std::cmp::Reverse(table.levels[*level].pairs));
        commonest.truncate(MOST_LEVELS);
        commonest.sort_unstable();
        let name = if all > MOST_LEVELS {
            format!(
                "{} (the {MOST_LEVELS} commonest of {all} outcomes)",
                table.name
            )
        } else {
            table.name.clone()
        };
        let levels = commonest.iter().map(|level| &table.levels[*level]);
        Variable {
            name,
            levels: levels.map(level).collect(),
        }
    };
    tables.map(variable).collect()
}

fn level(row: &link::resolve::LevelRow) -> Level {
    Level {
        label: row.label.clone(),
        m: row.m,
        u: row.u,
        household: row.household,
        kin: row.kin,
    }
}

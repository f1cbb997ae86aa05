//! M9, M10 and M12: who stands out.

use std::collections::{BTreeMap, BTreeSet};

use model::schema::FieldKind;
use records::NormalisedValue;

use super::{FEW, Light, Metric, Own, percent};

/// Records that what is seen leaves to one person, from which on to look.
const MARKED: f64 = 0.02;
/// Records with a rare pattern of missing parts.
const RARE_PATTERN: f64 = 0.01;

/// M9: how far what is seen narrows down who a record is of (Vatsalan, Christen, O'Keefe and Verykios, 2014). Seen
/// without the key are the pass, the size of the block within a factor of the square root of two, and which parts
/// are missing; the reference population is the registry itself.
pub(super) fn suspicion(own: &Own<'_>) -> Metric {
    let mut alike: BTreeMap<(u8, i32, u64), BTreeSet<u32>> = BTreeMap::new();
    let sight = |seat: &crate::blocks::Seat| {
        let block = &own.blocks.all[seat.block as usize];
        let size = ((block.seats.len() as f64).log2() * 2.0).round() as i32;
        (block.pass, size, seat.presence)
    };
    for seat in &own.blocks.seats {
        alike.entry(sight(seat)).or_default().insert(seat.record);
    }
    let mut fewest = vec![own.clear.len().max(1); own.clear.len()];
    for seat in &own.blocks.seats {
        let fewest = &mut fewest[seat.record as usize];
        *fewest = alike[&sight(seat)].len().min(*fewest);
    }
    let all = own.count();
    let suspicion = |alike: &usize| (1.0 / *alike as f64 - 1.0 / all) / (1.0 - 1.0 / all).max(1e-9);
    let mut risks: Vec<f64> = fewest.iter().map(suspicion).collect();
    risks.sort_by(f64::total_cmp);
    let mean = risks.iter().sum::<f64>() / all;
    let median = risks.get(risks.len() / 2).copied().unwrap_or(0.0);
    let marked = fewest.iter().filter(|alike| **alike == 1).count() as f64 / all;
    let with_key = alone_with_key(own);
    let sentence = format!(
        "Without the key, block sizes and missing parts leave {} of records to one person alone (mean suspicion {mean:.3}). With the key it is {}: whoever has the key and a register can name them.",
        percent(marked),
        percent(with_key)
    );
    let figures = [
        ("greatest", risks.last().copied().unwrap_or(0.0)),
        ("mean", mean),
        ("median", median),
        ("one person alone", marked),
        ("one person alone, with the key", with_key),
    ];
    Metric::new(
        "M9",
        "Suspicion",
        Light::of(marked, MARKED, f64::INFINITY),
        sentence,
        &figures,
    )
}

/// Records whose tokens no other record has all of: what the key gives away.
fn alone_with_key(own: &Own<'_>) -> f64 {
    let parts = own.trial.layout.parts.len();
    let mut same: BTreeMap<Vec<&[u64]>, usize> = BTreeMap::new();
    for record in own.clear.iter().take(own.records.len()) {
        *same
            .entry((0..parts).map(|part| record.tokens(part)).collect())
            .or_default() += 1;
    }
    same.values().filter(|count| **count == 1).count() as f64 / own.people()
}

/// M10: records with a name or a place that few share.
pub(super) fn rare_values(own: &Own<'_>) -> Metric {
    let fields = own.trial.schema.fields.iter().enumerate();
    let fields =
        fields.filter(|(_, field)| matches!(field.kind, FieldKind::Surname | FieldKind::Place));
    let mut rare: BTreeSet<usize> = BTreeSet::new();
    for (field, _) in fields {
        let mut with: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
        for (place, record) in own.records.iter().enumerate() {
            if let Some(NormalisedValue::Words(words)) = &record.values[field] {
                with.entry(words).or_default().push(place);
            }
        }
        rare.extend(
            with.into_values()
                .filter(|places| places.len() < FEW)
                .flatten(),
        );
    }
    let share = rare.len() as f64 / own.people();
    let sentence = format!(
        "{} records, {} of all, have a surname or a place that fewer than {FEW} records share. They are the ones an unlikely success would hurt; they can be held back.",
        rare.len(),
        percent(share)
    );
    let light = Light::of(share, 0.5, f64::INFINITY);
    Metric::new(
        "M10",
        "Rare values",
        light,
        sentence,
        &[("records", rare.len() as f64), ("share", share)],
    )
}

/// M12: records whose pattern of missing parts few share.
pub(super) fn missing_patterns(own: &Own<'_>) -> Metric {
    // As rows show it, which need not be as it is.
    let shown: BTreeMap<u32, u64> = (own.blocks.seats.iter())
        .map(|seat| (seat.record, seat.presence))
        .collect();
    let mut with: BTreeMap<u64, usize> = BTreeMap::new();
    (shown.values()).for_each(|parts| *with.entry(*parts).or_default() += 1);
    let rare: usize = with.values().filter(|count| **count < FEW).sum();
    let share = rare as f64 / own.count();
    let sentence = format!(
        "{} of records show a set of missing parts that fewer than {FEW} records show. There are {} such sets in all.",
        percent(share),
        with.len()
    );
    let figures = [("records", share), ("patterns", with.len() as f64)];
    Metric::new(
        "M12",
        "Rare patterns of missing parts",
        Light::of(share, RARE_PATTERN, f64::INFINITY),
        sentence,
        &figures,
    )
}

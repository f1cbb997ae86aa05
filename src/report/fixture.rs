//! A report as a linkage of four registries would make it, for tests.

use super::data::*;

fn owned(text: &str) -> String {
    text.to_owned()
}

/// A pair that became a link.
pub(super) fn explanation() -> Explanation {
    let step = |variable: &str, level: &str, bits| Step {
        variable: owned(variable),
        level: owned(level),
        bits,
    };
    let steps = vec![
        step("name", "given same, surname similar", 7.9),
        step("birth date", "same day", 11.2),
        step("sex", "same", 1.0),
        step("mother", "different", -2.7),
        step(
            "sub_region within region",
            "same region, other district",
            -0.4,
        ),
        step("phone", "unknown", 0.0),
    ];
    Explanation {
        left: owned("crvs record 7f3a"),
        right: owned("sr record 09c1"),
        prior_bits: -8.6,
        total_bits: -8.6 + 17.0,
        probability: 0.997_06,
        steps,
        decision: owned("linked"),
        note: Some(owned(
            "The cluster of the first record holds a third one, whose likeness to the second speaks for the link too.",
        )),
    }
}

/// A full report, with truth and one warning.
pub(super) fn report() -> ReportData {
    ReportData {
        head: head(),
        warnings: vec![owned(
            "The classes are close together: one pair in 40 between the thresholds could be either.",
        )],
        weights: weights(),
        variables: variables(),
        curve: Some(curve()),
        sizes: [
            (1, 1404),
            (2, 912),
            (3, 655),
            (4, 391),
            (5, 44),
            (6, 8),
            (7, 3),
            (9, 1),
            (14, 1),
        ]
        .map(|(records, clusters)| SizeCount { records, clusters })
        .to_vec(),
        overlap: overlap(),
        blocking: blocking(),
        fit: Some(Fit {
            households: true,
            kin: false,
            twins: true,
            rounds: 64,
            converged: true,
        }),
        cuts: [
            (
                "the cluster already holds a record of a registry without duplicates",
                37,
            ),
            ("the other pairs of the two clusters speak against it", 112),
            ("kept apart by a reviewer", 2),
        ]
        .map(|(reason, links)| Cut {
            reason: owned(reason),
            links,
        })
        .to_vec(),
        losses: losses(),
        count_floor: None,
    }
}

fn head() -> Head {
    let quality = [
        ("all pairs", 5480, 142, 203),
        ("crvs - id", 1610, 21, 40),
        ("crvs - sr", 988, 44, 71),
        ("id - ibr", 702, 3, 16),
        ("within sr", 96, 9, 12),
    ];
    Head {
        schema: owned("four-registries, revision 1"),
        profile: owned("standard"),
        run: owned("seed 1"),
        parties: [
            ("Civil registration (CRVS)", 2431, 12),
            ("National identity (ID)", 1904, 0),
            ("Social registry (SR)", 1398, 31),
            ("Integrated beneficiary registry (IBR)", 880, 4),
        ]
        .map(|(label, records, set_aside)| PartyCount {
            label: owned(label),
            records,
            set_aside,
        })
        .to_vec(),
        pairs: 184_213,
        links: 5_301,
        clusters: 3_419,
        quality: quality
            .map(|(pairs, right, wrong, missed)| QualityRow {
                pairs: owned(pairs),
                right,
                wrong,
                missed,
            })
            .to_vec(),
    }
}

/// Two hills: many unrelated pairs far below nought, fewer links above.
fn weights() -> WeightHistogram {
    let hill = |at: f64, middle: f64, wide: f64, most: f64| {
        (most * (-((at - middle) / wide).powi(2)).exp()) as u64
    };
    let bins = (-34..48).map(|bits| {
        let from = f64::from(bits);
        let share = 1.0 / (1.0 + (-(from - 6.5) * 1.4).exp());
        let links = hill(from, 24.0, 9.0, 320.0);
        WeightBin {
            from_bits: from,
            to_bits: from + 1.0,
            linked: (links as f64 * share) as u64,
            not_linked: hill(from, -14.0, 7.0, 14_000.0) + (links as f64 * (1.0 - share)) as u64,
        }
    });
    WeightHistogram {
        bins: bins.collect(),
        thresholds: [("review from", 3.1), ("link", 6.4), ("review to", 9.0)]
            .map(|(name, bits)| Threshold {
                name: owned(name),
                bits,
            })
            .to_vec(),
    }
}

fn variables() -> Vec<Variable> {
    let variable = |name: &str, levels: &[(&str, f64, f64, f64)]| Variable {
        name: owned(name),
        levels: levels
            .iter()
            .map(|(label, m, u, household)| Level {
                label: owned(label),
                m: *m,
                u: *u,
                household: Some(*household),
                kin: None,
            })
            .collect(),
    };
    vec![
        variable(
            "given name, surname and full name",
            &[
                ("given same, surname same", 0.62, 0.000_41, 0.004),
                ("given similar, surname same", 0.17, 0.0011, 0.031),
                ("given other, surname same", 0.04, 0.021, 0.83),
                ("crosswise", 0.013, 0.000_012, 0.0003),
                ("given other, surname other", 0.157, 0.977, 0.134),
            ],
        ),
        variable(
            "birth_date",
            &[
                ("same day", 0.81, 0.000_34, 0.006),
                ("day and month swapped", 0.021, 0.000_12, 0.0001),
                ("same year, other day", 0.11, 0.031, 0.06),
                ("near year", 0.03, 0.12, 0.11),
                ("other", 0.029, 0.848, 0.824),
            ],
        ),
        variable(
            "sex",
            &[("same", 0.985, 0.5, 0.52), ("other", 0.015, 0.5, 0.48)],
        ),
    ]
}

fn curve() -> Curve {
    let points = (-20..=40).map(|half| {
        let bits = f64::from(half) / 2.0;
        CurvePoint {
            bits,
            precision: 1.0 - 0.22 / (1.0 + (0.42 * (bits + 4.0)).exp()) - 0.004,
            recall: 0.985 - 0.3 / (1.0 + (-0.35 * (bits - 18.0)).exp()),
        }
    });
    Curve {
        points: points.collect(),
        chosen_bits: 6.4,
    }
}

fn overlap() -> Overlap {
    let combinations: [(&[usize], u64); 11] = [
        (&[0], 640),
        (&[1], 388),
        (&[2], 310),
        (&[3], 66),
        (&[0, 1], 702),
        (&[0, 2], 211),
        (&[1, 3], 180),
        (&[0, 1, 2], 455),
        (&[0, 1, 3], 201),
        (&[1, 2, 3], 7),
        (&[0, 1, 2, 3], 259),
    ];
    Overlap {
        parties: ["crvs", "id", "sr", "ibr"].map(owned).to_vec(),
        combinations: combinations
            .map(|(parties, clusters)| Combination {
                parties: parties.to_vec(),
                clusters,
            })
            .to_vec(),
    }
}

fn blocking() -> Blocking {
    let passes = [
        ("birth-date", 61_230, 40_112, 311, 0),
        ("names-and-near-year", 48_771, 22_004, 188, 2),
        ("names-and-district", 80_419, 71_230, 64, 0),
        ("given-year-and-district", 20_660, 9_871, 0, 1),
        ("phone-and-name", 2_118, 390, 41, 0),
    ];
    Blocking {
        passes: passes
            .map(
                |(name, pairs, pairs_only_here, links_only_here, skipped_blocks)| PassCount {
                    name: owned(name),
                    pairs,
                    pairs_only_here,
                    links_only_here,
                    skipped_blocks,
                },
            )
            .to_vec(),
        completeness: Some(0.9837),
    }
}

fn losses() -> Vec<LossGroup> {
    let group = |name: &str, rows: &[(&str, u64, u64)]| LossGroup {
        name: owned(name),
        rows: rows
            .iter()
            .map(|(kind, missed, wrong)| Loss {
                kind: owned(kind),
                missed: *missed,
                wrong: *wrong,
            })
            .collect(),
    };
    vec![
        group(
            "By kind of error",
            &[
                ("spelling of a name", 71, 4),
                ("year of birth", 58, 0),
                ("surname changed", 40, 2),
            ],
        ),
        group(
            "By culture of the name",
            &[
                ("Arabic", 64, 51),
                ("South Asian", 60, 44),
                ("East African", 49, 30),
            ],
        ),
        group(
            "Same household and twins",
            &[
                ("twins", 9, 98),
                ("same household", 14, 21),
                ("neither", 180, 23),
            ],
        ),
    ]
}

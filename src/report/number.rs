//! Numbers as people read them. Nothing here ever writes NaN or infinity.

/// Further out no weight means anything more.
const MOST_BITS: f64 = 1e6;

/// `bits` as a number that can be drawn: what is not a number is nought, what is endless ends.
pub(super) fn tame(bits: f64) -> f64 {
    if bits.is_nan() {
        0.0
    } else {
        bits.clamp(-MOST_BITS, MOST_BITS)
    }
}

/// A share between nought and one.
pub(super) fn tame_share(share: f64) -> f64 {
    if share.is_nan() {
        0.0
    } else {
        share.clamp(0.0, 1.0)
    }
}

/// Thousands apart: `12,345`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// At most five characters or so, for axes: `950`, `1.2 k`, `34 M`. Rounded down.
pub(super) fn compact(number: u64) -> String {
    const STEPS: [(u64, &str); 4] = [
        (1_000_000_000_000, "tn"),
        (1_000_000_000, "bn"),
        (1_000_000, "M"),
        (1_000, "k"),
    ];
    let Some((unit, name)) = STEPS.into_iter().find(|(unit, _)| number >= *unit) else {
        return number.to_string();
    };
    let (whole, tenth) = (number / unit, number % unit / (unit / 10));
    if whole < 10 && tenth > 0 {
        format!("{whole}.{tenth} {name}")
    } else {
        format!("{} {name}", count(whole))
    }
}

/// With its sign, a true minus: `+4.1`, `−3.0`, `0.0`.
pub(super) fn bits(value: f64) -> String {
    signed(value).replace('-', "\u{2212}")
}

/// With its sign in plain characters, for terminals: `+4.1`, `-3.0`, `0.0`.
pub(super) fn signed(value: f64) -> String {
    let text = format!("{:+.1}", tame(value));
    if text == "+0.0" || text == "-0.0" {
        "0.0".to_owned()
    } else {
        text
    }
}

/// A share such as precision: four decimals.
pub(super) fn share(value: f64) -> String {
    format!("{:.4}", tame_share(value))
}

/// A share in per cent: `97.3 %`.
pub(super) fn percent(value: f64) -> String {
    format!("{:.1} %", tame_share(value) * 100.0)
}

/// A posterior probability. What rounds to nought or one is told as a bound, for nothing is certain.
pub(super) fn probability(value: f64) -> String {
    match tame_share(value) {
        low if low < 0.0001 => "less than 0.0001".to_owned(),
        high if high > 0.9999 => "more than 0.9999".to_owned(),
        middle => format!("{middle:.4}"),
    }
}

/// A probability that may be small: two digits that count, however far behind the point.
pub(super) fn rate(value: f64) -> String {
    let value = tame_share(value);
    if value >= 0.001 || value == 0.0 {
        return format!("{value:.4}");
    }
    if value < 1e-9 {
        return "below 1 in a billion".to_owned();
    }
    let decimals = (-value.log10()).ceil() as usize + 1;
    format!("{value:.decimals$}")
}

/// A tick of a linear axis, with as many decimals as its step needs.
pub(super) fn tick(value: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{value:.decimals$}");
    let zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
    if zero {
        text.trim_start_matches('-').to_owned()
    } else {
        text.replace('-', "\u{2212}")
    }
}

/// A coordinate or a length in a drawing: one decimal, no sign on nought.
pub(super) fn length(value: f64) -> String {
    let text = format!("{:.1}", tame(value));
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0" } else { text }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn axes_have_short_numbers() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1 k"),
            (1250, "1.2 k"),
            (34_999, "34 k"),
            (999_999, "999 k"),
            (2_000_000, "2 M"),
            (u64::MAX, "18,446,744 tn"),
        ];
        for (number, text) in cases {
            assert_eq!(compact(number), text);
        }
    }

    #[test]
    fn signs_are_plain() {
        assert_eq!(bits(4.06), "+4.1");
        assert_eq!(bits(-3.0), "\u{2212}3.0");
        assert_eq!(bits(-0.01), "0.0");
        assert_eq!(signed(-3.0), "-3.0");
        assert_eq!(bits(f64::NAN), "0.0");
        assert_eq!(bits(f64::INFINITY), "+1000000.0");
    }

    #[test]
    fn nothing_is_certain() {
        assert_eq!(probability(1.0), "more than 0.9999");
        assert_eq!(probability(0.0), "less than 0.0001");
        assert_eq!(probability(0.25), "0.2500");
    }

    #[test]
    fn small_rates_keep_two_digits() {
        assert_eq!(rate(0.93), "0.9300");
        assert_eq!(rate(0.000_012_3), "0.000012");
        assert_eq!(rate(0.0), "0.0000");
        assert_eq!(rate(1e-12), "below 1 in a billion");
    }

    #[test]
    fn ticks_and_lengths_have_no_negative_nought() {
        assert_eq!(tick(-0.0, 5.0), "0");
        assert_eq!(tick(0.25, 0.05), "0.25");
        assert_eq!(tick(-10.0, 10.0), "\u{2212}10");
        assert_eq!(length(-0.01), "0");
        assert_eq!(length(12.0), "12");
        assert_eq!(length(f64::NAN), "0");
    }
}

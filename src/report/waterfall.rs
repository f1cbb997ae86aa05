//! Why a pair weighs what it weighs, as a drawing: each comparison begins where the last one ended.

use super::data::Explanation;
use super::html::escape;
use super::number::{self, tame};
use super::page::PALETTE;
use super::scale::Linear;
use super::svg::{Anchor, Area, Drawing};

/// What the bars do not account for is shown from this on, in bits.
const NOTICEABLE: f64 = 0.05;
const WIDTH: f64 = 680.0;
const ROW: f64 = 38.0;
const TOP: f64 = 86.0;
const LEFT: f64 = 16.0;
/// Characters that fit into the column of names, and into a line of the note.
const NAME_LENGTH: usize = 32;
const LINE_LENGTH: usize = 92;

/// A row: what is said, in two parts, and from where to where it moves the weight.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) level: String,
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) is_total: bool,
}

impl Row {
    fn step(name: &str, level: &str, from: f64, bits: f64) -> Self {
        Self {
            name: name.to_owned(),
            level: level.to_owned(),
            from,
            to: from + bits,
            is_total: false,
        }
    }

    /// What it adds, or for the total what it comes to.
    pub(super) fn bits(&self) -> f64 {
        self.to - self.from
    }
}

impl Explanation {
    /// Prior, steps, what they leave unexplained, and the total.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = vec![Row::step(
            "before comparing",
            "how likely any such pair is",
            0.0,
            tame(self.prior_bits),
        )];
        let mut at = rows[0].to;
        for step in &self.steps {
            rows.push(Row::step(&step.variable, &step.level, at, tame(step.bits)));
            at += tame(step.bits);
        }
        let rest = tame(self.total_bits) - at;
        if rest.abs() >= NOTICEABLE {
            rows.push(Row::step("other", "limits and rounding", at, rest));
        }
        rows.push(Row {
            is_total: true,
            ..Row::step("together", "", 0.0, tame(self.total_bits))
        });
        rows
    }

    /// The outcome in a line: `+8.9 bits, probability 0.9979: link`.
    pub(super) fn outcome(&self) -> String {
        format!(
            "{} bits, probability {}: {}",
            number::bits(self.total_bits),
            number::probability(self.probability),
            self.decision
        )
    }
}

/// The explanation as an SVG file of its own, for light and dark.
pub(crate) fn waterfall_svg(explanation: &Explanation) -> String {
    let rows = explanation.rows();
    let note = lines(explanation.note.as_deref().unwrap_or(""));
    let plot = Area {
        left: 236.0,
        top: TOP,
        width: 360.0,
        height: ROW * rows.len() as f64,
    };
    let height = plot.bottom() + 74.0 + 20.0 * note.len() as f64;
    let mut drawing = Drawing::new(
        "waterfall",
        (WIDTH, height),
        &format!(
            "Why {} and {} weigh what they do",
            explanation.left, explanation.right
        ),
        &description(explanation, &rows),
    );
    draw_head(&mut drawing, explanation);
    let across = Linear::new(domain(&rows), (plot.left, plot.right()));
    draw_axis(&mut drawing, plot, across);
    for (place, row) in rows.iter().enumerate() {
        let top = plot.top + ROW * place as f64;
        draw_bar(&mut drawing, row, across, top);
        draw_words(&mut drawing, row, top);
    }
    for (place, line) in note.iter().enumerate() {
        let y = plot.bottom() + 78.0 + 20.0 * place as f64;
        drawing.text("label", Anchor::Start, (LEFT, y), line);
    }
    drawing.standalone(&escape_style(PALETTE))
}

/// A style sheet inside XML: its text is escaped as any other.
fn escape_style(style: &str) -> String {
    style.lines().map(|line| escape(line) + "\n").collect()
}

fn domain(rows: &[Row]) -> (f64, f64) {
    let ends = rows.iter().flat_map(|row| [row.from, row.to]);
    ends.fold((0.0, 0.0), |(least, most), bits| {
        (f64::min(least, bits), f64::max(most, bits))
    })
}

fn draw_head(drawing: &mut Drawing, explanation: &Explanation) {
    let pair = format!("{} \u{2013} {}", explanation.left, explanation.right);
    let (pair, outcome) = (shortened(&pair, 70), shortened(&explanation.outcome(), 88));
    drawing.text("heading", Anchor::Start, (LEFT, 30.0), &pair);
    drawing.text("strong", Anchor::Start, (LEFT, 54.0), &outcome);
}

fn draw_axis(drawing: &mut Drawing, plot: Area, across: Linear) {
    let ticks = across.ticks(6);
    for tick in &ticks {
        drawing.line("grid", (tick.at, plot.top), (tick.at, plot.bottom()));
    }
    drawing.axis_below(plot, &ticks, "bits for one person");
    let nought = across.at(0.0);
    drawing.line("axis", (nought, plot.top), (nought, plot.bottom()));
}

/// The bar, and what joins it to the one below; the total comes last and has none.
fn draw_bar(drawing: &mut Drawing, row: &Row, across: Linear, top: f64) {
    let (from, to) = (across.at(row.from), across.at(row.to));
    let area = Area {
        left: from.min(to),
        top: top + 7.0,
        width: (to - from).abs().max(1.0),
        height: ROW - 14.0,
    };
    let class = match row {
        total if total.is_total => "total",
        against if against.bits() < 0.0 => "against",
        _ => "for",
    };
    let bits = number::bits(row.bits());
    drawing.rectangle(
        class,
        area,
        &format!("{} {} {bits} bits", row.name, row.level),
    );
    if !row.is_total {
        drawing.line("connector", (to, area.bottom()), (to, top + ROW + 7.0));
    }
}

fn draw_words(drawing: &mut Drawing, row: &Row, top: f64) {
    let name = shortened(&row.name, NAME_LENGTH);
    if row.level.is_empty() {
        drawing.text("strong", Anchor::Start, (LEFT, top + 23.0), &name);
    } else {
        let level = shortened(&row.level, NAME_LENGTH + 4);
        drawing.text("strong", Anchor::Start, (LEFT, top + 16.0), &name);
        drawing.text("small", Anchor::Start, (LEFT, top + 31.0), &level);
    }
    let bits = number::bits(row.bits());
    drawing.text("strong", Anchor::End, (WIDTH - 12.0, top + 23.0), &bits);
}

fn description(explanation: &Explanation, rows: &[Row]) -> String {
    let steps: Vec<String> = rows
        .iter()
        .filter(|row| !row.is_total)
        .map(|row| format!("{} ({}) {}", row.name, row.level, number::bits(row.bits())))
        .collect();
    let note = explanation.note.as_deref().unwrap_or("");
    let words = format!(
        "{}. Bits: {}. {note}",
        explanation.outcome(),
        steps.join("; ")
    );
    words.trim_end().to_owned()
}

/// `text`, or its beginning where it is too long.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most - 1).collect();
    kept.trim_end().to_owned() + "\u{2026}"
}

/// `text` in lines that fit, broken between words.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = shortened(word, LINE_LENGTH);
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < LINE_LENGTH => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::data::Step;
    use super::super::fixture;
    use super::*;

    #[test]
    fn rows_begin_where_the_last_one_ended() {
        let rows = fixture::explanation().rows();
        for pair in rows.windows(2).filter(|pair| !pair[1].is_total) {
            assert!((pair[0].to - pair[1].from).abs() < 1e-9);
        }
        assert!(rows.last().unwrap().is_total);
    }

    #[test]
    fn what_the_steps_do_not_explain_is_shown() {
        let mut explanation = fixture::explanation();
        assert!(explanation.rows().iter().all(|row| row.name != "other"));
        explanation.total_bits += 2.0;
        let rows = explanation.rows();
        let other = rows.iter().find(|row| row.name == "other").unwrap();
        assert!((other.bits() - 2.0).abs() < 1e-6);
    }

    #[test]
    fn a_file_of_its_own_tells_all_in_words() {
        let svg = waterfall_svg(&fixture::explanation());
        assert!(svg.starts_with("<svg xmlns="));
        assert!(svg.contains("<title id=\"waterfall-title\">Why") && svg.contains("<desc "));
        assert!(svg.contains("birth date (same day) +11.2"));
        assert_eq!(svg.matches("http").count(), 1);
    }

    #[test]
    fn hostile_and_huge_values_do_no_harm() {
        let explanation = Explanation {
            left: "</svg><script>".to_owned(),
            right: "r".repeat(500),
            prior_bits: f64::NEG_INFINITY,
            steps: vec![Step {
                variable: "<b>".to_owned(),
                level: "\u{0}".to_owned(),
                bits: f64::NAN,
            }],
            total_bits: f64::MAX,
            probability: f64::NAN,
            decision: "\"x\"".to_owned(),
            note: Some("w".repeat(1000)),
        };
        let svg = waterfall_svg(&explanation);
        assert!(!svg.contains("<script>") && !svg.contains("<b>") && !svg.contains('\u{0}'));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert!(waterfall_svg(&Explanation::default()).contains("0.0"));
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(lines(""), Vec::<String>::new());
        let broken = lines(&"word ".repeat(60));
        assert!(broken.len() > 1 && broken.iter().all(|line| line.len() <= LINE_LENGTH));
    }
}

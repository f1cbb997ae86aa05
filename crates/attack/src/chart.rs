//! Drawings: lines over the number of people, as an SVG image that needs nothing else.

use crate::page::escape;

/// One line of a chart.
pub struct Line {
    /// What it is called.
    pub name: String,
    /// Number of people and share, in order.
    pub points: Vec<(usize, f64)>,
}

const WIDTH: f64 = 820.0;
const LEAST_HEIGHT: f64 = 360.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 470.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 310.0;
/// Between two names of lines.
const LEADING: f64 = 22.0;

/// Colours after Okabe and Ito (2008), told apart by all common kinds of colour vision; dashes differ too. Where there
/// are more lines than colours, the points of the further ones are hollow.
const STROKES: [(&str, &str); 6] = [
    ("#0072b2", "none"),
    ("#d55e00", "8 4"),
    ("#009e73", "2 3"),
    ("#cc79a7", "10 3 2 3"),
    ("#57606a", "5 5"),
    ("#b8860b", "1 4"),
];

/// Draws shares between nought and one over the number of people, on a logarithmic axis.
pub fn lines(title: &str, lines: &[Line]) -> String {
    let counts = lines
        .iter()
        .flat_map(|line| line.points.iter().map(|(people, _)| *people));
    let mut counts: Vec<usize> = counts.filter(|people| *people > 0).collect();
    counts.sort_unstable();
    counts.dedup();
    let (least, most) = (
        counts.first().copied().unwrap_or(1),
        counts.last().copied().unwrap_or(1),
    );
    let span = (most as f64 / least as f64).ln().max(f64::MIN_POSITIVE);
    let across = |people: usize| match most > least {
        true => LEFT + (RIGHT - LEFT) * (people.max(1) as f64 / least as f64).ln() / span,
        false => (LEFT + RIGHT) / 2.0,
    };
    let mut body = frame(&counts, &across);
    for (place, line) in lines.iter().enumerate() {
        body += &drawn(line, place, &across);
    }
    let title = escape(title);
    let height = LEAST_HEIGHT.max(TOP + LEADING * (lines.len() + 1) as f64);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<title>{title}</title>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n<text x=\"{LEFT}\" y=\"20\" font-size=\"14\" font-weight=\"600\">{title}</text>\n{body}</svg>\n"
    )
}

fn down(share: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * share.clamp(0.0, 1.0)
}

fn frame(counts: &[usize], across: &dyn Fn(usize) -> f64) -> String {
    let mut frame = String::new();
    for step in 0..=5u8 {
        let share = f64::from(step) / 5.0;
        let y = down(share);
        frame += &format!(
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\" stroke=\"#cfd5da\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#57606a\">{share:.1}</text>\n",
            LEFT - 6.0,
            y + 4.0
        );
    }
    for people in counts {
        let x = across(*people);
        frame += &format!(
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#57606a\">{people}</text>\n",
            BOTTOM + 18.0
        );
    }
    frame += &format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#57606a\">people attacked (share named, by the number of people)</text>\n",
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 38.0
    );
    frame
}

fn drawn(line: &Line, place: usize, across: &dyn Fn(usize) -> f64) -> String {
    let (colour, dashes) = STROKES[place % STROKES.len()];
    let filling = match place < STROKES.len() {
        true => colour,
        false => "#ffffff",
    };
    let points = line
        .points
        .iter()
        .map(|(people, share)| (across(*people), down(*share)));
    let points: Vec<(f64, f64)> = points.collect();
    let path: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let mut drawn = format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.5\" stroke-dasharray=\"{dashes}\"/>\n",
        path.join(" ")
    );
    for (x, y) in &points {
        drawn += &format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{filling}\" stroke=\"{colour}\"/>\n"
        );
    }
    let y = TOP + 14.0 + place as f64 * LEADING;
    drawn
        + &format!(
            "<line x1=\"{:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{colour}\" stroke-width=\"2.5\" stroke-dasharray=\"{dashes}\"/>\n<text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
            RIGHT + 16.0,
            RIGHT + 46.0,
            RIGHT + 52.0,
            y + 4.0,
            escape(&line.name)
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_names_its_lines_and_stays_in_its_frame() {
        let line = |name: &str, points: &[(usize, f64)]| Line {
            name: name.to_owned(),
            points: points.to_vec(),
        };
        let svg = lines(
            "a < b",
            &[
                line("GM & L", &[(500, 1.0), (20_000, 2.0)]),
                line("EF", &[(500, 0.2)]),
            ],
        );
        assert!(svg.contains("a &lt; b") && svg.contains("GM &amp; L") && svg.contains(">20000<"));
        assert!(svg.contains("470.0,44.0") && !svg.contains("NaN"));
        let many: Vec<Line> = (0..16).map(|_| line("y", &[(7, 0.5)])).collect();
        let many = lines("many", &many);
        assert!(many.contains("viewBox=\"0 0 820 418\"") && many.contains("y=\"392.0\""));
        assert!(many.contains("fill=\"#ffffff\" stroke=\"#0072b2\""));
        assert!(!lines("one", &[line("x", &[(7, 0.5)])]).contains("NaN"));
    }
}

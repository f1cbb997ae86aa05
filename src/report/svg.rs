//! A drawing with a title and a description, and the axes most of them have.

use super::html::escape;
use super::number::length;
use super::scale::Tick;

/// The only address the module knows: the name of the format, which nothing fetches.
const NAMESPACE: &str = "http://www.w3.org/2000/svg";

/// Which end of a text its place is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A rectangle: left, top, width and height.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// A drawing in the making. Places are in its own units, of which a wide screen shows one a pixel.
pub(super) struct Drawing {
    id: &'static str,
    width: f64,
    height: f64,
    title: String,
    description: String,
    body: String,
}

impl Drawing {
    /// An empty one; `description` says in words what is to be seen.
    pub(super) fn new(
        id: &'static str,
        (width, height): (f64, f64),
        title: &str,
        description: &str,
    ) -> Self {
        Self {
            id,
            width,
            height,
            title: escape(title),
            description: escape(description),
            body: String::new(),
        }
    }

    /// A filled rectangle that says `note` when pointed at.
    pub(super) fn rectangle(&mut self, class: &str, area: Area, note: &str) {
        let [x, y, width, height] = [
            area.left,
            area.top,
            area.width.max(0.0),
            area.height.max(0.0),
        ]
        .map(length);
        let note = escape(note);
        self.body.push_str(&format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"><title>{note}</title></rect>\n"
        ));
    }

    /// A straight line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(length);
        self.body.push_str(&format!(
            "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>\n"
        ));
    }

    /// A line through points.
    pub(super) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let places: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{},{}", length(*x), length(*y)))
            .collect();
        self.body.push_str(&format!(
            "<polyline class=\"{class}\" points=\"{}\"/>\n",
            places.join(" ")
        ));
    }

    /// Words.
    pub(super) fn text(&mut self, class: &str, anchor: Anchor, (x, y): (f64, f64), words: &str) {
        let ([x, y], anchor, words) = ([x, y].map(length), anchor.name(), escape(words));
        self.body.push_str(&format!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{words}</text>\n"
        ));
    }

    /// An axis under `plot`, with what it measures.
    pub(super) fn axis_below(&mut self, plot: Area, ticks: &[Tick], name: &str) {
        let bottom = plot.bottom();
        for tick in ticks {
            self.line("tick", (tick.at, bottom), (tick.at, bottom + 5.0));
            self.text(
                "label",
                Anchor::Middle,
                (tick.at, bottom + 22.0),
                &tick.label,
            );
        }
        self.line("axis", (plot.left, bottom), (plot.right(), bottom));
        let middle = plot.left + plot.width / 2.0;
        self.text("label", Anchor::Middle, (middle, bottom + 46.0), name);
    }

    /// An axis to the left of `plot`, with lines across; what it measures stands above it.
    pub(super) fn axis_left(&mut self, plot: Area, ticks: &[Tick], name: &str) {
        for tick in ticks {
            self.line("grid", (plot.left, tick.at), (plot.right(), tick.at));
            self.text(
                "label",
                Anchor::End,
                (plot.left - 8.0, tick.at + 4.5),
                &tick.label,
            );
        }
        self.text("label", Anchor::Start, (4.0, plot.top - 14.0), name);
    }

    /// For the page, whose style it takes.
    pub(super) fn inline(self) -> String {
        self.written("")
    }

    /// A file of its own.
    pub(super) fn standalone(self, style: &str) -> String {
        let [width, height] = [self.width, self.height].map(length);
        let paper = format!(
            "<rect class=\"paper\" x=\"0\" y=\"0\" width=\"{width}\" height=\"{height}\"/>"
        );
        let body = format!("<style>{style}</style>\n{paper}\n{}", self.body);
        let attributes = format!(" xmlns=\"{NAMESPACE}\" width=\"{width}\" height=\"{height}\"");
        Self { body, ..self }.written(&attributes)
    }

    fn written(self, attributes: &str) -> String {
        let (id, [width, height]) = (self.id, [self.width, self.height].map(length));
        format!(
            "<svg{attributes} class=\"chart\" role=\"img\" viewBox=\"0 0 {width} {height}\" aria-labelledby=\"{id}-title {id}-description\">\n<title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-description\">{}</desc>\n{}</svg>\n",
            self.title, self.description, self.body
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing() -> Drawing {
        let mut drawing = Drawing::new("d", (100.0, 50.0), "a < b", "c & d");
        let area = Area {
            left: f64::NAN,
            top: 0.0,
            width: -3.0,
            height: f64::INFINITY,
        };
        drawing.rectangle("for", area, "\"note\"");
        drawing.text("label", Anchor::End, (1.0, 2.0), "<script>");
        drawing.path("for", &[(0.0, 1.25), (f64::NAN, 2.0)]);
        drawing
    }

    #[test]
    fn text_is_escaped_and_numbers_are_numbers() {
        let svg = drawing().inline();
        for part in [
            "a &lt; b",
            "c &amp; d",
            "&quot;note&quot;",
            "&lt;script&gt;",
        ] {
            assert!(svg.contains(part), "{part}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf") && !svg.contains("=\"-3"));
    }

    #[test]
    fn only_a_file_of_its_own_names_its_format() {
        assert!(!drawing().inline().contains("http"));
        let file = drawing().standalone("rect{fill:red}");
        assert_eq!(file.matches("http").count(), 1);
        assert!(file.contains("<style>rect{fill:red}</style>"));
        assert!(file.contains("role=\"img\"") && file.contains("d-description"));
    }
}

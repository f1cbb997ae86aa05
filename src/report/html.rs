//! Pieces of the page: text made harmless, tables with bars in them, sections.

use super::number::{length, tame_share};

/// `text` with everything escaped that HTML or XML could take for its own. Control characters, which
/// XML does not have, become replacement characters.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// A paragraph.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// The sentence under a chart that says how to read it.
pub(super) fn reading(text: &str) -> String {
    format!(
        "<p class=\"reading\"><b>How to read it.</b> {}</p>\n",
        escape(text)
    )
}

/// A section of the page: its anchor, its heading, and what is in it, which is HTML already.
pub(super) fn section(anchor: &str, heading: &str, body: &str) -> String {
    let heading = escape(heading);
    format!(
        "<section id=\"{anchor}\" aria-labelledby=\"{anchor}-heading\">\n<h2 id=\"{anchor}-heading\">{heading}</h2>\n{body}</section>\n"
    )
}

/// HTML that is folded away until asked for.
pub(super) fn folded(summary: &str, body: &str) -> String {
    format!(
        "<details><summary>{}</summary>\n{body}</details>\n",
        escape(summary)
    )
}

/// A colour with a name, as the style sheet knows it.
pub(super) type Colour = &'static str;

/// What the colours of a chart mean.
pub(super) fn legend(entries: &[(Colour, &str)]) -> String {
    let items: String = entries
        .iter()
        .map(|(colour, name)| {
            let name = escape(name);
            format!("<li><span class=\"swatch {colour}\" aria-hidden=\"true\"></span>{name}</li>")
        })
        .collect();
    format!("<ul class=\"legend\">{items}</ul>\n")
}

/// A bar in a table.
pub(super) enum Bar {
    /// From the left: colour and share of the column.
    Plain(Colour, f64),
    /// From the middle: to the left below nought, to the right above; at most one either way.
    FromMiddle(f64),
    /// No bar, since the count is not told or there is none.
    Nothing,
}

impl Bar {
    /// As long as `part` is of `most`; nothing when the part is not told.
    pub(super) fn of(colour: Colour, part: Option<u64>, most: u64) -> Self {
        match part {
            Some(part) if part > 0 => Self::Plain(colour, part as f64 / most.max(1) as f64),
            _ => Self::Nothing,
        }
    }

    fn html(&self) -> String {
        match self {
            Self::Plain(colour, share) => bar(colour, *share),
            Self::FromMiddle(value) if *value < 0.0 => middle(&bar("against", -value), ""),
            Self::FromMiddle(value) => middle("", &bar("for", *value)),
            Self::Nothing => String::new(),
        }
    }
}

fn bar(colour: &str, share: f64) -> String {
    let width = length(tame_share(share) * 100.0);
    format!("<span class=\"bar {colour}\" style=\"width:{width}%\" aria-hidden=\"true\"></span>")
}

fn middle(left: &str, right: &str) -> String {
    format!(
        "<span class=\"middle\"><span class=\"half\">{left}</span><span class=\"half\">{right}</span></span>"
    )
}

/// A column of a table, with its heading.
pub(super) enum Column<'a> {
    /// What the row is about.
    Name(&'a str),
    /// Numbers, aligned right.
    Number(&'a str),
    /// Bars.
    Bar(&'a str),
    /// Marks, centred.
    Mark(&'a str),
}

impl Column<'_> {
    fn class_and_heading(&self) -> (&'static str, &str) {
        match self {
            Self::Name(heading) => ("name", heading),
            Self::Number(heading) => ("number", heading),
            Self::Bar(heading) => ("drawn", heading),
            Self::Mark(heading) => ("mark", heading),
        }
    }
}

/// What stands in a cell.
pub(super) enum Cell {
    /// Words or a number.
    Text(String),
    /// Bars.
    Bar(Bar),
    /// A mark with the words for those who cannot see it.
    Mark(char, &'static str),
    /// A number on a ground as dark as its share.
    Shaded(String, f64),
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::Text(text.to_string())
    }
}

/// A table with a caption.
pub(super) struct Table<'a> {
    caption: &'a str,
    columns: Vec<Column<'a>>,
    rows: String,
}

impl<'a> Table<'a> {
    pub(super) fn new(caption: &'a str, columns: impl IntoIterator<Item = Column<'a>>) -> Self {
        Self {
            caption,
            columns: columns.into_iter().collect(),
            rows: String::new(),
        }
    }

    /// Adds a row, one cell a column.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push_str("<tr>");
        for (column, cell) in self.columns.iter().zip(cells) {
            self.rows.push_str(&cell_html(column, &cell));
        }
        self.rows.push_str("</tr>\n");
    }

    /// The table. It scrolls by itself where the screen is too narrow for it.
    pub(super) fn html(self) -> String {
        let caption = escape(self.caption);
        let head: String = self
            .columns
            .iter()
            .map(|column| {
                let (class, heading) = column.class_and_heading();
                format!(
                    "<th scope=\"col\" class=\"{class}\">{}</th>",
                    escape(heading)
                )
            })
            .collect();
        format!(
            "<div class=\"wide\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\"><table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
            self.rows
        )
    }
}

fn cell_html(column: &Column<'_>, cell: &Cell) -> String {
    let (class, _) = column.class_and_heading();
    match (column, cell) {
        (Column::Name(_), Cell::Text(text)) => {
            format!("<th scope=\"row\">{}</th>", escape(text))
        }
        (_, Cell::Text(text)) => format!("<td class=\"{class}\">{}</td>", escape(text)),
        (_, Cell::Bar(bar)) => format!("<td class=\"{class}\">{}</td>", bar.html()),
        (_, Cell::Mark(mark, words)) => format!(
            "<td class=\"{class}\"><span aria-hidden=\"true\">{mark}</span><span class=\"spoken\">{words}</span></td>"
        ),
        (_, Cell::Shaded(text, share)) => {
            let percent = length(tame_share(*share) * 45.0);
            let text = escape(text);
            format!("<td class=\"{class} shaded\" style=\"--share:{percent}%\">{text}</td>")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_through_as_markup() {
        assert_eq!(
            escape("<b a=\"1\" c='2'>&\u{0}\n"),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;\u{fffd} "
        );
        let mut table = Table::new("<i>", [Column::Name("<u>"), Column::Number("n")]);
        table.row(["<script>".into(), 3.into()]);
        let html = table.html() + &paragraph("<p>") + &reading("<q>") + &section("a", "<h>", "");
        for raw in ["<i>", "<u>", "<script>", "<p><p>", "<q>", "<h>"] {
            assert!(!html.contains(raw), "{raw}");
        }
    }

    #[test]
    fn bars_stay_inside_their_cell() {
        assert!(Bar::Plain("linked", 7.0).html().contains("width:100%"));
        assert!(Bar::Plain("linked", f64::NAN).html().contains("width:0%"));
        assert!(Bar::FromMiddle(-0.5).html().contains("against"));
        assert!(Bar::of("linked", None, 5).html().is_empty());
        assert!(Bar::of("linked", Some(0), 0).html().is_empty());
    }
}

//! The page around the charts.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::escape::{Escaped, json_for_script};
use crate::figure::Figure;
use crate::table::Table;

const STYLE: &str = include_str!("style.css");
/// A browser loads and runs nothing for the page but its own style, and complains about whatever tries to.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

enum Block {
    Text(String),
    Code(String),
    Figure(Figure),
    Row(Vec<Figure>),
    Table(String, Table),
    Folded(String, Table),
}

/// A part of a report under its own heading.
pub struct Section {
    title: String,
    blocks: Vec<Block>,
}

impl Section {
    /// An empty section.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), blocks: Vec::new() }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Text(text.into()));
        self
    }

    /// Adds a text that keeps its lines and spaces, such as a command.
    #[must_use]
    pub fn code(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Code(text.into()));
        self
    }

    /// Adds a chart of any kind.
    #[must_use]
    pub fn chart(mut self, chart: impl Into<Figure>) -> Self {
        self.blocks.push(Block::Figure(chart.into()));
        self
    }

    /// Adds charts that stand beside each other where the page is wide enough.
    #[must_use]
    pub fn charts<F: Into<Figure>>(mut self, charts: impl IntoIterator<Item = F>) -> Self {
        self.blocks.push(Block::Row(charts.into_iter().map(Into::into).collect()));
        self
    }

    /// Adds a table that unfolds.
    #[must_use]
    pub fn folded(mut self, caption: impl Into<String>, table: Table) -> Self {
        self.blocks.push(Block::Folded(caption.into(), table));
        self
    }

    /// Adds a table under a caption.
    #[must_use]
    pub fn table(mut self, caption: impl Into<String>, table: Table) -> Self {
        self.blocks.push(Block::Table(caption.into(), table));
        self
    }

    fn write_html(&self, number: usize, out: &mut String) {
        let _ = write!(out, "<section id=\"s{number}\"><h2>{}</h2>", Escaped(&self.title));
        for block in &self.blocks {
            match block {
                Block::Text(text) => drop(write!(out, "<p>{}</p>", Escaped(text))),
                Block::Code(text) => {
                    out.push_str("<pre>");
                    for line in text.lines() {
                        let _ = writeln!(out, "{}", Escaped(line));
                    }
                    out.push_str("</pre>");
                }
                Block::Figure(figure) => figure.write_html(out),
                Block::Row(figures) => {
                    out.push_str("<div class=\"row\">");
                    figures.iter().for_each(|figure| figure.write_html(out));
                    out.push_str("</div>");
                }
                Block::Folded(caption, table) => {
                    let _ = write!(out, "<details><summary>{}</summary>", Escaped(caption));
                    table.write_html(out);
                    out.push_str("</details>");
                }
                Block::Table(caption, table) => {
                    let _ = write!(out, "<h3>{}</h3>", Escaped(caption));
                    table.write_html(out);
                }
            }
        }
        out.push_str("</section>");
    }
}

/// Why a report was not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the report {}: {source}; choose a folder that you may write to", path.display())]
pub struct ReportError {
    path: PathBuf,
    source: std::io::Error,
}

/// A page.
pub struct Report {
    title: String,
    lead: String,
    facts: Vec<(String, String)>,
    contents: bool,
    sections: Vec<Section>,
    data: serde_json::Value,
}

impl Report {
    /// An empty report.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            lead: String::new(),
            facts: Vec::new(),
            contents: false,
            sections: Vec::new(),
            data: serde_json::Value::Null,
        }
    }

    /// The sentence under the title.
    #[must_use]
    pub fn lead(mut self, text: impl Into<String>) -> Self {
        self.lead = text.into();
        self
    }

    /// A fact that a reader should see first, such as a digest or a ratio.
    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.push((name.into(), value.into()));
        self
    }

    /// Lists the sections at the top, for pages that nobody reads from end to end.
    #[must_use]
    pub fn with_contents(mut self) -> Self {
        self.contents = true;
        self
    }

    /// Adds a section.
    #[must_use]
    pub fn with(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// Further data for programs, beside that of the charts.
    #[must_use]
    pub fn data(mut self, data: serde_json::Value) -> Self {
        self.data = data;
        self
    }

    /// The whole page.
    #[must_use]
    pub fn html(&self) -> String {
        let mut out = String::new();
        let title = Escaped(&self.title);
        let _ = write!(
            out,
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>"
        );
        if !self.lead.is_empty() {
            let _ = write!(out, "<p class=\"lead\">{}</p>", Escaped(&self.lead));
        }
        self.write_facts(&mut out);
        if self.contents {
            self.write_contents(&mut out);
        }
        for (index, section) in self.sections.iter().enumerate() {
            section.write_html(index + 1, &mut out);
        }
        let _ = write!(
            out,
            "</main><script type=\"application/json\" id=\"data\">{}</script></body></html>",
            json_for_script(&self.json())
        );
        out
    }

    fn write_contents(&self, out: &mut String) {
        out.push_str("<nav aria-label=\"Contents\"><ol>");
        for (index, section) in self.sections.iter().enumerate() {
            let _ = write!(out, "<li><a href=\"#s{}\">{}</a></li>", index + 1, Escaped(&section.title));
        }
        out.push_str("</ol></nav>");
    }

    fn write_facts(&self, out: &mut String) {
        if self.facts.is_empty() {
            return;
        }
        out.push_str("<dl class=\"facts\">");
        for (name, value) in &self.facts {
            let _ = write!(out, "<div><dt>{}</dt><dd>{}</dd></div>", Escaped(name), Escaped(value));
        }
        out.push_str("</dl>");
    }

    fn json(&self) -> serde_json::Value {
        let charts = self.sections.iter().flat_map(|s| &s.blocks).flat_map(|block| match block {
            Block::Figure(figure) => std::slice::from_ref(figure),
            Block::Row(figures) => figures,
            _ => &[],
        });
        let charts = charts.map(Figure::json);
        serde_json::json!({ "v": 1, "title": self.title, "charts": charts.collect::<Vec<_>>(), "data": self.data })
    }

    /// Writes the page beside `path` and renames it, so that a reader never sees half of it.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write_atomic(&self, path: &Path) -> Result<(), ReportError> {
        let fail = |source| ReportError { path: path.to_owned(), source };
        let part = path.with_extension("html.part");
        let write = || -> std::io::Result<()> {
            let mut file = std::fs::File::create(&part)?;
            file.write_all(self.html().as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&part, path)
        };
        write().map_err(|error| {
            drop(std::fs::remove_file(&part));
            fail(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Align, Chart, Series};

    fn sample() -> Report {
        let mut table = Table::new([("who", Align::Left)]);
        table.push(["</script><script>alert(1)</script>"]);
        Report::new("Run <1>")
            .lead("lead & more")
            .fact("digest", "abc")
            .data(serde_json::json!({ "x": "</script>" }))
            .with(
                Section::new("Loss")
                    .text("text")
                    .chart(
                        Chart::lines("loss", "window", "nats")
                            .with(Series::new("<b>", vec![(0.0, 1.0), (1.0, 0.5)])),
                    )
                    .table("rejected", table),
            )
    }

    #[test]
    fn nothing_of_a_stranger_becomes_markup() {
        let html = sample().html();
        assert_eq!(html.matches("<script").count(), 1);
        assert_eq!(html.matches("</script>").count(), 1);
        assert!(!html.contains("<b>") && !html.contains("alert(1)</script>"));
    }

    #[test]
    fn the_page_needs_nothing_from_outside() {
        let html = sample().html();
        for outside in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
    }

    #[test]
    fn the_data_of_every_chart_can_be_read_back() {
        let html = sample().html();
        let json = html.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
        let data: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(data["charts"][0]["series"][0]["points"][1][1], 0.5);
        assert_eq!(data["data"]["x"], "</script>");
    }

    #[test]
    fn charts_in_a_row_are_in_the_data_too() {
        let chart = |n: f64| Chart::lines("row", "x", "y").with(Series::new("a", vec![(0.0, n)]));
        let html = Report::new("Rows").with(Section::new("s").charts([chart(1.0), chart(2.0)])).html();
        assert_eq!(html.matches("<figure>").count(), 2);
        assert_eq!(html.matches("\"title\":\"row\"").count(), 2);
    }

    #[test]
    fn contents_lead_to_every_section() {
        let html = sample().with(Section::new("More").code("a  b\n<c>")).with_contents().html();
        for number in 1..=2 {
            assert!(
                html.contains(&format!("href=\"#s{number}\"")) && html.contains(&format!("id=\"s{number}\""))
            );
        }
        assert!(html.contains("<pre>a  b\n&lt;c&gt;\n</pre>"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = sample().write_atomic(Path::new("/no/such/folder/report.html")).unwrap_err();
        assert!(error.to_string().contains("/no/such/folder/report.html"));
    }
}

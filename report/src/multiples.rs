//! Many small charts with common axes.

use std::fmt::Write;

use crate::axis::Axis;
use crate::chart::Series;
use crate::escape::Escaped;
use crate::number::{Px, path, short};
use crate::palette::look_of_few;
use crate::table::{Align, Table};

const WIDTH: f64 = 1_000.0;
const LEFT: f64 = 118.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 34.0;
const GAP: f64 = 14.0;
const PANEL_HEIGHT: f64 = 74.0;
/// A panel alone in its row is not drawn wider than this.
const PANEL_WIDTH_MAX: f64 = 240.0;

#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: String,
    range: Option<(f64, f64)>,
    panels: Vec<Vec<Series>>,
}

/// Panels in rows and columns. All share the x axis, those of a row the y axis; a series has the same look in
/// every panel, and the names stand in one legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Multiples {
    title: String,
    x: String,
    columns: Vec<String>,
    rows: Vec<Row>,
}

impl Multiples {
    /// An empty grid with these column names.
    #[must_use]
    pub fn new<S: Into<String>>(
        title: impl Into<String>,
        x: impl Into<String>,
        columns: impl IntoIterator<Item = S>,
    ) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { title: title.into(), x: x.into(), columns, rows: Vec::new() }
    }

    /// Adds a row of panels, one for each column; missing ones stay empty, further ones are dropped. Without a
    /// `range` the y axis covers the row's values.
    #[must_use]
    pub fn row(
        mut self,
        name: impl Into<String>,
        range: Option<(f64, f64)>,
        panels: impl IntoIterator<Item = Vec<Series>>,
    ) -> Self {
        let mut panels: Vec<Vec<Series>> = panels.into_iter().collect();
        panels.resize(self.columns.len(), Vec::new());
        self.rows.push(Row { name: name.into(), range, panels });
        self
    }

    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let rows: Vec<serde_json::Value> = self.rows.iter().map(|row| self.row_json(row)).collect();
        serde_json::json!({ "title": self.title, "x": self.x, "rows": rows })
    }

    fn row_json(&self, row: &Row) -> serde_json::Value {
        let rounded = |v: f64| if v.is_finite() { Some((v * 1e4).round() / 1e4) } else { None };
        let series = |s: &Series| {
            let values: Vec<Option<f64>> = s.points().iter().map(|p| rounded(p.1)).collect();
            serde_json::json!({ "name": s.name(), "y": values })
        };
        let panels: Vec<Vec<serde_json::Value>> = row
            .panels
            .iter()
            .map(|panel| panel.iter().filter(|s| !s.points().is_empty()).map(series).collect())
            .collect();
        serde_json::json!({ "name": row.name, "panels": panels })
    }

    /// A table for each row: a line for each x, a column for each panel's series.
    pub(crate) fn tables(&self) -> Vec<(String, Table)> {
        self.rows.iter().map(|row| (row.name.clone(), self.table_of(row))).collect()
    }

    fn table_of(&self, row: &Row) -> Table {
        let drawn = |series: &&Series| !series.points().is_empty();
        let pairs = || {
            let columns = self.columns.iter().zip(&row.panels);
            columns.flat_map(move |(column, panel)| panel.iter().filter(drawn).map(move |s| (column, s)))
        };
        let names = pairs().map(|(column, series)| format!("{column} {}", series.name()).trim().to_owned());
        let head = std::iter::once(self.x.clone()).chain(names);
        let mut table = Table::new(head.map(|name| (name, Align::Right)));
        let longest = pairs().map(|(_, s)| s.points()).max_by_key(|points| points.len()).unwrap_or_default();
        for (index, (x, _)) in longest.iter().enumerate() {
            let cell = |(_, series): (&String, &Series)| match series.points().get(index) {
                Some((_, y)) if y.is_finite() => short(*y),
                _ => String::new(),
            };
            table.push(std::iter::once(short(*x)).chain(pairs().map(cell)));
        }
        table
    }

    pub(crate) fn write_svg(&self, out: &mut String) {
        let height = TOP + BOTTOM + self.rows.len() as f64 * (PANEL_HEIGHT + GAP) - GAP;
        let _ = write!(
            out,
            "<svg class=\"wide\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
            Escaped(&self.title)
        );
        self.write_legend(out);
        for (index, name) in self.columns.iter().enumerate() {
            let middle = self.left_of(index) + self.panel_width() / 2.0;
            let _ = write!(
                out,
                "<text class=\"head\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                Px(middle),
                TOP - 8.0,
                Escaped(name)
            );
        }
        let xs = self.rows.iter().flat_map(|row| row.panels.iter().flatten());
        let x = Axis::tight(xs.flat_map(|series| series.points().iter().map(|p| p.0)));
        for (index, row) in self.rows.iter().enumerate() {
            self.write_row(row, &x, TOP + index as f64 * (PANEL_HEIGHT + GAP), out);
        }
        self.write_x_axis(&x, height, out);
        out.push_str("</svg>");
    }

    fn panel_width(&self) -> f64 {
        let columns = self.columns.len().max(1) as f64;
        ((WIDTH - LEFT - RIGHT - GAP * (columns - 1.0)) / columns).min(PANEL_WIDTH_MAX)
    }

    fn left_of(&self, column: usize) -> f64 {
        LEFT + column as f64 * (self.panel_width() + GAP)
    }

    fn write_legend(&self, out: &mut String) {
        let names = self.rows.iter().flat_map(|row| &row.panels).max_by_key(|panel| panel.len());
        let mut x = LEFT;
        for (index, series) in names.into_iter().flatten().enumerate() {
            let (colour, dash) = look_of_few(index);
            let _ = write!(
                out,
                "<path d=\"M{0} 10H{1}\" stroke=\"{colour}\" stroke-width=\"2.5\" stroke-dasharray=\"{dash}\"/><text class=\"label\" x=\"{2}\" y=\"14\" fill=\"{colour}\">{3}</text>",
                Px(x),
                Px(x + 26.0),
                Px(x + 32.0),
                Escaped(series.name())
            );
            x += 52.0 + 7.5 * series.name().chars().count() as f64;
        }
    }

    fn write_row(&self, row: &Row, x: &Axis, top: f64, out: &mut String) {
        let values = row.panels.iter().flatten().flat_map(|series| series.points().iter().map(|p| p.1));
        let y = row.range.map_or_else(|| Axis::over(values, false), Axis::spanning);
        let lines = wrapped(&row.name, 15);
        for (index, line) in lines.iter().enumerate() {
            let _ = write!(
                out,
                "<text class=\"axis\" x=\"0\" y=\"{}\">{}</text>",
                Px(top + PANEL_HEIGHT / 2.0 + 14.0 * (index as f64 - lines.len() as f64 / 2.0) + 11.0),
                Escaped(line)
            );
        }
        for (label, at) in [(y.high, top + 10.0), (y.low, top + PANEL_HEIGHT)] {
            let _ = write!(
                out,
                "<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                Px(at),
                y.label(label)
            );
        }
        for (column, panel) in row.panels.iter().enumerate() {
            self.write_panel(panel, x, &y, (self.left_of(column), top), out);
        }
    }

    fn write_panel(&self, panel: &[Series], x: &Axis, y: &Axis, corner: (f64, f64), out: &mut String) {
        let (width, (left, top)) = (self.panel_width(), corner);
        let _ = write!(
            out,
            "<rect class=\"panel\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{PANEL_HEIGHT}\"/>",
            Px(left),
            Px(top),
            Px(width)
        );
        for (index, series) in panel.iter().enumerate() {
            let (colour, dash) = look_of_few(index);
            let pixel = |p: &(f64, f64)| {
                let (px, py) = (left + x.share(p.0) * width, top + (1.0 - y.share(p.1)) * PANEL_HEIGHT);
                (px.is_finite() && py.is_finite()).then_some((px, py))
            };
            let _ = write!(
                out,
                "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" stroke-dasharray=\"{dash}\"/>",
                path(series.points().iter().map(pixel))
            );
        }
    }

    fn write_x_axis(&self, x: &Axis, height: f64, out: &mut String) {
        let bottom = height - BOTTOM;
        for column in 0..self.columns.len() {
            let (left, width) = (self.left_of(column), self.panel_width());
            for (value, at, anchor) in [(x.low, left, "start"), (x.high, left + width, "end")] {
                let _ = write!(
                    out,
                    "<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                    Px(at),
                    Px(bottom + 15.0),
                    x.label(value)
                );
            }
            let _ = write!(
                out,
                "<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                Px(left + width / 2.0),
                Px(bottom + 15.0),
                Escaped(&self.x)
            );
        }
    }
}

/// Words in lines of at most `width` characters, unless a single word is longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str) -> Series {
        Series::new(name, vec![(0.0, 0.0), (1.0, 0.5), (2.0, 1.0)])
    }

    fn html(chart: Multiples) -> String {
        let mut out = String::new();
        crate::Figure::from(chart).write_html(&mut out);
        out
    }

    #[test]
    fn every_panel_has_its_lines_and_the_legend_each_name_once() {
        let panels = || vec![vec![line("A"), line("B")], vec![line("A"), line("B")]];
        let chart = Multiples::new("t", "epoch", ["one", "two"])
            .row("dividends", Some((0.0, 1.0)), panels())
            .row("bonds", None, panels());
        let html = html(chart);
        assert_eq!(html.matches("class=\"panel\"").count(), 4);
        assert_eq!(html.matches("<path").count(), 8 + 2);
        assert_eq!(html.matches("class=\"label\"").count(), 2);
        assert!(html.contains("<th scope=\"col\">two B</th>"));
        assert!(!html.contains("NaN"));
    }

    #[test]
    fn missing_panels_and_strange_values_draw_nothing_strange() {
        let strange = Series::new("s", vec![(0.0, f64::NAN), (1.0, f64::INFINITY)]);
        let html = html(Multiples::new("t", "x", ["a", "b"]).row("r", None, [vec![strange]]));
        assert_eq!(html.matches("class=\"panel\"").count(), 2);
        assert!(!html.contains("NaN") && !html.contains("inf"));
    }

    #[test]
    fn names_break_between_words() {
        assert_eq!(wrapped("bonds with server 1", 12), ["bonds with", "server 1"]);
        assert_eq!(wrapped("", 12), [""; 0]);
    }
}

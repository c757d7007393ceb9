//! Lines of equal value over a plane.

mod field;

use std::fmt::Write;

pub use field::{Field, FieldError};

use crate::axis::Axis;
use crate::escape::Escaped;
use crate::number::{Px, number, path, short};
use crate::palette::sequential;
use crate::table::{Align, Table};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 470.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 70.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 46.0;
/// A contour that is longer than this in points is shortened to every n-th in its table.
const TABLE_POINTS_MAX: usize = 60;

/// One level's line, which may consist of several pieces.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    name: String,
    level: f64,
    highlight: bool,
    pieces: Vec<Vec<(f64, f64)>>,
}

/// A contour chart. Lines are coloured by level from dark to light, and carry their names.
#[derive(Clone, Debug, PartialEq)]
pub struct Contours {
    title: String,
    x: String,
    y: String,
    x_range: (f64, f64),
    y_range: (f64, f64),
    lines: Vec<Line>,
}

impl Contours {
    /// An empty chart over a rectangle whose ends are finite and different.
    #[must_use]
    pub fn new(
        title: impl Into<String>,
        x: (impl Into<String>, f64, f64),
        y: (impl Into<String>, f64, f64),
    ) -> Self {
        Self {
            title: title.into(),
            x: x.0.into(),
            y: y.0.into(),
            x_range: (x.1, x.2),
            y_range: (y.1, y.2),
            lines: Vec::new(),
        }
    }

    /// Adds the contour of a field at a level. A level that the field never crosses has no line, and its name
    /// is in the data without points.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, field: &Field, level: f64) -> Self {
        let pieces = field.contour(level);
        self.lines.push(Line { name: name.into(), level, highlight: false, pieces });
        self
    }

    /// Like [`Contours::with`], drawn bold.
    #[must_use]
    pub fn with_highlight(self, name: impl Into<String>, field: &Field, level: f64) -> Self {
        let mut chart = self.with(name, field, level);
        if let Some(line) = chart.lines.last_mut() {
            line.highlight = true;
        }
        chart
    }

    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// The points of each line, a table for each.
    pub(crate) fn tables(&self) -> Vec<(String, Table)> {
        self.lines.iter().map(|line| (line.name.clone(), self.table_of(line))).collect()
    }

    fn table_of(&self, line: &Line) -> Table {
        let mut table = Table::new([(self.x.clone(), Align::Right), (self.y.clone(), Align::Right)]);
        let points: usize = line.pieces.iter().map(Vec::len).sum();
        let every = points.div_ceil(TABLE_POINTS_MAX).max(1);
        for piece in &line.pieces {
            let last = piece.len().saturating_sub(1);
            for (_, (x, y)) in piece.iter().enumerate().filter(|(i, _)| i % every == 0 || *i == last) {
                table.push([short(*x), short(*y)]);
            }
        }
        table
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let rounded = |v: f64| (v * 1e4).round() / 1e4;
        let point = |p: &(f64, f64)| [rounded(p.0), rounded(p.1)];
        let pieces = |line: &Line| {
            line.pieces.iter().map(|piece| piece.iter().map(point).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let lines = self
            .lines
            .iter()
            .map(|line| serde_json::json!({ "name": line.name, "level": line.level, "lines": pieces(line) }));
        serde_json::json!({ "title": self.title, "x": self.x, "y": self.y, "contours": lines.collect::<Vec<_>>() })
    }

    pub(crate) fn write_svg(&self, out: &mut String) {
        let _ = write!(
            out,
            "<svg class=\"square\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            Escaped(&self.title)
        );
        self.write_axes(out);
        let (low, high) = self.levels();
        for line in &self.lines {
            let colour = sequential((line.level - low) / (high - low).max(f64::MIN_POSITIVE));
            let width = if line.highlight { 3.5 } else { 1.8 };
            for piece in &line.pieces {
                let _ = write!(
                    out,
                    "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"><title>{}</title></path>",
                    path(piece.iter().map(|p| Some((self.px(p.0), self.py(p.1))))),
                    Escaped(&line.name)
                );
            }
        }
        self.write_labels(out);
        out.push_str("</svg>");
    }

    fn levels(&self) -> (f64, f64) {
        let fold = |f: fn(f64, f64) -> f64, from| self.lines.iter().map(|l| l.level).fold(from, f);
        (fold(f64::min, f64::INFINITY), fold(f64::max, f64::NEG_INFINITY))
    }

    fn write_axes(&self, out: &mut String) {
        let (x, y) = (Axis::spanning(self.x_range), Axis::spanning(self.y_range));
        for &tick in &y.ticks {
            let at = self.py(tick);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{2}\" y2=\"{2}\"/><text class=\"tick\" x=\"{}\" y=\"{3}\" text-anchor=\"end\">{4}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                Px(at),
                Px(at + 4.0),
                y.label(tick)
            );
        }
        for &tick in &x.ticks {
            let at = self.px(tick);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{0}\" x2=\"{0}\" y1=\"{TOP}\" y2=\"{1}\"/><text class=\"tick\" x=\"{0}\" y=\"{2}\" text-anchor=\"middle\">{3}</text>",
                Px(at),
                HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 18.0,
                x.label(tick)
            );
        }
        let _ = write!(
            out,
            "<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text><text class=\"axis\" transform=\"translate(14 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            (LEFT + WIDTH - RIGHT) / 2.0,
            HEIGHT - 8.0,
            Escaped(&self.x),
            (TOP + HEIGHT - BOTTOM) / 2.0,
            Escaped(&self.y)
        );
    }

    /// A name upon each line, at heights that alternate so that neighbours do not collide.
    fn write_labels(&self, out: &mut String) {
        const HEIGHTS: [f64; 3] = [0.15, 0.32, 0.5];
        for (index, line) in self.lines.iter().enumerate() {
            let Some(longest) = line.pieces.iter().max_by_key(|piece| piece.len()) else { continue };
            let share = HEIGHTS[index % HEIGHTS.len()];
            let at = (longest.len().saturating_sub(1)) as f64 * share;
            let Some((x, y)) = longest.get(at.round() as usize) else { continue };
            let _ = write!(
                out,
                "<text class=\"halo{}\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                if line.highlight { " bold" } else { "" },
                Px(self.px(*x).clamp(LEFT + 16.0, WIDTH - RIGHT)),
                Px((self.py(*y) + 4.0).clamp(TOP + 10.0, HEIGHT - BOTTOM - 4.0)),
                Escaped(&line.name)
            );
        }
    }

    fn px(&self, x: f64) -> f64 {
        let share = (x - self.x_range.0) / (self.x_range.1 - self.x_range.0);
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn py(&self, y: f64) -> f64 {
        let share = (y - self.y_range.0) / (self.y_range.1 - self.y_range.0);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }
}

/// A field as a table: a row for each y, a column for each x.
impl Field {
    /// The values as a table, the largest y first as in the drawing.
    #[must_use]
    pub fn table(&self, corner: &str) -> Table {
        let columns = std::iter::once(corner.to_owned()).chain(self.xs().iter().map(|x| number(*x)));
        let mut table = Table::new(columns.map(|name| (name, Align::Right)));
        for (row, y) in self.ys().iter().enumerate().rev() {
            table.push(std::iter::once(number(*y)).chain(self.row(row).iter().map(|v| short(*v))));
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope() -> Field {
        let at: Vec<f64> = (0..=10).map(|i| f64::from(i) / 10.0).collect();
        Field::from_fn(at.clone(), at, |x, _| x).unwrap()
    }

    fn html(chart: Contours) -> String {
        let mut out = String::new();
        crate::Figure::from(chart).write_html(&mut out);
        out
    }

    #[test]
    fn a_level_of_a_slope_is_an_upright_line() {
        let chart =
            Contours::new("t", ("x", 0.0, 1.0), ("y", 0.0, 1.0)).with_highlight("0.25", &slope(), 0.25);
        let html = html(chart);
        let path = html.split("<path d=\"").nth(1).unwrap().split('"').next().unwrap();
        let xs: Vec<&str> = path.split(['M', 'L']).filter_map(|p| p.split_whitespace().next()).collect();
        let expected = Px(LEFT + 0.25 * (WIDTH - LEFT - RIGHT)).to_string();
        assert!(xs.len() >= 2 && xs.iter().all(|x| *x == expected), "{path}");
        assert!(html.contains("<td>0.25</td>"));
    }

    #[test]
    fn a_level_beyond_the_field_draws_nothing() {
        let html = html(Contours::new("t", ("x", 0.0, 1.0), ("y", 0.0, 1.0)).with("3", &slope(), 3.0));
        assert!(!html.contains("<path") && html.contains("</svg>") && !html.contains("NaN"));
    }
}

//! Named bars to both sides of zero: who gains, who loses.

use std::fmt::Write;

use crate::axis::Axis;
use crate::escape::Escaped;
use crate::number::{Px, number};
use crate::palette::{GAIN, LOSS};
use crate::table::{Align, Table};

const WIDTH: f64 = 800.0;
const LEFT: f64 = 236.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 44.0;
const ROW_HEIGHT: f64 = 22.0;
/// More bars than this are in the table only.
const BARS_MAX: usize = 60;

/// Horizontal bars around zero; gains are blue to the right, losses orange to the left.
#[derive(Clone, Debug, PartialEq)]
pub struct Diverging {
    title: String,
    unit: String,
    bars: Vec<(String, f64)>,
}

impl Diverging {
    /// An empty chart of values in `unit`.
    #[must_use]
    pub fn new(title: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { title: title.into(), unit: unit.into(), bars: Vec::new() }
    }

    /// Adds a bar; a value that is not finite is listed without a bar. Bars stand in the order given.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: f64) -> Self {
        self.bars.push((name.into(), value));
        self
    }

    /// Adds several bars.
    #[must_use]
    pub fn with_all(mut self, bars: impl IntoIterator<Item = (String, f64)>) -> Self {
        self.bars.extend(bars);
        self
    }

    /// The numbers as a table.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut table = Table::new([("who".to_owned(), Align::Left), (self.unit.clone(), Align::Right)]);
        for (name, value) in &self.bars {
            table.push([name.clone(), if value.is_finite() { number(*value) } else { String::new() }]);
        }
        table
    }

    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let bars = self.bars.iter().map(|(name, value)| serde_json::json!({ "name": name, "value": value }));
        serde_json::json!({ "title": self.title, "unit": self.unit, "bars": bars.collect::<Vec<_>>() })
    }

    pub(crate) fn write_svg(&self, out: &mut String) {
        let bars = &self.bars[..self.bars.len().min(BARS_MAX)];
        let height = TOP + BOTTOM + ROW_HEIGHT * bars.len().max(1) as f64;
        let axis = Axis::over(bars.iter().map(|bar| bar.1), true);
        let _ = write!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
            Escaped(&self.title)
        );
        self.write_axis(&axis, height, out);
        for (row, (name, value)) in bars.iter().enumerate() {
            write_bar(&axis, row, name, *value, out);
        }
        out.push_str("</svg>");
        if self.bars.len() > BARS_MAX {
            let _ = write!(out, "<p>{} further bars are in the data.</p>", self.bars.len() - BARS_MAX);
        }
    }

    fn write_axis(&self, axis: &Axis, height: f64, out: &mut String) {
        let bottom = height - BOTTOM;
        for &tick in &axis.ticks {
            let (x, class) = (px(axis, tick), if tick == 0.0 { "zero" } else { "grid" });
            let _ = write!(
                out,
                "<line class=\"{class}\" x1=\"{0}\" x2=\"{0}\" y1=\"{TOP}\" y2=\"{bottom}\"/><text class=\"tick\" x=\"{0}\" y=\"{1}\" text-anchor=\"middle\">{2}</text>",
                Px(x),
                bottom + 16.0,
                axis.label(tick)
            );
        }
        let _ = write!(
            out,
            "<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            (LEFT + WIDTH - RIGHT) / 2.0,
            height - 8.0,
            Escaped(&self.unit)
        );
    }
}

fn px(axis: &Axis, value: f64) -> f64 {
    LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)
}

fn write_bar(axis: &Axis, row: usize, name: &str, value: f64, out: &mut String) {
    let y = TOP + ROW_HEIGHT * row as f64;
    let shown = shortened(name);
    let _ = write!(
        out,
        "<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
        LEFT - 10.0,
        Px(y + 15.0),
        Escaped(&shown)
    );
    if !value.is_finite() {
        return;
    }
    let (from, to) = (px(axis, value.min(0.0)), px(axis, value.max(0.0)));
    let (label_x, anchor) =
        if value < 0.0 && from - 60.0 > LEFT { (from - 6.0, "end") } else { (to + 6.0, "start") };
    let _ = write!(
        out,
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"><title>{}: {}</title></rect><text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
        Px(from),
        Px(y + 3.0),
        Px((to - from).max(1.0)),
        Px(ROW_HEIGHT - 6.0),
        if value < 0.0 { LOSS } else { GAIN },
        Escaped(name),
        number(value),
        Px(label_x),
        Px(y + 15.0),
        signed(value)
    );
}

fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", number(value)) } else { number(value) }
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(32) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(chart: &Diverging) -> String {
        let mut out = String::new();
        chart.write_svg(&mut out);
        out
    }

    #[test]
    fn gains_and_losses_have_different_colours_and_sides() {
        let svg = svg(&Diverging::new("t", "alpha").with("A", 2.0).with("B", -1.0));
        let x = |colour: &str| {
            let rect = svg.split("<rect").find(|rect| rect.contains(colour)).unwrap();
            rect.split('"').nth(1).unwrap().parse::<f64>().unwrap()
        };
        assert!(x(GAIN) > x(LOSS), "{svg}");
    }

    #[test]
    fn bars_beyond_the_bound_are_counted() {
        let chart = Diverging::new("t", "u").with_all((0..100).map(|i| (format!("uid {i}"), f64::from(i))));
        assert!(svg(&chart).contains("40 further bars"));
        assert_eq!(chart.table().len(), 100);
    }

    #[test]
    fn values_that_are_no_numbers_draw_no_bar() {
        let svg = svg(&Diverging::new("t", "u").with("a", f64::NAN).with("b", f64::INFINITY));
        assert!(!svg.contains("<rect") && !svg.contains("NaN"));
    }
}

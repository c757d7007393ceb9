//! Line and bar charts as inline SVG.

use std::fmt::Write;

use crate::axis::Axis;
use crate::escape::Escaped;
use crate::number::{Px, number, path};
use crate::palette::look;
use crate::table::{Align, Table};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 44.0;
/// Direct labels closer than this would overlap.
const LABEL_HEIGHT: f64 = 14.0;
/// Points of a chart that carry a tooltip; a chart of more is drawn without, and its table has the numbers.
const TOOLTIPS_MAX: usize = 600;
/// A line of more points than this would be hidden behind its dots; its table has the numbers.
const DOTS_MAX: usize = 48;
/// Larger numbers are no measurements, and differences of them are no numbers.
const VALUE_MAX: f64 = 1e100;

/// One line, or one colour of bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    name: String,
    points: Vec<(f64, f64)>,
    /// Lower and upper end at each x.
    band: Vec<(f64, f64, f64)>,
}

impl Series {
    /// Points `(x, y)` in ascending order of x; those that are not finite (or beyond 10¹⁰⁰) leave a gap.
    #[must_use]
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        let points = points.into_iter().map(|(x, y)| (sane(x), sane(y))).collect();
        Self { name: name.into(), points, band: Vec::new() }
    }

    /// A band `(x, low, high)` behind the line, such as a confidence interval, in ascending order of x. Bars have
    /// none.
    #[must_use]
    pub fn with_band(mut self, band: Vec<(f64, f64, f64)>) -> Self {
        self.band = band.into_iter().map(|(x, low, high)| (sane(x), sane(low), sane(high))).collect();
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    fn band_at(&self, x: f64) -> Option<(f64, f64)> {
        self.band.iter().find(|b| b.0 == x).map(|b| (b.1, b.2))
    }
}

fn sane(value: f64) -> f64 {
    if value.abs() <= VALUE_MAX { value } else { f64::NAN }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Lines,
    Bars,
}

/// A chart with its axes named.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    kind: Kind,
    title: String,
    x: String,
    y: String,
    from_zero: bool,
    series: Vec<Series>,
}

impl Chart {
    /// A line chart.
    #[must_use]
    pub fn lines(title: impl Into<String>, x: impl Into<String>, y: impl Into<String>) -> Self {
        let (title, x, y) = (title.into(), x.into(), y.into());
        Self { kind: Kind::Lines, title, x, y, from_zero: false, series: Vec::new() }
    }

    /// A chart of grouped bars; its values start at 0.
    #[must_use]
    pub fn bars(title: impl Into<String>, x: impl Into<String>, y: impl Into<String>) -> Self {
        Self { kind: Kind::Bars, from_zero: true, ..Self::lines(title, x, y) }
    }

    /// Starts the values at 0.
    #[must_use]
    pub fn from_zero(mut self) -> Self {
        self.from_zero = true;
        self
    }

    /// Adds a series.
    #[must_use]
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Adds several series.
    #[must_use]
    pub fn with_all(mut self, series: impl IntoIterator<Item = Series>) -> Self {
        self.series.extend(series);
        self
    }

    /// The numbers as a table: a row for each x, a column for each series, and two more for its band.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut names = vec![self.x.clone()];
        for series in &self.series {
            names.push(series.name.clone());
            if !series.band.is_empty() {
                names.extend([format!("{} from", series.name), format!("{} to", series.name)]);
            }
        }
        let mut table = Table::new(names.into_iter().map(|name| (name, Align::Right)));
        for x in self.xs() {
            table.push(std::iter::once(number(x)).chain(self.series.iter().flat_map(|s| cells(s, x))));
        }
        table
    }

    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let series = self.series.iter().map(|s| match s.band.is_empty() {
            true => serde_json::json!({ "name": s.name, "points": s.points }),
            false => serde_json::json!({ "name": s.name, "points": s.points, "band": s.band }),
        });
        serde_json::json!({ "title": self.title, "x": self.x, "y": self.y, "series": series.collect::<Vec<_>>() })
    }

    fn xs(&self) -> Vec<f64> {
        let mut xs: Vec<f64> = self.series.iter().flat_map(|s| &s.points).map(|p| p.0).collect();
        xs.extend(self.series.iter().flat_map(|s| &s.band).map(|b| b.0));
        xs.retain(|x| x.is_finite());
        xs.sort_by(f64::total_cmp);
        xs.dedup();
        xs
    }

    pub(crate) fn write_svg(&self, out: &mut String) {
        let ys = self.series.iter().flat_map(|s| &s.points).map(|p| p.1);
        let bands = self.series.iter().flat_map(|s| &s.band).flat_map(|b| [b.1, b.2]);
        let x = match self.kind {
            Kind::Lines => Axis::over(self.xs().into_iter(), false),
            Kind::Bars => Axis::slots(self.xs()),
        };
        let frame = Frame { x, y: Axis::over(ys.chain(bands), self.from_zero) };
        let _ = write!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            Escaped(&self.title)
        );
        self.write_axes(&frame, out);
        match self.kind {
            Kind::Lines => self.write_lines(&frame, out),
            Kind::Bars => self.write_bars(&frame, out),
        }
        self.write_labels(&frame, out);
        out.push_str("</svg>");
    }

    fn write_axes(&self, frame: &Frame, out: &mut String) {
        for &tick in &frame.y.ticks {
            let y = frame.py(tick);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                frame.y.label(tick)
            );
        }
        for &tick in &frame.x.ticks {
            let _ = write!(
                out,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                frame.px(tick),
                HEIGHT - BOTTOM + 18.0,
                frame.x.label(tick)
            );
        }
        let (middle_x, middle_y) = ((LEFT + WIDTH - RIGHT) / 2.0, (TOP + HEIGHT - BOTTOM) / 2.0);
        let _ = write!(
            out,
            "<text class=\"axis\" x=\"{middle_x}\" y=\"{}\" text-anchor=\"middle\">{}</text><text class=\"axis\" transform=\"translate(14 {middle_y}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 8.0,
            Escaped(&self.x),
            Escaped(&self.y)
        );
    }

    fn write_lines(&self, frame: &Frame, out: &mut String) {
        for (index, series) in self.series.iter().enumerate().filter(|(_, s)| !s.band.is_empty()) {
            let colour = look(index).0;
            let outline = frame.outline(&series.band);
            let _ = write!(out, "<path class=\"band\" d=\"{outline}\" fill=\"{colour}\" stroke=\"none\"/>");
        }
        let points: usize = self.series.iter().map(|series| series.points.len()).sum();
        for (index, series) in self.series.iter().enumerate() {
            let (colour, dash) = look(index);
            let _ = write!(
                out,
                "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-linejoin=\"round\" stroke-dasharray=\"{dash}\"/>",
                frame.path(&series.points)
            );
            if points <= TOOLTIPS_MAX && series.points.len() <= DOTS_MAX {
                self.write_dots(frame, series, colour, out);
            }
        }
    }

    fn write_dots(&self, frame: &Frame, series: &Series, colour: &str, out: &mut String) {
        for &(x, y) in series.points.iter().filter(|p| p.0.is_finite() && p.1.is_finite()) {
            let _ = write!(
                out,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"><title>{}: {} {}, {} {}</title></circle>",
                frame.px(x),
                frame.py(y),
                Escaped(&series.name),
                Escaped(&self.x),
                number(x),
                number(y),
                Escaped(&self.y)
            );
        }
    }

    fn write_bars(&self, frame: &Frame, out: &mut String) {
        let groups = self.xs().len().max(1) as f64;
        let group = (WIDTH - LEFT - RIGHT) / groups * 0.8;
        let width = group / self.series.len().max(1) as f64;
        for (index, series) in self.series.iter().enumerate() {
            let (colour, _) = look(index);
            for &(x, y) in series.points.iter().filter(|p| p.0.is_finite() && p.1.is_finite()) {
                let left = frame.px(x) - group / 2.0 + width * index as f64;
                let (top, bottom) = (frame.py(y.max(0.0)), frame.py(y.min(0.0)));
                let _ = write!(
                    out,
                    "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"><title>{}: {} {}, {} {}</title></rect>",
                    (width - 1.0).max(0.5),
                    (bottom - top).max(0.5),
                    Escaped(&series.name),
                    Escaped(&self.x),
                    number(x),
                    number(y),
                    Escaped(&self.y)
                );
            }
        }
    }

    /// Names beside the ends of lines, pushed apart where they would overlap.
    fn write_labels(&self, frame: &Frame, out: &mut String) {
        let mut labels: Vec<(f64, usize)> =
            self.series.iter().enumerate().map(|(i, s)| (self.label_height(frame, i, s), i)).collect();
        labels.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free_from = TOP;
        for (height, _) in &mut labels {
            *height = height.max(free_from);
            free_from = *height + LABEL_HEIGHT;
        }
        // A stack that would leave the picture at the bottom moves up as a whole.
        let excess = (free_from - HEIGHT).max(0.0);
        for (height, index) in labels {
            let _ = write!(
                out,
                "<text class=\"label\" x=\"{}\" y=\"{:.1}\" fill=\"{}\">{}</text>",
                WIDTH - RIGHT + 10.0,
                height - excess + 4.0,
                look(index).0,
                Escaped(&shortened(&self.series[index].name))
            );
        }
    }

    fn label_height(&self, frame: &Frame, index: usize, series: &Series) -> f64 {
        let last = series.points.iter().rev().find(|p| p.1.is_finite());
        match (self.kind, last) {
            (Kind::Lines, Some(point)) => frame.py(point.1),
            _ => TOP + LABEL_HEIGHT * index as f64,
        }
    }
}

/// Data coordinates to pixels.
struct Frame {
    x: Axis,
    y: Axis,
}

impl Frame {
    fn px(&self, x: f64) -> f64 {
        LEFT + self.x.share(x) * (WIDTH - LEFT - RIGHT)
    }

    fn py(&self, y: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.share(y) * (HEIGHT - TOP - BOTTOM)
    }

    fn path(&self, points: &[(f64, f64)]) -> String {
        path(points.iter().map(|&(x, y)| {
            let drawn = x.is_finite() && y.is_finite();
            drawn.then(|| (self.px(x), self.py(y)))
        }))
    }

    /// A band's outline: along its upper ends, and back along its lower ones.
    fn outline(&self, band: &[(f64, f64, f64)]) -> String {
        let drawn: Vec<_> = band.iter().filter(|b| b.0.is_finite() && (b.1 + b.2).is_finite()).collect();
        let upper = drawn.iter().map(|b| (b.0, b.2));
        let lower = drawn.iter().rev().map(|b| (b.0, b.1));
        let mut outline = String::new();
        for (index, (x, y)) in upper.chain(lower).enumerate() {
            let stroke = if index == 0 { 'M' } else { 'L' };
            let _ = write!(outline, "{stroke}{} {}", Px(self.px(x)), Px(self.py(y)));
        }
        outline.push('Z');
        outline
    }
}

/// A series' cells of one row: its value, and the ends of its band if it has one.
fn cells(series: &Series, x: f64) -> Vec<String> {
    let shown = |value: f64| if value.is_finite() { number(value) } else { String::new() };
    let value = series.points.iter().find(|p| p.0 == x).map_or(f64::NAN, |p| p.1);
    if series.band.is_empty() {
        return vec![shown(value)];
    }
    let (low, high) = series.band_at(x).unwrap_or((f64::NAN, f64::NAN));
    vec![shown(value), shown(low), shown(high)]
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(20) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(chart: Chart) -> String {
        let mut out = String::new();
        crate::Figure::from(chart).write_html(&mut out);
        out
    }

    #[test]
    fn gaps_break_the_line() {
        let chart = Chart::lines("t", "x", "y")
            .with(Series::new("a", vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, 2.0), (3.0, 1.0)]));
        let html = html(chart);
        let path = html.split("<path d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert_eq!(path.matches('L').count(), 1, "{path}");
        assert!(!html.contains("NaN"));
    }

    #[test]
    fn an_empty_chart_is_still_a_chart() {
        for chart in [Chart::lines("t", "x", "y"), Chart::bars("t", "x", "y").with(Series::new("a", vec![]))]
        {
            let html = html(chart);
            assert!(html.contains("</svg>") && !html.contains("NaN") && !html.contains("inf"));
        }
    }

    #[test]
    fn a_band_lies_behind_its_line_and_is_in_the_table() {
        let series = Series::new("a", vec![(0.0, 1.0), (1.0, 2.0)]).with_band(vec![
            (0.0, 0.5, 1.5),
            (1.0, 1.0, f64::NAN),
            (2.0, 1.0, 3.0),
        ]);
        let html = html(Chart::lines("t", "x", "y").with(series));
        let band = html.split("class=\"band\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(band.matches(['M', 'L']).count(), 4, "{band}");
        assert!(html.contains("a from") && html.contains(">1.5<") && !html.contains("NaN"));
    }
}

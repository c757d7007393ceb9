//! What every kind of chart has in common: a caption, a drawing, and its data.

use std::fmt::Write;

use crate::chart::Chart;
use crate::contour::Contours;
use crate::diverging::Diverging;
use crate::escape::Escaped;
use crate::multiples::Multiples;
use crate::table::Table;

/// Any chart that a section holds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Figure {
    /// Lines, with bands where a series has them, or bars.
    Chart(Chart),
    /// Lines of equal value over a plane.
    Contours(Contours),
    /// Many small charts with common axes.
    Multiples(Multiples),
    /// Named bars to both sides of zero.
    Diverging(Diverging),
}

macro_rules! from {
    ($($kind:ident),*) => {
        $(impl From<$kind> for Figure {
            fn from(figure: $kind) -> Self {
                Self::$kind(figure)
            }
        })*
    };
}
from!(Chart, Contours, Multiples, Diverging);

impl Figure {
    pub(crate) fn json(&self) -> serde_json::Value {
        match self {
            Self::Chart(figure) => figure.json(),
            Self::Contours(figure) => figure.json(),
            Self::Multiples(figure) => figure.json(),
            Self::Diverging(figure) => figure.json(),
        }
    }

    pub(crate) fn write_html(&self, out: &mut String) {
        let _ = write!(out, "<figure><figcaption>{}</figcaption>", Escaped(self.title()));
        self.write_svg(out);
        out.push_str("<details><summary>Data</summary>");
        for (caption, table) in self.tables() {
            if !caption.is_empty() {
                let _ = write!(out, "<h4>{}</h4>", Escaped(&caption));
            }
            table.write_html(out);
        }
        out.push_str("</details></figure>");
    }

    fn title(&self) -> &str {
        match self {
            Self::Chart(figure) => figure.title(),
            Self::Contours(figure) => figure.title(),
            Self::Multiples(figure) => figure.title(),
            Self::Diverging(figure) => figure.title(),
        }
    }

    fn write_svg(&self, out: &mut String) {
        match self {
            Self::Chart(figure) => figure.write_svg(out),
            Self::Contours(figure) => figure.write_svg(out),
            Self::Multiples(figure) => figure.write_svg(out),
            Self::Diverging(figure) => figure.write_svg(out),
        }
    }

    /// Tables of the data, each with a caption that may be empty.
    fn tables(&self) -> Vec<(String, Table)> {
        match self {
            Self::Chart(figure) => vec![(String::new(), figure.table())],
            Self::Contours(figure) => figure.tables(),
            Self::Multiples(figure) => figure.tables(),
            Self::Diverging(figure) => vec![(String::new(), figure.table())],
        }
    }
}

//! Large and strange reports stay small, whole and self-contained.

use sn3_report::{Align, Chart, Report, Section, Series, Table};

/// Largest page in bytes that still opens at once on a telephone.
const BYTES_MAX: usize = 2 << 20;

/// A run of 200 windows with 16 miners, six charts and a table of verdicts.
fn large() -> Report {
    let line = |uid: u32, scale: f64| {
        let points = (0..200).map(|w| (f64::from(w), scale / (f64::from(w + uid) + 1.7))).collect();
        Series::new(format!("uid {uid}"), points)
    };
    let chart = |n: u32| {
        Chart::lines(format!("chart {n}"), "window", "value").with_all((0..16).map(|u| line(u, f64::from(n))))
    };
    let mut table = Table::new([("uid", Align::Right), ("reason", Align::Left)]);
    for uid in 0..2000 {
        table.push([uid.to_string(), "no submission at the deadline".to_owned()]);
    }
    let section = (1..=6).fold(Section::new("Everything"), |section, n| section.chart(chart(n)));
    Report::new("Large").with(section.table("Verdicts", table))
}

#[test]
fn a_long_run_fits_into_two_megabytes() {
    let html = large().html();
    assert!(html.len() <= BYTES_MAX, "{} bytes", html.len());
    for outside in ["http:", "https:", "url(", "@import", "<img", "<link", "<iframe", "src="] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn every_element_that_opens_closes() {
    let html = large().html();
    for element in
        ["section", "figure", "svg", "details", "table", "text", "main", "html", "title", "thead", "tr", "td"]
    {
        let opened =
            html.matches(&format!("<{element} ")).count() + html.matches(&format!("<{element}>")).count();
        assert_eq!(opened, html.matches(&format!("</{element}>")).count(), "{element}");
    }
}

#[test]
fn strange_numbers_and_names_draw_nothing_strange() {
    let points =
        vec![(f64::NAN, 1.0), (0.0, f64::INFINITY), (1.0, f64::NEG_INFINITY), (2.0, 1e308), (3.0, -1e308)];
    let hostile = "</text><script>alert('x')</script>\u{0}\n\"'&";
    for chart in [Chart::lines(hostile, hostile, hostile), Chart::bars(hostile, hostile, hostile)] {
        let chart = chart.with(Series::new(hostile, points.clone())).with(Series::new("", vec![]));
        let html = Report::new(hostile).with(Section::new(hostile).text(hostile).chart(chart)).html();
        assert!(!html.contains("<script>alert") && !html.contains('\u{0}'));
        let drawing =
            html.split("<svg").nth(1).and_then(|rest| rest.split("</svg>").next()).unwrap_or_default();
        assert!(!drawing.contains("NaN\"") && !drawing.contains("inf\""), "{drawing}");
        assert!(!drawing.contains("NaN ") && !drawing.contains("inf "), "{drawing}");
    }
}

//! Writes a page with one of everything, to look at: `cargo run -p sn3-report --example gallery -- gallery.html`.

use sn3_report::{Align, Chart, Report, Section, Series, Table};

fn main() -> Result<(), sn3_report::ReportError> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "gallery.html".into());
    let falling = |start: f64, rate: f64| {
        (0..=8).map(|w| (f64::from(w), start * (-rate * f64::from(w)).exp() + 3.0)).collect()
    };
    let loss = Chart::lines("Loss", "window", "nats")
        .with(Series::new("held out", falling(3.9, 0.2)))
        .with(Series::new("uid 1", falling(3.8, 0.22)))
        .with(Series::new("uid 2", falling(3.7, 0.21)));
    let weights = Chart::bars("Weights", "uid", "share")
        .with(Series::new("weight", (1..=5).map(|u| (f64::from(u), 1.0 / f64::from(u + 3))).collect()))
        .with(Series::new("incentive", (1..=5).map(|u| (f64::from(u), 1.1 / f64::from(u + 4))).collect()));
    let mut table = Table::new([("uid", Align::Right), ("verdict", Align::Left), ("score", Align::Right)]);
    table.push(["1", "aggregated", "12.5"]);
    table.push(["5", "copied the payload of uid 2", "0"]);
    Report::new("Gallery")
        .lead("One of everything.")
        .fact("windows", "8")
        .fact("state digest", "9f86d081")
        .with(Section::new("Training").text("Loss by window.").chart(loss))
        .with(Section::new("Pay").chart(weights).table("Verdicts", table))
        .write_atomic(path.as_ref())
}

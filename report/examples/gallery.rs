//! Writes a page with one of everything, to look at: `cargo run -p sn3-report --example gallery -- gallery.html`.

use sn3_report::{Align, Chart, Contours, Diverging, Field, Multiples, Report, Section, Series, Table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
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
        .with_contents()
        .with(more()?)
        .with(Section::new("Pay").chart(weights).table("Verdicts", table))
        .write_atomic(path.as_ref())?;
    Ok(())
}

/// Bands, contours, small multiples and bars around zero.
fn more() -> Result<Section, sn3_report::FieldError> {
    let at = |i: i32| f64::from(i) / 10.0;
    let band = Series::new("median", (0..=10).map(|i| (at(i), at(i) * at(i))).collect())
        .with_band((0..=10).map(|i| (at(i), at(i) * at(i) - 0.1, at(i) * at(i) + 0.2)).collect());
    let grid: Vec<f64> = (0..=40).map(|i| f64::from(i) / 40.0).collect();
    let hill = Field::from_fn(grid.clone(), grid, |x, y| x * x + y * (1.0 - x))?;
    let contours = (1..=9).fold(Contours::new("Hill", ("x", 0.0, 1.0), ("y", 0.0, 1.0)), |chart, level| {
        chart.with(format!("{:.1}", at(level)), &hill, at(level))
    });
    let wave = |k: f64| (0..40).map(|e| (f64::from(e), 0.5 + 0.5 * (k * f64::from(e) / 6.0).sin())).collect();
    let panel = |k: f64| {
        vec![Series::new("A", wave(k)), Series::new("B", wave(k + 0.3)), Series::new("C", wave(0.0))]
    };
    let multiples = Multiples::new("Waves", "epoch", (1..=6).map(|v| format!("Version {v}")))
        .row("dividends", Some((0.0, 1.0)), (1..=6).map(|v| panel(f64::from(v) / 3.0)))
        .row("bonds with server 1", None, (1..=6).map(|v| panel(f64::from(v) / 5.0)));
    let bars = Diverging::new("Who gains", "alpha")
        .with("validators", 12.5)
        .with("miners", -3.25)
        .with("owner", 0.0);
    let swept = Chart::lines("A sweep", "kappa", "share").with(band);
    Ok(Section::new("More kinds")
        .code("sn3 emission run a.toml")
        .chart(swept)
        .chart(contours)
        .chart(multiples)
        .chart(bars))
}

//! The page of a sweep.

use sn3_report::{Align, Chart, Diverging, Report, Section, Series, Table};

use crate::sweep::{Bands, Point, SweepResult};

/// Charts at most; the metrics that move most over the grid come first.
const CHARTS_MAX: usize = 16;
/// Lines of a chart at most: values of the first of two parameters.
const LINES_MAX: usize = 8;

/// A sweep as one page: for each metric that the parameters move, its median with the band that holds nine tenths
/// of the runs, and everything as a table.
#[must_use]
pub fn sweep_page(sweep: &SweepResult) -> Report {
    let runs = sweep.points.len() as u64 * u64::from(sweep.seeds);
    Report::new(format!("Sweep of {}", sweep.scenario))
        .lead(format!("Over {}; medians, with bands that hold 90 % of the runs.", varied(sweep)))
        .fact("points", sweep.points.len().to_string())
        .fact("seeds at each", sweep.seeds.to_string())
        .fact("runs", runs.to_string())
        .fact("first seed", sweep.seed.to_string())
        .fact("digest of all runs", sweep.digest.to_string())
        .with(charts(sweep))
        .with(Section::new("All numbers").folded("Every point and metric", table(sweep)))
        .with(reproduce(sweep))
}

fn varied(sweep: &SweepResult) -> String {
    if sweep.paths.is_empty() { "seeds alone".to_owned() } else { sweep.paths.join(" and ") }
}

/// Positions of the metrics that move, those that move most first.
fn moving(sweep: &SweepResult) -> Vec<usize> {
    let mut found: Vec<(f64, usize)> = (0..sweep.metrics.len())
        .map(|metric| (movement(sweep, metric), metric))
        .filter(|(movement, _)| *movement > 0.0)
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    found.into_iter().map(|(_, metric)| metric).collect()
}

/// How far the medians are apart over the grid (or the seeds, if there is one point), relative to the largest.
fn movement(sweep: &SweepResult, metric: usize) -> f64 {
    let bands = || sweep.points.iter().map(|point| &point.bands[metric]);
    let (low, high) = match sweep.points.len() {
        1 => bands().fold((0.0, 0.0), |_, b| (b.p5, b.p95)),
        _ => bands().fold((f64::INFINITY, f64::NEG_INFINITY), |r, b| (r.0.min(b.median), r.1.max(b.median))),
    };
    let size = low.abs().max(high.abs());
    if size > 0.0 { (high - low) / size } else { 0.0 }
}

fn charts(sweep: &SweepResult) -> Section {
    let moving = moving(sweep);
    let mut section = Section::new("What the parameters move");
    if moving.is_empty() {
        return section.text("No metric differs between the points.");
    }
    if moving.len() > CHARTS_MAX {
        section = section.text(format!(
            "{} metrics move; charts show the {CHARTS_MAX} that move most, the table has all.",
            moving.len()
        ));
    }
    for metric in moving.into_iter().take(CHARTS_MAX) {
        section = match sweep.paths.len() {
            1 | 2 if numbers(sweep, sweep.paths.len() - 1).is_some() => section.chart(lines(sweep, metric)),
            _ => section.chart(bars(sweep, metric)),
        };
    }
    section
}

/// Unit and factor by which a metric is shown.
fn unit(name: &str) -> (&'static str, f64) {
    match name.rsplit('/').next().unwrap_or(name) {
        "earned_alpha_rao" => ("alpha", 1e-9),
        "price_rao" | "moving_price_rao" => ("TAO per alpha", 1e-9),
        last if last.ends_with("_rao") => ("TAO", 1e-9),
        last if last.ends_with("_share") => ("part", 1.0),
        _ => ("count", 1.0),
    }
}

/// A parameter's value at every point as numbers, if all are.
fn numbers(sweep: &SweepResult, axis: usize) -> Option<Vec<f64>> {
    let number = |point: &Point| point.values.get(axis)?.parse::<f64>().ok().filter(|n| n.is_finite());
    sweep.points.iter().map(number).collect()
}

fn title(name: &str) -> String {
    name.trim_end_matches("_rao").replace('_', " ").replace('/', " · ")
}

/// Lines over the last parameter, one for each value of the first of two.
fn lines(sweep: &SweepResult, metric: usize) -> Chart {
    let axis = sweep.paths.len() - 1;
    let xs = numbers(sweep, axis).unwrap_or_default();
    let (unit, factor) = unit(&sweep.metrics[metric]);
    let mut series: Vec<(String, Vec<(f64, &Bands)>)> = Vec::new();
    for (point, x) in sweep.points.iter().zip(xs) {
        let name = if axis == 0 { "median".to_owned() } else { point.values[0].clone() };
        match series.iter_mut().find(|line| line.0 == name) {
            Some(line) => line.1.push((x, &point.bands[metric])),
            None => series.push((name, vec![(x, &point.bands[metric])])),
        }
    }
    let line = |(name, mut points): (String, Vec<(f64, &Bands)>)| {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Series::new(name, points.iter().map(|(x, b)| (*x, b.median * factor)).collect())
            .with_band(points.iter().map(|(x, b)| (*x, b.p5 * factor, b.p95 * factor)).collect())
    };
    let lines = series.into_iter().take(LINES_MAX).map(line);
    Chart::lines(title(&sweep.metrics[metric]), &sweep.paths[axis], unit).with_all(lines)
}

/// A bar for each point, where the parameters are words, more than two, or none.
fn bars(sweep: &SweepResult, metric: usize) -> Diverging {
    let (unit, factor) = unit(&sweep.metrics[metric]);
    let name =
        |point: &Point| if point.values.is_empty() { "median".to_owned() } else { point.values.join(", ") };
    let bars = sweep.points.iter().map(|point| (name(point), point.bands[metric].median * factor));
    Diverging::new(title(&sweep.metrics[metric]), unit).with_all(bars)
}

fn table(sweep: &SweepResult) -> Table {
    let names = sweep.paths.iter().map(String::as_str).chain(["metric"]).map(|name| (name, Align::Left));
    let numbers = ["runs"].iter().chain(Bands::NAMES.iter()).map(|name| (*name, Align::Right));
    let mut table = Table::new(names.chain(numbers));
    for point in &sweep.points {
        for (metric, bands) in sweep.metrics.iter().zip(&point.bands) {
            let texts = point.values.iter().cloned().chain([metric.clone(), bands.runs.to_string()]);
            table.push(texts.chain(bands.values().map(shown)));
        }
    }
    table
}

fn shown(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.6}") }
}

fn reproduce(sweep: &SweepResult) -> Section {
    let params = sweep.paths.iter().enumerate().map(|(axis, path)| {
        let mut values: Vec<&str> = sweep.points.iter().map(|point| point.values[axis].as_str()).collect();
        let mut seen = std::collections::BTreeSet::new();
        values.retain(|value| seen.insert(*value));
        format!(" --param {path}={}", values.join(","))
    });
    Section::new("How to repeat it")
        .text("The same scenario and parameters give the same digest on every machine and any number of threads.")
        .code(format!(
            "sn3 emission sweep {}.toml{} --seeds {}\n\nscenario digest  {}\nsweep digest     {}",
            sweep.scenario,
            params.collect::<String>(),
            sweep.seeds,
            sweep.scenario_digest,
            sweep.digest
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Control;
    use crate::scenario::{Format, Scenario};
    use crate::sweep::Sweep;

    const TEXT: &str = "name = \"t\"\nblocks = 60\n[[subnets]]\nnetuid = 1\nhyperparameters = { tempo = 20, commit_reveal_enabled = false, weights_rate_limit_blocks = 0 }\n[[subnets.validators]]\nname = \"v\"\ncount = 2\nstake = 100\nbehaviour = { follow = { sigma = 0.2 } }\n[[subnets.miners]]\nname = \"m\"\ncount = 3\nquality = 0.9\nquality_last = 0.2\n";

    fn sweep(axes: &[&str]) -> SweepResult {
        let axes = axes.iter().map(|axis| axis.parse().unwrap()).collect();
        let scenario = Scenario::parse(TEXT, Format::Toml).unwrap();
        Sweep { axes, seeds: 3 }.run(&scenario, &|_| Control::Continue).unwrap()
    }

    #[test]
    fn one_number_gives_lines_with_bands() {
        let html = sweep_page(&sweep(&["subnets.0.validators.0.stake=50..200:4"])).html();
        assert!(html.contains("class=\"band\"") && !html.contains("NaN"));
        assert!(html.contains("--param subnets.0.validators.0.stake=50,100,150,200 --seeds 3"));
    }

    #[test]
    fn words_and_no_parameters_give_bars_or_a_table() {
        let words = sweep_page(&sweep(&["subnets.0.validators.0.behaviour=follow,idle"])).html();
        assert!(words.contains("idle") && !words.contains("class=\"band\""));
        assert!(sweep_page(&sweep(&[])).html().contains("seeds alone"));
    }
}

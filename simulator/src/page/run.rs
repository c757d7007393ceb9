//! The page of one run.

use std::collections::BTreeSet;

use sn3_emission::spec::RuntimeSpec;
use sn3_protocol::NetUid;
use sn3_report::{Align, Chart, Diverging, Report, Section, Series as Line, Table};

use super::{tao, thinned};
use crate::run::{Simulation, Summary};
use crate::series::{GroupRow, SubnetRow};

/// Lines of a chart at most; a run with more subnets or groups shows those with the most of it at the end.
const LINES_MAX: usize = 10;
/// A scenario's text is in the page up to this length.
const SCENARIO_BYTES_MAX: usize = 64 << 10;
/// What the charts' time is.
const TICK: &str = "tick (blocks since the start)";
/// One in 32 fraction bits.
const Q32: f64 = 4_294_967_296.0;

/// A run as one page: who earned what, prices and emission over time, refused operations, the rules in force with
/// their certainty, and how to repeat it.
#[must_use]
pub fn run_page(simulation: &Simulation) -> Report {
    let (summary, scenario) = (simulation.summary(), simulation.scenario());
    let spec = crate::spec::resolve(scenario.spec).ok();
    let version = spec.map_or_else(|| scenario.spec.to_string(), |spec| spec.version.to_string());
    let report = Report::new(&scenario.name)
        .lead(&scenario.description)
        .fact("blocks", summary.blocks.to_string())
        .fact("epochs", summary.epochs.to_string())
        .fact("runtime", version)
        .fact("seed", summary.seed.to_string())
        .fact("issuance (TAO)", tao(i128::from(summary.issuance_rao)))
        .fact("digest", simulation.digest().to_string())
        .with_contents()
        .with(earnings(&summary))
        .with(subnets(simulation))
        .with(groups(simulation))
        .with(refusals(&summary));
    let report = match spec {
        Some(spec) => report.with(rules(&spec)),
        None => report,
    };
    report.with(reproduce(simulation))
}

fn earnings(summary: &Summary) -> Section {
    let columns = [
        ("group", Align::Left),
        ("kind", Align::Left),
        ("members", Align::Right),
        ("earned (alpha)", Align::Right),
        ("earned, all subnets (TAO)", Align::Right),
        ("change of free TAO", Align::Right),
        ("registrations (TAO)", Align::Right),
        ("stake at the end (TAO)", Align::Right),
    ];
    let mut table = Table::new(columns);
    for group in &summary.groups {
        table.push([
            group.group.clone(),
            group.kind.to_owned(),
            group.members.to_string(),
            tao(i128::from(group.earned_alpha_rao)),
            tao(i128::from(group.earned_value_rao)),
            tao(i128::from(group.free_tao_change_rao)),
            tao(i128::from(group.registration_cost_rao)),
            tao(i128::from(group.stake_value_rao)),
        ]);
    }
    let bars = summary.groups.iter().map(|g| (g.group.clone(), g.earned_value_rao as f64 / 1e9));
    Section::new("Who earned what")
        .text(
            "Earned is what a group holds or sold beyond what it started with and bought. TAO values are at the spot prices of the end.",
        )
        .chart(Diverging::new("Earned on all subnets", "TAO").with_all(bars))
        .table("Groups", table)
}

/// The recorded subnets with the most of something at the end, ascending by number.
fn leading(simulation: &Simulation, of: fn(&SubnetRow) -> f64) -> Vec<NetUid> {
    let rows = &simulation.series().subnets;
    let last = rows.last().map_or(0, |row| row.block);
    let mut at_end: Vec<&SubnetRow> = rows.iter().filter(|row| row.block == last).collect();
    at_end.sort_by(|a, b| of(b).total_cmp(&of(a)).then(a.netuid.cmp(&b.netuid)));
    let mut chosen: Vec<NetUid> = at_end.iter().take(LINES_MAX).map(|row| NetUid(row.netuid)).collect();
    chosen.sort_unstable();
    chosen
}

fn subnet_chart(simulation: &Simulation, title: &str, unit: &str, of: fn(&SubnetRow) -> f64) -> Chart {
    let start = simulation.world().start_block;
    let line = |netuid: NetUid| {
        let rows: Vec<&SubnetRow> = simulation.series().of_subnet(netuid).collect();
        let points = thinned(&rows).map(|row| (row.block.saturating_sub(start) as f64, of(row)));
        Line::new(format!("subnet {}", netuid.0), points.filter(|point| point.1.is_finite()).collect())
    };
    Chart::lines(title, TICK, unit).with_all(leading(simulation, of).into_iter().map(line))
}

/// The part of the TAO emission; not a number in the record before the first block, which emitted nothing.
fn share(row: &SubnetRow) -> f64 {
    if row.alpha_emission == 0 && row.share_e9 == 0 { f64::NAN } else { row.share_e9 as f64 / 1e9 }
}

fn subnets(simulation: &Simulation) -> Section {
    let rows = &simulation.series().subnets;
    if rows.is_empty() {
        return Section::new("Subnets").text("The scenario records no subnets (watch.per_subnet is off).");
    }
    let count = rows.iter().map(|row| row.netuid).collect::<BTreeSet<_>>().len();
    let mut section = Section::new("Subnets");
    if count > LINES_MAX {
        section = section.text(format!(
            "Of {count} recorded subnets, charts show the {LINES_MAX} with the most at the end; the data files have all."
        ));
    }
    let chart = |title, unit, of| subnet_chart(simulation, title, unit, of);
    section
        .chart(chart("Price", "TAO per alpha", |row| row.price_q32 as f64 / Q32))
        .chart(chart("Moving price", "TAO per alpha", |row| row.moving_price_q32 as f64 / Q32))
        .chart(chart("Part of the TAO emission", "part", share).from_zero())
        .chart(chart("TAO injected since the start", "TAO", |row| row.tao_in as f64 / 1e9).from_zero())
        .chart(
            chart("TAO for alpha bought since the start", "TAO", |row| row.excess_tao as f64 / 1e9)
                .from_zero(),
        )
        .chart(chart("Price of a registration", "TAO", |row| row.burn as f64 / 1e9).from_zero())
}

fn group_chart(simulation: &Simulation, title: &str, unit: &str, of: fn(&GroupRow) -> f64) -> Chart {
    let start = simulation.world().start_block;
    let groups = &simulation.world().cast.groups;
    let rows = |index: usize| simulation.series().of_group(index).collect::<Vec<&GroupRow>>();
    let last = |index: usize| rows(index).last().map_or(f64::MIN, |row| of(row).abs());
    let mut order: Vec<(f64, usize)> = (0..groups.len()).map(|index| (last(index), index)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    order.retain(|(_, index)| rows(*index).iter().any(|row| of(row) != 0.0));
    let mut shown: Vec<usize> = order.into_iter().take(LINES_MAX).map(|(_, index)| index).collect();
    shown.sort_unstable();
    let line = |index: usize| {
        let rows = rows(index);
        let points = thinned(&rows).map(|row| (row.block.saturating_sub(start) as f64, of(row)));
        Line::new(&groups[index].name, points.collect())
    };
    let lines = shown.into_iter().map(line);
    Chart::lines(title, TICK, unit).with_all(lines).from_zero()
}

fn groups(simulation: &Simulation) -> Section {
    if simulation.series().groups.is_empty() {
        return Section::new("Groups").text("The scenario records no groups (watch.per_group is off).");
    }
    let mut section = Section::new("Groups");
    let count = simulation.world().cast.groups.len();
    if count > LINES_MAX {
        section = section.text(format!(
            "Of {count} groups, charts show the {LINES_MAX} with the most at the end; the data files have all."
        ));
    }
    section
        .chart(group_chart(simulation, "Earned so far", "alpha", |row| row.earned_alpha as f64 / 1e9))
        .chart(group_chart(simulation, "Incentive", "part of the subnet's", |row| {
            row.incentive as f64 / 65_535.0
        }))
        .chart(group_chart(simulation, "Dividends", "part of the subnet's", |row| {
            row.dividends as f64 / 65_535.0
        }))
        .chart(group_chart(simulation, "Validator trust, summed over members", "trust", |row| {
            row.validator_trust as f64 / 65_535.0
        }))
}

fn refusals(summary: &Summary) -> Section {
    let section = Section::new("Refused operations");
    if summary.refusals.is_empty() {
        return section.text("The chain refused nothing.");
    }
    let mut table =
        Table::new([("operation", Align::Left), ("error", Align::Left), ("how often", Align::Right)]);
    for (operation, error, count) in &summary.refusals {
        table.push([operation.clone(), error.clone(), count.to_string()]);
    }
    section.table("By the chain's names", table)
}

/// The rules in force and how certain each is.
pub(super) fn rules(spec: &RuntimeSpec) -> Section {
    let columns =
        [("topic", Align::Left), ("rule", Align::Left), ("known by", Align::Left), ("source", Align::Left)];
    let mut table = Table::new(columns);
    let notes = spec.notes();
    for note in &notes {
        table.push([note.topic, note.rule.as_str(), note.certainty.name(), note.source]);
    }
    let grounds: BTreeSet<_> = notes.iter().map(|note| note.certainty).collect();
    let mut marks = Table::new([("known by", Align::Left), ("which means", Align::Left)]);
    for certainty in grounds {
        marks.push([certainty.name(), certainty.meaning()]);
    }
    Section::new(format!("Rules of runtime {}, and how certain they are", spec.version))
        .text(format!("The weakest ground that any rule here stands on: {}.", spec.weakest().name()))
        .table("Rules in force", table)
        .table("Marks", marks)
}

fn reproduce(simulation: &Simulation) -> Section {
    let scenario = simulation.scenario();
    let mut section = Section::new("How to repeat it")
        .text("The same scenario gives the same digest on every machine and any number of threads.")
        .code(format!(
            "sn3 emission run {}.toml\n\nsn3 version      {}\nscenario digest  {}\nrun digest       {}",
            scenario.name,
            env!("CARGO_PKG_VERSION"),
            scenario.digest(),
            simulation.digest()
        ));
    let text = scenario.canonical_json();
    if text.len() <= SCENARIO_BYTES_MAX {
        section = section.text("The scenario as JSON, which runs as it stands:").code(text);
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Control;
    use crate::scenario::{EXAMPLE, Format, Scenario};

    #[test]
    fn the_examples_page_is_whole_and_small() {
        let mut simulation = Simulation::new(&Scenario::parse(EXAMPLE, Format::Toml).unwrap()).unwrap();
        simulation.run(&mut |_| Control::Continue);
        let html = run_page(&simulation).html();
        assert!(html.len() < 2 << 20, "{} bytes", html.len());
        for part in ["Who earned what", "Refused operations", "how certain they are", "How to repeat it"] {
            assert!(html.contains(part), "{part}");
        }
        assert!(html.contains(&simulation.digest().to_string()));
        assert!(!html.contains("NaN"));
    }
}

//! The page of a comparison of two versions of the rules.

use sn3_report::{Align, Diverging, Report, Section, Table};

use super::tao;
use crate::diff::{Change, DiffResult};

/// Bars of a chart at most; those that change most come first.
const BARS_MAX: usize = 40;

/// A comparison as one page: which rules differ and how certain they are, who gains and who loses.
#[must_use]
pub fn diff_page(diff: &DiffResult) -> Report {
    let [a, b] = &diff.specs;
    let changed = diff.changes.iter().filter(|change| change.gain() != 0).count();
    Report::new(format!("{}: runtime {a} against {b}", diff.scenario))
        .lead(format!(
            "One scenario under two versions of the chain's rules. Gains are what {b} brings over {a}."
        ))
        .fact("numbers compared", diff.changes.len().to_string())
        .fact("different", changed.to_string())
        .fact("rules that differ", diff.rules.len().to_string())
        .fact(format!("digest under {a}"), diff.digests[0].to_string())
        .fact(format!("digest under {b}"), diff.digests[1].to_string())
        .with(rules(diff))
        .with(gains(diff))
        .with(all(diff))
        .with(reproduce(diff))
}

fn rules(diff: &DiffResult) -> Section {
    let section = Section::new("Which rules differ");
    if diff.rules.is_empty() {
        return section.text("None that is known here.");
    }
    let [a, b] = &diff.specs;
    let columns = [
        ("topic".to_owned(), Align::Left),
        (format!("runtime {a}"), Align::Left),
        ("known by".to_owned(), Align::Left),
        (format!("runtime {b}"), Align::Left),
        ("known by".to_owned(), Align::Left),
    ];
    let mut table = Table::new(columns);
    for rule in &diff.rules {
        table.push([
            rule.topic,
            rule.a.rule.as_str(),
            rule.a.certainty.name(),
            rule.b.rule.as_str(),
            rule.b.certainty.name(),
        ]);
    }
    section.table("Rules, and how each is known", table)
}

/// A chart for each thing that was compared, in the order in which things first come.
fn gains(diff: &DiffResult) -> Section {
    let mut whats: Vec<&str> = Vec::new();
    for change in diff.changes.iter().filter(|change| change.gain() != 0) {
        if !whats.contains(&change.what) {
            whats.push(change.what);
        }
    }
    let section = Section::new("Who gains, who loses");
    if whats.is_empty() {
        return section.text("Nobody: every number is the same under both versions.");
    }
    whats.into_iter().fold(section, |section, what| section.chart(chart(diff, what)))
}

fn chart(diff: &DiffResult, what: &str) -> Diverging {
    let mut changes: Vec<&Change> = diff.changes.iter().filter(|c| c.what == what && c.gain() != 0).collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.gain().unsigned_abs()));
    changes.truncate(BARS_MAX);
    changes.sort_by_key(|change| std::cmp::Reverse(change.gain()));
    let (name, unit) = named(what);
    let bars = changes.into_iter().map(|change| (change.who.clone(), change.gain() as f64 / 1e9));
    Diverging::new(format!("{name}: {} less {}", diff.specs[1], diff.specs[0]), unit).with_all(bars)
}

/// A quantity's name and the unit in which it is drawn: a billion rao are one.
fn named(what: &str) -> (&str, &'static str) {
    match what {
        "earned alpha (rao)" | "alpha emitted (rao)" => (without_unit(what), "alpha"),
        "price (rao per alpha)" | "moving price (rao per alpha)" => (without_unit(what), "TAO per alpha"),
        _ => (without_unit(what), "TAO"),
    }
}

fn without_unit(what: &str) -> &str {
    what.split(" (").next().unwrap_or(what)
}

fn all(diff: &DiffResult) -> Section {
    let [a, b] = &diff.specs;
    let mut table = Table::new([
        ("who".to_owned(), Align::Left),
        ("what".to_owned(), Align::Left),
        (format!("runtime {a}"), Align::Right),
        (format!("runtime {b}"), Align::Right),
        ("difference".to_owned(), Align::Right),
        ("percent".to_owned(), Align::Right),
    ]);
    for change in diff.ranked() {
        let percent = change.percent().map_or_else(|| "–".to_owned(), |percent| format!("{percent:+.2} %"));
        table.push([
            change.who.clone(),
            without_unit(change.what).to_owned(),
            tao(i128::from(change.a)),
            tao(i128::from(change.b)),
            tao(i128::from(change.gain())),
            percent,
        ]);
    }
    Section::new("All differences")
        .text("Ordered by percent. Amounts are TAO or alpha, prices TAO per alpha; what is the same under both versions is left out.")
        .table("Differences", table)
}

fn reproduce(diff: &DiffResult) -> Section {
    let [a, b] = &diff.specs;
    Section::new("How to repeat it")
        .text("Digests are equal on every machine and any number of threads.")
        .code(format!("sn3 emission diff --spec {a} {b} {}.toml", diff.scenario))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::compare;
    use crate::run::Control;
    use crate::scenario::{EXAMPLE, Format, Scenario, SpecChoice};

    #[test]
    fn a_changed_share_rule_has_winners_and_losers() {
        let mut scenario = Scenario::parse(EXAMPLE, Format::Toml).unwrap();
        scenario.blocks = 400;
        let specs = [SpecChoice::Version(425), SpecChoice::Version(440)];
        let diff = compare(&scenario, specs, &|_, _| Control::Continue).unwrap().unwrap();
        let html = diff_page(&diff).html();
        assert!(html.contains("tao shares") && html.contains("<rect") && !html.contains("NaN"));
    }
}

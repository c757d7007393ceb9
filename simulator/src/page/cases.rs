//! The page of the classic cases.

use sn3_report::{Align, Multiples, Report, Section, Series, Table};

use super::signed_percent;
use crate::cases::{CaseRun, CaseStudy, CasesStudy, EPOCHS, KAPPA, VALIDATOR_EMISSION_RATIO, Version};

const VALIDATORS: [&str; 3] = ["A", "B", "C"];
const SHARE: Option<(f64, f64)> = Some((0.0, 1.0));

/// The whole study as one page. Charts show the first penalty; tables of totals show all.
#[must_use]
pub fn cases_page(study: &CasesStudy) -> Report {
    let penalty = study.options.penalties[0];
    let versions = study.options.versions.len();
    let report = Report::new("The classic Yuma cases")
        .lead(format!(
            "{} cases under {versions} versions of the bonds, {EPOCHS} epochs each: three validators A, B and C judge two or three servers.",
            study.cases.len()
        ))
        .fact("bonds penalty charted", penalty.to_string())
        .fact("majority κ", format!("{:.3}", f64::from(KAPPA) / 65_535.0))
        .fact("bonds memory", (study.options.moving_average_millionths as f64 / 1e6).to_string())
        .fact("validators' part", format!("{:.0} %", VALIDATOR_EMISSION_RATIO * 100.0))
        .fact("seed of noisy cases", study.options.seed.to_string())
        .with_contents()
        .with(overview(study));
    study.cases.iter().fold(report, |report, case| report.with(section(study, case)))
}

fn overview(study: &CasesStudy) -> Section {
    let mut versions = Table::new([
        ("version", Align::Left),
        ("standing", Align::Left),
        ("bonds and dividends", Align::Left),
    ]);
    for version in &study.options.versions {
        let standing = if version.on_chain() { "rule of the chain, bit for bit" } else { "classic variant" };
        versions.push([version.name(), standing, version.meaning()]);
    }
    let names = study.options.versions.iter().map(|v| (v.name(), Align::Right));
    let mut matrix = Table::new([("case", Align::Left)].into_iter().chain(names));
    for case in &study.cases {
        let cell = |version: &Version| case.run(*version).map_or_else(String::new, against_base);
        let name = format!("{} {}", case.case.number, case.case.name);
        matrix.push(std::iter::once(name).chain(study.options.versions.iter().map(cell)));
    }
    Section::new("Overview")
        .text(
            "Classic variants are as the classic simulator is described, written in the chain's fixed-point arithmetic. They were never rules of the chain, and no vectors exist to hold them to. Consensus and incentive are the chain's in every version.",
        )
        .table("Versions", versions)
        .text(
            "The table says how much more or less than A the validators B and C earned over all epochs for the same stake. Near zero on both means that nobody gains by moving earlier or later.",
        )
        .table(format!("Total dividends of B / C against A, bonds penalty {}", study.options.penalties[0]), matrix)
}

/// `B / C` against A.
fn against_base(run: &CaseRun) -> String {
    let others: Vec<String> = run.totals[1..].iter().map(|t| signed_percent(t.relative_to_base)).collect();
    others.join(" / ")
}

fn section(study: &CasesStudy, case: &CaseStudy) -> Section {
    let mut section =
        Section::new(format!("Case {}: {}", case.case.number, case.case.name)).text(case.case.story);
    if let Some(reset) = case.case.reset {
        let who = if study.options.reset_all_versions { "Every version" } else { "Yuma 2C" };
        section = section.text(format!(
            "{who} forgets all bonds with server {} at epoch {}.",
            reset.server + 1,
            reset.epoch
        ));
    }
    let Some(first) = case.runs.first() else { return section };
    section.chart(inputs(case, first)).chart(outcomes(study, case)).table(
        format!(
            "Total dividends by stake ({:.1} is stake's own part), and against A",
            VALIDATOR_EMISSION_RATIO * EPOCHS as f64
        ),
        totals(study, case),
    )
}

fn line(name: &str, run: &CaseRun, value: impl Fn(&crate::cases::EpochResult) -> f64) -> Series {
    Series::new(name, run.epochs.iter().enumerate().map(|(e, epoch)| (e as f64, value(epoch))).collect())
}

/// What the validators did, and what servers got for it: the same in every version.
fn inputs(case: &CaseStudy, run: &CaseRun) -> Multiples {
    let servers = 0..case.case.servers;
    let weights = |j: usize| {
        let of = |(uid, name): (usize, &&str)| line(name, run, move |e| e.validators[uid].weights[j]);
        VALIDATORS.iter().enumerate().map(of).collect::<Vec<Series>>()
    };
    // The first three looks are the validators'; incentive takes the fourth.
    let incentive = |j: usize| {
        let nobody = VALIDATORS.iter().map(|name| Series::new(*name, Vec::new()));
        nobody.chain([line("incentive", run, move |e| e.incentive[j])]).collect::<Vec<Series>>()
    };
    Multiples::new(
        "Weights, and the incentive they lead to",
        "epoch",
        servers.clone().map(|j| format!("Server {}", j + 1)),
    )
    .row("weight", SHARE, servers.clone().map(weights))
    .row("incentive", SHARE, servers.map(incentive))
}

/// What the versions make of it.
fn outcomes(study: &CasesStudy, case: &CaseStudy) -> Multiples {
    let runs: Vec<&CaseRun> =
        study.options.versions.iter().filter_map(|version| case.run(*version)).collect();
    let dividends = |run: &&CaseRun| {
        let of = |(uid, name): (usize, &&str)| line(name, run, move |e| e.validators[uid].dividend);
        VALIDATORS.iter().enumerate().map(of).collect::<Vec<Series>>()
    };
    let bonds = |run: &&CaseRun, j: usize| {
        let of =
            |(uid, name): (usize, &&str)| line(name, run, move |e| e.validators[uid].normalised_bonds[j]);
        VALIDATORS.iter().enumerate().map(of).collect::<Vec<Series>>()
    };
    let names = runs.iter().map(|run| run.version.name());
    let chart = Multiples::new("Dividends and normalised bonds by version", "epoch", names).row(
        "dividends",
        SHARE,
        runs.iter().map(dividends),
    );
    (0..case.case.servers).fold(chart, |chart, j| {
        chart.row(format!("bonds with server {}", j + 1), SHARE, runs.iter().map(|run| bonds(run, j)))
    })
}

fn totals(study: &CasesStudy, case: &CaseStudy) -> Table {
    let mut names = VALIDATORS.map(str::to_owned).to_vec();
    for penalty in &study.options.penalties {
        names.extend(VALIDATORS[1..].iter().map(|name| format!("{name} − A, penalty {penalty}")));
    }
    let numbers = names.into_iter().map(|name| (name, Align::Right));
    let mut table = Table::new([("version".to_owned(), Align::Left)].into_iter().chain(numbers));
    for version in &study.options.versions {
        let at = |penalty: &f64| case.run_at(*version, *penalty);
        let first = at(&study.options.penalties[0]).into_iter().flat_map(|run| &run.totals);
        let sums = first.map(|total| format!("{:.2}", total.per_stake));
        let others = study.options.penalties.iter().filter_map(at).flat_map(|run| &run.totals[1..]);
        let others = others.map(|total| signed_percent(total.relative_to_base));
        table.push(std::iter::once(version.name().to_owned()).chain(sums).chain(others));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{CasesOptions, run_cases};

    #[test]
    fn the_whole_page_stays_small_and_needs_nothing() {
        let html = cases_page(&run_cases(&CasesOptions::default(), &|_, _| {}).unwrap()).html();
        assert!(html.len() <= 2 << 20, "{} bytes", html.len());
        for outside in ["http:", "https:", "url(", "@import", "<img", "src="] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(!html.contains("NaN"));
        assert_eq!(html.matches("<h2>").count(), 23);
    }
}

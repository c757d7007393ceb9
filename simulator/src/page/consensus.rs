//! The page of the consensus study.

use sn3_report::{Align, Chart, Contours, FieldError, Report, Section, Series, Table};

use super::percent;
use crate::consensus::{ConsensusStudy, RetentionMap, Setting, TOLERANCE};

const X: &str = "honest self-weight (utility) W_H";
const Y: &str = "cabal's self-weight W_C";

/// The whole study as one page: the comparison first, then a figure for each published one.
///
/// # Errors
/// Never for a study of `run_consensus`, whose grids ascend.
pub fn consensus_page(study: &ConsensusStudy) -> Result<Report, FieldError> {
    let comparisons = study.comparisons();
    let checked = comparisons.iter().filter(|c| c.reproduces.is_some()).count();
    let agreed = comparisons.iter().filter(|c| c.reproduces == Some(true)).count();
    let options = &study.options;
    Ok(Report::new("Consensus: what honest utility keeps honest stake")
        .lead("Two teams, one epoch: an honest majority that weighs by utility, and a cabal that weighs itself as it likes.")
        .fact("published statements", checked.to_string())
        .fact("reproduced", agreed.to_string())
        .fact("network", format!("{} nodes, {} validators", options.nodes, options.validators))
        .fact("grid", format!("{0} × {0} × {1}", options.steps, options.honest_stakes.len()))
        .fact("seed", options.seed.to_string())
        .with(comparison(study))
        .with(figure_a(study)?)
        .with(compound(study, "(b) Weight deviation σ", BY_DEVIATION)?)
        .with(compound(study, "(c) Majority κ", BY_KAPPA)?)
        .with(compound(study, "(d) Bonds penalty β", BY_PENALTY)?)
        .with(figure_e(study)?)
        .with(compound(study, "(f) Not published: Yuma 3", &[("Yuma 3", Setting { yuma3: true, ..Setting::BASE })])?)
        .with(method(study)))
}

type Named = (&'static str, Setting);
const BY_DEVIATION: &[Named] = &[
    ("σ = 0", Setting { deviation: 0.0, ..Setting::BASE }),
    ("σ = 0.2", Setting { deviation: 0.2, ..Setting::BASE }),
    ("σ = 0.4", Setting::BASE),
];
const BY_KAPPA: &[Named] = &[
    ("κ = 0.4", Setting { kappa: 0.4, ..Setting::BASE }),
    ("κ = 0.5", Setting::BASE),
    ("κ = 0.6", Setting { kappa: 0.6, ..Setting::BASE }),
];
const BY_PENALTY: &[Named] = &[
    ("β = 0", Setting { penalty: 0.0, ..Setting::BASE }),
    ("β = 0.5", Setting { penalty: 0.5, ..Setting::BASE }),
    ("β = 1", Setting::BASE),
];

fn comparison(study: &ConsensusStudy) -> Section {
    let columns = [
        ("figure", Align::Left),
        ("statement", Align::Left),
        ("published", Align::Right),
        ("ours", Align::Right),
        ("difference", Align::Right),
        ("reproduced", Align::Left),
    ];
    let mut table = Table::new(columns);
    for c in study.comparisons() {
        let verdict = match c.reproduces {
            Some(true) => "yes",
            Some(false) => "no",
            None => "nothing published",
        };
        let published = percent(c.published, if c.reproduces.is_some() { "in words" } else { "–" });
        let difference =
            c.difference().map_or_else(|| "–".to_owned(), |d| format!("{:+.1} points", d * 100.0));
        let ours = percent(c.ours, "not even with 100 %");
        table.push([format!("({})", c.figure), c.statement, published, ours, difference, verdict.to_owned()]);
    }
    Section::new("Published and ours")
        .text(format!(
            "Numbers are the least honest utility that retains honest stake whatever the cabal's self-weight. Published ones are whole percents read off plots, so {:.0} points of difference count as reproduced.",
            TOLERANCE * 100.0
        ))
        .table("Comparison", table)
}

/// Contours of honest emission for two stakes, the retaining one bold; then all retaining ones together.
fn figure_a(study: &ConsensusStudy) -> Result<Section, FieldError> {
    let mut section = Section::new("(a) Honest emission E_H").text(
        "Each line is one honest emission. On the bold one honest emission equals honest stake; to the right of it honest stake grows.",
    );
    let Some(map) = study.map(Setting::BASE) else { return Ok(section) };
    let (mut charts, mut tables) = (Vec::new(), Vec::new());
    for stake in [0.6, 0.7] {
        let Some(index) = study.stake_index(stake) else { continue };
        let field = map.field(index, 0.5)?;
        let chart = Contours::new(
            format!("E_H with {:.0}% honest stake", stake * 100.0),
            (X, 0.0, 1.0),
            (Y, 0.0, 1.0),
        );
        let chart = (1..=9).map(|level| f64::from(level) / 10.0).fold(chart, |chart, level| {
            let name = format!("{level:.1}");
            if (level - stake).abs() < 1e-9 {
                chart.with_highlight(name, &field, level)
            } else {
                chart.with(name, &field, level)
            }
        });
        let caption =
            format!("E_H at every grid point, {:.0}% honest stake (rows: W_C, columns: W_H)", stake * 100.0);
        charts.push(chart);
        tables.push((caption, field.table("W_C \\ W_H")));
    }
    section = section.charts(charts);
    for (caption, table) in tables {
        section = section.folded(caption, table);
    }
    Ok(section.chart(retention("Retention: E_H = S_H for each honest stake S_H", map, 0.5)?))
}

/// The retaining contours of all honest stakes.
fn retention(title: &str, map: &RetentionMap, validator_share: f64) -> Result<Contours, FieldError> {
    let mut chart = Contours::new(title, (X, 0.0, 1.0), (Y, 0.0, 1.0));
    for (index, stake) in map.honest_stakes.iter().enumerate() {
        chart = chart.with(format!("{stake}"), &map.field(index, validator_share)?, *stake);
    }
    Ok(chart)
}

fn needed_line(name: &str, map: &RetentionMap, validator_share: f64) -> Series {
    let needed = |(index, stake): (usize, &f64)| {
        (*stake, map.required_utility(index, validator_share).unwrap_or(f64::NAN))
    };
    Series::new(name, map.honest_stakes.iter().enumerate().map(needed).collect())
}

fn needed_chart(lines: Vec<Series>) -> Chart {
    Chart::lines(
        "Honest utility that honest stake needs, whatever the cabal does",
        "honest stake S_H",
        "W_H needed",
    )
    .with_all(lines)
}

/// The need by stake for each setting, and each setting's retention plot.
fn compound(study: &ConsensusStudy, title: &str, settings: &[Named]) -> Result<Section, FieldError> {
    let maps: Vec<(&str, &RetentionMap)> =
        settings.iter().filter_map(|(name, setting)| Some((*name, study.map(*setting)?))).collect();
    let mut lines: Vec<Series> = maps.iter().map(|(name, map)| needed_line(name, map, 0.5)).collect();
    if let (1, Some(base)) = (maps.len(), study.map(Setting::BASE)) {
        lines.push(needed_line("Yuma 2", base, 0.5));
    }
    let others = maps.iter().filter(|(_, map)| map.setting != Setting::BASE);
    let retentions = others.map(|(name, map)| retention(&format!("Retention with {name}"), map, 0.5));
    let retentions: Vec<Contours> = retentions.collect::<Result<_, _>>()?;
    Ok(Section::new(title).chart(needed_chart(lines)).charts(retentions))
}

/// One map serves every emission ratio.
fn figure_e(study: &ConsensusStudy) -> Result<Section, FieldError> {
    let section = Section::new("(e) Validators' part of emission ξ");
    let Some(map) = study.map(Setting::BASE) else { return Ok(section) };
    let ratios = [(0.0, "ξ = 0"), (0.25, "ξ = 0.25"), (0.5, "ξ = 0.5")];
    let lines = ratios.map(|(ratio, name)| needed_line(name, map, ratio));
    let section = section.chart(needed_chart(lines.to_vec()));
    Ok(section.chart(retention("Retention with ξ = 0", map, 0.0)?).chart(retention(
        "Retention with ξ = 0.25",
        map,
        0.25,
    )?))
}

fn method(study: &ConsensusStudy) -> Section {
    let deviation = study.map(Setting::BASE).map_or(0.0, |map| {
        map.weight_deviation.iter().sum::<f64>() / map.weight_deviation.len().max(1) as f64
    });
    Section::new("How, and where it differs")
        .text(format!(
            "Teams are in the ratio of their stakes. Stakes are normal around 1 with deviation 0.3, not below 0, scaled to each team's stake; weights are normal around 1 with deviation σ, not below 0, scaled for each validator so that they sum to W_H, 1 − W_H, W_C and 1 − W_C (measured deviation of the base: {deviation:.3}). Weights are stored in 16 bits as the chain stores them. The epoch is the chain's own arithmetic, Yuma 2 unless said, from empty bonds."
        ))
        .text(
            "The published study draws anew for every point; here one draw serves all points of a map, so that contours are smooth and neighbours differ by their self-weights alone. The published study does not say whether weights are scaled for each validator or for a whole team; here it is each validator. Numbers between grid points are linear. Another seed moves the numbers by about a point.",
        )
        .code(format!(
            "sn3 emission consensus --steps {} --seed {}",
            study.options.steps, study.options.seed
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{ConsensusOptions, run_consensus};

    #[test]
    fn every_figure_is_there_with_its_data() {
        let options = ConsensusOptions {
            steps: 5,
            nodes: 64,
            validators: 16,
            honest_stakes: vec![0.55, 0.6, 0.7],
            ..ConsensusOptions::quick()
        };
        let study = run_consensus(&options, &|_, _| {}).unwrap();
        let html = consensus_page(&study).unwrap().html();
        for figure in ["(a) ", "(b) ", "(c) ", "(d) ", "(e) ", "(f) ", "Published and ours"] {
            assert!(html.contains(&format!("<h2>{figure}")), "{figure}");
        }
        assert_eq!(html.matches("<svg").count(), html.matches("<summary>Data</summary>").count());
        assert!(!html.contains("NaN") && !html.contains("http:"));
    }
}

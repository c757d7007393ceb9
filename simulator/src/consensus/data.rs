//! The study as CSV and JSON.

use std::io::Write;

use serde_json::{Value, json};

use super::map::{ConsensusStudy, RetentionMap};

/// Writes every point: the setting, `S_H`, `W_H`, `W_C`, the weights' deviation, and honest shares of dividends,
/// incentive and (half of each) emission. A full study has 230,000 lines, which go to `out` one by one.
///
/// # Errors
/// If `out` cannot be written.
pub fn consensus_csv(study: &ConsensusStudy, out: impl Write) -> Result<(), csv::Error> {
    let mut out = csv::Writer::from_writer(out);
    out.write_record([
        "yuma3",
        "kappa",
        "bonds_penalty",
        "deviation",
        "honest_stake",
        "honest_utility",
        "cabal_self_weight",
        "measured_deviation",
        "honest_dividends",
        "honest_incentive",
        "honest_emission",
    ])?;
    for map in &study.maps {
        for stake in 0..map.honest_stakes.len() {
            write_stake(&mut out, map, stake)?;
        }
    }
    out.flush()?;
    Ok(())
}

fn write_stake(
    out: &mut csv::Writer<impl Write>,
    map: &RetentionMap,
    stake: usize,
) -> Result<(), csv::Error> {
    let setting = &map.setting;
    for cabal in 0..map.steps {
        for honest in 0..map.steps {
            let point = map.point(stake, honest, cabal);
            out.write_record([
                setting.yuma3.to_string(),
                setting.kappa.to_string(),
                setting.penalty.to_string(),
                setting.deviation.to_string(),
                map.honest_stakes[stake].to_string(),
                format!("{:.4}", map.weight(honest)),
                format!("{:.4}", map.weight(cabal)),
                format!("{:.6}", map.weight_deviation[stake]),
                format!("{:.9}", point.dividends),
                format!("{:.9}", point.incentive),
                format!("{:.9}", point.emission(0.5)),
            ])?;
        }
    }
    Ok(())
}

/// The comparisons and the least honest utility of every setting and stake.
#[must_use]
pub fn consensus_json(study: &ConsensusStudy) -> Value {
    let map = |map: &RetentionMap| {
        let needed: Vec<Option<f64>> =
            (0..map.honest_stakes.len()).map(|stake| map.required_utility(stake, 0.5)).collect();
        json!({ "setting": map.setting, "honest_stakes": map.honest_stakes, "required_utility": needed })
    };
    json!({
        "v": 1,
        "options": study.options,
        "comparisons": study.comparisons(),
        "maps": study.maps.iter().map(map).collect::<Vec<_>>(),
    })
}

//! The study as CSV and JSON.

use serde_json::{Value, json};

use super::study::{AttackOutcome, AttacksStudy};

/// A line for each attack; amounts in rao of TAO.
///
/// # Errors
/// If the text cannot be assembled, which only memory prevents.
pub fn attacks_csv(study: &AttacksStudy) -> Result<String, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "attack",
        "seed",
        "blocks",
        "capital_rao",
        "cost_rao",
        "gain_rao",
        "honest_earnings_rao",
        "honest_loss_rao",
        "pays",
        "digest",
        "honest_digest",
    ])?;
    for outcome in &study.outcomes {
        out.write_record(record(outcome))?;
    }
    let bytes = out.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn record(outcome: &AttackOutcome) -> [String; 11] {
    [
        outcome.attack.name.to_owned(),
        outcome.seed.to_string(),
        outcome.blocks.to_string(),
        outcome.capital_rao.to_string(),
        outcome.cost_rao.to_string(),
        outcome.gain_rao.to_string(),
        outcome.honest_earnings_rao.to_string(),
        outcome.honest_loss_rao.to_string(),
        outcome.pays().to_string(),
        outcome.digest.to_string(),
        outcome.honest_digest.to_string(),
    ]
}

/// Everything, with the explanations and each group's difference.
#[must_use]
pub fn attacks_json(study: &AttacksStudy) -> Value {
    let outcome = |outcome: &AttackOutcome| {
        let mut value = json!(outcome);
        value["pays"] = json!(outcome.pays());
        value
    };
    json!({ "v": 1, "options": study.options, "outcomes": study.outcomes.iter().map(outcome).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::{AttacksOptions, run_attacks};

    #[test]
    fn a_line_and_an_object_for_each_attack() {
        let options = AttacksOptions {
            names: vec!["self-weight".to_owned(), "sandwich".to_owned()],
            seed: Some(4),
            blocks: Some(720),
        };
        let study = run_attacks(&options, &|_, _| {}).unwrap();
        let csv = attacks_csv(&study).unwrap();
        assert_eq!(csv.lines().count(), 3);
        assert!(csv.lines().nth(1).unwrap().starts_with("self-weight,4,720,"));
        let json: Value = serde_json::from_str(&attacks_json(&study).to_string()).unwrap();
        assert_eq!(json["outcomes"][1]["attack"]["name"], "sandwich");
        assert_eq!(json["outcomes"][0]["groups"][0]["attacker"], true);
    }
}

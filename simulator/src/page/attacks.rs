//! The page of the attack library.

use sn3_report::{Align, Diverging, Report, Section, Table};

use super::{signed_percent, tao};
use crate::attacks::{AttackOutcome, AttacksStudy};

/// The whole study as one page: the metric table, what pays, then each attack by itself.
#[must_use]
pub fn attacks_page(study: &AttacksStudy) -> Report {
    let paying = study.outcomes.iter().filter(|outcome| outcome.pays()).count();
    let report = Report::new("Attacks on a subnet's economy")
        .lead("Each attack beside its honest twin: the same seed, people and endowments, honest behaviour.")
        .fact("attacks", study.outcomes.len().to_string())
        .fact("pay", paying.to_string())
        .with_contents()
        .with(overview(study));
    study.outcomes.iter().fold(report, |report, outcome| report.with(section(outcome)))
}

fn overview(study: &AttacksStudy) -> Section {
    let columns = [
        ("attack", Align::Left),
        ("capital (TAO)", Align::Right),
        ("cost (TAO)", Align::Right),
        ("gain (TAO)", Align::Right),
        ("against honest earnings", Align::Right),
        ("honest loss (TAO)", Align::Right),
        ("verdict", Align::Left),
    ];
    let mut table = Table::new(columns);
    for outcome in &study.outcomes {
        table.push([
            outcome.attack.title.to_owned(),
            tao(i128::from(outcome.capital_rao)),
            tao(i128::from(outcome.cost_rao)),
            tao(i128::from(outcome.gain_rao)),
            signed_percent(outcome.gain_share()),
            tao(i128::from(outcome.honest_loss_rao)),
            verdict(outcome).to_owned(),
        ]);
    }
    let gains = study.outcomes.iter().map(|o| (o.attack.title.to_owned(), o.gain_rao as f64 / 1e9));
    Section::new("What pays")
        .text(
            "Wealth is free TAO plus all stake at the spot prices of the end. Gain is what the attackers have more than in the honest twin; honest loss is what everybody else has less. Capital is the attackers' wealth at the start; cost is what registrations took beyond the twin (swap fees are within the gain). What an attacker saves by not working is not counted.",
        )
        .chart(Diverging::new("Attackers' gain against their honest twins", "TAO").with_all(gains))
        .table("All attacks", table)
}

fn verdict(outcome: &AttackOutcome) -> &'static str {
    match (outcome.pays(), outcome.loses()) {
        (true, _) => "pays",
        (_, true) => "loses",
        _ => "changes nothing",
    }
}

fn section(outcome: &AttackOutcome) -> Section {
    let attack = outcome.attack;
    let mut table = Table::new([
        ("group", Align::Left),
        ("side", Align::Left),
        ("wealth at start", Align::Right),
        ("after honest twin", Align::Right),
        ("after attack", Align::Right),
        ("difference (TAO)", Align::Right),
    ]);
    for group in &outcome.groups {
        table.push([
            group.group.clone(),
            if group.attacker { "attacker" } else { "honest" }.to_owned(),
            tao(i128::from(group.start_rao)),
            tao(i128::from(group.honest_rao)),
            tao(i128::from(group.attacked_rao)),
            tao(i128::from(group.gain_rao())),
        ]);
    }
    let bars = outcome.groups.iter().map(|g| {
        let side = if g.attacker { " (attacker)" } else { "" };
        (format!("{}{side}", g.group), g.gain_rao() as f64 / 1e9)
    });
    Section::new(attack.title)
        .text(attack.explanation)
        .text(format!("How it shows: {}", attack.detection))
        .text(format!("What helps: {}", attack.defence))
        .chart(Diverging::new("Who gains and who loses by the attack", "TAO").with_all(bars))
        .folded("Wealth by group", table)
        .code(format!(
            "sn3 emission attacks {} --seed {} --blocks {}\nattack {}\ntwin   {}",
            attack.name, outcome.seed, outcome.blocks, outcome.digest, outcome.honest_digest
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::{AttacksOptions, run_attacks};

    #[test]
    fn every_attack_has_its_section_and_chart() {
        let options = AttacksOptions { blocks: Some(720), ..AttacksOptions::default() };
        let study = run_attacks(&options, &|_, _| {}).unwrap();
        let html = attacks_page(&study).html();
        assert_eq!(html.matches("<h2>").count(), study.outcomes.len() + 1);
        assert_eq!(html.matches("<svg").count(), study.outcomes.len() + 1);
        assert!(html.len() < 2 << 20 && !html.contains("NaN") && !html.contains("http:"));
    }
}

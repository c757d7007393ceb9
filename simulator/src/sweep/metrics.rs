//! What a run is judged by.

use serde::Serialize;

use crate::run::Summary;
use crate::scenario::Scenario;

/// A named number. Amounts are rao, parts are between 0 and 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metric {
    /// `group/NAME/…`, `subnet/N/…` or a name for the whole chain.
    pub name: String,
    /// The value.
    pub value: f64,
}

const GROUP_METRICS: [&str; 4] =
    ["earned_alpha_rao", "earned_value_rao", "earned_share", "free_tao_change_rao"];
const SUBNET_METRICS: [&str; 4] = ["price_rao", "moving_price_rao", "tao_emitted_rao", "tao_share"];
const CHAIN_METRICS: [&str; 2] = ["issuance_rao", "refused"];

/// All metrics of a run: per group what it earned and its part of what its subnet's groups earned, per subnet
/// prices and TAO emission with its part of all, issuance, and the number of refused operations.
#[must_use]
pub fn metrics(summary: &Summary) -> Vec<Metric> {
    let mut found = Vec::new();
    for group in &summary.groups {
        let peers = summary.groups.iter().filter(|other| other.netuid == group.netuid);
        let all: f64 = peers.map(|other| positive(other.earned_alpha_rao)).sum();
        let share = if all > 0.0 { positive(group.earned_alpha_rao) / all } else { 0.0 };
        let values = [
            group.earned_alpha_rao as f64,
            group.earned_value_rao as f64,
            share,
            group.free_tao_change_rao as f64,
        ];
        push(&mut found, &format!("group/{}/", group.group), GROUP_METRICS, values);
    }
    let emitted: f64 = summary.subnets.iter().map(|s| s.tao_emitted_rao as f64).sum();
    for subnet in &summary.subnets {
        let share = if emitted > 0.0 { subnet.tao_emitted_rao as f64 / emitted } else { 0.0 };
        let values =
            [subnet.price_rao as f64, subnet.moving_price_rao as f64, subnet.tao_emitted_rao as f64, share];
        push(&mut found, &format!("subnet/{}/", subnet.netuid), SUBNET_METRICS, values);
    }
    let refused: u64 = summary.refusals.iter().map(|(_, _, n)| n).sum();
    push(&mut found, "", CHAIN_METRICS, [summary.issuance_rao as f64, refused as f64]);
    found
}

fn positive(amount: i64) -> f64 {
    amount.max(0) as f64
}

fn push<const N: usize>(to: &mut Vec<Metric>, prefix: &str, names: [&str; N], values: [f64; N]) {
    let named = names.iter().zip(values);
    to.extend(named.map(|(name, value)| Metric { name: format!("{prefix}{name}"), value }));
}

/// How many metrics a scenario's runs have, about.
pub(super) fn count(scenario: &Scenario) -> u64 {
    let per_subnet = |s: &crate::scenario::SubnetGroup| {
        u64::from(s.count) * (8 + 4 * (s.validators.len() + s.miners.len()) as u64)
    };
    let restored = scenario.snapshot.as_ref().map_or(0, |s| 8 * s.subnets.len() as u64);
    scenario.subnets.iter().map(per_subnet).sum::<u64>() + restored + 4 * scenario.stakers.len() as u64 + 2
}

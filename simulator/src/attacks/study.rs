//! Attack and twin, run and compared.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::Serialize;
use sn3_protocol::Digest;

use super::AttacksError;
use super::library::{ATTACKS, Attack};
use crate::run::{Control, Simulation};
use crate::scenario::{Format, Scenario};

/// What to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AttacksOptions {
    /// Names of the attacks; all without.
    pub names: Vec<String>,
    /// Another seed than the scenarios'.
    pub seed: Option<u64>,
    /// Another length than the scenarios', in blocks.
    pub blocks: Option<u64>,
}

/// A group's wealth in both runs, in rao of TAO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupDifference {
    /// The group's full name.
    pub group: String,
    /// Whether it attacks.
    pub attacker: bool,
    /// Wealth at the start, the same in both runs.
    pub start_rao: u64,
    /// Wealth at the end of the honest twin.
    pub honest_rao: u64,
    /// Wealth at the end of the attack.
    pub attacked_rao: u64,
}

impl GroupDifference {
    /// How much more the group has because of the attack.
    #[must_use]
    pub fn gain_rao(&self) -> i64 {
        difference(self.attacked_rao, self.honest_rao)
    }
}

/// What an attack brought and cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttackOutcome {
    /// The attack.
    pub attack: &'static Attack,
    /// The attackers' wealth at the start: what one needs for the attack.
    pub capital_rao: u64,
    /// Registrations that the attack paid for beyond the twin. Swap fees are within the gain.
    pub cost_rao: i64,
    /// What the attackers have more than in the twin; negative when the attack does not pay.
    pub gain_rao: i64,
    /// What the attackers earned in the twin, in rao of TAO at the prices of its end.
    pub honest_earnings_rao: i64,
    /// What everybody else has less than in the twin; negative when the attack was a gift.
    pub honest_loss_rao: i64,
    /// All groups, attackers first.
    pub groups: Vec<GroupDifference>,
    /// Digest of the attack's run.
    pub digest: Digest,
    /// Digest of the twin's run.
    pub honest_digest: Digest,
    /// Blocks of each run.
    pub blocks: u64,
    /// The seed of both.
    pub seed: u64,
}

impl AttackOutcome {
    /// What matters: more than rounding of weights can bring.
    fn threshold_rao(&self) -> i64 {
        i64::try_from(self.capital_rao / CAPITAL_PER_MATTERING_RAO).unwrap_or(i64::MAX)
    }

    /// Whether attackers are better off than honest by more than a ten-thousandth of their capital.
    #[must_use]
    pub fn pays(&self) -> bool {
        self.gain_rao > self.threshold_rao()
    }

    /// Whether attackers are worse off than honest by more than a ten-thousandth of their capital.
    #[must_use]
    pub fn loses(&self) -> bool {
        self.gain_rao < -self.threshold_rao()
    }

    /// The gain relative to the twin's earnings; none where those were nothing, as for traders.
    #[must_use]
    pub fn gain_share(&self) -> Option<f64> {
        (self.honest_earnings_rao > 0).then(|| self.gain_rao as f64 / self.honest_earnings_rao as f64)
    }
}

/// A gain or loss smaller than the capital by this factor changes nothing.
const CAPITAL_PER_MATTERING_RAO: u64 = 10_000;

/// All outcomes in the library's order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttacksStudy {
    /// What was asked for.
    pub options: AttacksOptions,
    /// One for each attack.
    pub outcomes: Vec<AttackOutcome>,
}

/// Runs attacks and twins on all cores; `progress` hears of finished pairs and how many there are.
///
/// # Errors
/// If a name is unknown or given twice, or no block would be run.
pub fn run_attacks(
    options: &AttacksOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<AttacksStudy, AttacksError> {
    if options.blocks == Some(0) {
        return Err(AttacksError::NoBlocks);
    }
    let attacks = chosen(&options.names)?;
    let done = AtomicUsize::new(0);
    let outcome = |attack: &&'static Attack| {
        let outcome = outcome(attack, options);
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, attacks.len());
        outcome
    };
    let outcomes = attacks.par_iter().map(outcome).collect::<Result<Vec<_>, _>>()?;
    Ok(AttacksStudy { options: options.clone(), outcomes })
}

fn chosen(names: &[String]) -> Result<Vec<&'static Attack>, AttacksError> {
    if names.is_empty() {
        return Ok(ATTACKS.iter().collect());
    }
    if let Some((_, name)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        return Err(AttacksError::Twice(name.clone()));
    }
    let unknown =
        |name: &String| AttacksError::Unknown { name: name.clone(), suggestion: Attack::similar_to(name) };
    names.iter().map(|name| Attack::named(name).ok_or_else(|| unknown(name))).collect()
}

/// A finished run: each group's wealth at start and end, and what registrations cost.
struct Finished {
    groups: Vec<(String, u64, u64)>,
    registrations_rao: Vec<u64>,
    earned_rao: Vec<i64>,
    digest: Digest,
    blocks: u64,
    seed: u64,
}

fn run(name: &'static str, text: &str, options: &AttacksOptions) -> Result<Finished, AttacksError> {
    let fail = |reason: String| AttacksError::Scenario { name, reason };
    let mut scenario = Scenario::parse(text, Format::Toml).map_err(|error| fail(error.to_string()))?;
    scenario.seed = options.seed.unwrap_or(scenario.seed);
    scenario.blocks = options.blocks.unwrap_or(scenario.blocks);
    let mut simulation = Simulation::new(&scenario).map_err(|error| fail(error.to_string()))?;
    let start = wealth(&simulation);
    simulation.run(&mut |_| Control::Continue);
    let summed = simulation.summary().groups;
    let names = simulation.world().cast.groups.iter().map(|group| group.name.clone());
    let groups = names.zip(start.into_iter().zip(wealth(&simulation)));
    Ok(Finished {
        groups: groups.map(|(name, (start, end))| (name, start, end)).collect(),
        registrations_rao: summed.iter().map(|group| group.registration_cost_rao).collect(),
        earned_rao: summed.iter().map(|group| group.earned_value_rao).collect(),
        digest: simulation.digest(),
        blocks: scenario.blocks,
        seed: scenario.seed,
    })
}

/// Free TAO plus the value of all stake at spot prices, by group.
fn wealth(simulation: &Simulation) -> Vec<u64> {
    let (world, summary) = (simulation.world(), simulation.summary());
    let free =
        |group: &crate::world::Group| group.members.clone().map(|actor| world.balance(actor)).sum::<u64>();
    let groups = world.cast.groups.iter().zip(&summary.groups);
    groups.map(|(group, summed)| free(group).saturating_add(summed.stake_value_rao)).collect()
}

fn outcome(attack: &'static Attack, options: &AttacksOptions) -> Result<AttackOutcome, AttacksError> {
    let attacked = run(attack.name, attack.scenario, options)?;
    let honest = run(attack.name, attack.honest, options)?;
    let pairs = attacked.groups.iter().zip(&honest.groups);
    let mut groups: Vec<GroupDifference> = pairs
        .map(|((group, start, end), (_, _, honest_end))| GroupDifference {
            group: group.clone(),
            attacker: attack.attackers.contains(&group.as_str()),
            start_rao: *start,
            honest_rao: *honest_end,
            attacked_rao: *end,
        })
        .collect();
    let cost = |at: usize| difference(attacked.registrations_rao[at], honest.registrations_rao[at]);
    let attacking: Vec<usize> = (0..groups.len()).filter(|at| groups[*at].attacker).collect();
    let cost_rao = attacking.iter().map(|at| cost(*at)).sum();
    let honest_earnings_rao = attacking.iter().map(|at| honest.earned_rao[*at]).sum();
    groups.sort_by_key(|group| !group.attacker);
    let attackers = || groups.iter().filter(|group| group.attacker);
    let gain_rao = attackers().map(GroupDifference::gain_rao).sum::<i64>();
    Ok(AttackOutcome {
        attack,
        capital_rao: attackers().map(|group| group.start_rao).sum(),
        cost_rao,
        gain_rao,
        honest_earnings_rao,
        honest_loss_rao: groups.iter().filter(|group| !group.attacker).map(|group| -group.gain_rao()).sum(),
        digest: attacked.digest,
        honest_digest: honest.digest,
        blocks: attacked.blocks,
        seed: attacked.seed,
        groups,
    })
}

fn difference(a: u64, b: u64) -> i64 {
    i64::try_from(i128::from(a) - i128::from(b)).unwrap_or(if a < b { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(names: &[&str]) -> AttacksOptions {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        AttacksOptions { names, ..AttacksOptions::default() }
    }

    #[test]
    fn wrong_names_are_refused_with_a_suggestion() {
        let error = |options: &AttacksOptions| run_attacks(options, &|_, _| {}).unwrap_err().to_string();
        assert!(error(&options(&["weight-coping"])).contains("did you mean \"weight-copying\""));
        assert!(error(&options(&["sandwich", "sandwich"])).contains("twice"));
        assert!(error(&AttacksOptions { blocks: Some(0), ..options(&[]) }).contains("0 blocks"));
    }

    #[test]
    fn threads_do_not_change_a_number() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let options = AttacksOptions { blocks: Some(800), ..options(&["late-weights", "sandwich"]) };
            pool.install(|| run_attacks(&options, &|_, _| {}).unwrap())
        };
        assert_eq!(with(1), with(7));
    }
}

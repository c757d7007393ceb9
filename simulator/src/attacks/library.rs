//! The shipped attacks: what they are, who attacks, and how to see and stop them.

/// An attack with its scenario and its honest twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Attack {
    /// Its name, which is its file's.
    pub name: &'static str,
    /// A title for tables.
    pub title: &'static str,
    /// What happens, in a paragraph.
    pub explanation: &'static str,
    /// How it shows on the chain.
    pub detection: &'static str,
    /// What stops or limits it.
    pub defence: &'static str,
    /// Groups that profit from it, by full name.
    pub attackers: &'static [&'static str],
    /// The scenario, as TOML.
    #[serde(skip)]
    pub scenario: &'static str,
    /// The same with honest attackers.
    #[serde(skip)]
    pub honest: &'static str,
}

macro_rules! attack {
    ($name:literal, $title:literal, [$($attacker:literal),*], $explanation:literal, $detection:literal, $defence:literal) => {
        Attack {
            name: $name,
            title: $title,
            explanation: $explanation,
            detection: $detection,
            defence: $defence,
            attackers: &[$($attacker),*],
            scenario: include_str!(concat!("../../scenarios/", $name, ".toml")),
            honest: include_str!(concat!("../../scenarios/", $name, ".honest.toml")),
        }
    };
}

/// All shipped attacks.
pub static ATTACKS: [Attack; 14] = [
    attack!(
        "weight-copying",
        "Weight copying in the open",
        ["1/attacker"],
        "One validator measures nothing: in the last block before each epoch it submits the stake-weighted mean of all rows that others have published. The mean of many noisy measurements is closer to consensus than each of them, so the copier loses less to clipping than those whose work it takes, at no cost of measuring.",
        "Rows equal to the mean of the rows before them, always set in the last block before an epoch; validator trust of nearly one.",
        "Commit-reveal, so that published rows are old; several epochs of concealment where miners change slowly."
    ),
    attack!(
        "weight-copying-commit-reveal",
        "Weight copying against commit-reveal",
        ["1/attacker"],
        "The same copier, but weights are committed and revealed three epochs later. What it can copy is three epochs old, and its own copy counts three epochs later still. As miners rise and fall, old weights leave the consensus, and the copier earns less than those who measure.",
        "Rows that equal what was revealed before the commit; dividends that fall whenever miners change.",
        "This is the defence. It works as far as miners change within the concealment."
    ),
    attack!(
        "cabal-self-dealing",
        "Cabal self-dealing",
        ["1/attacker", "1/friends"],
        "Two validators with 29% of the stake give all their weight to two accomplices whose work is worth nothing. Honest validators give those nothing, so the stake-weighted median of their columns is zero: the whole weight is clipped away, the accomplices earn nothing, and with the full bonds penalty the cabal has no bonds left to earn dividends from.",
        "Validator trust near zero; miners whose only weight comes from the same few validators.",
        "Consensus clipping and the bonds penalty: set it to one."
    ),
    attack!(
        "cabal-majority",
        "A cabal with the majority of stake",
        ["1/attacker", "1/friends"],
        "The same cabal with 62% of the stake. Nothing protects a minority of honest validators: the median follows the cabal, its accomplices take the incentive, and honest weights are clipped instead. Consensus is as honest as the majority of stake.",
        "Honest validators lose trust together; incentive moves to neurons that a single coldkey's validators agree on.",
        "None within the subnet: stake has to leave it, which lowers its price and its emission."
    ),
    attack!(
        "self-weight",
        "Weight on oneself",
        ["1/attacker"],
        "A validator puts half of its weight on its own neuron. The epoch removes the diagonal for everybody but the owner, so what is left is the honest half, normalised again: the attempt changes nothing.",
        "A row that contains its own uid.",
        "The epoch's mask of the diagonal."
    ),
    attack!(
        "sybil-registration",
        "One miner under eight names",
        ["1/attacker"],
        "A miner of middling quality joins under eight hotkeys instead of one and shows the same work under each. Validators that weigh by quality alone pay it eight times. The registrations are its only cost, and each raises the price of the next by a quarter.",
        "Many registrations by one coldkey in a row; identical outputs under several hotkeys.",
        "Weights that compare outputs and pay duplicates once; winner-takes-all; a higher floor of the registration price."
    ),
    attack!(
        "bond-hoarding",
        "Bond hoarding on newcomers",
        ["1/attacker"],
        "A validator gives half of its weight to every neuron of the last 2,000 blocks before anybody knows how good it is, to hold bonds on those that turn out well. Weight above consensus is clipped, and with the full bonds penalty the clipped part earns no bonds, so hoarding costs more than the early bonds bring.",
        "Weight on neurons in their first blocks, in equal parts; trust that falls whenever somebody registers.",
        "The full bonds penalty, and no weight before a measurement."
    ),
    attack!(
        "late-weights",
        "Late weights",
        ["1/attacker"],
        "A validator saves work by submitting what it measured six epochs ago. Where miners change, its weights lie outside the consensus; what is above it is clipped and earns no bonds.",
        "Rows that equal the consensus of some epochs ago; trust that falls whenever miners change.",
        "Clipping with the full bonds penalty; liquid alpha makes it cost more."
    ),
    attack!(
        "stake-then-dump",
        "Stake before an epoch, dump after it",
        ["attacker"],
        "A whale stakes 2,000 TAO a few blocks before an epoch, takes the dividends of that one epoch as a nominator, and sells everything right after it. The pool charges its fee twice, but what the purchase pushes the price up comes back with the sale, so that one epoch of dividends is enough to cover it. Those who stayed staked get less of that epoch.",
        "A large stake shortly before an epoch that leaves shortly after it.",
        "A higher swap fee; epochs at times that outsiders cannot foresee. Larger pools beside the stake make it smaller."
    ),
    attack!(
        "sandwich",
        "Sandwich around a purchase",
        ["attacker"],
        "An onlooker sees a purchase of 1,000 TAO coming, buys before it, and sells after it at the price that the victim pushed up. The victim set no limit and gets less alpha for its TAO. Nobody but the two is concerned.",
        "A purchase and a sale by the same coldkey in one block around another purchase.",
        "A limit price, smaller orders, or an encrypted pool of transactions."
    ),
    attack!(
        "sandwich-limit",
        "Sandwich against a limit price",
        ["attacker"],
        "The same sandwich, but the victim names the highest price that it accepts, a little above what its own purchase leads to. The front run pushes the price beyond it, the victim's order is refused, and the onlooker is left with two fees.",
        "Refused orders around a purchase and sale by one coldkey.",
        "This is the defence: name a limit price with every order."
    ),
    attack!(
        "owner-capture",
        "Owner capture",
        ["1/owner", "1/accomplice"],
        "An owner with more stake than all validators together puts half of its weight on its own neuron, the only self-weight that the epoch keeps, and the rest on two accomplices. Incentive of the owner's own neurons is withheld, which lowers the subnet's part of the TAO emission and with it everybody's price; what the accomplices earn, under other coldkeys, is not withheld, and pays for it.",
        "The owner's neuron has weight on itself; withheld incentive; miners paid by the owner's stake alone.",
        "Withheld incentive lowers the subnet's emission share, and stake can leave; accomplices under other coldkeys are not caught."
    ),
    attack!(
        "idle-validators",
        "Idle validators",
        ["1/attacker"],
        "Two of seven validators never set weights. Their stake counts for nothing in consensus and earns no dividends, which go to those who work: idleness is a gift to the others, but it lowers the stake that an attacker has to outweigh.",
        "No new weights within the activity cutoff; active is false.",
        "Idle stake earns nothing already; nominators should move."
    ),
    attack!(
        "silent-majority",
        "A majority that votes for nobody",
        ["1/attacker"],
        "Two validators with 62% of the stake put all weight on themselves. The epoch removes the diagonal, so that their rows are empty, and an empty row is a vote for zero: every median is zero, no miner earns anything, and without incentive and dividends the whole emission is shared by active stake. The majority gets the miners' part too.",
        "Rows that contain their own uid alone; consensus of zero everywhere; no incentive in an epoch.",
        "Activity that demands weights on others; delegators who leave. Nothing in the epoch stops a majority."
    ),
];

impl Attack {
    /// The attack of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ATTACKS.iter().find(|attack| attack.name == name)
    }

    /// The name most similar to one that does not exist.
    #[must_use]
    pub fn similar_to(name: &str) -> Option<&'static str> {
        let distance = |attack: &&Self| strsim::damerau_levenshtein(attack.name, name);
        let nearest = ATTACKS.iter().min_by_key(distance)?;
        (distance(&nearest) <= nearest.name.len() / 2).then_some(nearest.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Format, Scenario};

    /// People, their endowments, seed and length are the same in both; only what they do differs.
    #[test]
    fn twins_start_from_the_same_world() {
        for attack in &ATTACKS {
            let parse =
                |text| Scenario::parse(text, Format::Toml).unwrap_or_else(|e| panic!("{}: {e}", attack.name));
            let endowments = |scenario: &Scenario| {
                let mut subnets = scenario.subnets.clone();
                for subnet in &mut subnets {
                    subnet.owner.behaviour = Default::default();
                    subnet.validators.iter_mut().for_each(|v| v.behaviour = Default::default());
                    subnet.miners.iter_mut().for_each(|m| m.behaviour = Default::default());
                }
                let mut stakers = scenario.stakers.clone();
                stakers.iter_mut().for_each(|s| s.behaviour = Default::default());
                (scenario.seed, scenario.blocks, subnets, stakers, scenario.events.clone())
            };
            let (attacked, honest) = (parse(attack.scenario), parse(attack.honest));
            assert_eq!(endowments(&attacked), endowments(&honest), "{}", attack.name);
            assert_ne!(attacked, honest, "{}", attack.name);
        }
    }

    #[test]
    fn names_are_unique_and_similar_ones_are_found() {
        let names: std::collections::BTreeSet<_> = ATTACKS.iter().map(|attack| attack.name).collect();
        assert_eq!(names.len(), ATTACKS.len());
        assert_eq!(Attack::similar_to("sandwhich"), Some("sandwich"));
        assert_eq!(Attack::similar_to("qqqqqqqqqqqqqqqqqqqqq"), None);
    }
}

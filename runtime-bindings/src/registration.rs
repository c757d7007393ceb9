//! Registration before it costs anything: price, slots, who would go, how long the newcomer is safe.

use serde::{Deserialize, Serialize};
use sn3_protocol::{Alpha, BlockNumber, Coldkey, Hotkey, NetUid, Rao, Uid};

use crate::bindings::storage;
use crate::client::{account, fetch};
use crate::{BlockRef, ChainClient, Metagraph, Neuron, ReadError};

/// A call of old clients that is not sent: today it ignores its proof of work and burns the price with no ceiling.
pub const LEGACY_CALL: &str = "SubtensorModule.register";

/// Why the legacy call is refused.
pub const LEGACY_REFUSAL: &str = "SubtensorModule.register no longer looks at its proof of work: it burns the current \
    price, whatever that is; register with a price ceiling instead (register_limit)";

/// What decides who is pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneRules {
    /// Blocks for which a newcomer is immune.
    pub immunity_blocks: u64,
    /// Immune neurons are spared while more than this many others are left.
    pub min_non_immune: u16,
    /// Neurons of the owner that are never pruned.
    pub owner_immune_max: u16,
}

/// A neuron that would give way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneCandidate {
    /// Its slot.
    pub uid: Uid,
    /// Who holds it.
    pub hotkey: Hotkey,
    /// What the last epoch paid it, in alpha rao.
    pub emission: Alpha,
    /// When it came.
    pub registered_at: BlockNumber,
    /// The first block at which it is not immune.
    pub immune_until: BlockNumber,
}

/// Everything to know before registering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationPreview {
    /// As of this block.
    pub block: BlockRef,
    /// The subnet.
    pub netuid: NetUid,
    /// Whether the subnet takes registrations.
    pub allowed: bool,
    /// What it costs now, in rao; it rises with every registration and decays with every block.
    pub price: Rao,
    /// The least and the most it can cost.
    pub price_bounds: (Rao, Rao),
    /// Slots taken.
    pub taken: u16,
    /// Slots in all.
    pub slots: u16,
    /// Who would give way; none while there is room, or when nobody may be pruned.
    pub pruned: Option<PruneCandidate>,
    /// Until when a neuron that registers now is immune.
    pub immune_until: BlockNumber,
    /// The hotkey's slot, if it has one already.
    pub uid: Option<Uid>,
    /// The coldkey's free balance, in rao.
    pub balance: Option<Rao>,
    /// Why it would fail, in plain words; empty when it would not.
    pub obstacles: Vec<String>,
}

/// Who gives way when a subnet is full (chain interface, section 3.3): not the owner's immortals; the lowest emission,
/// then the oldest registration, then the lowest uid; those not immune first, while enough of them are left.
#[must_use]
pub fn prune_candidate(
    metagraph: &Metagraph,
    rules: PruneRules,
    owner: &Coldkey,
    owner_hotkey: &Hotkey,
) -> Option<Uid> {
    prune_order(metagraph, rules, owner, owner_hotkey).first().copied()
}

/// All neurons that can be pruned, in the order in which they would go if nothing else changed.
#[must_use]
pub fn prune_order(
    metagraph: &Metagraph,
    rules: PruneRules,
    owner: &Coldkey,
    owner_hotkey: &Hotkey,
) -> Vec<Uid> {
    let immortal = immortals(metagraph, rules, owner, owner_hotkey);
    let now = metagraph.block.number.0;
    let immune = |neuron: &Neuron| now.saturating_sub(neuron.registered_at.0) < rules.immunity_blocks;
    let rank = |neuron: &&Neuron| (neuron.emission, neuron.registered_at, neuron.uid);
    let mortal = metagraph.neurons.iter().filter(|neuron| !immortal.contains(&neuron.uid));
    let (mut safe, mut open): (Vec<_>, Vec<_>) = mortal.partition(|neuron| immune(neuron));
    safe.sort_by_key(rank);
    open.sort_by_key(rank);
    if open.len() > usize::from(rules.min_non_immune) {
        open.extend(safe);
        return open.into_iter().map(|neuron| neuron.uid).collect();
    }
    safe.extend(open);
    safe.into_iter().map(|neuron| neuron.uid).collect()
}

/// The owner's hotkey and the oldest other neurons of the owner's coldkey, up to the limit.
fn immortals(metagraph: &Metagraph, rules: PruneRules, owner: &Coldkey, owner_hotkey: &Hotkey) -> Vec<Uid> {
    let mut own: Vec<_> = metagraph.neurons.iter().filter(|neuron| neuron.coldkey == *owner).collect();
    own.sort_by_key(|neuron| (neuron.hotkey != *owner_hotkey, neuron.registered_at, neuron.uid));
    own.into_iter().take(rules.owner_immune_max.into()).map(|neuron| neuron.uid).collect()
}

impl ChainClient {
    /// What decides who is pruned on a subnet, its owner and the owner's hotkey.
    pub async fn prune_rules(
        &self,
        netuid: NetUid,
        block: BlockRef,
    ) -> Result<(PruneRules, Coldkey, Hotkey), ReadError> {
        let at = self.at(block).await?;
        let pallet = || storage().subtensor_module();
        let one = (netuid.0,);
        let (immunity, min_non_immune, owner_immune_max, owner, owner_hotkey) = futures::try_join!(
            fetch(&at, pallet().immunity_period().unvalidated(), one),
            fetch(&at, pallet().min_non_immune_uids().unvalidated(), one),
            fetch(&at, pallet().immune_owner_uids_limit().unvalidated(), one),
            fetch(&at, pallet().subnet_owner().unvalidated(), one),
            fetch(&at, pallet().subnet_owner_hotkey().unvalidated(), one),
        )?;
        let rules = PruneRules { immunity_blocks: immunity.into(), min_non_immune, owner_immune_max };
        Ok((rules, Coldkey(owner.0), Hotkey(owner_hotkey.0)))
    }

    /// What registering a hotkey would do now. Nothing is signed.
    pub async fn preview_registration(
        &self,
        netuid: NetUid,
        hotkey: &Hotkey,
        coldkey: Option<&Coldkey>,
        price_max: Option<Rao>,
    ) -> Result<RegistrationPreview, ReadError> {
        let block = self.head().await?;
        if !self.subnet_exists(netuid, block).await? {
            return Err(ReadError::NoSuchSubnet { netuid, block: block.number });
        }
        let at = self.at(block).await?;
        let pallet = || storage().subtensor_module();
        let one = (netuid.0,);
        let (allowed, price, least, most, slots) = futures::try_join!(
            fetch(&at, pallet().network_registration_allowed().unvalidated(), one),
            fetch(&at, pallet().burn().unvalidated(), one),
            fetch(&at, pallet().min_burn().unvalidated(), one),
            fetch(&at, pallet().max_burn().unvalidated(), one),
            fetch(&at, pallet().max_allowed_uids().unvalidated(), one),
        )?;
        let (metagraph, (rules, owner, owner_hotkey), held_by) = futures::try_join!(
            self.metagraph(netuid, block),
            self.prune_rules(netuid, block),
            self.owner(hotkey, block),
        )?;
        let free = match coldkey {
            Some(coldkey) => {
                Some(fetch(&at, storage().system().account().unvalidated(), (account(coldkey.0),)).await?)
            }
            None => None,
        };
        let taken = u16::try_from(metagraph.neurons.len()).unwrap_or(u16::MAX);
        let full = taken >= slots;
        let candidate = prune_candidate(&metagraph, rules, &owner, &owner_hotkey).filter(|_| full);
        let pruned = candidate.and_then(|uid| metagraph.by_uid(uid)).map(|neuron| PruneCandidate {
            uid: neuron.uid,
            hotkey: neuron.hotkey,
            emission: neuron.emission,
            registered_at: neuron.registered_at,
            immune_until: neuron.registered_at.saturating_add(rules.immunity_blocks),
        });
        let mut preview = RegistrationPreview {
            block,
            netuid,
            allowed,
            price: Rao(price),
            price_bounds: (Rao(least), Rao(most)),
            taken,
            slots,
            pruned,
            immune_until: block.number.saturating_add(1).saturating_add(rules.immunity_blocks),
            uid: metagraph.by_hotkey(hotkey).map(|neuron| neuron.uid),
            balance: free.map(|info| Rao(info.data.free)),
            obstacles: Vec::new(),
        };
        let foreign = held_by.is_some_and(|owner| coldkey.is_some_and(|coldkey| owner != *coldkey));
        preview.obstacles = preview.why_not(full, foreign, price_max);
        Ok(preview)
    }
}

impl RegistrationPreview {
    /// Every reason for which the chain would refuse, in its order.
    fn why_not(&self, full: bool, foreign: bool, price_max: Option<Rao>) -> Vec<String> {
        let mut found = Vec::new();
        if self.netuid.0 == 0 {
            found.push("subnet 0 has no registration of this kind; name another subnet".to_owned());
        }
        if !self.allowed {
            found.push("the subnet takes no registrations now; ask its owner".to_owned());
        }
        if let Some(uid) = self.uid {
            found.push(format!("the hotkey has slot {uid} already; nothing needs to be done"));
        }
        if let Some(limit) = price_max.filter(|limit| self.price > *limit) {
            let price = self.price;
            found.push(format!("it costs {price} rao, more than the limit of {limit} rao; raise it or wait"));
        }
        if let Some(balance) = self.balance.filter(|balance| *balance < self.price) {
            found.push(format!("the coldkey has {balance} rao, and it costs {} rao; fund it", self.price));
        }
        if foreign {
            found.push("the hotkey belongs to another coldkey; use another hotkey".to_owned());
        }
        if full && self.pruned.is_none() {
            found.push(
                "every slot is taken by a neuron that cannot be pruned; wait for an immunity to end"
                    .to_owned(),
            );
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use sn3_protocol::Digest;

    use super::*;

    const OWNER: Coldkey = Coldkey([9; 32]);
    const OWNER_HOTKEY: Hotkey = Hotkey([0; 32]);
    const RULES: PruneRules = PruneRules { immunity_blocks: 100, min_non_immune: 1, owner_immune_max: 1 };

    /// (emission, registered at) of uids 0, 1, 2 …; uid 0 is the owner's.
    fn metagraph(neurons: &[(u64, u64)]) -> Metagraph {
        let neuron = |(uid, (emission, registered_at)): (usize, &(u64, u64))| Neuron {
            uid: Uid(uid as u16),
            hotkey: Hotkey([uid as u8; 32]),
            coldkey: if uid == 0 { OWNER } else { Coldkey([1; 32]) },
            stake: Alpha(0),
            incentive: 0,
            dividends: 0,
            emission: Alpha(*emission),
            consensus: 0,
            validator_trust: 0,
            validator_permit: false,
            last_update: BlockNumber(0),
            active: true,
            registered_at: BlockNumber(*registered_at),
        };
        let block = BlockRef { number: BlockNumber(1_000), hash: Digest([0; 32]) };
        Metagraph { netuid: NetUid(3), block, neurons: neurons.iter().enumerate().map(neuron).collect() }
    }

    fn order(neurons: &[(u64, u64)], rules: PruneRules) -> Vec<u16> {
        let order = prune_order(&metagraph(neurons), rules, &OWNER, &OWNER_HOTKEY);
        order.into_iter().map(|uid| uid.0).collect()
    }

    #[test]
    fn the_lowest_emission_goes_then_the_oldest_then_the_lowest_uid() {
        assert_eq!(order(&[(0, 0), (5, 10), (3, 20), (3, 10), (3, 10)], RULES), [3, 4, 2, 1]);
    }

    #[test]
    fn newcomers_are_spared_while_enough_others_are_left() {
        // Uids 1 and 2 came at 950 and are immune at 1000; 3 and 4 are not.
        let neurons = [(0, 0), (0, 950), (1, 950), (7, 10), (8, 10)];
        assert_eq!(order(&neurons, RULES), [3, 4, 1, 2]);
        // With two that must be left, the immune ones come first.
        assert_eq!(order(&neurons, PruneRules { min_non_immune: 2, ..RULES }), [1, 2, 3, 4]);
    }

    #[test]
    fn the_owners_neuron_stays() {
        assert!(!order(&[(0, 0), (1, 0)], RULES).contains(&0));
        assert_eq!(order(&[(0, 0)], PruneRules { owner_immune_max: 0, ..RULES }), [0]);
    }
}

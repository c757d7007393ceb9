//! A subnet's neurons as they were at one block.

use serde::{Deserialize, Serialize};
use sn3_protocol::{Alpha, BlockNumber, Coldkey, Hotkey, NetUid, Uid};

use crate::BlockRef;

/// All neurons of a subnet at one block, in ascending order of uid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metagraph {
    /// The subnet.
    pub netuid: NetUid,
    /// The block that everything here was read at.
    pub block: BlockRef,
    /// The neurons; `neurons[i].uid` is `i`.
    pub neurons: Vec<Neuron>,
}

/// One slot of a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neuron {
    /// The slot.
    pub uid: Uid,
    /// Who occupies it.
    pub hotkey: Hotkey,
    /// Who owns the hotkey.
    pub coldkey: Coldkey,
    /// Stake weight in alpha rao: the subnet's alpha plus weighted root TAO, delegation included.
    ///
    /// This is the number that the stake threshold and the validator permit are decided by
    /// (chain interface, section 6, "meaning of stake fields").
    pub stake: Alpha,
    /// Share of the miners' emission in the last epoch; 65535 stands for all of it.
    pub incentive: u16,
    /// Share of the validators' emission in the last epoch; 65535 stands for all of it.
    pub dividends: u16,
    /// What the last epoch paid, in alpha rao.
    pub emission: Alpha,
    /// Stake-weighted median weight of the last epoch; 65535 stands for the largest.
    pub consensus: u16,
    /// How much of its weights survived clipping; 65535 stands for all.
    pub validator_trust: u16,
    /// Whether it may set weights for others.
    pub validator_permit: bool,
    /// When it last set or committed weights; the block of its registration before that.
    pub last_update: BlockNumber,
    /// Whether its last update was recent enough to count in the last epoch.
    pub active: bool,
    /// When the hotkey took this slot.
    pub registered_at: BlockNumber,
}

impl Metagraph {
    /// The neuron of a hotkey, if it is registered.
    #[must_use]
    pub fn by_hotkey(&self, hotkey: &Hotkey) -> Option<&Neuron> {
        self.neurons.iter().find(|neuron| neuron.hotkey == *hotkey)
    }

    /// The neuron in a slot, if the slot is taken.
    #[must_use]
    pub fn by_uid(&self, uid: Uid) -> Option<&Neuron> {
        self.neurons.get(usize::from(uid.0))
    }
}

//! Blocks in which nobody's stake, weights or slot changes: nearly all of them.
//!
//! Copying a subnet of 256 neurons, and comparing the copy, takes longer than its block step. In a quiet block the
//! large parts are therefore moved instead of copied: they are taken out while the rest is copied, and put back
//! before the step.

use super::parts::{Keys, SubnetParts};
use sn3_emission::{Network, network::BlockReport, network::Subnet};
use sn3_protocol::NetUid;
use std::collections::BTreeMap;

/// An epoch also comes when there was none for 50,400 blocks; from here on blocks are not called quiet.
const LONG_WITHOUT_EPOCH_BLOCKS: u64 = 50_000;

/// Whether the next block only moves prices, pools and what waits for epochs: no epoch is due, nobody has root
/// dividends to claim, no commit waits for the beacon, and no child keys for their time.
pub(super) fn next_is_quiet(network: &Network) -> bool {
    let next = network.block + 1;
    // Root has no epochs.
    let due = |subnet: &Subnet| subnet.netuid.0 != 0 && network.epoch_is_due(subnet, next);
    let rests = |subnet: &Subnet| {
        !due(subnet)
            && (subnet.netuid.0 == 0 || subnet.schedule.blocks_since_last_step < LONG_WITHOUT_EPOCH_BLOCKS)
            && subnet.pending_children.is_empty()
            && subnet.mechanisms.iter().all(|mechanism| mechanism.commits.is_empty())
    };
    network.root_stakers.is_empty() && network.baskets.is_empty() && network.subnets.values().all(rests)
}

/// A copy of all but the large parts, which stay where they are.
pub(super) fn small_copy(network: &mut Network) -> Network {
    let keys = Keys::out_of(network);
    let parts: BTreeMap<NetUid, SubnetParts> =
        network.subnets.iter_mut().map(|(netuid, subnet)| (*netuid, SubnetParts::out_of(subnet))).collect();
    let copy = network.clone();
    keys.put_into(network);
    for ((_, subnet), (_, parts)) in network.subnets.iter_mut().zip(parts) {
        parts.put_into(subnet);
    }
    copy
}

/// Whether the step kept to what [`next_is_quiet`] promised.
pub(super) fn was_quiet(report: &BlockReport) -> bool {
    report.epochs.is_empty() && report.children_applied.is_empty()
}

//! A tiny subnet for the steps' tests: uid 0 is the viewer, the others are the group `m`.

#![allow(clippy::unwrap_used, reason = "test helper")]

use sn3_emission::network::Subnet;
use sn3_protocol::NetUid;

use super::View;
use crate::scenario::{Format, Scenario};
use crate::world::World;

pub(super) fn with_view(quality: &[f64], check: impl FnOnce(&View<'_>)) {
    with_subnet(quality, |_| {}, check);
}

pub(super) fn with_subnet(quality: &[f64], change: impl FnOnce(&mut Subnet), check: impl FnOnce(&View<'_>)) {
    let miners = quality.len().saturating_sub(1).max(1);
    let text = format!(
        "name = \"t\"\nblocks = 10\nstart_block = 100\n[[subnets]]\nnetuid = 1\n[[subnets.miners]]\nname = \"m\"\ncount = {miners}\n"
    );
    let scenario = Scenario::parse(&text, Format::Toml).unwrap();
    let mut world = World::build(&scenario).unwrap();
    let netuid = NetUid(1);
    change(world.network.subnet_mut(netuid).unwrap());
    check(&View {
        network: &world.network,
        subnet: world.network.subnet(netuid).unwrap(),
        cast: &world.cast,
        netuid,
        name: "1/owner",
        uid: 0,
        tick: 5,
        seed: 1,
        quality,
    });
}

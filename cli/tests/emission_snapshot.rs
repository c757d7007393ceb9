//! A simulation that starts from a chain's snapshot does what that chain then does, to the rao.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::sync::Arc;

use sn3::commands::emission::take_snapshot;
use sn3::output::Output;
use sn3::scaffold::{Cast, Neuron, scaffold};
use sn3_chain::{ChainClient, ChainNode, Ledger, ManualClock, SubnetChain as _};
use sn3_devnet::{Devnet, DevnetConfig, Sealing};
use sn3_protocol::{NetUid, Uid};
use sn3_simulator::run::{Control, Simulation};
use sn3_simulator::scenario::Scenario;
use sn3_simulator::snapshot::{ChainSnapshot, SubnetSnapshot};

const NETUID: NetUid = NetUid(3);
/// Two epochs of the prepared subnet and some blocks.
const BLOCKS: u64 = 47;

/// A chain with a validator, three miners, weights and a history of two epochs.
async fn living_chain() -> (Devnet, ChainClient, tempfile::TempDir) {
    let devnet =
        Devnet::start(DevnetConfig { sealing: Sealing::Instant, ..DevnetConfig::default() }).await.unwrap();
    let client = ChainClient::connect(devnet.ws_url()).await.unwrap();
    let wallets = tempfile::tempdir().unwrap();
    let miners = ["miner-1".to_owned(), "miner-2".to_owned(), "miner-3".to_owned()];
    let cast =
        Cast { netuid: NETUID, wallets: wallets.path(), validator: "validator", miners: &miners, seed: 3 };
    let neurons = scaffold(&client, &cast, &Output::silent()).await.unwrap();
    devnet.advance_to_epoch(NETUID).await.unwrap();
    set_weights(&client, &neurons).await;
    devnet.advance_to_epoch(NETUID).await.unwrap();
    devnet.advance_to_epoch(NETUID).await.unwrap();
    devnet.advance_blocks(5).await.unwrap();
    (devnet, client, wallets)
}

async fn set_weights(client: &ChainClient, neurons: &[Neuron]) {
    let ledger = Arc::new(Ledger::in_memory().unwrap());
    let clock = Arc::new(ManualClock::new());
    let validator = ChainNode::new(client.clone(), neurons[0].hotkey.clone(), NETUID, clock, ledger);
    let weights: Vec<(Uid, u16)> = neurons[1..]
        .iter()
        .zip([60_000, 30_000, 10_000])
        .map(|(neuron, weight)| (neuron.uid, weight))
        .collect();
    validator.set_weights(&weights, 0).await.unwrap();
}

async fn snapshot(client: &ChainClient) -> ChainSnapshot {
    let head = client.head().await.unwrap();
    take_snapshot(client, NETUID, head, &Output::silent()).await.unwrap()
}

fn simulate(start: ChainSnapshot) -> Simulation {
    let scenario = Scenario { blocks: BLOCKS, snapshot: Some(Box::new(start)), ..Scenario::default() };
    let mut simulation = Simulation::new(&scenario).unwrap();
    simulation.run(&mut |_| Control::Continue);
    simulation
}

fn whole(snapshot: &ChainSnapshot) -> &SubnetSnapshot {
    snapshot.subnets.iter().find(|subnet| subnet.netuid == NETUID).unwrap()
}

#[tokio::test]
async fn the_simulation_goes_on_as_the_chain_does() {
    let (devnet, client, _wallets) = living_chain().await;
    let before = snapshot(&client).await;
    assert!(whole(&before).neurons.iter().any(|neuron| neuron.emission > 0), "nobody was paid yet");
    let simulation = simulate(before);
    devnet.advance_blocks(BLOCKS).await.unwrap();
    let after = snapshot(&client).await;

    let network = &simulation.world().network;
    assert_eq!(network.block, after.block);
    assert_eq!(network.total_issuance, after.total_issuance);
    assert_eq!(network.total_stake, after.total_stake);
    for chain in &after.subnets {
        let ours = network.subnet(chain.netuid).unwrap();
        assert_eq!(
            (ours.pool.tao, ours.pool.alpha, ours.alpha_out, ours.moving_price.to_bits()),
            (chain.tao, chain.alpha_in, chain.alpha_out, chain.moving_price_bits),
            "subnet {}",
            chain.netuid
        );
        assert_eq!((ours.pending, ours.schedule.epoch_index), (chain.pending, chain.schedule.epoch_index));
    }
    let (chain, ours) = (whole(&after), network.subnet(NETUID).unwrap());
    for (uid, neuron) in chain.neurons.iter().enumerate() {
        assert_eq!(ours.neurons.emission[uid], neuron.emission, "uid {uid}");
        assert_eq!(ours.stake_of_hotkey(&neuron.hotkey), neuron.alpha, "uid {uid}");
    }
    assert_eq!(ours.mechanisms[0].bonds, chain.mechanisms[0].bonds);
}

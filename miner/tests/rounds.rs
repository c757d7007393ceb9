//! Whole runs of several miners under one clock.

#![allow(clippy::unwrap_used, reason = "a helper of a test may panic like the test")]

mod common;

use std::sync::Arc;

use common::world::watched;
use common::{Fault, Log, World, lead};
use sn3_miner::{Behaviour, Discovery, MinerError, MinerEvent, Options, Summary, discover};
use sn3_protocol::{Digest, RoundRecord, Uid, Window};

/// A run of honest miners under a leader with this mistake.
async fn run(
    name: &str,
    miners: u8,
    fault: Option<Fault>,
) -> (Vec<RoundRecord>, Vec<Result<Summary, MinerError>>, Vec<Vec<MinerEvent>>) {
    let honest = vec![Behaviour::Honest; usize::from(miners)];
    run_with(name, &honest, fault).await
}

async fn run_with(
    name: &str,
    behaviours: &[Behaviour],
    fault: Option<Fault>,
) -> (Vec<RoundRecord>, Vec<Result<Summary, MinerError>>, Vec<Vec<MinerEvent>>) {
    let world = Arc::new(World::new(name, behaviours.len() + 1).await);
    let leader_clock = world.time.join();
    let clocks: Vec<_> = behaviours.iter().map(|_| world.time.join()).collect();
    let logs: Vec<Log> = behaviours.iter().map(|_| Log::default()).collect();
    let mut nodes = Vec::new();
    for (uid, ((behaviour, clock), log)) in (1..).zip(behaviours.iter().zip(clocks).zip(&logs)) {
        let (world, options) = (world.clone(), Options { behaviour: *behaviour, ..watched(log) });
        nodes.push(tokio::spawn(async move { world.mine(uid, clock, options).await }));
    }
    let records = lead(&world, leader_clock, fault).await;
    let mut summaries = Vec::new();
    for node in nodes {
        summaries.push(node.await.unwrap());
    }
    let events = logs.into_iter().map(|log| std::mem::take(&mut *log.lock().unwrap())).collect();
    (records, summaries, events)
}

fn state(result: &Result<Summary, MinerError>) -> Digest {
    result.as_ref().unwrap().state
}

fn count(events: &[MinerEvent], what: impl Fn(&MinerEvent) -> bool) -> usize {
    events.iter().filter(|event| what(event)).count()
}

#[tokio::test]
async fn all_miners_reach_the_leaders_state_in_every_window() {
    let (records, miners, events) = run("honest", 3, None).await;
    assert_eq!(records.len(), 4);
    for (miner, events) in miners.iter().zip(&events) {
        assert_eq!(state(miner), records[3].state_after);
        let applied = |event: &MinerEvent| {
            matches!(event, MinerEvent::RecordApplied { included: true, aggregated: 3, .. })
        };
        assert_eq!(count(events, applied), 4);
        assert_eq!(count(events, |event| matches!(event, MinerEvent::InnerStep { .. })), 12);
        assert_eq!(count(events, |event| matches!(event, MinerEvent::Trouble { .. })), 0);
    }
}

#[tokio::test]
async fn the_same_run_twice_is_the_same_to_the_bit() {
    let (first, ..) = run("twice-a", 2, None).await;
    let (second, ..) = run("twice-b", 2, None).await;
    assert_eq!(first, second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_change_nothing() {
    let (first, ..) = run("threads-a", 2, None).await;
    let second = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run("threads-b", 2, None)).0
    });
    assert_eq!(first, second.join().unwrap());
}

#[tokio::test]
async fn events_are_json_with_a_name() {
    let (.., events) = run("json", 1, None).await;
    for event in &events[0] {
        let json = serde_json::to_value(event).unwrap();
        assert!(json["event"].is_string(), "{json}");
    }
}

#[tokio::test]
async fn a_silent_leader_is_named_and_the_run_goes_on() {
    let (records, miners, events) = run("silent", 2, Some(Fault::Silent(2))).await;
    assert_eq!(records.len(), 3);
    for (miner, events) in miners.iter().zip(&events) {
        assert_eq!(state(miner), records[2].state_after);
        let missing =
            |event: &MinerEvent| matches!(event, MinerEvent::RecordMissing { window: Window(2), .. });
        assert_eq!(count(events, missing), 1);
    }
}

#[tokio::test]
async fn a_record_that_comes_too_late_is_found_again() {
    let (records, miners, events) = run("slow", 2, Some(Fault::Slow(2))).await;
    for (miner, events) in miners.iter().zip(&events) {
        assert_eq!(state(miner), records[3].state_after);
        assert_eq!(count(events, |event| matches!(event, MinerEvent::RecordMissing { .. })), 1);
        assert_eq!(count(events, |event| matches!(event, MinerEvent::Desync { .. })), 1);
    }
}

#[tokio::test]
async fn a_lying_leader_is_not_followed() {
    let (_, miners, events) = run("lies", 2, Some(Fault::Lies(2))).await;
    for (miner, events) in miners.iter().zip(&events) {
        let error = miner.as_ref().unwrap_err();
        assert!(matches!(error, MinerError::Unreachable { window: Window(2), .. }), "{error}");
        assert_eq!(count(events, |event| matches!(event, MinerEvent::Desync { .. })), 1);
    }
}

#[tokio::test]
async fn a_record_that_breaks_a_rule_is_named_and_ends_the_node() {
    for (name, fault, words) in [
        ("unsigned", Fault::Unsigned(3), "is not signed by"),
        ("rate", Fault::Rate(3), "outer learning rate"),
    ] {
        let (_, miners, events) = run(name, 1, Some(fault)).await;
        let named = |event: &MinerEvent| matches!(event, MinerEvent::RecordMissing { reason: Some(reason), .. } if reason.contains(words));
        assert!(count(&events[0], named) >= 1, "{:#?}", events[0]);
        let error = miners[0].as_ref().unwrap_err();
        assert!(matches!(error, MinerError::Unreachable { .. }), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_newcomer_catches_up_from_the_records() {
    let world = Arc::new(World::new("newcomer", 3).await);
    let (leader, first, second) = (world.time.join(), world.time.join(), world.time.join());
    let old = {
        let world = world.clone();
        tokio::spawn(async move { world.mine(1, first, Options::default()).await })
    };
    let log = Log::default();
    let new = {
        let (world, options) = (world.clone(), watched(&log));
        tokio::spawn(async move {
            sn3_chain::ChainClock::wait_until(second.as_ref(), sn3_protocol::BlockNumber(35)).await.unwrap();
            world.mine(2, second, options).await
        })
    };
    let records = lead(&world, leader, None).await;
    assert_eq!(state(&old.await.unwrap()), records[3].state_after);
    assert_eq!(state(&new.await.unwrap()), records[3].state_after);
    let entries: Vec<usize> = records.iter().map(|record| record.aggregated.len()).collect();
    assert_eq!(entries, [1, 1, 2, 2]);
    let events = log.lock().unwrap();
    assert_eq!(count(&events, |event| matches!(event, MinerEvent::Skipped { .. })), 2);
}

#[tokio::test]
async fn adversaries_do_what_their_name_says() {
    let behaviours = [
        Behaviour::Honest,
        Behaviour::Copycat,
        Behaviour::Noise,
        Behaviour::Idle,
        Behaviour::Scaler,
        Behaviour::Late,
        Behaviour::Nan,
    ];
    let (records, nodes, _) = run_with("adversaries", &behaviours, None).await;
    for node in &nodes {
        assert_eq!(state(node), records[3].state_after, "even a dishonest node follows the records");
    }
    for (round, record) in records.iter().enumerate() {
        let payload = |uid: u16| {
            record.aggregated.iter().find(|entry| entry.uid == Uid(uid)).map(|entry| entry.payload)
        };
        assert!(payload(1).is_some());
        assert_eq!(payload(2), payload(1), "the copycat has the first one's bytes");
        assert!(payload(3).is_some_and(|noise| Some(noise) != payload(1)));
        assert_eq!(payload(4).is_some(), round == 0, "the idle one takes part once");
        assert!(payload(5).is_some_and(|scaled| Some(scaled) != payload(1)));
        assert_eq!(payload(6), None, "the late one is not there at the deadline");
        assert_eq!(payload(7), None, "broken numbers cannot be read");
    }
}

#[tokio::test]
async fn the_genesis_is_found_through_the_chain() {
    let world = World::new("discover", 2).await;
    let chain = world.chain(1, world.time.join());
    let wanted = Discovery { run: world.config.run.clone(), author: None, store: None, blocks_max: 2 };
    let genesis = discover(chain.as_ref(), &world.store(1), &wanted).await.unwrap();
    assert_eq!(genesis, world.genesis);
    let other = Discovery { run: sn3_protocol::RunId::new("other").unwrap(), ..wanted };
    let error = discover(chain.as_ref(), &world.store(1), &other).await.unwrap_err().to_string();
    assert!(error.contains("no genesis of run other up to block #5"), "{error}");
}

//! A node that dies continues in the same window with the same bits.

#![allow(clippy::unwrap_used, reason = "a helper of a test may panic like the test")]

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use common::world::watched;
use common::{Clock, Log, World, lead};
use sn3_miner::{Checkpoint, DiskError, MinerError, MinerEvent, MinerNode, Options, Stop, Summary};
use sn3_protocol::{Digest, RoundRecord, Window};

/// Stops once, at this point.
fn once(at: Checkpoint) -> Stop {
    let done = AtomicBool::new(false);
    Arc::new(move |point| point == at && !done.swap(true, Ordering::SeqCst))
}

/// Starts a node again and again until the run is over; how often it died.
async fn mine_through_deaths(
    world: &World,
    clock: Arc<Clock>,
    dir: &Path,
    stop: Stop,
    log: &Log,
) -> (Summary, u32) {
    let mut deaths = 0;
    loop {
        let options = Options { state_dir: Some(dir.to_owned()), stop: stop.clone(), ..watched(log) };
        match world.mine(1, clock.clone(), options).await {
            Ok(summary) => return (summary, deaths),
            Err(MinerError::Stopped(_)) => deaths += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A run of two miners, the first of which is stopped as told.
async fn run(name: &str, stop: Stop) -> (Vec<RoundRecord>, Summary, u32, Vec<MinerEvent>) {
    let world = Arc::new(World::new(name, 3).await);
    let (leader, first, second) = (world.time.join(), world.time.join(), world.time.join());
    let twin = {
        let world = world.clone();
        tokio::spawn(async move { world.mine(2, second, Options::default()).await })
    };
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::default());
    let dying = {
        let (world, path, log) = (world.clone(), dir.path().to_owned(), log.clone());
        tokio::spawn(async move { mine_through_deaths(&world, first, &path, stop, &log).await })
    };
    let records = lead(&world, leader, None).await;
    let (summary, deaths) = dying.await.unwrap();
    assert_eq!(twin.await.unwrap().unwrap().state, summary.state);
    let events = log.lock().unwrap().clone();
    (records, summary, deaths, events)
}

#[tokio::test]
async fn killed_at_any_point_it_ends_with_the_same_bits() {
    let (undisturbed, whole, deaths, _) = run("kill-none", Arc::new(|_| false)).await;
    assert_eq!((deaths, whole.state), (0, undisturbed[3].state_after));
    let points = [
        Checkpoint::Action(Window(3)),
        Checkpoint::InnerStep(Window(3), 1),
        Checkpoint::InnerStep(Window(3), 3),
        Checkpoint::Compressed(Window(3)),
        Checkpoint::Uploaded(Window(3)),
        Checkpoint::Applied(Window(3)),
        Checkpoint::Applied(Window(1)),
    ];
    for (number, point) in points.into_iter().enumerate() {
        let (records, summary, deaths, events) = run(&format!("kill-{number}"), once(point)).await;
        assert_eq!(deaths, 1, "{point:?}");
        assert_eq!(records, undisturbed, "{point:?}: every payload, state and link is the same");
        assert_eq!(summary, whole, "{point:?}");
        let resumed =
            events.iter().filter(|event| matches!(event, MinerEvent::Started { resumed: true, .. }));
        assert_eq!(
            resumed.count(),
            usize::from(point != Checkpoint::Applied(Window(1)) || number == 6),
            "{point:?}"
        );
    }
}

#[tokio::test]
async fn killed_before_every_single_action_it_ends_with_the_same_bits() {
    let (undisturbed, ..) = run("kill-no-action", Arc::new(|_| false)).await;
    let calls = Arc::new(Mutex::new(0u32));
    let counted = calls.clone();
    let stop: Stop = Arc::new(move |_| {
        let mut calls = counted.lock().unwrap();
        *calls += 1;
        // Every ninth checkpoint: more than an action needs, less than a window has.
        calls.is_multiple_of(9)
    });
    let (records, _, deaths, _) = run("kill-often", stop).await;
    assert!(deaths > 5, "{deaths}");
    assert_eq!(records, undisturbed);
}

#[tokio::test]
async fn a_corrupt_state_is_a_one_line_error_and_resync_rebuilds() {
    let world = Arc::new(World::new("corrupt", 2).await);
    let dir = tempfile::tempdir().unwrap();
    let (leader, clock) = (world.time.join(), world.time.join());
    let (miner, path) = (world.clone(), dir.path().to_owned());
    let node = tokio::spawn(async move {
        let options =
            |resync, stop| Options { state_dir: Some(path.clone()), resync, stop, ..Options::default() };
        let never: Stop = Arc::new(|_| false);
        let stopped =
            miner.mine(1, clock.clone(), options(false, once(Checkpoint::Uploaded(Window(3))))).await;
        assert!(matches!(stopped, Err(MinerError::Stopped(_))));
        let file = path.join("miner.state");
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let error = miner.mine(1, clock.clone(), options(false, never.clone())).await.unwrap_err();
        assert!(matches!(error, MinerError::Disk(DiskError::Corrupt { .. })), "{error}");
        assert!(!error.to_string().contains('\n') && error.to_string().contains("--resync"), "{error}");
        miner.mine(1, clock.clone(), options(true, never)).await.unwrap().state
    });
    let records = lead(&world, leader, None).await;
    assert_eq!(node.await.unwrap(), records[3].state_after);
}

#[tokio::test]
async fn what_is_not_the_runs_is_refused_before_anything_is_done() {
    let world = World::new("inputs", 2).await;
    let clock = world.time.join();
    let start = |change: fn(&mut sn3_miner::Parts)| {
        let mut parts = world.parts(1, clock.clone());
        change(&mut parts);
        MinerNode::start(parts, Options::default())
    };
    let says = async |change, words: &str| {
        let error = start(change).await.err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
    };
    says(|parts| parts.tokenizer = Digest::of(b"other"), "the tokenizer has digest").await;
    says(|parts| parts.samples = Arc::new(common::ToySamples::new(100)), "the data has digest").await;
    says(|parts| parts.initial[3] += 1.0, "the initial state has digest").await;
    says(|parts| parts.initial.truncate(9), "the initial state has digest").await;
    says(|parts| parts.genesis.config.netuid.0 = 4, "pays on subnet 4").await;
    says(|parts| parts.signer = common::key(7), "is not registered on subnet 3").await;
    assert!(start(|_| ()).await.is_ok());
}

//! Validators over a real exchange and a chain without a node: adversaries, followers, kills.

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use common::miners::{Kind, Miners};
use common::{FOLLOWER, LEADER, POOL, Toy, View, World, config, key, layout};
use sn3_exchange::{fetch_record, fetch_scorecards};
use sn3_protocol::assignment::{assigned, evaluation_sample, random_sample};
use sn3_protocol::run::RunConfig;
use sn3_protocol::score::{Reason, ScorecardSet, bma_factor, final_score};
use sn3_protocol::{Digest, RoundRecord, Signer, Uid, Window};
use sn3_validator::{NodeError, RunSummary, ValidatorEvent, ValidatorNode, ValidatorParts};

/// Waits of one millisecond for a node to come to its next wait.
const PATIENCE: u32 = 60_000;

type Events = Arc<Mutex<Vec<ValidatorEvent>>>;

fn open(
    world: &Arc<World>,
    config: &RunConfig,
    uid: u16,
    dir: &Path,
    toy: Toy,
) -> Result<(ValidatorNode, Events), NodeError> {
    let events: Events = Events::default();
    let observed = events.clone();
    let node = ValidatorNode::open(ValidatorParts {
        config: config.clone(),
        chain: Arc::new(View { world: world.clone(), hotkey: key(uid).hotkey() }),
        store: world.store(),
        signer: key(uid),
        evaluate: Box::new(toy),
        initial_state: vec![0.0; layout().parameters()],
        state_dir: dir.to_owned(),
        version_key: 0,
        observer: Arc::new(move |event| observed.lock().unwrap().push(event.clone())),
    })?;
    Ok((node, events))
}

struct Network {
    world: Arc<World>,
    config: RunConfig,
    miners: Miners,
}

impl Network {
    fn new(name: &str, windows: u64, kinds: &[Kind]) -> Self {
        let config = config(name, windows);
        let world = World::new(name, 2 + kinds.len() as u16);
        let kinds: BTreeMap<u16, Kind> = (2..).zip(kinds.iter().copied()).collect();
        let miners = Miners::new(&config, world.store(), kinds);
        Self { world, config, miners }
    }

    /// Seals blocks until every node has ended, letting the miners act in each block.
    async fn drive<T: Send + 'static>(&mut self, nodes: Vec<tokio::task::JoinHandle<T>>) -> Vec<T> {
        let mut patience = PATIENCE;
        loop {
            let running = nodes.iter().filter(|node| !node.is_finished()).count() as u64;
            if running == 0 {
                break;
            }
            if self.world.clock.waiting() < running {
                patience -= 1;
                assert!(patience > 0, "a node neither waits nor ends");
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                continue;
            }
            patience = PATIENCE;
            self.miners.act(self.world.clock.head_number()).await;
            self.world.clock.advance();
        }
        let mut ends = Vec::new();
        for node in nodes {
            ends.push(node.await.unwrap());
        }
        ends
    }

    async fn cards(&self, window: u64, validator: u16) -> ScorecardSet {
        let (store, hotkey) = (self.world.store(), key(validator).hotkey());
        fetch_scorecards(&store, &self.config.run, Window(window), &hotkey).await.unwrap()
    }

    async fn record(&self, window: u64) -> RoundRecord {
        let (store, hotkey) = (self.world.store(), key(LEADER).hotkey());
        fetch_record(&store, &self.config.run, Window(window), &hotkey).await.unwrap().record
    }

    fn weights(&self, validator: u16) -> BTreeMap<Uid, u16> {
        self.world.weights.lock().unwrap()[&key(validator).hotkey()].iter().copied().collect()
    }
}

fn spawn(mut node: ValidatorNode) -> tokio::task::JoinHandle<Result<RunSummary, NodeError>> {
    tokio::spawn(async move { node.run().await })
}

fn healthy() -> Toy {
    Toy { fail_after: None }
}

const WINDOWS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adversaries_earn_nothing_and_two_validators_agree() {
    let kinds = [
        Kind::Honest,
        Kind::Honest,
        Kind::Honest,
        Kind::Honest,
        Kind::Copycat { victim: 2 },
        Kind::Noise,
        Kind::Idle,
        Kind::Scaler,
        Kind::Late,
        Kind::Garbage,
    ];
    let mut network = Network::new("adversaries", WINDOWS, &kinds);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (leader, events) = open(&network.world, &network.config, LEADER, dirs[0].path(), healthy()).unwrap();
    let (follower, _) = open(&network.world, &network.config, FOLLOWER, dirs[1].path(), healthy()).unwrap();
    let ends = network.drive(vec![spawn(leader), spawn(follower)]).await;
    let (a, b) = (ends[0].as_ref().unwrap(), ends[1].as_ref().unwrap());
    assert_eq!(a, b);
    network.miners.follow(Window(WINDOWS)).await;
    assert_eq!(network.miners.digests.last(), Some(&a.state));
    assert_eq!(network.weights(LEADER), network.weights(FOLLOWER));
    let followed = network.world.followed.lock().unwrap().clone();
    assert_eq!(followed.len(), 2, "both validators bring their weights to their end");
    assert!(followed.values().all(|count| *count >= WINDOWS), "in every window: {followed:?}");

    let weights = network.weights(LEADER);
    let weight = |uid: u16| f64::from(weights.get(&Uid(uid)).copied().unwrap_or(0));
    assert!((2..6).all(|uid| weight(uid) > 0.0), "{weights:?}");
    assert!((6..12).all(|uid| weight(uid) == 0.0), "{weights:?}");
    let last = network.cards(WINDOWS, LEADER).await;
    assert_eq!(last.cards, network.cards(WINDOWS, FOLLOWER).await.cards);
    let losses = heldout(&events);
    assert!(losses.len() as u64 == WINDOWS + 1 && losses[WINDOWS as usize] < losses[0], "{losses:?}");
    check_reasons(&network).await;
    for window in 1..=WINDOWS {
        recompute(&network.config, &network.cards(window, LEADER).await);
    }
}

/// Everything in a card but the losses follows from public values and from the losses.
fn recompute(config: &RunConfig, set: &ScorecardSet) {
    let count = config.gauntlet.evaluation_samples;
    let random = random_sample(POOL, set.window, &set.deadline_hash, count).unwrap();
    assert_eq!(set.random_samples, random);
    for card in set.cards.iter().filter(|card| card.loss.is_some()) {
        let trained = assigned(config, card.uid, set.window, POOL).unwrap();
        let own = evaluation_sample(&trained, card.uid, set.window, &set.deadline_hash, count).unwrap();
        assert_eq!(card.own_samples, own);
        let loss = card.loss.as_ref().unwrap();
        assert_near(card.gradient_score.unwrap(), loss.gradient_score());
        assert_near(card.own_data_gap.unwrap(), loss.own_data_gap());
        assert_near(card.bma_factor, bma_factor(card.bma, config.round(set.window), &config.gauntlet.bma));
        let sync = card.sync.unwrap().score;
        assert_near(card.final_score, final_score(card.ordinal, card.bma_factor, sync));
    }
}

/// The published text is exact; the reader used here may miss the last bit of a number.
fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1e-3), "{found} {expected}");
}

fn heldout(events: &Events) -> Vec<f64> {
    let loss = |event: &ValidatorEvent| match event {
        ValidatorEvent::Heldout { loss, .. } => Some(*loss),
        _ => None,
    };
    events.lock().unwrap().iter().filter_map(loss).collect()
}

async fn check_reasons(network: &Network) {
    let mut reasons: BTreeMap<Uid, Vec<Reason>> = BTreeMap::new();
    for window in 1..=WINDOWS {
        for card in network.cards(window, LEADER).await.cards {
            reasons.entry(card.uid).or_default().extend(card.reasons);
        }
    }
    let has = |uid: u16, test: fn(&Reason) -> bool| reasons[&Uid(uid)].iter().any(test);
    assert!(has(6, |r| matches!(r, Reason::SamePayload { of: Uid(2) })), "{:?}", reasons[&Uid(6)]);
    assert!(has(7, |r| matches!(r, Reason::RaisesLoss | Reason::Weak { .. })), "{:?}", reasons[&Uid(7)]);
    assert!(has(9, |r| matches!(r, Reason::Oversized { .. })), "{:?}", reasons[&Uid(9)]);
    assert!(has(10, |r| matches!(r, Reason::Late { .. })), "{:?}", reasons[&Uid(10)]);
    assert!(has(11, |r| matches!(r, Reason::Invalid { .. })), "{:?}", reasons[&Uid(11)]);
    assert!(!reasons.contains_key(&Uid(8)), "who never submits has no card");
}

/// Runs a small honest network; the leader is killed by a failing loss after `kills` evaluations each time.
async fn interrupted(
    name: &str,
    kills: &[u64],
) -> (Vec<Digest>, RunSummary, BTreeMap<Uid, u16>, ScorecardSet) {
    let mut network = Network::new(name, 4, &[Kind::Honest, Kind::Honest, Kind::Honest]);
    let dir = tempfile::tempdir().unwrap();
    for kill in kills {
        let toy = Toy { fail_after: Some(Arc::new(AtomicU64::new(*kill))) };
        let (node, _) = open(&network.world, &network.config, LEADER, dir.path(), toy).unwrap();
        let end = network.drive(vec![spawn(node)]).await.remove(0);
        assert!(matches!(end, Err(NodeError::Evaluate(_))), "{end:?}");
    }
    let (node, events) = open(&network.world, &network.config, LEADER, dir.path(), healthy()).unwrap();
    let summary = network.drive(vec![spawn(node)]).await.remove(0).unwrap();
    let resumed = matches!(events.lock().unwrap()[0], ValidatorEvent::Started { resumed: true, .. });
    assert_eq!(resumed, !kills.is_empty());
    let mut records = Vec::new();
    for window in 1..=4 {
        let mut record = network.record(window).await;
        record.run = network.config.run.clone();
        records.push(record.state_after);
    }
    let cards = network.cards(4, LEADER).await;
    (records, summary, network.weights(LEADER), cards)
}

/// The baseline without any update is the first loss of a window's evaluation: failing there stops the node
/// after its record is out and before anything of the window is saved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_validator_goes_on_in_the_same_window_with_the_same_record() {
    let whole = interrupted("whole", &[]).await;
    let killed = interrupted("killed", &[2, 1, 30, 1]).await;
    assert_eq!(killed.0, whole.0, "the same states");
    assert_eq!(killed.1.state, whole.1.state);
    assert_eq!(killed.2, whole.2, "the same weights");
    assert_eq!(killed.3.cards, whole.3.cards, "the same scorecards");
}

#[tokio::test]
async fn another_runs_state_folder_is_refused() {
    let network = Network::new("first", 2, &[Kind::Honest]);
    let dir = tempfile::tempdir().unwrap();
    drop(open(&network.world, &network.config, LEADER, dir.path(), healthy()).unwrap());
    let other = config("second", 2);
    let error = open(&network.world, &other, LEADER, dir.path(), healthy()).err().unwrap();
    assert!(matches!(error, NodeError::OtherRun { .. }), "{error}");
}

#[tokio::test]
async fn another_initial_state_is_refused() {
    let network = Network::new("initial", 2, &[Kind::Honest]);
    let dir = tempfile::tempdir().unwrap();
    let config = RunConfig { initial_state: Digest::of(b"other"), ..network.config.clone() };
    let error = open(&network.world, &config, LEADER, dir.path(), healthy()).err().unwrap();
    assert!(matches!(error, NodeError::InitialState { .. }), "{error}");
}

//! The promises of the daemon, as properties over many seeds.

use super::*;

const EPOCHS: u64 = 10;

/// A run: one want per epoch (and again after every restart, as a validator does), faults, kills at random steps.
struct Run {
    shared: Arc<Shared>,
    ledger: Arc<Ledger>,
    kills: u32,
    kill_percent: u32,
    rng: StdRng,
}

impl Run {
    fn new(seed: u64, method: Method, faults: Faults, kill_percent: u32) -> Self {
        let shared = Arc::new(Shared(Mutex::new(Model::new(seed, method, faults))));
        let ledger = Arc::new(Ledger::in_memory().unwrap());
        Self { shared, ledger, kills: 0, kill_percent, rng: StdRng::seed_from_u64(!seed) }
    }

    fn daemon(&self) -> Daemon {
        let target = Target { hotkey: pair(), netuid: NETUID, mechanism: 0 };
        Daemon::over(self.shared.clone(), self.ledger.clone(), target).unwrap()
    }

    fn weights(epoch: u64) -> Vec<(Uid, u16)> {
        vec![(Uid(0), 65_535), (Uid(2), 1_000 + epoch as u16)]
    }

    async fn go(&mut self) {
        let mut daemon = self.daemon();
        let mut wanted_in = None;
        while self.shared.model().epoch() < EPOCHS {
            let epoch = self.shared.model().epoch();
            // The last epochs only bring to an end what is open.
            if wanted_in != Some(epoch) && epoch < EPOCHS - 3 {
                wanted_in = Some(epoch);
                daemon.want(&Self::weights(epoch), 0, None);
            }
            if self.rng.random_range(0..100) < self.kill_percent {
                self.kills += 1;
                (daemon, wanted_in) = (self.daemon(), None);
                continue;
            }
            match daemon.step().await {
                Ok(Progress::Idle(_)) => self.shared.model().seal(),
                Ok(Progress::Rejected(error)) => panic!("rejected: {error}"),
                Ok(_) => {}
                Err(DaemonError::Read(_)) if self.rng.random_bool(0.2) => self.shared.model().seal(),
                Err(DaemonError::Read(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Weights or commits that were executed, per epoch.
    fn sends(&self) -> BTreeMap<u64, u32> {
        let mut sends = BTreeMap::new();
        let model = self.shared.model();
        for executed in model.executed.iter().filter(|executed| !executed.is_reveal) {
            *sends.entry(executed.epoch).or_default() += 1;
        }
        sends
    }

    fn check(&self, what: &str) {
        let sends = self.sends();
        assert!(sends.values().all(|count| *count == 1), "{what}: sent twice in an epoch: {sends:?}");
        let intents = self.ledger.history(10_000).unwrap();
        let count = |state| intents.iter().filter(|intent| intent.state == state).count();
        let missed: Vec<_> = intents.iter().filter(|intent| intent.state == IntentState::Missed).collect();
        assert!(missed.is_empty(), "{what}: {missed:?}");
        let (counted, superseded) = (count(IntentState::Counted), count(IntentState::Superseded));
        assert_eq!(
            counted + superseded,
            sends.len(),
            "{what}: the ledger and the chain differ: {intents:#?}"
        );
        assert!(sends.len() as u64 >= EPOCHS - 5, "{what}: epochs without weights: {sends:?}");
        for intent in intents.iter().filter(|intent| intent.state == IntentState::Counted) {
            self.check_counted(what, intent);
        }
    }

    /// Every claim of having been counted has its proof on the chain.
    fn check_counted(&self, what: &str, intent: &Intent) {
        let steps = self.ledger.steps(intent.id).unwrap();
        let counted = steps.last().unwrap();
        let number = counted.block.unwrap().number.0 as usize;
        let model = self.shared.model();
        let (before, after) = (&model.blocks[number - 1], &model.blocks[number]);
        assert_eq!(Some(after.epoch), counted.epoch, "{what}");
        assert_eq!(before.epoch + 1, after.epoch, "{what}: no epoch ran in its block");
        assert!([&before.weights, &after.weights].contains(&&intent.weights), "{what}: {steps:?}");
    }
}

const METHODS: [Method; 3] = [Method::Plain, Method::Salted, Method::Timelocked];

#[tokio::test]
async fn weights_are_counted_once_per_epoch_when_all_is_well() {
    for method in METHODS {
        let mut run = Run::new(1, method, Faults::default(), 0);
        run.go().await;
        run.check(&format!("{method:?}"));
    }
}

#[tokio::test]
async fn nothing_is_lost_or_sent_twice_by_kills_and_a_faulty_network() {
    let faults = Faults { read_fails: 8, send_is_lost: 25, answer_is_lost: 25, pool_forgets: 10 };
    let mut kills = 0;
    for method in METHODS {
        for seed in 0..if method == Method::Timelocked { 6 } else { 40 } {
            let mut run = Run::new(seed, method, faults, 6);
            run.go().await;
            run.check(&format!("{method:?}, seed {seed}"));
            kills += run.kills;
        }
    }
    assert!(kills > 500, "only {kills} kills");
}

#[tokio::test]
async fn a_kill_after_each_single_step_is_survived() {
    for method in METHODS {
        for at in 0..24 {
            let mut run = Run::new(7, method, Faults::default(), 0);
            let mut daemon = run.daemon();
            daemon.want(&Run::weights(0), 0, None);
            for _ in 0..at {
                if let Progress::Idle(_) = daemon.step().await.unwrap() {
                    run.shared.model().seal();
                }
            }
            drop(daemon);
            run.go().await;
            run.check(&format!("{method:?}, killed after step {at}"));
        }
    }
}

#[tokio::test]
async fn weights_that_the_chain_can_never_take_are_rejected() {
    let run = Run::new(1, Method::Plain, Faults::default(), 0);
    let mut daemon = run.daemon();
    daemon.want(&[(Uid(99), 1)], 0, None);
    let rejected = daemon.settle().await.unwrap();
    assert!(matches!(rejected, Some(WeightsError::UnknownUid { .. })), "{rejected:?}");
    assert!(daemon.is_done());
    assert!(run.ledger.history(1).unwrap().is_empty());
}

#[tokio::test]
async fn settings_that_change_under_way_lead_to_the_other_method() {
    let run = Run::new(1, Method::Plain, Faults::default(), 0);
    let mut daemon = run.daemon();
    daemon.want(&Run::weights(0), 0, None);
    daemon.settle().await.unwrap();
    // The plain weights wait in the pool when the subnet turns to commit and reveal.
    run.shared.model().commit_reveal = true;
    for _ in 0..3 {
        run.shared.model().seal();
        daemon.settle().await.unwrap();
    }
    let intents = run.ledger.history(10).unwrap();
    let seen: Vec<_> = intents.iter().map(|intent| (intent.method, intent.state)).collect();
    let expected = [(Method::Salted, IntentState::Committed), (Method::Plain, IntentState::Abandoned)];
    assert_eq!(seen, expected);
}

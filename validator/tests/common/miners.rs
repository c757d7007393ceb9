//! Miners that train the toy, and those that only pretend to.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sn3_exchange::{Key as ObjectKey, Store, fetch_record, publish_submission};
use sn3_protocol::aggregate::{aggregate, outer_step};
use sn3_protocol::assignment::{assigned, receipt};
use sn3_protocol::run::RunConfig;
use sn3_protocol::score::sync;
use sn3_protocol::sparse::compress;
use sn3_protocol::{
    Digest, Layout, Manifest, PROTOCOL_VERSION, PseudoGradient, Signer, SparseConfig, Uid, Window, wire,
};

use super::{Key, LEADER, POOL, key, layout, sample};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Honest,
    Copycat { victim: u16 },
    Noise,
    Idle,
    Scaler,
    Late,
    Garbage,
}

/// All miners of a network and the state that they agree on.
pub struct Miners {
    config: RunConfig,
    layout: Layout,
    store: Store,
    pub kinds: BTreeMap<u16, Kind>,
    pub theta: Vec<f32>,
    errors: BTreeMap<u16, Vec<f32>>,
    sent: BTreeMap<u16, Bytes>,
    pub digests: Vec<Digest>,
    previous: Digest,
}

impl Miners {
    pub fn new(config: &RunConfig, store: Store, kinds: BTreeMap<u16, Kind>) -> Self {
        let layout = layout();
        let theta = vec![0.0; layout.parameters()];
        let (errors, sent) = (BTreeMap::new(), BTreeMap::new());
        let digests = vec![config.initial_state];
        Self {
            config: config.clone(),
            layout,
            store,
            kinds,
            theta,
            errors,
            sent,
            digests,
            previous: config.digest(),
        }
    }

    /// What miners do once the chain is at `block`.
    pub async fn act(&mut self, block: u64) {
        let per_window = self.config.blocks_per_window;
        let window = Window((block / per_window).saturating_sub(1));
        if !self.config.contains(window) {
            return;
        }
        let put = self.config.put_blocks;
        for (uid, kind) in self.kinds.clone() {
            match (kind, block % per_window) {
                (Kind::Honest | Kind::Noise | Kind::Scaler | Kind::Garbage, 0)
                | (Kind::Copycat { .. }, 1) => self.submit(uid, kind, window).await,
                (Kind::Late, at) if at == put + 2 => self.submit(uid, kind, window).await,
                _ => {}
            }
        }
        if block % per_window == put + 3 {
            self.follow(window).await;
        }
    }

    async fn submit(&mut self, uid: u16, kind: Kind, window: Window) {
        let payload = match kind {
            Kind::Garbage => Bytes::from(vec![0xAB; 500]),
            Kind::Copycat { victim } => self.sent[&victim].clone(),
            _ => {
                let update = self.compressed(uid, kind, window);
                self.encode(&update)
            }
        };
        self.sent.insert(uid, payload.clone());
        let author: Arc<Key> = key(uid);
        let manifest = self.manifest(uid, window, &payload);
        publish_submission(&self.store, &manifest.sign(author.as_ref()), &payload).await.unwrap();
    }

    fn manifest(&self, uid: u16, window: Window, payload: &Bytes) -> Manifest {
        let trained = assigned(&self.config, Uid(uid), window, POOL).unwrap();
        let ids: Vec<u64> = trained.iter().map(|index| u64::from(*index) * 7919).collect();
        Manifest {
            protocol_version: PROTOCOL_VERSION,
            run: self.config.run.clone(),
            window,
            uid: Uid(uid),
            hotkey: key(uid).hotkey(),
            layout: self.layout.digest(),
            base_state: self.layout.state_digest(&self.theta),
            payload: Digest::of(payload),
            payload_bytes: payload.len() as u64,
            inner_steps: self.config.inner_steps,
            samples: receipt(&ids),
            sync_probe: sync::probe(&self.layout, &self.theta),
        }
    }

    fn delta(&self, uid: u16, kind: Kind, window: Window) -> Vec<f32> {
        let trained = assigned(&self.config, Uid(uid), window, POOL).unwrap();
        let mean = |i: usize| trained.iter().map(|id| sample(*id, i)).sum::<f32>() / trained.len() as f32;
        let noise = |i: usize| sample(1_000_000 + window.0 as u32, i * 31 + usize::from(uid)) - sample(7, i);
        match kind {
            Kind::Noise => (0..self.theta.len()).map(|i| 0.2 * noise(i)).collect(),
            Kind::Scaler => (0..self.theta.len()).map(|i| 300.0 * (self.theta[i] - mean(i))).collect(),
            _ => (0..self.theta.len()).map(|i| 0.3 * (self.theta[i] - mean(i))).collect(),
        }
    }

    /// Honest miners keep what they did not send; the others forget it.
    fn compressed(&mut self, uid: u16, kind: Kind, window: Window) -> PseudoGradient {
        let delta = self.delta(uid, kind, window);
        let mut fresh = vec![0.0; delta.len()];
        let error = match kind {
            Kind::Honest => self.errors.entry(uid).or_insert(fresh),
            _ => &mut fresh,
        };
        compress(&self.layout, &SparseConfig::default(), error, &delta).unwrap()
    }

    fn encode(&self, update: &PseudoGradient) -> Bytes {
        wire::encode(update, &self.layout, self.config.sparse.top_k).into()
    }

    /// Applies the leader's record and checks it as an honest miner does.
    pub async fn follow(&mut self, window: Window) {
        let leader = key(LEADER).hotkey();
        let record = fetch_record(&self.store, &self.config.run, window, &leader).await.unwrap().record;
        assert_eq!(record.previous, self.previous);
        let mut peers = Vec::new();
        for entry in &record.aggregated {
            let mirror = ObjectKey::mirror(&record.run, window, &leader, &entry.payload);
            let bytes = self.store.get_bounded(&mirror, entry.payload_bytes).await.unwrap();
            peers.push(wire::decode(&bytes, &self.layout, self.config.sparse.top_k).unwrap());
        }
        if !peers.is_empty() {
            let peers: Vec<&PseudoGradient> = peers.iter().collect();
            let update = aggregate(&self.layout, self.config.sparse.top_k, &peers).unwrap();
            outer_step(&mut self.theta, &self.layout, &update, record.outer_lr).unwrap();
        }
        assert_eq!(
            self.layout.state_digest(&self.theta),
            record.state_after,
            "the honest digest chain is unbroken"
        );
        self.digests.push(record.state_after);
        self.previous = record.digest();
    }
}

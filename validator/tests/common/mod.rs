//! A small network in one process: a chain without a node, a clock that moves when everybody waits, miners
//! that submit real payloads, and a model whose loss is a distance.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sn3_chain::{
    BlockRef, ChainClock, ClockError, ManualClock, Metagraph, Neuron, ReadError, Receipt, SubmitError,
    SubnetChain, WeightsError,
};
use sn3_exchange::Store;
use sn3_protocol::address::StoreAddress;
use sn3_protocol::layout::ChunkRule;
use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::{AdamConfig, GauntletConfig, RunConfig};
use sn3_protocol::schedule::{InnerSchedule, OuterSchedule};
use sn3_protocol::{
    Alpha, BlockNumber, Coldkey, Digest, Hotkey, Layout, NetUid, RunId, Signature, Signer, SparseConfig, Uid,
    Window,
};
use sn3_validator::{Evaluate, EvaluateError};
use tokio::sync::watch;

pub mod miners;

pub const POOL: u64 = 20_000;
pub const LEADER: u16 = 0;
pub const FOLLOWER: u16 = 1;
const LOSS_STRIDE: usize = 16;

/// An sr25519 key made from a uid.
pub struct Key(schnorrkel::Keypair);

pub fn key(uid: u16) -> Arc<Key> {
    let secret = schnorrkel::MiniSecretKey::from_bytes(&[uid as u8 + 1; 32]).unwrap();
    Arc::new(Key(secret.expand_to_keypair(schnorrkel::ExpansionMode::Ed25519)))
}

impl Signer for Key {
    fn hotkey(&self) -> Hotkey {
        Hotkey(self.0.public.to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign_simple(b"substrate", message).to_bytes())
    }
}

pub fn model() -> ModelConfig {
    ModelConfig {
        name: "toy".into(),
        vocab: 64,
        hidden: 64,
        layers: 1,
        heads: 2,
        kv_heads: 1,
        head_dim: 32,
        ffn: 64,
        context: 8,
        rope_theta: 10_000.0,
        rope_scaling: None,
        norm_eps: 1e-5,
        tied_head: true,
    }
}

pub fn layout() -> Layout {
    model().layout(ChunkRule::Padded).unwrap()
}

pub fn config(run: &str, windows: u64) -> RunConfig {
    let layout = layout();
    RunConfig {
        run: RunId::new(run).unwrap(),
        netuid: NetUid(3),
        seed: 5,
        blocks_per_window: 8,
        put_blocks: 3,
        record_blocks: 3,
        inner_steps: 4,
        batch_samples: 5,
        micro_batch: 5,
        model: model(),
        sparse: SparseConfig::default(),
        inner: InnerSchedule::Main {
            peak_lr: 1e-3,
            warmup_steps: 1,
            cosine_steps: 100,
            floor_factor: 0.1,
            flat: None,
        },
        outer: OuterSchedule::constant(0.9),
        adam: AdamConfig::default(),
        gauntlet: GauntletConfig { evaluation_samples: 16, ..GauntletConfig::small() },
        tokenizer: Digest::default(),
        dataset: Digest::default(),
        initial_state: layout.state_digest(&vec![0.0; layout.parameters()]),
        start_window: Window(1),
        end_window: Some(Window(windows)),
    }
}

/// Coordinate `i` of sample `id`: a target, larger along some axes, and much noise.
pub fn sample(id: u32, i: usize) -> f32 {
    let mix = (u64::from(id) << 32 | i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mix = (mix ^ (mix >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let axis = (i as u64).wrapping_mul(0x2545_F491_4F6C_DD1D) >> 52;
    1.0 + axis as f32 / 4096.0 + 4.0 * (((mix >> 40) as f32 / (1u64 << 23) as f32) - 1.0)
}

/// Half the mean squared distance to the samples, over every sixteenth coordinate. Can be told to fail once.
pub struct Toy {
    pub fail_after: Option<Arc<AtomicU64>>,
}

impl Toy {
    fn loss(&self, theta: &[f32], samples: &[u32]) -> Result<f64, EvaluateError> {
        let killed = |left: &Arc<AtomicU64>| left.fetch_sub(1, Ordering::SeqCst) == 1;
        if self.fail_after.as_ref().is_some_and(killed) {
            return Err(EvaluateError { samples: samples.len(), reason: "killed".into() });
        }
        let square = |id: u32, i: usize| f64::from(theta[i] - sample(id, i)).powi(2) / 2.0;
        let places = || (0..theta.len()).step_by(LOSS_STRIDE);
        let sum: f64 =
            samples.iter().flat_map(|id| places().map(move |i| (*id, i))).map(|(id, i)| square(id, i)).sum();
        Ok(sum / samples.len() as f64 / places().count() as f64)
    }
}

impl Evaluate for Toy {
    fn train_loss(&mut self, theta: &[f32], samples: &[u32]) -> Result<f64, EvaluateError> {
        self.loss(theta, samples)
    }

    fn heldout_loss(&mut self, theta: &[f32]) -> Result<Option<f64>, EvaluateError> {
        self.loss(theta, &[900_001, 900_002, 900_003, 900_004]).map(Some)
    }

    fn pool_len(&self) -> u64 {
        POOL
    }

    fn sample_id(&self, index: u32) -> u64 {
        u64::from(index) * 7919
    }
}

/// A clock that counts who waits for the next block.
pub struct Lockstep {
    head: watch::Sender<u64>,
    waiting: AtomicU64,
}

impl Lockstep {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { head: watch::Sender::new(0), waiting: AtomicU64::new(0) })
    }

    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::SeqCst)
    }

    pub fn head_number(&self) -> u64 {
        *self.head.borrow()
    }

    pub fn advance(&self) {
        self.waiting.store(0, Ordering::SeqCst);
        self.head.send_modify(|head| *head += 1);
    }
}

#[async_trait]
impl ChainClock for Lockstep {
    async fn head(&self) -> Result<BlockRef, ClockError> {
        Ok(ManualClock::block(BlockNumber(self.head_number())))
    }

    async fn wait_until(&self, block: BlockNumber) -> Result<BlockRef, ClockError> {
        let mut heads = self.head.subscribe();
        loop {
            let head = *heads.borrow_and_update();
            if head >= block.0 {
                return Ok(ManualClock::block(BlockNumber(head)));
            }
            self.waiting.fetch_add(1, Ordering::SeqCst);
            let stopped = |_| ClockError::Stopped { reason: "the test ended".into() };
            heads.changed().await.map_err(stopped)?;
        }
    }
}

/// What all nodes see of the chain.
pub struct World {
    pub clock: Arc<Lockstep>,
    pub neurons: Vec<Neuron>,
    pub weights: Mutex<BTreeMap<Hotkey, Vec<(Uid, u16)>>>,
    /// How often each hotkey has followed its weights.
    pub followed: Mutex<BTreeMap<Hotkey, u64>>,
    pub store_name: String,
}

impl World {
    pub fn new(store_name: &str, uids: u16) -> Arc<Self> {
        let neurons = (0..uids).map(neuron).collect();
        let (clock, weights, followed) = (Lockstep::new(), Mutex::default(), Mutex::default());
        Arc::new(Self { clock, neurons, weights, followed, store_name: format!("memory:{store_name}") })
    }

    pub fn store(&self) -> Store {
        Store::open(&self.store_name).unwrap()
    }
}

fn neuron(uid: u16) -> Neuron {
    let stake = [1_000u64, 500].get(usize::from(uid)).copied().unwrap_or(0);
    Neuron {
        uid: Uid(uid),
        hotkey: key(uid).hotkey(),
        coldkey: Coldkey([9; 32]),
        stake: Alpha(stake),
        incentive: 0,
        dividends: 0,
        emission: Alpha(0),
        consensus: 0,
        validator_trust: 0,
        validator_permit: stake > 0,
        last_update: BlockNumber(0),
        active: true,
        registered_at: BlockNumber(0),
    }
}

/// One hotkey's view of the world.
pub struct View {
    pub world: Arc<World>,
    pub hotkey: Hotkey,
}

#[async_trait]
impl SubnetChain for View {
    fn netuid(&self) -> NetUid {
        NetUid(3)
    }

    fn hotkey(&self) -> Hotkey {
        self.hotkey
    }

    fn clock(&self) -> &dyn ChainClock {
        self.world.clock.as_ref()
    }

    async fn block_hash(&self, number: BlockNumber) -> Result<Digest, ReadError> {
        Ok(ManualClock::block(number).hash)
    }

    async fn metagraph(&self, at: BlockRef) -> Result<Metagraph, ReadError> {
        Ok(Metagraph { netuid: NetUid(3), block: at, neurons: self.world.neurons.clone() })
    }

    async fn store_addresses(&self, _at: BlockRef) -> Result<BTreeMap<Hotkey, StoreAddress>, ReadError> {
        let address = StoreAddress::new(self.world.store_name.clone()).unwrap();
        Ok(self.world.neurons.iter().map(|n| (n.hotkey, address.clone())).collect())
    }

    async fn set_store_address(&self, _address: &StoreAddress) -> Result<Receipt, SubmitError> {
        unreachable!("the tests' addresses are fixed")
    }

    async fn set_weights(&self, weights: &[(Uid, u16)], _version_key: u64) -> Result<Receipt, WeightsError> {
        self.world.weights.lock().unwrap().insert(self.hotkey, weights.to_vec());
        let block = ManualClock::block(BlockNumber(self.world.clock.head_number()));
        Ok(Receipt { block, extrinsic: Digest::of(b"weights") })
    }

    async fn follow_weights(&self) -> Result<(), WeightsError> {
        *self.world.followed.lock().unwrap().entry(self.hotkey).or_default() += 1;
        Ok(())
    }
}

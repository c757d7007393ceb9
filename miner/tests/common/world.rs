//! Chain, keys, stores and the run of a test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use schnorrkel::{ExpansionMode, Keypair, MiniSecretKey};
use sn3_chain::{
    BlockRef, ChainClock, Metagraph, Neuron, ReadError, Receipt, SubmitError, SubnetChain, WeightsError,
};
use sn3_exchange::{SignedGenesis, Store, publish_genesis};
use sn3_miner::{MinerError, MinerEvent, MinerNode, Options, Parts, Summary};
use sn3_protocol::address::StoreAddress;
use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::{AdamConfig, GauntletConfig, RunConfig};
use sn3_protocol::schedule::{InnerSchedule, OuterSchedule};
use sn3_protocol::{
    Alpha, BlockNumber, ChunkRule, Coldkey, Digest, Hotkey, NetUid, RunId, Signature, Signer, SparseConfig,
    Uid, Window,
};

use super::{Clock, Time, ToySamples, ToyTrainer};

pub const LEADER: u8 = 0;

pub struct TestKey(Keypair);

/// The hotkey of the neuron with this uid.
pub fn key(uid: u8) -> Arc<TestKey> {
    let secret = MiniSecretKey::from_bytes(&[uid + 1; 32]).unwrap();
    Arc::new(TestKey(secret.expand_to_keypair(ExpansionMode::Ed25519)))
}

impl Signer for TestKey {
    fn hotkey(&self) -> Hotkey {
        Hotkey(self.0.public.to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign_simple(b"substrate", message).to_bytes())
    }
}

/// The block with this number; blocks of the tests are made of their number.
pub fn block(number: u64) -> BlockRef {
    BlockRef { number: BlockNumber(number), hash: Digest::of(&number.to_le_bytes()) }
}

/// What one hotkey sees.
struct FakeChain {
    hotkey: Hotkey,
    clock: Arc<Clock>,
    neurons: usize,
    addresses: Arc<Mutex<BTreeMap<Hotkey, StoreAddress>>>,
}

#[async_trait]
impl SubnetChain for FakeChain {
    fn netuid(&self) -> NetUid {
        NetUid(3)
    }

    fn hotkey(&self) -> Hotkey {
        self.hotkey
    }

    fn clock(&self) -> &dyn ChainClock {
        self.clock.as_ref()
    }

    async fn block_hash(&self, number: BlockNumber) -> Result<Digest, ReadError> {
        let head = self.clock.head().await.unwrap().number;
        if number > head { Err(ReadError::NoSuchBlock { number }) } else { Ok(block(number.0).hash) }
    }

    async fn metagraph(&self, at: BlockRef) -> Result<Metagraph, ReadError> {
        let neurons = (0..self.neurons).map(|uid| neuron(uid as u8)).collect();
        Ok(Metagraph { netuid: NetUid(3), block: at, neurons })
    }

    async fn store_addresses(&self, _: BlockRef) -> Result<BTreeMap<Hotkey, StoreAddress>, ReadError> {
        Ok(self.addresses.lock().unwrap().clone())
    }

    async fn set_store_address(&self, address: &StoreAddress) -> Result<Receipt, SubmitError> {
        self.addresses.lock().unwrap().insert(self.hotkey, address.clone());
        Ok(Receipt { block: self.clock.head().await.unwrap(), extrinsic: Digest::default() })
    }

    async fn set_weights(&self, _: &[(Uid, u16)], _: u64) -> Result<Receipt, WeightsError> {
        panic!("a miner sets no weights")
    }
}

fn neuron(uid: u8) -> Neuron {
    Neuron {
        uid: Uid(u16::from(uid)),
        hotkey: key(uid).hotkey(),
        coldkey: Coldkey([uid; 32]),
        stake: Alpha(if uid == LEADER { 1_000 } else { 1 }),
        incentive: 0,
        dividends: 0,
        emission: Alpha(0),
        consensus: 0,
        validator_trust: 0,
        validator_permit: uid == LEADER,
        last_update: BlockNumber(0),
        active: true,
        registered_at: BlockNumber(0),
    }
}

/// Events of one node.
pub type Log = Arc<Mutex<Vec<MinerEvent>>>;

/// A subnet of `neurons` neurons, the first of which leads.
pub struct World {
    pub name: String,
    pub time: Arc<Time>,
    pub config: RunConfig,
    pub genesis: SignedGenesis,
    pub neurons: usize,
    addresses: Arc<Mutex<BTreeMap<Hotkey, StoreAddress>>>,
}

impl World {
    /// Four windows of ten blocks, from window 1 to 4.
    pub async fn new(name: &str, neurons: usize) -> Self {
        let config = config();
        let store = Store::open(&format!("memory:{name}-0")).unwrap();
        let genesis = publish_genesis(&store, &config, key(LEADER).as_ref()).await.unwrap();
        let leader = StoreAddress::new(format!("memory:{name}-0")).unwrap();
        let addresses = BTreeMap::from([(key(LEADER).hotkey(), leader)]);
        Self {
            name: name.to_owned(),
            time: Time::new(3),
            config,
            genesis,
            neurons,
            addresses: Arc::new(Mutex::new(addresses)),
        }
    }

    pub fn store(&self, uid: u8) -> Store {
        Store::open(&format!("memory:{}-{uid}", self.name)).unwrap()
    }

    pub fn chain(&self, uid: u8, clock: Arc<Clock>) -> Arc<dyn SubnetChain> {
        let (neurons, addresses) = (self.neurons, self.addresses.clone());
        Arc::new(FakeChain { hotkey: key(uid).hotkey(), clock, neurons, addresses })
    }

    pub fn parts(&self, uid: u8, clock: Arc<Clock>) -> Parts {
        Parts {
            chain: self.chain(uid, clock),
            store: self.store(uid),
            address: StoreAddress::new(format!("memory:{}-{uid}", self.name)).unwrap(),
            signer: key(uid),
            trainer: Box::new(ToyTrainer::new(&self.config.model)),
            samples: Arc::new(ToySamples::new(200)),
            tokenizer: self.config.tokenizer,
            initial: ToyTrainer::initial(&self.config.model),
            genesis: self.genesis.clone(),
        }
    }

    /// Runs a miner to the end of the run.
    pub async fn mine(&self, uid: u8, clock: Arc<Clock>, options: Options) -> Result<Summary, MinerError> {
        MinerNode::start(self.parts(uid, clock), options).await?.run().await
    }
}

/// Options whose events are kept.
pub fn watched(log: &Log) -> Options {
    let log = log.clone();
    Options { observer: Arc::new(move |event| log.lock().unwrap().push(event.clone())), ..Options::default() }
}

fn model() -> ModelConfig {
    ModelConfig {
        name: "toy".into(),
        vocab: 16,
        hidden: 16,
        layers: 1,
        heads: 1,
        kv_heads: 1,
        head_dim: 16,
        ffn: 16,
        context: 4,
        rope_theta: 10_000.0,
        rope_scaling: None,
        norm_eps: 1e-5,
        tied_head: true,
    }
}

fn config() -> RunConfig {
    let model = model();
    let layout = model.layout(ChunkRule::default()).unwrap();
    RunConfig {
        run: RunId::new("toy").unwrap(),
        netuid: NetUid(3),
        seed: 5,
        blocks_per_window: 10,
        put_blocks: 3,
        record_blocks: 4,
        inner_steps: 3,
        batch_samples: 4,
        micro_batch: 4,
        initial_state: layout.state_digest(&ToyTrainer::initial(&model)),
        model,
        sparse: SparseConfig { top_k: 16, ..SparseConfig::default() },
        inner: InnerSchedule::Main {
            peak_lr: 0.05,
            warmup_steps: 2,
            cosine_steps: 100,
            floor_factor: 0.1,
            flat: None,
        },
        outer: OuterSchedule::constant(0.75),
        adam: AdamConfig::default(),
        gauntlet: GauntletConfig::small(),
        tokenizer: Digest::of(b"tokenizer"),
        dataset: sn3_miner::Samples::digest(&ToySamples::new(200)),
        start_window: Window(1),
        end_window: Some(Window(4)),
    }
}

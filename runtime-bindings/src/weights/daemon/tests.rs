//! The daemon against a model of the chain that loses, delays and forgets, and against being killed anywhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sn3_protocol::{Digest, Hotkey};
use sn3_timelock::{Beacon, EpochState, LocalBeacon, open};

use super::*;
use crate::client::Signed;
use crate::weights::machine::{Landing, Verdict};
use crate::weights::{BeaconView, Observation, SaltedCommit};
use crate::{Receipt, SubmitError};

const NETUID: NetUid = NetUid(3);
const TEMPO: u16 = 12;
const ERA_BLOCKS: u64 = 64;
const BLOCK_MS: u64 = 12_000;

mod faults;

/// How likely each fault is, in percent.
#[derive(Clone, Copy, Default)]
struct Faults {
    read_fails: u32,
    send_is_lost: u32,
    answer_is_lost: u32,
    pool_forgets: u32,
}

/// One executed call, as the judge of the test sees it.
#[derive(Clone, Debug)]
struct Executed {
    epoch: u64,
    is_reveal: bool,
}

struct Sealed {
    epoch: u64,
    weights: Vec<(Uid, u16)>,
    extrinsics: Vec<(Digest, Result<(), Refusal>)>,
    revealed: bool,
}

/// A chain of one hotkey on one subnet.
struct Model {
    rng: StdRng,
    faults: Faults,
    commit_reveal: bool,
    beacon: Option<(LocalBeacon, Beacon)>,
    blocks: Vec<Sealed>,
    last_epoch_block: u64,
    nonce: u64,
    pool: Vec<Digest>,
    signed: BTreeMap<Digest, (WeightsCall, u64, u64)>,
    salted: Vec<SaltedCommit>,
    timelocked: Vec<(u64, Vec<u8>, u64)>,
    executed: Vec<Executed>,
}

impl Model {
    fn new(seed: u64, method: Method, faults: Faults) -> Self {
        let genesis = Sealed { epoch: 0, weights: Vec::new(), extrinsics: Vec::new(), revealed: false };
        Self {
            rng: StdRng::seed_from_u64(seed),
            faults,
            commit_reveal: method != Method::Plain,
            beacon: (method == Method::Timelocked).then(|| {
                let local = LocalBeacon::from_seed([4; 32]);
                let beacon = local.beacon();
                (local, beacon)
            }),
            blocks: vec![genesis],
            last_epoch_block: 0,
            nonce: 0,
            pool: Vec::new(),
            signed: BTreeMap::new(),
            salted: Vec::new(),
            timelocked: Vec::new(),
            executed: Vec::new(),
        }
    }

    fn happens(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn head(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    fn time_ms(&self, block: u64) -> u64 {
        1_800_000_000_000 + block * BLOCK_MS
    }

    fn epoch(&self) -> u64 {
        self.blocks[self.blocks.len() - 1].epoch
    }

    /// The chain's order in a block: reveals, the epoch, then extrinsics.
    fn seal(&mut self) {
        let number = self.head() + 1;
        let last = &self.blocks[self.blocks.len() - 1];
        let (mut epoch, weights) = (last.epoch, last.weights.clone());
        let due = number - self.last_epoch_block >= u64::from(TEMPO);
        let mut block = Sealed { epoch, weights, extrinsics: Vec::new(), revealed: false };
        self.reveal_timelocked(&mut block, epoch + u64::from(due), number);
        if due {
            epoch += 1;
            self.last_epoch_block = number;
        }
        block.epoch = epoch;
        if self.happens(self.faults.pool_forgets) {
            self.pool.clear();
        }
        for hash in std::mem::take(&mut self.pool) {
            let (call, nonce, dies_at) = self.signed[&hash].clone();
            if nonce == self.nonce && number < dies_at {
                self.nonce += 1;
                let result = self.execute(&call, &mut block);
                block.extrinsics.push((hash, result));
            }
        }
        self.blocks.push(block);
    }

    fn reveal_timelocked(&mut self, block: &mut Sealed, epoch: u64, number: u64) {
        let Some((local, beacon)) = &self.beacon else { return };
        let out = beacon.round_at(self.time_ms(number));
        let (mut kept, all) = (Vec::new(), std::mem::take(&mut self.timelocked));
        for (committed, bytes, round) in all {
            match (committed + 1).cmp(&epoch) {
                std::cmp::Ordering::Less => continue,
                std::cmp::Ordering::Equal if round <= out => {
                    let plain = open(&bytes, &local.sign(round)).unwrap();
                    let payload = WeightsPayload::decode(&plain).unwrap();
                    block.weights = payload.uids.iter().map(|uid| Uid(*uid)).zip(payload.values).collect();
                    block.revealed = true;
                    self.executed.push(Executed { epoch, is_reveal: true });
                }
                _ => kept.push((committed, bytes, round)),
            }
        }
        self.timelocked = kept;
    }

    fn execute(&mut self, call: &WeightsCall, block: &mut Sealed) -> Result<(), Refusal> {
        let refused = |class| Err(Refusal { class, reason: "refused".into() });
        let epoch = block.epoch;
        match call {
            WeightsCall::Plain { .. } if self.commit_reveal => return refused(Class::PlanAgain),
            WeightsCall::Plain { weights, .. } => block.weights = weights.clone(),
            WeightsCall::Salted { hash } => self.salted.push(SaltedCommit { hash: *hash, epoch }),
            WeightsCall::Timelocked { bytes, round, .. } => {
                self.timelocked.push((epoch, bytes.clone(), *round))
            }
            WeightsCall::Reveal { weights, salt, version_key } => {
                let hash = commit_hash(&me(), NETUID, 0, weights, salt, *version_key);
                let commit = SaltedCommit { hash, epoch: epoch.wrapping_sub(1) };
                if !self.salted.contains(&commit) {
                    return refused(Class::Lost);
                }
                self.salted.retain(|other| *other != commit);
                block.weights = weights.clone();
            }
        }
        self.executed.push(Executed { epoch, is_reveal: matches!(call, WeightsCall::Reveal { .. }) });
        Ok(())
    }

    fn observation(&self, at: BlockRef) -> Observation {
        let view = |(_, beacon): &(LocalBeacon, Beacon)| BeaconView {
            public_key: beacon.public_key(),
            genesis_s: beacon.genesis_s(),
            period_s: beacon.period_s(),
            last_round: beacon.round_at(self.time_ms(at.number.0)),
        };
        let block = &self.blocks[at.number.0 as usize];
        Observation {
            head: at,
            time_ms: self.time_ms(at.number.0),
            block_ms: BLOCK_MS,
            nonce: self.nonce,
            epochs: EpochState {
                tempo: TEMPO,
                last_epoch_block: self.last_epoch_block,
                pending_epoch_at: 0,
                epoch_index: block.epoch,
                blocks_since_last_step: at.number.0 - self.last_epoch_block,
            },
            commit_reveal: self.commit_reveal,
            beacon: self.beacon.as_ref().map(view),
            commits: self.salted.clone(),
            weights: block.weights.clone(),
            weights_min: 1,
            version_key: 0,
            rate_limit_blocks: 0,
            ..crate::weights::observe::tests::observation()
        }
    }
}

fn hash_of(number: u64) -> Digest {
    Digest::of(&number.to_le_bytes())
}

fn block_ref(number: u64) -> BlockRef {
    BlockRef { number: BlockNumber(number), hash: hash_of(number) }
}

fn pair() -> HotkeyPair {
    HotkeyPair::from_uri("//Validator").unwrap()
}

fn me() -> Hotkey {
    pair().public()
}

/// The model behind the port.
struct Shared(Mutex<Model>);

impl Shared {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading(&self) -> Result<MutexGuard<'_, Model>, ReadError> {
        let mut model = self.model();
        let percent = model.faults.read_fails;
        if model.happens(percent) {
            return Err(ReadError::Deadline { what: "a test".into(), waited_ms: 0 });
        }
        Ok(model)
    }
}

#[async_trait]
impl WeightsPort for Shared {
    async fn head(&self) -> Result<BlockRef, ReadError> {
        Ok(block_ref(self.reading()?.head()))
    }

    async fn observe(&self, _: &Target, at: BlockRef) -> Result<Observation, ReadError> {
        Ok(self.reading()?.observation(at))
    }

    async fn sign(&self, _: &Target, call: &WeightsCall) -> Result<Signed, SubmitError> {
        let mut model = self.reading()?;
        let (nonce, head) = (model.nonce + model.pool.len() as u64, model.head());
        let salt: u64 = model.rng.random();
        let bytes = format!("{nonce} {head} {salt} {call:?}").into_bytes();
        let dies_at = head + ERA_BLOCKS;
        let signed = Signed {
            call: "SubtensorModule.weights".into(),
            hash: Digest::of(&bytes),
            bytes,
            nonce,
            signed_at: block_ref(head),
            dies_at: BlockNumber(dies_at),
        };
        model.signed.insert(signed.hash, (call.clone(), nonce, dies_at));
        Ok(signed)
    }

    async fn broadcast(&self, signed: &Signed) -> Result<(), SubmitError> {
        let mut model = self.model();
        let lost = || SubmitError::OutcomeUnknown {
            call: signed.call.clone(),
            extrinsic: signed.hash,
            reason: "lost".into(),
            dies_at: signed.dies_at,
        };
        let faults = model.faults;
        if model.happens(faults.send_is_lost) {
            return Err(lost());
        }
        if signed.nonce < model.nonce {
            let (call, remedy) = (signed.call.clone(), String::new());
            let reason = "Invalid Transaction: Transaction is outdated".into();
            return Err(SubmitError::Pool { call, code: 1010, reason, remedy });
        }
        if !model.pool.contains(&signed.hash) {
            model.pool.push(signed.hash);
        }
        if model.happens(faults.answer_is_lost) { Err(lost()) } else { Ok(()) }
    }

    async fn trace(
        &self,
        _: &Target,
        _: &str,
        extrinsic: Digest,
        from: u64,
        to: u64,
    ) -> Result<Option<Landing>, Refusal> {
        let model = self.reading().map_err(|error| Refusal::of(&error.into()))?;
        let landing = (from + 1..=to).find_map(|number| {
            let block = &model.blocks[number as usize];
            let found = block.extrinsics.iter().find(|(hash, _)| *hash == extrinsic)?;
            let receipt = Receipt { block: block_ref(number), extrinsic };
            Some(Landing { receipt, epoch: block.epoch, result: found.1.clone() })
        });
        Ok(landing)
    }

    async fn trace_reveal(
        &self,
        _: &Target,
        from: u64,
        _: u64,
        to: u64,
    ) -> Result<Option<(BlockRef, u64)>, ReadError> {
        let model = self.reading()?;
        let found = (from + 1..=to).find(|number| model.blocks[*number as usize].revealed);
        Ok(found.map(|number| (block_ref(number), model.blocks[number as usize - 1].epoch)))
    }

    async fn judge(
        &self,
        _: &Target,
        weights: &[(Uid, u16)],
        epoch: u64,
        landed: u64,
        to: u64,
    ) -> Result<Verdict, ReadError> {
        let model = self.reading()?;
        let block = |number: u64| &model.blocks[number as usize];
        let ran = (landed..=to).find(|number| block(*number).epoch > epoch).unwrap();
        let stood = if ran == landed { block(ran) } else { block(ran - 1) };
        let (epoch, at) = (epoch + 1, block_ref(ran));
        Ok(match stood.weights == weights {
            true => Verdict::Counted { epoch, block: at },
            false => Verdict::Superseded { epoch, block: at },
        })
    }
}

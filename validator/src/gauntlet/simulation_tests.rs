//! Ten windows of a whole Gauntlet over a toy model: four honest miners and one of each adversary.
//!
//! The model is a point in space; a sample is a noisy view of a target, and its loss is half the squared
//! distance. Training on samples moves towards their mean, so an update fits its own samples a little
//! better than others', as real training does.

use super::*;
use crate::mechanism::*;
use sn3_protocol::assignment::{Pcg64, choice};
use sn3_protocol::run::GauntletConfig;
use sn3_protocol::score::overlap::{Positions, overlap};
use sn3_protocol::score::{Control, LossChange, LossScore, PairOverlap, Reason};
use sn3_protocol::{Alpha, Digest, Hotkey, Uid};
use std::collections::BTreeMap;

const DIMENSIONS: usize = 1024;
const TOP_K: usize = 128;
const TRAINED: u32 = 40;
const EVALUATED: usize = 16;
const POOL: u32 = 5000;
const STEP: f32 = 0.3;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Honest,
    Copycat { noise: f32 },
    Noise,
    Idle,
    Stale,
    Scaler,
    Late,
    Nan,
}

struct World {
    theta: Vec<f32>,
    window: Window,
    kinds: Vec<Kind>,
    previous: BTreeMap<Uid, Vec<f32>>,
}

/// The target is further away along its first axes, as real gradients are concentrated.
fn target(i: usize) -> f32 {
    6.0 / (1.0 + i as f32 / 25.0)
}

fn sample(id: u32, i: usize) -> f32 {
    let mix = (u64::from(id) << 32 | i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mix = (mix ^ (mix >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    target(i) + (((mix >> 40) as f32 / (1u64 << 23) as f32) - 1.0) * 2.0
}

fn loss(theta: &[f32], samples: &[u32]) -> f64 {
    let square = |id: u32| -> f64 {
        theta.iter().enumerate().map(|(i, x)| f64::from(x - sample(id, i)).powi(2)).sum::<f64>() / 2.0
    };
    samples.iter().map(|id| square(*id)).sum::<f64>() / samples.len() as f64 / DIMENSIONS as f64
}

fn assigned(uid: Uid, window: Window) -> Vec<u32> {
    let mut rng = Pcg64::from_words(&[u32::from(uid.0), window.0 as u32, 77]);
    choice(&mut rng, POOL, TRAINED)
}

fn top_k(values: &[f32]) -> Vec<u16> {
    let mut order: Vec<u16> = (0..values.len() as u16).collect();
    order.sort_by(|a, b| values[usize::from(*b)].abs().total_cmp(&values[usize::from(*a)].abs()));
    order.truncate(TOP_K);
    order.sort_unstable();
    order
}

fn keep(values: &[f32]) -> Vec<f32> {
    let mut kept = vec![0.0; values.len()];
    top_k(values).into_iter().for_each(|i| kept[usize::from(i)] = values[usize::from(i)]);
    kept
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

fn honest(world: &World, uid: Uid) -> Vec<f32> {
    let samples = assigned(uid, world.window);
    let mean = |i: usize| samples.iter().map(|id| sample(*id, i)).sum::<f32>() / samples.len() as f32;
    keep(&(0..DIMENSIONS).map(|i| STEP * (world.theta[i] - mean(i))).collect::<Vec<_>>())
}

fn noise(world: &World, uid: Uid, scale: f32) -> Vec<f32> {
    let mut rng = Pcg64::from_words(&[9, u32::from(uid.0), world.window.0 as u32]);
    (0..DIMENSIONS).map(|_| (rng.unit() as f32 - 0.5) * scale).collect()
}

impl World {
    fn update(&self, uid: Uid) -> Option<Vec<f32>> {
        match self.kinds[usize::from(uid.0)] {
            Kind::Honest => Some(honest(self, uid)),
            Kind::Copycat { noise: scale } => {
                let noise = noise(self, uid, scale);
                let victim = honest(self, Uid(0));
                Some(keep(&victim.iter().zip(noise).map(|(x, n)| x + n).collect::<Vec<_>>()))
            }
            Kind::Noise => Some(keep(&noise(self, uid, 1.0))),
            Kind::Idle | Kind::Late => None,
            Kind::Stale => self.previous.get(&uid).cloned().or_else(|| Some(honest(self, uid))),
            Kind::Scaler => Some(honest(self, uid).iter().map(|x| x * 1000.0).collect()),
            Kind::Nan => Some(vec![f32::NAN; DIMENSIONS]),
        }
    }

    fn uids(&self) -> impl Iterator<Item = Uid> + use<> {
        (0..self.kinds.len() as u16).map(Uid)
    }

    fn updates(&mut self) -> BTreeMap<Uid, Vec<f32>> {
        let updates: BTreeMap<Uid, Vec<f32>> =
            self.uids().filter_map(|uid| Some((uid, self.update(uid)?))).collect();
        self.previous = updates.clone();
        updates
    }

    fn deadline(&self, updates: &BTreeMap<Uid, Vec<f32>>) -> Deadline {
        let neuron = |uid| NeuronInfo { uid, hotkey: Hotkey([uid.0 as u8; 32]), stake: Alpha(0) };
        let late = self.uids().filter(|uid| self.kinds[usize::from(uid.0)] == Kind::Late);
        Deadline {
            window: self.window,
            round: self.window.0 - 1,
            deadline_hash: Digest::of(&self.window.0.to_le_bytes()),
            neurons: self.uids().map(neuron).collect(),
            submissions: updates.iter().map(|(uid, update)| (*uid, submitted(update, &self.theta))).collect(),
            overlaps: overlaps(updates),
            late: late.map(|uid| (uid, self.window.saturating_sub(1))).collect(),
            probe: self.theta[10..12].to_vec(),
            outer_lr: 1.0,
            aggregated: None,
        }
    }

    fn evaluate(&self, updates: &BTreeMap<Uid, Vec<f32>>, tasks: &[EvaluationTask]) -> BTreeMap<Uid, Trial> {
        let norms: Vec<f64> = updates.values().map(|u| norm(u)).filter(|n| n.is_finite()).collect();
        let median = lower_median(norms);
        let after = |uid: Uid| apply(&self.theta, &updates[&uid], 0.2, median);
        let mut rng = Pcg64::from_words(&[5, self.window.0 as u32]);
        let random = choice(&mut rng, POOL, EVALUATED as u32);
        let trial = |task: &EvaluationTask| {
            let own = assigned(task.uid, self.window)[..EVALUATED].to_vec();
            let change = |samples: &[u32]| LossChange {
                before: loss(&self.theta, samples),
                after: loss(&after(task.uid), samples),
            };
            let control = |uid: &Uid| Control {
                uid: *uid,
                own_after: loss(&after(*uid), &own),
                random_after: loss(&after(*uid), &random),
            };
            let score =
                LossScore::new(change(&own), change(&random), task.controls.iter().map(control).collect());
            (task.uid, Trial { own_samples: own.clone(), outcome: score.map_err(|e| e.to_string()) })
        };
        tasks.iter().map(trial).collect()
    }

    fn outer_step(&mut self, updates: &BTreeMap<Uid, Vec<f32>>, aggregated: &[Uid]) {
        let median = lower_median(aggregated.iter().map(|uid| norm(&updates[uid])).collect());
        let before = self.theta.clone();
        for uid in aggregated {
            let moved = apply(&before, &updates[uid], 1.0 / aggregated.len() as f32, median);
            self.theta.iter_mut().zip(moved).zip(&before).for_each(|((x, m), b)| *x += m - b);
        }
        self.window = self.window.next();
    }
}

fn lower_median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

fn apply(theta: &[f32], update: &[f32], lr: f32, median: f64) -> Vec<f32> {
    let factor = (median / (norm(update) + 1e-8)).min(1.0) as f32 * lr;
    theta.iter().zip(update).map(|(x, u)| x - factor * u).collect()
}

fn submitted(update: &[f32], theta: &[f32]) -> Submitted {
    if update.iter().any(|x| !x.is_finite()) {
        return Submitted::Broken { detail: "tensor 0: shift NaN is not a finite number".into() };
    }
    let bytes: Vec<u8> = update.iter().flat_map(|x| x.to_le_bytes()).collect();
    Submitted::Readable { payload: Digest::of(&bytes), norm: norm(update), probe: theta[10..12].to_vec() }
}

fn overlaps(updates: &BTreeMap<Uid, Vec<f32>>) -> Vec<PairOverlap> {
    let kept = [TOP_K];
    let sent: Vec<(Uid, Vec<u16>)> = updates
        .iter()
        .filter(|(_, update)| update.iter().all(|x| x.is_finite()))
        .map(|(uid, update)| (*uid, top_k(update)))
        .collect();
    let positions = |indices| [Positions { indices, kept: &kept, dense: false }];
    let mut pairs = Vec::new();
    for (i, (first, a)) in sent.iter().enumerate() {
        for (later, b) in &sent[i + 1..] {
            let overlap = overlap(&positions(a), &positions(b));
            pairs.push(PairOverlap { first: *first, later: *later, overlap });
        }
    }
    pairs
}

struct Outcome {
    weights: BTreeMap<Uid, f64>,
    reasons: BTreeMap<Uid, Vec<Reason>>,
    state: GauntletState,
    losses: Vec<f64>,
}

fn simulate(adversaries: &[Kind], windows: u64) -> Outcome {
    let mut kinds = vec![Kind::Honest; 4];
    kinds.extend(adversaries);
    let mut world =
        World { theta: vec![0.0; DIMENSIONS], window: Window(1), kinds, previous: BTreeMap::new() };
    let gauntlet = Gauntlet::new(GauntletConfig::small(), Some(Window(windows)));
    let mut outcome = Outcome {
        weights: BTreeMap::new(),
        reasons: BTreeMap::new(),
        state: gauntlet.start(),
        losses: vec![loss(&world.theta, &[1, 2, 3, 4])],
    };
    for _ in 0..windows {
        play_window(&gauntlet, &mut world, &mut outcome);
    }
    outcome
}

fn play_window(gauntlet: &Gauntlet, world: &mut World, outcome: &mut Outcome) {
    let updates = world.updates();
    let event = Event::Deadline(world.deadline(&updates));
    let (state, effects) = gauntlet.step(outcome.state.clone(), &event);
    let (mut aggregated, mut tasks) = (Vec::new(), Vec::new());
    for effect in effects {
        match effect {
            Effect::Aggregate(uids) => aggregated = uids,
            Effect::Evaluate(list) => tasks = list,
            Effect::Reject { uid, reason } => outcome.reasons.entry(uid).or_default().push(reason),
            other => panic!("not at a deadline: {other:?}"),
        }
    }
    let results = world.evaluate(&updates, &tasks);
    let window = world.window;
    world.outer_step(&updates, &aggregated);
    let evaluated =
        Event::Evaluated(Evaluated { window, results, probe_after: world.theta[10..12].to_vec() });
    let (state, effects) = gauntlet.step(state, &evaluated);
    outcome.state = state;
    outcome.losses.push(loss(&world.theta, &[1, 2, 3, 4]));
    for effect in effects {
        match effect {
            Effect::SetWeights(weights) => outcome.weights = weights,
            Effect::Cards(cards) => {
                for card in cards {
                    outcome.reasons.entry(card.uid).or_default().extend(card.reasons);
                }
            }
            other => panic!("not after an evaluation: {other:?}"),
        }
    }
}

fn honest_median(outcome: &Outcome) -> f64 {
    let mut weights: Vec<f64> =
        (0..4).map(|uid| outcome.weights.get(&Uid(uid)).copied().unwrap_or(0.0)).collect();
    weights.sort_by(f64::total_cmp);
    (weights[1] + weights[2]) / 2.0
}

fn check_adversary(kind: Kind, named: fn(&Reason) -> bool) {
    let outcome = simulate(&[kind], 10);
    let weight = |uid| outcome.weights.get(&Uid(uid)).copied().unwrap_or(0.0);
    let median = honest_median(&outcome);
    assert!(median > 0.1, "honest miners must be paid: {:?}", outcome.weights);
    assert!((0..4).all(|uid| weight(uid) > 0.0), "every honest miner: {:?}", outcome.weights);
    assert!(weight(4) <= median / 10.0, "{kind:?} got {} of {median}", weight(4));
    let reasons = outcome.reasons.get(&Uid(4)).cloned().unwrap_or_default();
    assert!(reasons.iter().any(named), "{kind:?}: {reasons:?}");
    assert!(outcome.losses[10] < 0.8 * outcome.losses[0], "{:?}", outcome.losses);
}

#[test]
fn honest_miners_alone_are_all_paid() {
    let outcome = simulate(&[], 10);
    assert!((0..4).all(|uid| outcome.weights[&Uid(uid)] > 0.1), "{:?}", outcome.weights);
}

#[test]
fn a_copycat_earns_nothing() {
    check_adversary(Kind::Copycat { noise: 0.0 }, |r| matches!(r, Reason::SamePayload { of: Uid(0) }));
}

#[test]
fn a_copycat_who_perturbs_earns_nothing() {
    check_adversary(Kind::Copycat { noise: 0.05 }, |r| matches!(r, Reason::Copy { of: Uid(0), .. }));
}

#[test]
fn noise_earns_nothing() {
    check_adversary(Kind::Noise, |r| matches!(r, Reason::RaisesLoss | Reason::Weak { .. }));
}

#[test]
fn an_idle_miner_earns_nothing() {
    let outcome = simulate(&[Kind::Idle], 10);
    assert!(!outcome.weights.contains_key(&Uid(4)));
    assert!(honest_median(&outcome) > 0.1);
}

#[test]
fn a_replay_of_an_old_payload_earns_nothing() {
    check_adversary(Kind::Stale, |r| matches!(r, Reason::Replay { .. }));
}

#[test]
fn a_scaler_earns_nothing() {
    check_adversary(Kind::Scaler, |r| matches!(r, Reason::Oversized { .. }));
}

#[test]
fn a_late_miner_earns_nothing() {
    check_adversary(Kind::Late, |r| matches!(r, Reason::Late { .. }));
}

#[test]
fn garbage_earns_nothing() {
    check_adversary(Kind::Nan, |r| matches!(r, Reason::Invalid { .. }));
}

#[test]
fn all_adversaries_at_once_earn_nothing() {
    let kinds = [Kind::Copycat { noise: 0.05 }, Kind::Noise, Kind::Idle, Kind::Scaler, Kind::Late, Kind::Nan];
    let outcome = simulate(&kinds, 10);
    let median = honest_median(&outcome);
    assert!(median > 0.1, "{:?}", outcome.weights);
    for uid in 4..10 {
        assert!(
            outcome.weights.get(&Uid(uid)).copied().unwrap_or(0.0) <= median / 10.0,
            "{:?}",
            outcome.weights
        );
    }
}

#[test]
fn a_state_that_was_written_and_read_goes_on_as_if_nothing_had_happened() {
    use codec::{Decode, Encode};
    let one = simulate(&[Kind::Noise, Kind::Nan], 5).state;
    let read = GauntletState::decode(&mut one.encode().as_slice()).unwrap();
    assert_eq!(read, one);
}

#[test]
fn the_same_inputs_give_the_same_bits() {
    let run = || simulate(&[Kind::Copycat { noise: 0.05 }, Kind::Noise], 6);
    let (a, b) = (run(), run());
    assert_eq!(a.state, b.state);
    assert_eq!(a.weights, b.weights);
}

//! Tries updates one by one: own and random samples, without and with the update, with a control group.

use std::collections::BTreeMap;

use sn3_protocol::aggregate::apply_single;
use sn3_protocol::score::{Control, LossChange, LossScore};
use sn3_protocol::{Layout, PseudoGradient, Uid};

use super::{Evaluate, EvaluateError};
use crate::mechanism::{EvaluationTask, Trial};

/// The fixed part of a window's evaluation.
#[derive(Clone, Copy)]
pub struct Round<'a> {
    /// The model's layout.
    pub layout: &'a Layout,
    /// Kept values of each chunk.
    pub top_k: u32,
    /// The state at the start of the window.
    pub theta: &'a [f32],
    /// The round's clipping norms, one for each tensor.
    pub medians: &'a [f32],
    /// `outer_lr · eval_lr_factor`.
    pub lr: f32,
    /// Usable updates.
    pub updates: &'a BTreeMap<Uid, PseudoGradient>,
    /// The samples on which each uid's own data is evaluated.
    pub own: &'a BTreeMap<Uid, Vec<u32>>,
    /// The random samples of the window.
    pub random: &'a [u32],
}

/// What the trials of one window found.
#[derive(Clone, Debug, PartialEq)]
pub struct Trials {
    /// One for each task whose update is there.
    pub results: BTreeMap<Uid, Trial>,
}

/// Does all tasks. A loss that an update makes infinite is that peer's fault and stands in its trial; a loss
/// without any update that cannot be computed is an error.
pub fn run_trials(
    evaluate: &mut dyn Evaluate,
    round: Round<'_>,
    tasks: &[EvaluationTask],
) -> Result<Trials, EvaluateError> {
    let before = evaluate.train_loss(round.theta, round.random)?;
    let mut bench = Bench { evaluate, round, random_before: before, random_after: BTreeMap::new() };
    let mut results = BTreeMap::new();
    for task in tasks.iter().filter(|task| round.updates.contains_key(&task.uid)) {
        let own_samples = round.own.get(&task.uid).cloned().unwrap_or_default();
        let outcome = bench.score(task, &own_samples)?;
        results.insert(task.uid, Trial { own_samples, outcome });
    }
    Ok(Trials { results })
}

/// Of two uids whose payloads are (nearly) equal, the one who trained it: whose own samples the payload fits
/// better than the updates of others do. None when neither can be told.
pub fn authorship(
    evaluate: &mut dyn Evaluate,
    round: Round<'_>,
    pair: (Uid, Uid),
    controls: &[Uid],
) -> Result<Option<Uid>, EvaluateError> {
    let others: Vec<Uid> = controls.iter().copied().filter(|uid| *uid != pair.0 && *uid != pair.1).collect();
    let tasks = [pair.0, pair.1].map(|uid| EvaluationTask { uid, controls: others.clone() });
    let trials = run_trials(evaluate, round, &tasks)?.results;
    let gap = |uid: Uid| Some(trials.get(&uid)?.outcome.as_ref().ok()?.own_data_gap());
    Ok(match (gap(pair.0), gap(pair.1)) {
        (Some(a), Some(b)) if a > b => Some(pair.0),
        (Some(a), Some(b)) if b > a => Some(pair.1),
        _ => None,
    })
}

struct Bench<'a> {
    evaluate: &'a mut dyn Evaluate,
    round: Round<'a>,
    random_before: f64,
    random_after: BTreeMap<Uid, Result<f64, String>>,
}

impl Bench<'_> {
    fn score(
        &mut self,
        task: &EvaluationTask,
        own: &[u32],
    ) -> Result<Result<LossScore, String>, EvaluateError> {
        if own.is_empty() {
            return Ok(Err("nothing was trained, so there is nothing to evaluate".into()));
        }
        let before = self.evaluate.train_loss(self.round.theta, own)?;
        Ok(self.with_update(task, own, before))
    }

    fn with_update(&mut self, task: &EvaluationTask, own: &[u32], before: f64) -> Result<LossScore, String> {
        let own_change = LossChange { before, after: self.own_after(task.uid, own)? };
        let random = LossChange { before: self.random_before, after: self.random_after(task.uid)? };
        let mut controls = Vec::with_capacity(task.controls.len());
        for uid in &task.controls {
            // A control that fails is no evidence for or against anybody.
            if let (Ok(own_after), Ok(random_after)) = (self.own_after(*uid, own), self.random_after(*uid)) {
                controls.push(Control { uid: *uid, own_after, random_after });
            }
        }
        LossScore::new(own_change, random, controls).map_err(|error| error.to_string())
    }

    fn own_after(&mut self, uid: Uid, samples: &[u32]) -> Result<f64, String> {
        let theta = self.applied(uid)?;
        self.evaluate.train_loss(&theta, samples).map_err(|error| error.to_string())
    }

    fn random_after(&mut self, uid: Uid) -> Result<f64, String> {
        if let Some(known) = self.random_after.get(&uid) {
            return known.clone();
        }
        let random = self.round.random;
        let loss = self.own_after(uid, random);
        self.random_after.insert(uid, loss.clone());
        loss
    }

    fn applied(&self, uid: Uid) -> Result<Vec<f32>, String> {
        let round = &self.round;
        let update = round.updates.get(&uid).ok_or("the update is not there")?;
        apply_single(round.theta, round.layout, round.top_k, update, round.medians, round.lr)
            .map_err(|error| error.to_string())
    }
}

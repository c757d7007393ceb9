//! `epoch/` and `scenario/`: networks over several epochs.

use std::collections::BTreeMap;

use serde_json::Value;
use sn3_emission::epoch::{
    EpochInput, EpochOutput, EpochParams, MechanismInput, StoredRow, SubnetEpoch, inherited_stake, run_subnet,
};
use sn3_emission::fixed::I32F32;

use super::Checker;
use super::json::{flag, flags, int, ints, list, pairs};

/// One network as the file describes it.
struct Chain {
    params: EpochParams,
    split: Option<Vec<u16>>,
    owner_uid: Option<u16>,
    tao_weight: u64,
    stake_threshold: u64,
    reveal_period: u64,
    n: usize,
    weights: Vec<Vec<StoredRow>>,
    bonds: Vec<Vec<StoredRow>>,
    last_update: Vec<Vec<u64>>,
    alpha: Vec<u64>,
    root: Vec<u64>,
    parents: BTreeMap<usize, Vec<(u64, usize)>>,
    children: BTreeMap<usize, Vec<(u64, usize)>>,
    permits: Vec<bool>,
    registered: Vec<u64>,
}

/// Runs all steps of a file.
pub fn check(file: &Value, checker: &mut Checker) {
    let mut chain = Chain::new(&file["config"]);
    for (k, step) in list(&file["steps"]).iter().enumerate() {
        checker.at(format!("step {k}"));
        chain.set(&step["set"]);
        let epoch = chain.run(step);
        compare(&epoch, &step["out"], checker);
        chain.permits = epoch.validator_permit;
        chain.bonds = epoch.mechanisms.into_iter().map(|m| m.bonds).collect();
    }
}

impl Chain {
    fn new(c: &Value) -> Self {
        let mechanisms: usize = int(&c["mechanism_count"]);
        let n = int(&c["n"]);
        let params = EpochParams {
            tempo: int(&c["tempo"]),
            activity_cutoff_factor_milli: int(&c["activity_cutoff_factor_milli"]),
            kappa: int(&c["kappa"]),
            bonds_moving_average: int(&c["bonds_moving_average"]),
            bonds_penalty: int(&c["bonds_penalty"]),
            yuma3_on: flag(c, "yuma3_on"),
            liquid_alpha_on: flag(c, "liquid_alpha_on"),
            alpha_low: int(&c["alpha_low"]),
            alpha_high: int(&c["alpha_high"]),
            alpha_sigmoid_steepness: int(&c["alpha_sigmoid_steepness"]),
            max_allowed_validators: int(&c["max_allowed_validators"]),
            commit_reveal_enabled: flag(c, "commit_reveal_enabled"),
        };
        Self {
            params,
            split: c["emission_split"].is_array().then(|| ints(&c["emission_split"])),
            owner_uid: c["owner_uid"].is_number().then(|| int(&c["owner_uid"])),
            tao_weight: int(&c["tao_weight"]),
            stake_threshold: int(&c["stake_threshold"]),
            reveal_period: int(&c["reveal_period_epochs"]),
            n,
            weights: vec![vec![Vec::new(); n]; mechanisms],
            bonds: vec![vec![Vec::new(); n]; mechanisms],
            last_update: vec![Vec::new(); mechanisms],
            alpha: Vec::new(),
            root: Vec::new(),
            parents: BTreeMap::new(),
            children: BTreeMap::new(),
            permits: Vec::new(),
            registered: Vec::new(),
        }
    }

    fn set(&mut self, set: &Value) {
        set_rows(&mut self.weights, &set["weights"], &set["weights_changed"]);
        set_rows(&mut self.bonds, &set["bonds"], &set["bonds_changed"]);
        for (name, vector) in [
            ("alpha_stake", &mut self.alpha),
            ("root_stake", &mut self.root),
            ("block_at_registration", &mut self.registered),
        ] {
            if set[name].is_array() {
                *vector = ints(&set[name]);
            }
        }
        for (name, families) in [("parents", &mut self.parents), ("children", &mut self.children)] {
            if set[name].is_array() {
                *families = list(&set[name]).iter().map(|e| (int(&e[0]), pairs(&e[1]))).collect();
            }
        }
        if set["validator_permit"].is_array() {
            self.permits = flags(&set["validator_permit"]);
        }
        if set["last_update"].is_array() {
            self.last_update = list(&set["last_update"]).iter().map(ints).collect();
        }
    }

    fn inherited(&self, own: &[u64], uid: usize) -> u64 {
        let children = self.children.get(&uid).into_iter().flatten().map(|(p, _)| *p);
        let parents = self.parents.get(&uid).into_iter().flatten().map(|(p, key)| (*p, own[*key]));
        inherited_stake(own[uid], children, parents)
    }

    fn earliest_commits(&self, step: &Value, mechanism: usize) -> Vec<u64> {
        let mut earliest = vec![u64::MAX; self.n];
        for commit in list(&step["timelocked_commits"]) {
            let [uid, epoch, block, m]: [u64; 4] = ints(commit).try_into().expect("four numbers");
            let expired = int::<u64>(&step["epoch_index"]) > epoch + self.reveal_period;
            if !expired && m == mechanism as u64 {
                earliest[uid as usize] = earliest[uid as usize].min(block);
            }
        }
        earliest
    }

    fn run(&self, step: &Value) -> SubnetEpoch {
        let alpha: Vec<u64> = (0..self.n).map(|uid| self.inherited(&self.alpha, uid)).collect();
        let root: Vec<u64> = (0..self.n).map(|uid| self.inherited(&self.root, uid)).collect();
        let input = EpochInput {
            params: &self.params,
            block: int(&step["block"]),
            last_mechanism_step_block: int(&step["last_mechanism_step_block"]),
            owner_uid: self.owner_uid,
            alpha_stake: &alpha,
            root_stake: &root,
            tao_weight: self.tao_weight,
            stake_threshold: self.stake_threshold,
            block_at_registration: &self.registered,
            validator_permit: &self.permits,
        };
        let commits: Vec<Vec<u64>> =
            (0..self.weights.len()).map(|m| self.earliest_commits(step, m)).collect();
        let mechanisms: Vec<MechanismInput<'_>> = (0..self.weights.len())
            .map(|m| MechanismInput {
                weights: &self.weights[m],
                bonds: &self.bonds[m],
                last_update: &self.last_update[m],
                earliest_commit: &commits[m],
            })
            .collect();
        run_subnet(&input, &mechanisms, self.split.as_deref(), int(&step["rao_emission"]))
    }
}

fn set_rows(rows: &mut [Vec<StoredRow>], all: &Value, changed: &Value) {
    for (mechanism, stored) in list(all).iter().enumerate() {
        rows[mechanism].iter_mut().for_each(Vec::clear);
        for row in list(stored) {
            put_row(&mut rows[mechanism], int(&row[0]), pairs(&row[1]));
        }
    }
    for change in list(changed) {
        put_row(&mut rows[int::<usize>(&change[0])], int(&change[1]), pairs(&change[2]));
    }
}

fn put_row(rows: &mut Vec<StoredRow>, uid: usize, row: StoredRow) {
    if rows.len() <= uid {
        rows.resize(uid + 1, Vec::new());
    }
    rows[uid] = row;
}

fn compare(epoch: &SubnetEpoch, out: &Value, checker: &mut Checker) {
    checker.same("active", &epoch.active, &flags(&out["active"]));
    checker.same("validator_permit", &epoch.validator_permit, &flags(&out["validator_permit"]));
    for (name, ours) in [
        ("consensus", &epoch.consensus),
        ("dividends", &epoch.dividends),
        ("validator_trust", &epoch.validator_trust),
        ("stake_weight", &epoch.stake_weight),
    ] {
        checker.same(name, ours, &ints(&out[name]));
    }
    for (name, ours) in [
        ("emission", &epoch.emission),
        ("server_emission", &epoch.server_emission),
        ("validator_emission", &epoch.validator_emission),
    ] {
        checker.same(name, ours, &ints(&out[name]));
    }
    for (ours, theirs) in epoch.mechanisms.iter().zip(list(&out["mechanisms"])) {
        compare_mechanism(ours, theirs, checker);
    }
}

fn compare_mechanism(ours: &EpochOutput, theirs: &Value, checker: &mut Checker) {
    let raw = &theirs["raw_i32f32"];
    let vectors = &ours.vectors;
    for (name, values) in [
        ("raw stake", &vectors.stake),
        ("raw active_stake", &vectors.active_stake),
        ("raw consensus", &vectors.consensus),
        ("raw validator_trust", &vectors.validator_trust),
        ("raw incentive", &vectors.incentive),
        ("raw dividends", &vectors.dividends),
    ] {
        let bits: Vec<i64> = values.iter().map(|v| v.to_bits()).collect();
        checker.same(name, &bits, &ints(&raw[name.trim_start_matches("raw ")]));
    }
    checker.same("raw emission_sum", &vec![vectors.emission_sum.to_bits()], &ints(&raw["emission_sum"]));
    checker.same("incentive", &ours.incentive, &ints(&theirs["incentive"]));
    let bonds: Vec<(usize, StoredRow)> = stored_rows(&ours.bonds);
    let expected: Vec<(usize, StoredRow)> =
        list(&theirs["bonds"]).iter().map(|row| (int(&row[0]), pairs(&row[1]))).collect();
    checker.same("bonds", &bonds, &expected);
    if raw["ema_bonds"].is_array() {
        let expected: Vec<Vec<(u16, i64)>> = list(&raw["ema_bonds"]).iter().map(pairs).collect();
        let bits = |(j, v): &(u16, I32F32)| (*j, v.to_bits());
        let ema: Vec<Vec<(u16, i64)>> =
            vectors.ema_bonds.iter().map(|row| row.iter().map(bits).collect()).collect();
        checker.same("raw ema_bonds", &ema, &expected);
    }
}

fn stored_rows(rows: &[StoredRow]) -> Vec<(usize, StoredRow)> {
    rows.iter().cloned().enumerate().filter(|(_, row)| !row.is_empty()).collect()
}

//! Sampler, learning rates, ratings, weights, sync scores: held to the vectors of the reference
//! implementation, and of the openskill and numpy libraries it uses (`vectors/*.json`).

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sn3_protocol::Uid;
use sn3_protocol::assignment::{Pcg64, choice, receipt, reference_seed};
use sn3_protocol::ids::Window;
use sn3_protocol::openskill::{Player, Rating, play};
use sn3_protocol::run::{RatingRule, SyncRule, WeightRule};
use sn3_protocol::schedule::{FlatSpan, InnerSchedule};
use sn3_protocol::score::{sync, weights};

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn u32s(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as u32).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn near(found: f64, expected: f64, relative: f64) -> bool {
    (found - expected).abs() <= relative * expected.abs().max(1e-12)
}

#[test]
fn the_generator_reaches_the_published_states_outputs_and_choices() {
    for case in vectors(include_str!("vectors/sampler.json"))["primitives"].as_array().unwrap() {
        let rng = || Pcg64::new(case["seed"].as_u64().unwrap() as u32);
        let (state, increment) = rng().state();
        assert_eq!(state.to_string(), case["pcg64_state"].as_str().unwrap());
        assert_eq!(increment.to_string(), case["pcg64_inc"].as_str().unwrap());
        let mut outputs = rng();
        for raw in case["raw_u64"].as_array().unwrap() {
            assert_eq!(outputs.next_u64().to_string(), raw.as_str().unwrap());
        }
        assert_eq!(choice(&mut rng(), 10_000, 50), u32s(&case["choice_10000_of_size_50"]));
        assert_eq!(choice(&mut rng(), 20_000, 50), u32s(&case["choice_20000_of_size_50"]));
        assert_eq!(choice(&mut rng(), 20_000, 500)[..50], u32s(&case["choice_20000_of_size_500_first50"]));
        assert_eq!(choice(&mut rng(), 7, 7), u32s(&case["choice_7_of_size_7"]));
    }
}

#[test]
fn assignments_and_receipts_are_those_of_the_reference() {
    for case in vectors(include_str!("vectors/sampler.json"))["windows"].as_array().unwrap() {
        let integer = |name: &str| case[name].as_u64().unwrap();
        let seed = reference_seed(Uid(integer("uid") as u16), Window(integer("window")));
        assert_eq!(u64::from(seed), integer("seed"));
        let picks = choice(&mut Pcg64::new(seed), integer("dataset_len") as u32, integer("count") as u32);
        assert_eq!(picks[..32], u32s(&case["first32"]));
        assert_eq!(picks[picks.len() - 8..], u32s(&case["last8"]));
        assert_eq!(picks.iter().map(|&i| u64::from(i)).sum::<u64>(), integer("sum"));
        let bytes: Vec<u8> = picks.iter().flat_map(|&i| i64::from(i).to_le_bytes()).collect();
        assert_eq!(hex::encode(Sha256::digest(bytes)), case["sha256_le_i64"].as_str().unwrap());
        let ids: Vec<u64> = picks.iter().map(|&i| u64::from(i).wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        assert_eq!(hex::encode(receipt(&ids).digest), case["sample_digest"].as_str().unwrap());
    }
}

fn main_schedule(case: &Value) -> InnerSchedule {
    let inner_steps = case["inner_steps"].as_u64().unwrap();
    let flat = case["flatten_start_outer"].as_u64().map(|start| FlatSpan {
        start_step: start * inner_steps,
        steps: case["flatten_duration_outer"].as_u64().unwrap() * inner_steps,
    });
    InnerSchedule::Main {
        peak_lr: number(&case["peak_lr"]),
        warmup_steps: case["warmup_steps"].as_u64().unwrap(),
        cosine_steps: case["t_max"].as_u64().unwrap(),
        floor_factor: number(&case["eta_min_factor"]),
        flat,
    }
}

fn anneal_schedule(case: &Value) -> InnerSchedule {
    let integer = |name: &str| case[name].as_u64().unwrap();
    InnerSchedule::Anneal {
        base_lr: number(&case["base_lr"]),
        warmup_steps: integer("warmup_inner_steps"),
        decay_steps: integer("decay_outer_steps") * integer("inner_steps"),
        peak_factor: number(&case["peak_lr_factor"]),
        floor_factor: number(&case["eta_min_factor"]),
    }
}

#[test]
fn learning_rates_are_those_of_the_reference() {
    let file = vectors(include_str!("vectors/lr_schedule.json"));
    let main = file["main"].as_array().unwrap().iter().map(|case| (case, main_schedule(case)));
    let anneal = file["anneal"].as_array().unwrap().iter().map(|case| (case, anneal_schedule(case)));
    for (case, schedule) in main.chain(anneal) {
        for pair in case["lr_used_at_inner_step"].as_array().unwrap() {
            let (step, expected) = (pair[0].as_u64().unwrap(), number(&pair[1]));
            let found = schedule.lr(step);
            assert!((found - expected).abs() < 1e-12, "{} step {step}: {found} {expected}", case["name"]);
        }
    }
}

#[test]
fn ratings_are_those_of_openskill_to_1e_12() {
    let mut worst: f64 = 0.0;
    for case in vectors(include_str!("vectors/openskill.json")).as_array().unwrap() {
        let rule =
            RatingRule { beta: number(&case["beta"]), tau: number(&case["tau"]), ..RatingRule::default() };
        let mut known: BTreeMap<u32, Rating> = BTreeMap::new();
        for step in case["steps"].as_array().unwrap() {
            let uids = u32s(&step["uids"]);
            let scores = step["scores"].as_array().unwrap().iter().map(number);
            let rating = |uid| known.get(uid).copied().unwrap_or(Rating::new(&rule));
            let players: Vec<Player> =
                uids.iter().zip(scores).map(|(uid, score)| Player { rating: rating(uid), score }).collect();
            for ((uid, after), expected) in
                uids.iter().zip(play(&players, &rule)).zip(step["after"].as_array().unwrap())
            {
                let found = [after.mu, after.sigma, after.ordinal()];
                let wanted = ["mu", "sigma", "ordinal"].map(|name| number(&expected[name]));
                let error = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(error < 1e-12, "{} uid {uid}: {found:?} {wanted:?}", case["name"]);
                worst = worst.max(error);
                known.insert(*uid, after);
            }
        }
    }
    println!("largest difference: {worst:e}");
}

#[test]
fn weight_vectors_are_those_of_the_reference() {
    for case in vectors(include_str!("vectors/weights.json")).as_array().unwrap() {
        let integer = |name: &str| case[name].as_u64().unwrap();
        let rule = WeightRule {
            burn_rate: number(&case["burn_rate"]),
            burn_uid: Uid(integer("burn_uid") as u16),
            gather_peers: integer("gather_peer_count") as u32,
            reserve_peers: integer("reserve_peer_count") as u32,
            gather_share: number(&case["gather_share"]),
            gather_top_ratio: number(&case["gather_top_ratio"]),
            reserve_decay: number(&case["reserve_decay_ratio"]),
            score_share_min: 0.0,
        };
        let by_uid = |value: &Value| -> BTreeMap<Uid, f64> {
            value.as_object().unwrap().iter().map(|(uid, x)| (Uid(uid.parse().unwrap()), number(x))).collect()
        };
        let (found, expected) =
            (weights::weights(&by_uid(&case["final_scores"]), &rule), by_uid(&case["weights"]));
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{}", case["name"]);
        for (uid, weight) in &found {
            assert!(
                near(*weight, expected[uid], 1e-5),
                "{} uid {uid}: {weight} {}",
                case["name"],
                expected[uid]
            );
        }
    }
}

#[test]
fn sync_scores_are_those_of_the_reference() {
    for case in vectors(include_str!("vectors/sync_score.json")).as_array().unwrap() {
        let rule = SyncRule { step_min: number(&case["min_step_size"]), ..SyncRule::default() };
        let fallback = number(&case["learning_rate"]);
        let mut pairs = Vec::new();
        for (name, ours) in case["params"].as_object().unwrap() {
            let theirs = &case["debug"][format!("{name}_debug")];
            for (i, ours) in ours.as_array().unwrap().iter().enumerate() {
                pairs.push(sync::ProbePair {
                    theirs: number(&theirs[i]) as f32,
                    ours: number(ours) as f32,
                    step: case["param_avg_change"][name][i].as_f64().unwrap_or(fallback),
                });
            }
        }
        let found = sync::measure(&pairs, &rule);
        let expected = |name: &str| number(&case["result"][name]);
        assert!(
            near(found.mean, expected("interquartile_mean_steps_behind"), 1e-5),
            "{}: {found:?}",
            case["name"]
        );
        assert!(near(found.max, expected("max_steps_behind"), 1e-5), "{}: {found:?}", case["name"]);
        let score = sync::sync_score(found.mean, &rule);
        assert!(near(score, number(&case["sync_score"]), 1e-5), "{}: {score}", case["name"]);
    }
}

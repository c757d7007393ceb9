//! What happens in each case: stake, weights and resets by epoch.

/// Epochs of every case.
pub const EPOCHS: usize = 40;
/// Validators of every case: A, B and C.
pub const VALIDATORS: usize = 3;
/// Servers that a case has at most.
pub const SERVERS_MAX: usize = 3;

/// Stored weights on servers 1, 2 and 3; the largest is 65535. A third one without a third server is 0.
type Row = [u16; SERVERS_MAX];

const FULL: u16 = u16::MAX;
const S1: Row = [FULL, 0, 0];
const S2: Row = [0, FULL, 0];
const BOTH: Row = [FULL, FULL, 0];

/// Weights of A, B and C from an epoch on.
type Phase = (usize, [Row; VALIDATORS]);
/// Stake of A, B and C from an epoch on, in thousandths of a million TAO.
type StakePhase = (usize, [u16; VALIDATORS]);

/// When and towards which server every bond is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BondsReset {
    /// The epoch before which it happens, counted from 0.
    pub epoch: usize,
    /// The server, counted from 0.
    pub server: usize,
}

/// Who turns noisy estimates into one winner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub enum Side {
    /// Each validator puts all its weight on the server that it finds best.
    Client,
    /// Validators send their estimates; the server of the highest rank then takes all incentive.
    Server,
}

/// Weights that are drawn: an estimate of each server's true worth for each validator and epoch.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// True worth of each server.
    pub truth: &'static [f64],
    /// Standard deviation of A's, B's and C's estimates.
    pub deviation: [f64; VALIDATORS],
    /// Who picks the winner.
    pub side: Side,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Weights {
    Planned(&'static [Phase]),
    Estimated(Estimate),
}

/// One of the classic cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// 1 to 22.
    pub number: u8,
    /// The classic name.
    pub name: &'static str,
    /// What happens, and what to look at.
    pub story: &'static str,
    /// Two or three.
    pub servers: usize,
    /// The case's bonds reset, for versions that have one.
    pub reset: Option<BondsReset>,
    stakes: &'static [StakePhase],
    pub(super) weights: Weights,
}

/// One epoch's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Stake in thousandths of a million TAO.
    pub stake_thousandths: [u16; VALIDATORS],
    /// Stored weights.
    pub weights: [[u16; SERVERS_MAX]; VALIDATORS],
}

impl Case {
    /// Whether the case is drawn from a seed.
    #[must_use]
    pub const fn is_noisy(&self) -> bool {
        matches!(self.weights, Weights::Estimated(_))
    }

    /// Whether the server of the highest rank takes all incentive.
    #[must_use]
    pub const fn winner_by_rank(&self) -> bool {
        matches!(self.weights, Weights::Estimated(Estimate { side: Side::Server, .. }))
    }

    /// All epochs; `seed` matters for the noisy cases only.
    #[must_use]
    pub fn epochs(&self, seed: u64) -> Vec<Epoch> {
        let rows: Vec<[Row; VALIDATORS]> = match self.weights {
            Weights::Planned(phases) => (0..EPOCHS).map(|epoch| phase_at(phases, epoch)).collect(),
            Weights::Estimated(estimate) => super::noise::weights(&estimate, self.number, seed),
        };
        let at = |(epoch, weights)| Epoch { stake_thousandths: phase_at(self.stakes, epoch), weights };
        rows.into_iter().enumerate().map(at).collect()
    }
}

/// The last phase that began; the first one begins at epoch 0.
fn phase_at<T: Copy>(phases: &[(usize, T)], epoch: usize) -> T {
    phases.iter().rev().find(|(from, _)| *from <= epoch).map_or(phases[0].1, |(_, phase)| *phase)
}

const BIG_A: &[StakePhase] = &[(0, [800, 100, 100])];
const TWO_BIG: &[StakePhase] = &[(0, [490, 490, 20])];

const fn case(number: u8, name: &'static str, story: &'static str, phases: &'static [Phase]) -> Case {
    Case { number, name, story, servers: 2, reset: None, stakes: BIG_A, weights: Weights::Planned(phases) }
}

const fn with_reset(mut case: Case, epoch: usize, server: usize) -> Case {
    case.reset = Some(BondsReset { epoch, server });
    case
}

const fn with_stakes(mut case: Case, stakes: &'static [StakePhase]) -> Case {
    case.stakes = stakes;
    case
}

const fn with_stable_miner(number: u8, name: &'static str, phases: &'static [Phase]) -> Case {
    let story = "Case 2 beside a third server that keeps the same share of everyone's weight.";
    Case { servers: 3, ..case(number, name, story, phases) }
}

const fn noisy(number: u8, name: &'static str, stakes: &'static [StakePhase], estimate: Estimate) -> Case {
    let story = match estimate.side {
        Side::Client => {
            "Validators measure with noise, and each puts all weight on the server it finds best in that epoch."
        }
        Side::Server => {
            "Validators measure with noise and send what they measured; the server of the highest rank then takes all incentive."
        }
    };
    let servers = estimate.truth.len();
    Case { number, name, story, servers, reset: None, stakes, weights: Weights::Estimated(estimate) }
}

const TWO_TRUTHS: &[f64] = &[0.6, 0.55];
const THREE_TRUTHS: &[f64] = &[0.30, 0.35, 0.40];
const THIRDS: &[StakePhase] = &[(0, [340, 330, 330])];

const fn two_servers(side: Side) -> Estimate {
    Estimate { truth: TWO_TRUTHS, deviation: [0.05, 0.15, 0.15], side }
}

const fn three_servers(side: Side) -> Estimate {
    Estimate { truth: THREE_TRUTHS, deviation: [0.05, 0.10, 0.10], side }
}

/// Everyone moves from server 1 to 2 beside a third one; `m` is the moving weight, `s` the stable one.
const fn second_first(m: u16, s: u16) -> [Phase; 4] {
    let (one, two) = ([m, 0, s], [0, m, s]);
    [(0, [one, one, one]), (1, [one, two, one]), (2, [two, two, one]), (3, [two, two, two])]
}

const STABLE_25: [Phase; 4] = second_first(FULL, 21_845);
const STABLE_50: [Phase; 4] = second_first(FULL, FULL);
const STABLE_75: [Phase; 4] = second_first(21_845, FULL);
const STABLE_90: [Phase; 4] = second_first(7_281, FULL);

/// The cases in order of their numbers.
pub static CASES: [Case; 22] = [
    case(
        1,
        "Big validator moves first",
        "A, with 80% of stake, moves to server 2 one epoch before B and two before C.",
        &[(0, [S1, S1, S1]), (1, [S2, S1, S1]), (2, [S2, S2, S1]), (3, [S2, S2, S2])],
    ),
    case(
        2,
        "Big validator moves second",
        "B discovers server 2; A follows one epoch later, C two. Is the discovery worth anything to B?",
        &[(0, [S1, S1, S1]), (1, [S1, S2, S1]), (2, [S2, S2, S1]), (3, [S2, S2, S2])],
    ),
    case(
        3,
        "Big validator moves third",
        "B, then C move to server 2; A follows last and carries the consensus with it.",
        &[(0, [S1, S1, S1]), (1, [S1, S2, S1]), (2, [S1, S2, S2]), (3, [S2, S2, S2])],
    ),
    case(
        4,
        "All validators switch",
        "Everyone moves to server 2 in the same epoch. Nobody should gain or lose.",
        &[(0, [S1, S1, S1]), (1, [S2, S2, S2])],
    ),
    with_reset(
        case(
            5,
            "Big moves second, later third",
            "A follows by one epoch to server 2; from epoch 21 everyone goes back one after the other, A last.",
            &[
                (0, [S1, S1, S1]),
                (1, [S1, S2, S2]),
                (2, [S2, S2, S2]),
                (21, [S2, S1, S2]),
                (22, [S2, S1, S1]),
                (23, [S1, S1, S1]),
            ],
        ),
        20,
        1,
    ),
    with_reset(
        case(
            6,
            "Big moves second, later all switch",
            "B discovers server 2 and everyone follows; at epoch 21 all go back at once.",
            &[(0, [S1, S1, S1]), (1, [S1, S2, S1]), (2, [S2, S2, S1]), (3, [S2, S2, S2]), (21, [S1, S1, S1])],
        ),
        21,
        0,
    ),
    with_reset(
        case(
            7,
            "Big moves late, later one small moves early",
            "A follows by one epoch to server 2; at epoch 21 C alone goes back first.",
            &[
                (0, [S1, S1, S1]),
                (1, [S1, S2, S2]),
                (2, [S2, S2, S2]),
                (21, [S2, S2, S1]),
                (22, [S1, S1, S1]),
            ],
        ),
        21,
        0,
    ),
    with_reset(
        case(
            8,
            "Big moves late, twice",
            "A follows by one epoch to server 2, and again by one epoch back to server 1.",
            &[
                (0, [S1, S1, S1]),
                (1, [S1, S2, S2]),
                (2, [S2, S2, S2]),
                (21, [S2, S1, S1]),
                (22, [S1, S1, S1]),
            ],
        ),
        20,
        1,
    ),
    with_stakes(
        case(
            9,
            "Small validators merge",
            "At epoch 6 C's stake moves to B. Nothing else changes.",
            &[(0, [S2, S2, S2])],
        ),
        &[(0, [800, 100, 100]), (6, [800, 200, 0])],
    ),
    case(
        10,
        "Big validator is late",
        "B sits on server 2 for nine epochs before A follows.",
        &[(0, [S1, S1, S1]), (1, [S1, S2, S1]), (10, [S2, S2, S1]), (11, [S2, S2, S2])],
    ),
    with_stakes(
        case(
            11,
            "Clipping",
            "A and B disagree with 49% each; C with 2% decides the consensus, and changes sides at epoch 20.",
            &[
                (0, [[28_087, FULL, 0], [FULL, 43_690, 0], [FULL, 41_900, 0]]),
                (20, [[28_087, FULL, 0], [FULL, 43_690, 0], [32_231, FULL, 0]]),
            ],
        ),
        TWO_BIG,
    ),
    with_reset(
        case(
            12,
            "All switch, one keeps a foot in",
            "Everyone goes to server 2 and back, but B keeps a thousandth on the other one.",
            &[(0, [S1, [FULL, 66, 0], S1]), (1, [S2, [66, FULL, 0], S2]), (21, [S1, [FULL, 66, 0], S1])],
        ),
        20,
        1,
    ),
    with_reset(
        case(
            13,
            "Big on one, small ones split",
            "A is on server 2, B on both; from epoch 21 C is on both too.",
            &[(0, [S2, BOTH, S2]), (21, [S2, BOTH, BOTH])],
        ),
        20,
        0,
    ),
    with_stakes(
        case(
            14,
            "One epoch elsewhere",
            "Three equal validators; C is on server 2 in epoch 20 only.",
            &[(0, [S1, S1, S1]), (20, [S1, S1, S2]), (21, [S1, S1, S1])],
        ),
        &[(0, [330, 330, 340])],
    ),
    with_stable_miner(15, "Stable miner with 25%", &STABLE_25),
    with_stable_miner(16, "Stable miner with 50%", &STABLE_50),
    with_stable_miner(17, "Stable miner with 75%", &STABLE_75),
    with_stable_miner(18, "Stable miner with 90%", &STABLE_90),
    noisy(19, "Winner takes all, client side", TWO_BIG, two_servers(Side::Client)),
    noisy(20, "Winner takes all, server side", TWO_BIG, two_servers(Side::Server)),
    noisy(21, "Three servers, client side", THIRDS, three_servers(Side::Client)),
    noisy(22, "Three servers, server side", THIRDS, three_servers(Side::Server)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_stand_in_order_and_begin_at_epoch_zero() {
        for (index, case) in CASES.iter().enumerate() {
            assert_eq!(usize::from(case.number), index + 1);
            assert_eq!(case.stakes[0].0, 0, "case {}", case.number);
            assert_eq!(case.epochs(1).len(), EPOCHS);
            for epoch in case.epochs(1) {
                assert_eq!(epoch.stake_thousandths.iter().sum::<u16>(), 1_000, "case {}", case.number);
                assert!(epoch.weights.iter().all(|row| row.contains(&FULL)), "case {}", case.number);
                assert!(case.servers == SERVERS_MAX || epoch.weights.iter().all(|row| row[2] == 0));
            }
        }
    }

    #[test]
    fn a_phase_lasts_until_the_next_one() {
        let epochs = CASES[4].epochs(0);
        assert_eq!(epochs[20].weights, [S2, S2, S2]);
        assert_eq!(epochs[21].weights, [S2, S1, S2]);
        assert_eq!(epochs[39].weights, [S1, S1, S1]);
    }
}

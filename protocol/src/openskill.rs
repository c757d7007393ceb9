//! Plackett–Luce ratings, one player per team (training protocol, section 4.5).

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::run::RatingRule;

/// Smallest factor by which one match may shrink a variance.
const KAPPA: f64 = 1e-4;

/// What is believed about a player: a normal distribution over skill.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Rating {
    /// Mean.
    pub mu: f64,
    /// Standard deviation.
    pub sigma: f64,
}

impl Rating {
    /// A newcomer.
    #[must_use]
    pub fn new(rule: &RatingRule) -> Self {
        Self { mu: rule.mu, sigma: rule.sigma }
    }

    /// The skill that the player has with 99.9 % certainty: `mu - 3 sigma`.
    #[must_use]
    pub fn ordinal(&self) -> f64 {
        self.mu - 3.0 * self.sigma
    }
}

/// One player of a match.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Player {
    /// Before the match.
    pub rating: Rating,
    /// Higher is better.
    pub score: f64,
}

/// The ratings after a match of all `players`, in their order. Fewer than two players: nothing changes.
///
/// With `sigma² += tau²`, `c = sqrt(Σ(sigma² + beta²))`, `A_q` the size of q's group of ties and
/// `p_iq = exp(mu_i/c) / Σ_{ranked at or below q} exp(mu/c)`:
/// `mu_i += sigma_i²/c · Σ_q ([q ties with i] - p_iq)/A_q` and
/// `sigma_i *= sqrt(max(1 - (sigma_i/c)·(sigma_i²/c²)·Σ_q p_iq(1 - p_iq)/A_q, 1e-4))`
/// over all q ranked at or above i. (This is what openskill 6.1.3 computes in the vectors, to 1e-14; a
/// further averaging of the changes of tied players, which the training protocol's text mentions, is not
/// in them.)
///
/// ```
/// # use sn3_protocol::{openskill::{play, Player, Rating}, run::RatingRule};
/// let rule = RatingRule::default();
/// let player = |score| Player { rating: Rating::new(&rule), score };
/// let after = play(&[player(0.3), player(0.1)], &rule);
/// assert!((after[0].mu - 27.256209212552754).abs() < 1e-12);
/// assert!((after[1].sigma - 8.166896460213735).abs() < 1e-12);
/// ```
#[must_use]
pub fn play(players: &[Player], rule: &RatingRule) -> Vec<Rating> {
    if players.len() < 2 {
        return players.iter().map(|player| player.rating).collect();
    }
    let field = Field::new(players, rule);
    (0..players.len()).map(|i| field.rate(i)).collect()
}

struct Field {
    before: Vec<Rating>,
    ranks: Vec<usize>,
    tied: Vec<f64>,
    weight: Vec<f64>,
    below: Vec<f64>,
    c: f64,
}

impl Field {
    fn new(players: &[Player], rule: &RatingRule) -> Self {
        let spread = |r: Rating| Rating { mu: r.mu, sigma: (r.sigma * r.sigma + rule.tau * rule.tau).sqrt() };
        let before: Vec<Rating> = players.iter().map(|player| spread(player.rating)).collect();
        let ranks = ranks(players, rule.tie_fraction);
        let variance = |r: &Rating| r.sigma * r.sigma + rule.beta * rule.beta;
        let c = before.iter().map(variance).sum::<f64>().sqrt();
        let weight: Vec<f64> = before.iter().map(|r| (r.mu / c).exp()).collect();
        let below = |q: usize| (0..ranks.len()).filter(|&i| ranks[i] >= ranks[q]).map(|i| weight[i]).sum();
        let tied = |q: usize| ranks.iter().filter(|&&rank| rank == ranks[q]).count() as f64;
        let below = (0..ranks.len()).map(below).collect();
        let tied = (0..ranks.len()).map(tied).collect();
        Self { before, tied, weight, below, c, ranks }
    }

    fn rate(&self, i: usize) -> Rating {
        let (mut omega, mut delta) = (0.0, 0.0);
        for q in (0..self.ranks.len()).filter(|&q| self.ranks[q] <= self.ranks[i]) {
            let p = self.weight[i] / self.below[q];
            omega +=
                if self.ranks[q] == self.ranks[i] { (1.0 - p) / self.tied[q] } else { -p / self.tied[q] };
            delta += p * (1.0 - p) / self.tied[q];
        }
        let Rating { mu, sigma } = self.before[i];
        let share = sigma * sigma / self.c;
        let shrink = 1.0 - sigma / self.c * (share / self.c) * delta;
        Rating { mu: mu + share * omega, sigma: sigma * shrink.max(KAPPA).sqrt() }
    }
}

/// The rank of each player, best first from 0; ties share one.
///
/// A group begins with its best score. A score joins it when it equals that, or, with a positive
/// `tie_fraction`, when both are positive and it is at least `1 - tie_fraction` of it.
fn ranks(players: &[Player], tie_fraction: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..players.len()).collect();
    order.sort_by(|&a, &b| players[b].score.total_cmp(&players[a].score));
    let mut ranks = vec![0; players.len()];
    let (mut best, mut rank) = (players[order[0]].score, 0);
    for (place, &i) in order.iter().enumerate() {
        let score = players[i].score;
        if !(score == best || (best > 0.0 && score > 0.0 && score >= best * (1.0 - tie_fraction))) {
            (best, rank) = (score, place);
        }
        ranks[i] = rank;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newcomer(score: f64) -> Player {
        Player { rating: Rating::new(&RatingRule::default()), score }
    }

    #[test]
    fn a_lone_player_stays_as_it_was() {
        let alone = [newcomer(1.0)];
        assert_eq!(play(&alone, &RatingRule::default()), vec![alone[0].rating]);
    }

    #[test]
    fn a_statistical_tie_is_a_tie_only_where_configured() {
        let players = [newcomer(1.0), newcomer(0.7), newcomer(-0.1), newcomer(-0.1)];
        assert_eq!(ranks(&players, 0.0), [0, 1, 2, 2]);
        assert_eq!(ranks(&players, 0.5), [0, 0, 2, 2]);
        let players = [newcomer(0.4), newcomer(1.0), newcomer(0.0)];
        assert_eq!(ranks(&players, 0.5), [1, 0, 2]);
    }

    #[test]
    fn equals_who_tie_stay_equal_and_become_more_certain() {
        let after = play(&[newcomer(1.0); 4], &RatingRule::default());
        assert!(after.iter().all(|r| *r == after[0] && r.sigma < 25.0 / 3.0 && r.ordinal() > 0.0));
    }
}

//! The result of a run in a few numbers and one table.

use std::fmt::Write;

use serde::Serialize;
use sn3_protocol::{Digest, Hotkey, Uid};

use super::Story;

/// One participant at the end.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its slot.
    pub uid: Uid,
    /// What it is.
    pub role: String,
    /// Its key.
    pub hotkey: Hotkey,
    /// Windows in which it was aggregated.
    pub aggregated: usize,
    /// The last ordinal of its rating.
    pub ordinal: Option<f64>,
    /// The last final score.
    pub final_score: Option<f64>,
    /// The last share of the weights, 0 to 1.
    pub weight: Option<f64>,
    /// The last incentive that the chain computed, 0 to 1.
    pub incentive: Option<f64>,
    /// Alpha rao that the chain's epochs paid, as far as they were read.
    pub emission_alpha_rao: u64,
    /// The last reason why it lost something.
    pub last_reason: Option<String>,
}

/// The result of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Rounds that were recorded.
    pub rounds: usize,
    /// Held-out loss before the first window, nats per token.
    pub loss_start: Option<f64>,
    /// Held-out loss at the end, nats per token.
    pub loss_end: Option<f64>,
    /// By how much it fell, 0 to 1.
    pub loss_fall: Option<f64>,
    /// The last state.
    pub state: Option<Digest>,
    /// Whether every node reached every recorded state.
    pub agreed: bool,
    /// Mean compression ratio against f32.
    pub ratio: Option<f64>,
    /// One for each participant.
    pub rows: Vec<Row>,
}

impl Summary {
    /// Of a finished story.
    #[must_use]
    pub fn of(story: &Story) -> Self {
        let loss_start = story.heldout.values().next().copied();
        let loss_end = story.heldout.values().last().copied();
        let ratios: Vec<f64> =
            story.work.values().flat_map(|w| w.values()).map(|w| w.ratio).filter(|r| *r > 0.0).collect();
        Self {
            rounds: story.rounds.len(),
            loss_start,
            loss_end,
            loss_fall: loss_start.zip(loss_end).map(|(start, end)| 1.0 - end / start),
            state: story.rounds.values().last().map(|round| round.state),
            agreed: story.diverged().is_empty(),
            ratio: (!ratios.is_empty()).then(|| ratios.iter().sum::<f64>() / ratios.len() as f64),
            rows: story.participants.keys().map(|&uid| row(story, uid)).collect(),
        }
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{:>4}  {:<10} {:>10} {:>9} {:>9} {:>8} {:>10} {:>12}  last reason",
            "uid", "role", "aggregated", "ordinal", "final", "weight", "incentive", "alpha paid"
        );
        for row in &self.rows {
            let _ = writeln!(
                text,
                "{:>4}  {:<10} {:>10} {:>9} {:>9} {:>8} {:>10} {:>12}  {}",
                row.uid.0,
                row.role,
                row.aggregated,
                number(row.ordinal, 2),
                number(row.final_score, 3),
                number(row.weight, 3),
                number(row.incentive, 4),
                number(Some(row.emission_alpha_rao as f64 / 1e9), 3),
                row.last_reason.as_deref().unwrap_or("")
            );
        }
        let (start, end) = (number(self.loss_start, 3), number(self.loss_end, 3));
        let fall = self.loss_fall.map_or_else(String::new, |fall| format!(" ({:.1} % lower)", fall * 100.0));
        let _ = writeln!(
            text,
            "held-out loss {start} → {end} nats per token{fall} after {} windows",
            self.rounds
        );
        if let Some(ratio) = self.ratio {
            let _ = writeln!(text, "payloads {ratio:.0} times smaller than f32");
        }
        if let Some(state) = self.state {
            let verdict =
                if self.agreed { "every node reached every recorded state" } else { "NODES DISAGREE" };
            let _ = writeln!(text, "state {state}: {verdict}");
        }
        text
    }
}

fn row(story: &Story, uid: Uid) -> Row {
    let participant = &story.participants[&uid];
    let card = story.scorecards.values().rev().find_map(|set| set.cards.iter().find(|card| card.uid == uid));
    let incentive = story.pay.values().last().and_then(|pay| pay.incentive.get(&uid));
    Row {
        uid,
        role: participant.role.clone(),
        hotkey: participant.hotkey,
        aggregated: story.rounds.values().filter(|round| round.aggregated.contains(&uid)).count(),
        ordinal: card.map(|card| card.ordinal),
        final_score: card.map(|card| card.final_score),
        weight: card.map(|card| card.weight),
        incentive: incentive.map(|&share| f64::from(share) / 65_535.0),
        emission_alpha_rao: story.pay.values().filter_map(|pay| pay.emission.get(&uid)).sum(),
        last_reason: story.rejections.iter().rev().find(|r| r.uid == uid).map(|r| r.reason.clone()),
    }
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.digits$}"))
}

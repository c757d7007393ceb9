//! The story as a page.

use std::collections::BTreeMap;

use sn3_protocol::score::Scorecard;
use sn3_protocol::{Uid, Window};
use sn3_report::{Align, Chart, Report, Section, Series, Table};

use super::{Story, Summary};

/// Rejections that the page lists; all of them are in run.json.
const REJECTIONS_SHOWN_MAX: usize = 500;

/// The report of a run.
#[must_use]
pub fn page(title: &str, lead: &str, story: &Story) -> Report {
    let summary = Summary::of(story);
    facts(Report::new(title).lead(lead), &summary)
        .with(training(story))
        .with(judgement(story))
        .with(pay(story))
        .with(rejections(story))
        .with(ledger(story))
        .data(serde_json::json!({ "summary": summary }))
}

fn facts(report: Report, summary: &Summary) -> Report {
    let loss = |value: Option<f64>| value.map_or_else(|| "–".into(), |loss| format!("{loss:.3}"));
    let fall = summary.loss_fall.map_or_else(|| "–".into(), |fall| format!("{:.1} %", fall * 100.0));
    report
        .fact("windows", summary.rounds.to_string())
        .fact("held-out loss at the start", loss(summary.loss_start))
        .fact("held-out loss at the end", loss(summary.loss_end))
        .fact("fall", fall)
        .fact("payloads smaller than f32", summary.ratio.map_or_else(|| "–".into(), |r| format!("{r:.0} ×")))
        .fact("final state", summary.state.map_or_else(|| "–".into(), |state| state.short()))
        .fact("states", if summary.agreed { "all nodes agree" } else { "nodes disagree" })
}

fn name(story: &Story, uid: Uid) -> String {
    let role = story.participants.get(&uid).map_or("unknown", |p| p.role.as_str());
    format!("uid {uid} {role}")
}

fn training(story: &Story) -> Section {
    let heldout = story.heldout.iter().map(|(w, &loss)| (w.0 as f64, loss)).collect();
    let heldout = Chart::lines("Loss on held-out text", "before window", "nats per token")
        .with(Series::new("held out", heldout));
    let mut by_uid: BTreeMap<Uid, Vec<(f64, f64)>> = BTreeMap::new();
    for (window, work) in &story.work {
        for (&uid, work) in work.iter().filter(|(_, work)| work.steps > 0) {
            by_uid.entry(uid).or_default().push((window.0 as f64, work.mean_loss));
        }
    }
    let lines = by_uid.into_iter().map(|(uid, points)| Series::new(name(story, uid), points));
    let inner =
        Chart::lines("Mean loss of each miner's inner steps", "window", "nats per token").with_all(lines);
    Section::new("Training").chart(heldout).chart(inner)
}

/// A line for each uid: what `read` finds in its scorecards.
fn by_card(story: &Story, read: impl Fn(&Scorecard) -> Option<f64>) -> Vec<Series> {
    let mut lines: BTreeMap<Uid, Vec<(f64, f64)>> = BTreeMap::new();
    for (window, set) in &story.scorecards {
        for card in &set.cards {
            lines.entry(card.uid).or_default().push((window.0 as f64, read(card).unwrap_or(f64::NAN)));
        }
    }
    let has_points = |points: &Vec<(f64, f64)>| points.iter().any(|p| p.1.is_finite());
    lines
        .into_iter()
        .filter(|(_, p)| has_points(p))
        .map(|(uid, p)| Series::new(name(story, uid), p))
        .collect()
}

fn judgement(story: &Story) -> Section {
    let chart = |title: &str, y: &str, read: fn(&Scorecard) -> Option<f64>| {
        Chart::lines(title, "window", y).with_all(by_card(story, read))
    };
    Section::new("Judgement")
        .text("Each window every miner's update is tried on data that it had to train on and on data that nobody trained on. Improvements are relative to the loss before.")
        .chart(chart("Improvement on random data", "share of the loss", |card| card.gradient_score))
        .chart(chart("Advantage on own data", "share of the loss", |card| card.own_data_gap))
        .chart(chart("Moving average of the own-data test", "−1 to 1", |card| Some(card.bma)))
        .chart(chart("Rating (OpenSkill ordinal)", "μ − 3σ", |card| Some(card.ordinal)))
        .chart(chart("Sync score", "0 to 1", |card| card.sync.map(|sync| sync.score)))
        .chart(chart("Final score", "score", |card| Some(card.final_score)))
        .table("Scorecards of the last window", last_cards(story))
}

fn last_cards(story: &Story) -> Table {
    let right = ["random", "own − control", "match", "ordinal", "moving average", "sync", "final", "weight"];
    let columns = [("who", Align::Left)].into_iter().chain(right.map(|name| (name, Align::Right)));
    let mut table = Table::new(columns);
    for card in story.scorecards.values().last().iter().flat_map(|set| &set.cards) {
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.4}"));
        table.push([
            name(story, card.uid),
            number(card.gradient_score),
            number(card.own_data_gap),
            number(card.match_score),
            number(Some(card.ordinal)),
            number(Some(card.bma)),
            number(card.sync.map(|sync| sync.score)),
            number(Some(card.final_score)),
            number(Some(card.weight)),
        ]);
    }
    table
}

fn pay(story: &Story) -> Section {
    let mut weights: BTreeMap<Uid, Vec<(f64, f64)>> = BTreeMap::new();
    for set in &story.weights {
        let sum: f64 = set.weights.iter().map(|(_, w)| f64::from(*w)).sum();
        for (uid, weight) in &set.weights {
            weights.entry(*uid).or_default().push((set.window.0 as f64, f64::from(*weight) / sum.max(1.0)));
        }
    }
    let incentive = paid(story, |pay, uid| pay.incentive.get(&uid).map(|&share| f64::from(share) / 65_535.0));
    let emission = paid(story, |pay, uid| pay.emission.get(&uid).map(|&alpha| alpha as f64 / 1e9));
    let lines = weights.into_iter().map(|(uid, points)| Series::new(name(story, uid), points));
    Section::new("Pay")
        .text("Weights as the validator set them; incentive and emission as the chain computed them from its last epoch, read back after each window.")
        .chart(Chart::lines("Weights on chain", "window", "share").from_zero().with_all(lines))
        .chart(Chart::lines("Incentive", "window", "share").from_zero().with_all(incentive))
        .chart(Chart::lines("Emission of the last epoch", "window", "alpha").from_zero().with_all(emission))
        .table("Weights that landed", landed(story))
}

fn paid(story: &Story, read: impl Fn(&super::Pay, Uid) -> Option<f64>) -> Vec<Series> {
    let line = |&uid: &Uid| {
        let points = story.pay.iter().map(|(w, pay)| (w.0 as f64, read(pay, uid).unwrap_or(f64::NAN)));
        Series::new(name(story, uid), points.collect())
    };
    story.participants.keys().map(line).collect()
}

fn landed(story: &Story) -> Table {
    let mut table = Table::new([
        ("window", Align::Right),
        ("block", Align::Right),
        ("extrinsic", Align::Left),
        ("weights", Align::Left),
    ]);
    for set in &story.weights {
        let weights: Vec<String> =
            set.weights.iter().map(|(uid, weight)| format!("{uid}: {weight}")).collect();
        table.push([
            set.window.to_string(),
            set.receipt.block.number.to_string(),
            format!("0x{}", set.receipt.extrinsic),
            weights.join(", "),
        ]);
    }
    table
}

fn rejections(story: &Story) -> Section {
    let mut table = Table::new([("window", Align::Right), ("who", Align::Left), ("why", Align::Left)]);
    for rejection in story.rejections.iter().take(REJECTIONS_SHOWN_MAX) {
        table.push([rejection.window.to_string(), name(story, rejection.uid), rejection.reason.clone()]);
    }
    let text = match story.rejections.len() {
        0 => "Nobody lost anything.".to_owned(),
        all if all > REJECTIONS_SHOWN_MAX => {
            format!("{all} times; the first {REJECTIONS_SHOWN_MAX} are listed.")
        }
        all => format!("{all} times a uid lost something."),
    };
    Section::new("Rejected").text(text).table("By window", table)
}

fn ledger(story: &Story) -> Section {
    let left = ["record", "aggregated", "state afterwards", "nodes that reached it"];
    let mut table =
        Table::new([("window", Align::Right)].into_iter().chain(left.map(|name| (name, Align::Left))));
    for (window, round) in &story.rounds {
        table.push(ledger_row(story, window, round));
    }
    Section::new("Ledger")
        .text("The signed round records. Every node applies them and must reach the same state.")
        .table("Rounds", table)
}

fn ledger_row(story: &Story, window: &Window, round: &super::Round) -> [String; 5] {
    let list = |uids: Vec<Uid>| uids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let reached = story.reached.get(window).into_iter().flatten();
    let agreed = reached.filter(|(_, state)| **state == round.state).map(|(uid, _)| *uid).collect();
    [
        window.to_string(),
        round.record.short(),
        list(round.aggregated.clone()),
        round.state.to_string(),
        list(agreed),
    ]
}

//! The comparison as a page.

use sn3_report::{Align, Chart, Report, Section, Series, Table};
use sn3_trainer::convergence::{Arm, Comparison, ConvergenceOptions, Method, Point, Run};

use super::results::Results;
use super::table::{arm_name, loss, percent, seeds, times};
use crate::training::lasting;

/// The report of all runs that are done; `upload_mbit_s` is the line of the calculated network.
pub fn page(results: &Results, comparison: &[Comparison], upload_mbit_s: f64) -> Report {
    let (report, conditions) = (&results.report, &results.conditions);
    let options = &report.options;
    let lead = "The same model, text and tokens, trained in ways that exchange more or less. Losses are those of held-out samples, in nats per token.";
    facts(Report::new("SparseLoCo, DiLoCo and AdamW").lead(lead), results, comparison)
        .with(outcome(comparison))
        .with(losses(results, upload_mbit_s))
        .with(conditions_section(results))
        .with(Section::new("Runs").folded("Every run", runs(&report.runs)))
        .data(serde_json::json!({ "options": options, "conditions": conditions, "comparison": comparison }))
}

fn facts(report: Report, results: &Results, comparison: &[Comparison]) -> Report {
    let options = &results.report.options;
    let all = options.pairs().count();
    let sparse = || comparison.iter().filter(|row| row.arm.method == Method::SparseLoCo);
    let worst = sparse().filter_map(|row| row.above_adamw).reduce(f64::max);
    let fewest = sparse().filter_map(|row| row.fewer_bytes).reduce(f64::min);
    report
        .fact("parameters", format!("{:.2} M", results.conditions.parameters as f64 / 1e6))
        .fact("tokens of a run", format!("{:.2} M", options.tokens as f64 / 1e6))
        .fact("runs done", format!("{} of {all}", results.report.runs.len()))
        .fact("SparseLoCo's loss to AdamW's, at worst", percent(worst))
        .fact("bytes fewer than data-parallel, at least", times(fewest))
}

fn outcome(comparison: &[Comparison]) -> Section {
    let left = [("way to train", Align::Left)];
    let right = [
        "outer rate",
        "seeds",
        "loss at the end",
        "deviation over seeds",
        "to AdamW's loss",
        "MB sent by each peer",
        "fewer bytes",
        "time here",
    ];
    let mut table = Table::new(left.into_iter().chain(right.map(|name| (name, Align::Right))));
    for row in comparison {
        table.push([
            arm_name(&row.arm),
            row.arm.outer_lr.to_string(),
            seeds(row),
            loss(row.loss),
            loss(row.deviation),
            percent(row.above_adamw),
            format!("{:.3}", row.sent_bytes / 1e6),
            times(row.fewer_bytes),
            lasting(row.seconds),
        ]);
    }
    Section::new("Result")
        .text("4 × H15 means 4 peers that exchange after every 15 steps; k is how many of 4,096 values are sent, rate the largest learning rate, where an arm has its own. To AdamW's loss means to that of the best AdamW among those with the most seeds. Bytes of SparseLoCo are those of its encoded payloads; DiLoCo sends its whole difference as f32; AdamW stands for data-parallel training, in which each worker sends an f32 gradient every step.")
        .table("At the end", table)
}

fn losses(results: &Results, upload_mbit_s: f64) -> Section {
    let options = &results.report.options;
    let chart = |title: &str, x: &str, late: bool, at: &dyn Fn(&Arm, &Point) -> f64| {
        let lines = options.arms.iter().filter_map(|arm| line(results, arm, late, at));
        Chart::lines(title, x, "nats per token").with_all(lines)
    };
    let million = |_: &Arm, point: &Point| point.tokens as f64 / 1e6;
    let network = |arm: &Arm, point: &Point| network_seconds(options, arm, point, upload_mbit_s) / 60.0;
    Section::new("Loss")
        .text("Means over the seeds.")
        .chart(chart("Loss by tokens", "million tokens", false, &million))
        .chart(chart("Loss by tokens, the second half", "million tokens", true, &million))
        .chart(chart("Loss by bytes sent", "log10 of the bytes that each peer has sent", false, &|_, point| {
            if point.sent_bytes > 0 { (point.sent_bytes as f64).log10() } else { f64::NAN }
        }))
        .chart(chart("Loss by time on this machine", "minutes, all peers one after another", false, &|_, point| {
            point.seconds / 60.0
        }))
        .text(format!(
            "Below, the time of a network is calculated, not measured: every peer works on a machine of its own as fast as this one, and waits for its upload at {upload_mbit_s} Mbit/s; downloads are left out."
        ))
        .chart(chart("Loss by time in a network, calculated", "minutes", false, &network))
}

/// Seconds of a peer with a machine and a line of its own.
///
/// By hand: 4 peers took 80 s in turn, 20 s each; 10 MB at 8 Mbit/s are 10 s more: 30 s.
fn network_seconds(options: &ConvergenceOptions, arm: &Arm, point: &Point, upload_mbit_s: f64) -> f64 {
    let workers = f64::from(arm.peers.clamp(1, options.batch_samples.max(1)));
    point.seconds / workers + point.sent_bytes as f64 * 8.0 / (upload_mbit_s * 1e6)
}

/// Means over the seeds at each evaluation; `late` leaves out the first half.
fn line(results: &Results, arm: &Arm, late: bool, at: &dyn Fn(&Arm, &Point) -> f64) -> Option<Series> {
    let report = &results.report;
    let whole: Vec<&Run> =
        report.runs.iter().filter(|run| run.arm == *arm && run.diverged.is_none()).collect();
    let evaluations = whole.iter().map(|run| run.points.len()).min().filter(|&count| count > 0)?;
    let first = if late { evaluations / 2 } else { 0 };
    let mean = |value: &dyn Fn(&Point) -> f64, index: usize| {
        whole.iter().map(|run| value(&run.points[index])).sum::<f64>() / whole.len() as f64
    };
    let point = |index| (mean(&|point| at(arm, point), index), mean(&|point| f64::from(point.loss), index));
    Some(Series::new(arm_name(arm), (first..evaluations).map(point).collect()))
}

fn conditions_section(results: &Results) -> Section {
    let (options, conditions) = (&results.report.options, &results.conditions);
    let mut table = Table::new([("what", Align::Left), ("value", Align::Left)]);
    let sparse = &options.sparse;
    let rows = [
        ("model", format!("{} with {} parameters", options.model.name, conditions.parameters)),
        ("vocabulary", options.model.vocab.to_string()),
        ("tokens of a sample", options.model.context.to_string()),
        ("samples of a step, all peers together", options.batch_samples.to_string()),
        ("steps", options.steps().to_string()),
        (
            "learning rate",
            format!("{} at most, warm-up over a twentieth, cosine to a tenth", options.peak_lr),
        ),
        ("optimizer", format!("{:?}", options.adam)),
        ("compression", format!("{sparse:?}")),
        ("DiLoCo's outer momentum", options.momentum.to_string()),
        ("samples to train on", conditions.train_samples.to_string()),
        ("held-out samples of an evaluation", options.evaluate_samples.to_string()),
        ("digest of the samples", conditions.samples.clone()),
        ("step", format!("{} on {}, {} threads", conditions.trainer, conditions.device, conditions.threads)),
        ("program", conditions.program.clone()),
    ];
    for (what, value) in rows {
        table.push([what.to_owned(), value]);
    }
    Section::new("Conditions")
        .text("Runs of one seed begin with the same parameters and see the same tokens at the same point. Times include whatever else this machine was doing.")
        .table("All runs share", table)
}

fn runs(runs: &[Run]) -> Table {
    let right = ["seed", "outer rate", "loss at the end", "bytes sent by each peer", "seconds"];
    let columns = [("way to train", Align::Left)].into_iter().chain(right.map(|name| (name, Align::Right)));
    let mut table = Table::new(columns.chain([("remark", Align::Left)]));
    for run in runs {
        let last = run.points.last();
        table.push([
            arm_name(&run.arm),
            run.seed.to_string(),
            run.arm.outer_lr.to_string(),
            last.map_or_else(String::new, |point| format!("{:.4}", point.loss)),
            last.map_or_else(String::new, |point| point.sent_bytes.to_string()),
            last.map_or_else(String::new, |point| format!("{:.1}", point.seconds)),
            run.diverged.clone().unwrap_or_default(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use sn3_protocol::model::ModelConfig;

    use super::*;

    #[test]
    fn a_networks_time_is_that_by_hand() {
        let options = ConvergenceOptions::new(ModelConfig::preset("nano", None).unwrap(), 1);
        let arm = Arm::new(Method::SparseLoCo, 4, 15, 1.0);
        let point = Point { step: 1, tokens: 1, sent_bytes: 10_000_000, seconds: 80.0, loss: 1.0 };
        assert_eq!(network_seconds(&options, &arm, &point, 8.0), 30.0);
    }
}

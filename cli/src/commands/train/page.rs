//! A training as a page.

use sn3_report::{Align, Chart, Report, Section, Series, Table};

use super::Description;
use super::log::{Log, Step};

/// Points of a line; more steps are averaged, so that a page stays small.
const POINTS_MAX: usize = 400;

/// The report.
pub fn page(description: &Description<'_>, log: &Log) -> Report {
    let name = &description.model.name;
    let state = if description.report.stopped { "stopped early" } else { "done" };
    let title = format!("Training of {name}");
    let lead = format!("{} of {} steps, {state}.", description.report.steps, description.options.steps);
    facts(Report::new(title).lead(lead), description, log)
        .with(curves(log))
        .with(conditions(description))
        .data(serde_json::to_value(description).unwrap_or_default())
}

fn facts(report: Report, description: &Description<'_>, log: &Log) -> Report {
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
    let best = log.heldout().iter().map(|(_, loss)| f64::from(*loss)).reduce(f64::min);
    let mut rates: Vec<f64> = log.steps().iter().map(|step| step.tokens_s).collect();
    rates.sort_by(f64::total_cmp);
    let median = rates.get(rates.len() / 2).map_or_else(|| "–".to_owned(), |rate| format!("{rate:.0}"));
    report
        .fact("parameters", format!("{:.2} M", description.parameters as f64 / 1e6))
        .fact("training loss, last steps", number(log.recent_loss()))
        .fact("best held-out loss", number(best))
        .fact("its perplexity", best.map_or_else(|| "–".to_owned(), |loss| format!("{:.1}", loss.exp())))
        .fact("tokens/s, median", median)
        .fact("state", description.report.state.short())
}

fn curves(log: &Log) -> Section {
    let heldout = log.heldout().iter().map(|(step, loss)| (*step as f64, f64::from(*loss))).collect();
    let loss = Chart::lines("Loss", "step", "nats per token")
        .with(Series::new("training", averaged(log.steps(), |step| f64::from(step.loss))))
        .with(Series::new("held out", heldout));
    let chart = |title: &str, unit: &str, value: fn(&Step) -> f64| {
        let line = Series::new(title.to_lowercase(), averaged(log.steps(), value));
        Chart::lines(title, "step", unit).from_zero().with(line)
    };
    Section::new("Curves")
        .text("Training losses are those of each step's samples before its update; long trainings are averaged over runs of steps.")
        .chart(loss)
        .chart(chart("Learning rate", "rate", |step| f64::from(step.lr)))
        .chart(chart("Gradient", "L2 norm before clipping", |step| f64::from(step.grad_norm)))
        .chart(chart("Speed", "tokens/s", |step| step.tokens_s))
}

/// The mean of every run of steps, at its last step.
fn averaged(steps: &[Step], value: impl Fn(&Step) -> f64) -> Vec<(f64, f64)> {
    let run = steps.len().div_ceil(POINTS_MAX).max(1);
    let mean = |run: &[Step]| {
        let last = run.last().map_or(0.0, |step| step.step as f64);
        (last, run.iter().map(&value).sum::<f64>() / run.len() as f64)
    };
    steps.chunks(run).map(mean).collect()
}

fn conditions(description: &Description<'_>) -> Section {
    let (model, options) = (description.model, description.options);
    let mut table = Table::new([("what", Align::Left), ("value", Align::Left)]);
    let rows = [
        (
            "model",
            format!(
                "{}: {} layers, width {}, {} heads ({} for keys), feed-forward {}, vocabulary {}, context {}",
                model.name,
                model.layers,
                model.hidden,
                model.heads,
                model.kv_heads,
                model.ffn,
                model.vocab,
                model.context
            ),
        ),
        ("samples of a step", options.batch_samples.to_string()),
        ("schedule", format!("{:?}", options.schedule)),
        ("optimizer", format!("{:?}", options.adam)),
        ("seed", options.seed.to_string()),
        ("samples to train on", description.train_samples.to_string()),
        ("digest of the samples", description.samples.clone()),
        ("digest of the tokenizer", description.tokenizer.clone()),
        ("step", format!("{} on {}", description.trainer, description.device)),
        ("digest of the state", description.report.state.to_string()),
        ("program", description.program.to_owned()),
    ];
    for (what, value) in rows {
        table.push([what.to_owned(), value]);
    }
    Section::new("Conditions").table("What was trained", table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_trainings_are_averaged_and_lose_no_end() {
        let step = |step: u64| Step { step, loss: step as f32, lr: 0.0, grad_norm: 0.0, tokens_s: 0.0 };
        let steps: Vec<Step> = (1..=1_000).map(step).collect();
        let points = averaged(&steps, |step| f64::from(step.loss));
        assert_eq!((points.len(), points[0]), (334, (3.0, 2.0)));
        assert_eq!(points[333], (1_000.0, 1_000.0));
        assert_eq!(averaged(&[], |_| 0.0), []);
    }
}

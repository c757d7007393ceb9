//! `sn3 eval`: loss, perplexity and bits per byte of text; multiple-choice questions as lm-eval scores them.

use std::path::{Path, PathBuf};
use std::sync::Arc as Shared;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use serde::Serialize;
use sn3_trainer::data::{Corpus, Prepared, Samples, Sources};
use sn3_trainer::eval::{
    ChoiceReport, EvalError, TextReport, evaluate_choices, evaluate_samples, evaluate_text, read_questions,
};
use sn3_trainer::infer::Infer;
use sn3_trainer::tokenizer::Tokenizer;

use crate::args::DataArgs;
use crate::args::training::EvalArgs;
use crate::exit::{CliError, Exit, OrExit, chain_of_causes};
use crate::output::Output;
use crate::text;
use crate::training::{Pace, heavy, is_prepared, reader, stop_flag};

/// Longest samples that the default text is cut into.
const SEQ_LEN_MAX: u32 = 2_048;
/// Held-out samples of the default text that are evaluated unless another number is asked for.
const SAMPLES_DEFAULT: u64 = 512;

/// Evaluates everything that the arguments name.
pub async fn run(args: EvalArgs, output: &Output) -> Result<(), CliError> {
    let stop = stop_flag(output, "stopping after this piece");
    let output = output.clone();
    heavy(move || Evaluation::open(args, stop, output)?.run()).await
}

struct Evaluation {
    args: EvalArgs,
    model: Box<dyn Infer>,
    tokenizer: Tokenizer,
    stop: Shared<AtomicBool>,
    output: Output,
}

impl Evaluation {
    fn open(args: EvalArgs, stop: Shared<AtomicBool>, output: Output) -> Result<Self, CliError> {
        let (model, tokenizer) =
            reader::open(&args.model, args.tokenizer.as_deref(), args.device, args.threads)?;
        Ok(Self { args, model, tokenizer, stop, output })
    }

    fn run(mut self) -> Result<(), CliError> {
        // Files are read before minutes of evaluation, so that a wrong one is named at once.
        let questions = self.args.questions.clone().into_iter();
        let questions = questions.map(|path| {
            let read = read_questions(&path).or_exit(Exit::Data)?;
            Ok((path, read))
        });
        let questions = questions.collect::<Result<Vec<_>, CliError>>()?;
        match self.args.data.clone().as_slice() {
            [] if questions.is_empty() => self.default_text()?,
            [] => {}
            [folder] if is_prepared(folder)? => self.prepared(folder)?,
            paths => self.documents(paths)?,
        }
        for (path, mut questions) in questions {
            questions.truncate(self.limit(u64::MAX) as usize);
            let bar = Bar::new(&self.output, &self.stop, "questions", questions.len() as u64);
            let report = evaluate_choices(self.model.as_mut(), &self.tokenizer, &questions, &mut bar.tell());
            self.tell_choices(&path, &bar.end(report)?);
        }
        Ok(())
    }

    fn limit(&self, own: u64) -> u64 {
        self.args.limit.unwrap_or(own)
    }

    /// The held-out part of the Rust sources, as `sn3 train` with the same seed split them.
    fn default_text(&mut self) -> Result<(), CliError> {
        let data = DataArgs { data: Vec::new(), tokenizer: None, cache: self.args.cache.clone() };
        let corpus = text::read(&data, &self.output)?;
        let seq_len = self.model.model().context.min(SEQ_LEN_MAX);
        let tokenizer = self.tokenizer.clone();
        let text = text::prepare(&data, &corpus, tokenizer, seq_len, self.args.seed, &self.output)?;
        let count = self.limit(SAMPLES_DEFAULT);
        self.samples("held-out Rust sources", &text.dataset.held_out(), count)
    }

    fn prepared(&mut self, folder: &Path) -> Result<(), CliError> {
        let prepared = Prepared::read(folder).or_exit(Exit::Data)?;
        if prepared.tokenizer != self.tokenizer.digest() {
            let message = format!(
                "{} was prepared with another tokenizer than the model's; evaluate on text, or prepare it with the model's",
                folder.display()
            );
            return Err(CliError::new(Exit::Usage, message));
        }
        let heldout = prepared.held_out(folder).or_exit(Exit::Data)?;
        let none = || CliError::new(Exit::Data, format!("{} holds no sample out", folder.display()));
        let name = format!("held-out samples of {}", folder.display());
        self.samples(&name, &heldout.ok_or_else(none)?, self.limit(u64::MAX))
    }

    fn samples(&mut self, name: &str, samples: &dyn Samples, count: u64) -> Result<(), CliError> {
        let bar = Bar::new(&self.output, &self.stop, "samples", count.min(samples.count()));
        let report = evaluate_samples(self.model.as_mut(), &self.tokenizer, samples, count, &mut bar.tell());
        self.tell_text(name, &bar.end(report)?)
    }

    fn documents(&mut self, paths: &[PathBuf]) -> Result<(), CliError> {
        let corpus = Corpus::read(&Sources::new(paths.to_vec())).or_exit(Exit::Data)?;
        let most = usize::try_from(self.limit(u64::MAX)).unwrap_or(usize::MAX);
        let documents: Vec<String> = corpus.documents().take(most).collect();
        let bar = Bar::new(&self.output, &self.stop, "documents", documents.len() as u64);
        let texts = documents.iter().map(String::as_str);
        let report = evaluate_text(self.model.as_mut(), &self.tokenizer, texts, &mut bar.tell());
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        self.tell_text(&names.join(", "), &bar.end(report)?)
    }

    fn tell_text(&self, name: &str, report: &TextReport) -> Result<(), CliError> {
        if !report.loss.is_finite() {
            let message = "the model's loss is not finite; use an intact checkpoint";
            return Err(CliError::new(Exit::State, message));
        }
        #[derive(Serialize)]
        struct Event<'a> {
            name: &'a str,
            report: &'a TextReport,
        }
        let rows = [
            ("pieces", report.pieces.to_string()),
            ("tokens", report.tokens.to_string()),
            ("loss", format!("{:.4} nats per token", report.loss)),
            ("perplexity", format!("{:.2}", report.perplexity)),
            ("bits per byte", format!("{:.4}", report.bits_per_byte)),
        ];
        self.output.result(name);
        rows.iter().for_each(|(what, value)| self.output.result(format_args!("  {what:<16} {value}")));
        self.output.event("text", &Event { name, report });
        Ok(())
    }

    fn tell_choices(&self, path: &Path, report: &ChoiceReport) {
        #[derive(Serialize)]
        struct Event<'a> {
            file: &'a Path,
            report: &'a ChoiceReport,
        }
        let share = |value: f64, error: f64| format!("{value:.4} ± {error:.4}");
        let rows = [
            ("questions", report.questions.to_string()),
            ("acc", share(report.accuracy, report.accuracy_error)),
            ("acc_norm", share(report.accuracy_normalised, report.accuracy_normalised_error)),
            ("by chance", format!("{:.4}", report.chance)),
        ];
        self.output.result(path.display());
        rows.iter().for_each(|(what, value)| self.output.result(format_args!("  {what:<16} {value}")));
        for (group, accuracy) in &report.groups {
            self.output.result(format_args!("  acc of {group:<32} {accuracy:.4}"));
        }
        self.output.event("choices", &Event { file: path, report });
    }
}

/// Progress of one evaluation.
struct Bar<'a> {
    bar: ProgressBar,
    output: &'a Output,
    stop: &'a AtomicBool,
    name: &'static str,
    of: u64,
}

impl<'a> Bar<'a> {
    fn new(output: &'a Output, stop: &'a AtomicBool, name: &'static str, of: u64) -> Self {
        Self { bar: output.bar(name, of), output, stop, name, of }
    }

    fn tell(&self) -> impl FnMut(u64) + '_ {
        let mut pace = Pace::new();
        move |done| {
            self.bar.set_position(done);
            if self.bar.is_hidden() && pace.due() {
                self.output.story(format_args!("{}: {done} of {}", self.name, self.of));
            }
            if self.stop.load(Ordering::Relaxed) {
                self.bar.finish_and_clear();
                // Nothing is being written: leaving is all there is to do.
                crate::output::print_error("stopped before the end; nothing was written");
                std::process::exit(i32::from(Exit::Interrupted as u8));
            }
        }
    }

    fn end<T>(&self, result: Result<T, EvalError>) -> Result<T, CliError> {
        self.bar.finish_and_clear();
        result.map_err(|error| {
            let exit = if matches!(error, EvalError::Vocab { .. }) { Exit::Usage } else { Exit::Data };
            CliError::new(exit, chain_of_causes(&error))
        })
    }
}

//! `sn3 generate`: a look at what a model has learned.

use std::io::Read as _;
use std::ops::ControlFlow;
use std::sync::Arc as Shared;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::Serialize;
use sn3_trainer::generate::{GenerateError, GenerateOptions, generate};
use sn3_trainer::tokenizer::Tokenizer;

use crate::args::training::GenerateArgs;
use crate::exit::{CliError, Exit, OrExit, chain_of_causes};
use crate::output::Output;
use crate::training::{heavy, reader, stop_flag};

/// Longest prompt that is read from stdin.
const PROMPT_BYTES_MAX: u64 = 16 << 20;

/// Continues the prompt and prints it as it comes.
pub async fn run(args: GenerateArgs, output: &Output) -> Result<(), CliError> {
    let stop = stop_flag(output, "stopping after this token");
    let output = output.clone();
    heavy(move || continue_text(&args, &stop, &output)).await
}

fn continue_text(args: &GenerateArgs, stop: &Shared<AtomicBool>, output: &Output) -> Result<(), CliError> {
    let options = GenerateOptions {
        tokens_max: args.tokens as usize,
        temperature: args.temperature,
        top_k: args.top_k as usize,
        top_p: args.top_p,
        seed: args.seed,
        stop: None,
    };
    options.check().map_err(|error| failed(&error))?;
    let text = prompt(args)?;
    let (mut model, tokenizer) =
        reader::open(&args.model, args.tokenizer.as_deref(), args.device, args.threads)?;
    let mut prompt = tokenizer.encode(&text).or_exit(Exit::Data)?;
    if prompt.is_empty() {
        prompt.push(tokenizer.eos());
    }
    output.write(&text);
    let options = GenerateOptions { stop: Some(tokenizer.eos()), ..options };
    let (begin, mut stream) = (Instant::now(), Stream::new(&tokenizer, output));
    let mut tell = |token| {
        stream.push(token);
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let tokens = generate(model.as_mut(), &prompt, &options, &mut tell).map_err(|error| failed(&error))?;
    output.write("\n");
    let seconds = begin.elapsed().as_secs_f64();
    let continued = tokenizer.decode(&tokens).or_exit(Exit::Data)?;
    #[derive(Serialize)]
    struct Event<'a> {
        prompt: &'a str,
        text: &'a str,
        tokens: &'a [u32],
        seed: u64,
        seconds: f64,
    }
    output.event(
        "generated",
        &Event { prompt: &text, text: &continued, tokens: &tokens, seed: args.seed, seconds },
    );
    output.story(format_args!(
        "{} tokens, {:.1} tokens/s",
        tokens.len(),
        tokens.len() as f64 / seconds.max(1e-9)
    ));
    match stop.load(Ordering::Relaxed) {
        true => Err(CliError::new(Exit::Interrupted, "stopped before the end of the text")),
        false => Ok(()),
    }
}

fn prompt(args: &GenerateArgs) -> Result<String, CliError> {
    if args.prompt != "-" {
        return Ok(args.prompt.clone());
    }
    let mut text = String::new();
    let read = std::io::stdin().lock().take(PROMPT_BYTES_MAX).read_to_string(&mut text);
    let wrong = |error| CliError::new(Exit::Data, format!("the prompt on stdin cannot be read: {error}"));
    read.map(|_| text).map_err(wrong)
}

/// Prints tokens as text; a character that takes several tokens is printed when it is whole.
struct Stream<'a> {
    tokenizer: &'a Tokenizer,
    output: &'a Output,
    tokens: Vec<u32>,
    printed: usize,
}

impl<'a> Stream<'a> {
    fn new(tokenizer: &'a Tokenizer, output: &'a Output) -> Self {
        Self { tokenizer, output, tokens: Vec::new(), printed: 0 }
    }

    fn push(&mut self, token: u32) {
        /// Tokens after which text is forgotten, so that long texts stay quick.
        const TOKENS_KEPT: usize = 64;
        self.tokens.push(token);
        let Ok(text) = self.tokenizer.decode(&self.tokens) else { return };
        if text.ends_with(char::REPLACEMENT_CHARACTER) && self.tokens.len() < TOKENS_KEPT {
            return;
        }
        self.output.write(text.get(self.printed..).unwrap_or_default());
        self.printed = text.len();
        if self.tokens.len() >= TOKENS_KEPT {
            (self.tokens, self.printed) = (Vec::new(), 0);
        }
    }
}

fn failed(error: &GenerateError) -> CliError {
    let exit = match error {
        GenerateError::Model(_) => Exit::Data,
        GenerateError::NotFinite => Exit::State,
        _ => Exit::Usage,
    };
    CliError::new(exit, chain_of_causes(error))
}

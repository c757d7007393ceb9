use super::*;
use crate::data::{Corpus, Dataset, DatasetConfig};
use crate::fast::StaticTrainer;
use crate::init::initial_state;
use crate::tests::tiny;
use crate::train::Train;
use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::AdamConfig;

fn corpus() -> Corpus {
    let line = |i: usize| format!("the colour of {i} is {}\n", ["red", "green", "blue"][i % 3]).repeat(3);
    Corpus::from_texts((0..60).map(line)).unwrap()
}

fn model(tokenizer: &Tokenizer) -> StaticTrainer {
    let config = ModelConfig { vocab: tokenizer.vocab(), ..tiny() };
    let mut trainer = StaticTrainer::new(&config, AdamConfig::default(), 4, 1).unwrap();
    trainer.set_params(&initial_state(&config, 3).unwrap()).unwrap();
    trainer
}

#[test]
fn a_report_is_that_by_hand() {
    let report = Sums { pieces: 1, tokens: 4, bytes: 5, nats: 4.0 }.report().unwrap();
    assert_eq!((report.loss, report.tokens), (1.0, 4));
    assert!((report.perplexity - 1f64.exp()).abs() < 1e-12);
    assert!((report.bits_per_byte - 1.154).abs() < 1e-3);
    assert!(matches!(Sums::default().report(), Err(EvalError::Empty(_))));
}

/// A model that knows nothing spends ln(vocab) nats on every token, however text is cut into windows.
#[test]
fn a_fresh_model_is_as_surprised_as_the_vocabulary_is_large() {
    let tokenizer = Tokenizer::train(&corpus(), 300).unwrap();
    let mut model = model(&tokenizer);
    let long = "the colour of 7 is green and ".repeat(60);
    let mut done = 0;
    let texts = [long.as_str(), "short"];
    let report = evaluate_text(&mut model, &tokenizer, texts, &mut |count| done = count).unwrap();
    let tokens: usize = texts.iter().map(|text| tokenizer.encode(text).unwrap().len()).sum();
    assert_eq!((report.tokens, report.bytes, done), (tokens as u64, long.len() as u64 + 5, 2));
    assert!(tokens > 2 * 160, "several windows");
    assert!((report.loss - f64::from(tokenizer.vocab()).ln()).abs() < 0.1, "{}", report.loss);
}

#[test]
fn training_makes_held_out_text_and_right_answers_likelier() {
    let dir = tempfile::tempdir().unwrap();
    let (corpus, config) = (corpus(), DatasetConfig::new(32, 1));
    let tokenizer = Tokenizer::train(&corpus, 300).unwrap();
    let dataset = Dataset::from_corpus(&corpus, &tokenizer, config, dir.path()).unwrap();
    let mut model = model(&tokenizer).with_masked_label(Some(tokenizer.eos()));
    let held_out = dataset.held_out();
    let evaluate =
        |model: &mut StaticTrainer| evaluate_samples(model, &tokenizer, &held_out, 8, &mut |_| ()).unwrap();
    let before = evaluate(&mut model);
    let batch: Vec<&[u32]> = (0..16).map(|index| dataset.train(index)).collect();
    for _ in 0..40 {
        model.step(&batch, 0.01).unwrap();
    }
    let after = evaluate(&mut model);
    assert!(after.bits_per_byte < before.bits_per_byte / 2.0, "{before:?} {after:?}");
    // The mean of the samples without masked labels is what the trainer itself says.
    let samples: Vec<&[u32]> = (0..held_out.count().min(8)).map(|i| dataset.heldout(i as usize)).collect();
    assert!((f64::from(model.loss(&samples).unwrap()) - after.loss).abs() < 1e-4);
    let question = Question {
        context: "the colour of".to_owned(),
        choices: vec!["9 is".to_owned(), "xylophone @@".to_owned()],
        gold: 0,
        group: String::new(),
    };
    let report = evaluate_choices(&mut model, &tokenizer, &[question], &mut |_| ()).unwrap();
    assert_eq!((report.accuracy, report.accuracy_normalised, report.chance), (1.0, 1.0, 0.5));
}

#[test]
fn a_foreign_tokenizer_is_refused() {
    let tokenizer = Tokenizer::train(&corpus(), 300).unwrap();
    let config = ModelConfig { vocab: 100, ..tiny() };
    let mut model = StaticTrainer::new(&config, AdamConfig::default(), 1, 1).unwrap();
    let error = evaluate_text(&mut model, &tokenizer, ["x"], &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("entries, the model 100"), "{error}");
}

//! Scoring multiple-choice questions by the log-probability of each choice.

use std::collections::BTreeMap;

use serde::Serialize;

use super::batch::{Piece, each_piece};
use super::{EvalError, Question, check_vocab};
use crate::infer::Infer;
use crate::tokenizer::Tokenizer;

/// What precedes a choice.
const DELIMITER: &str = " ";

/// Shares of questions answered right.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChoiceReport {
    /// Questions.
    pub questions: u64,
    /// Share where the right choice has the largest log-probability (lm-eval's `acc`).
    pub accuracy: f64,
    /// Standard error of that share.
    pub accuracy_error: f64,
    /// Share where it has the largest log-probability a character (lm-eval's `acc_norm`).
    pub accuracy_normalised: f64,
    /// Standard error of that share.
    pub accuracy_normalised_error: f64,
    /// What guessing would reach: the mean of one over the number of choices.
    pub chance: f64,
    /// `accuracy` of each group, where questions have groups.
    pub groups: BTreeMap<String, f64>,
}

/// Answers every question; `progress` is told the number done.
///
/// # Errors
/// If the tokenizer is not the model's, or there are no questions.
pub fn evaluate_choices(
    model: &mut dyn Infer,
    tokenizer: &Tokenizer,
    questions: &[Question],
    progress: &mut dyn FnMut(u64),
) -> Result<ChoiceReport, EvalError> {
    check_vocab(model, tokenizer)?;
    if questions.is_empty() {
        return Err(EvalError::Empty("no questions"));
    }
    let mut answers = Vec::with_capacity(questions.len());
    let context = model.model().context as usize;
    let asked = questions.iter().map(|question| ask(tokenizer, context, question));
    each_piece(model, asked, |piece, losses| {
        let (question, counts) = piece.what;
        let scores: Vec<f64> =
            losses.iter().zip(counts).map(|(losses, count)| score(losses, count)).collect();
        answers.push(Answer::new(question, &scores));
        progress(answers.len() as u64);
        Ok(())
    })?;
    Ok(report(questions, &answers))
}

/// Whether the right choice won, plainly and by length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    plain: bool,
    normalised: bool,
}

impl Answer {
    fn new(question: &Question, scores: &[f64]) -> Self {
        let lengths = question.choices.iter().map(|choice| choice.chars().count().max(1) as f64);
        let normalised: Vec<f64> = scores.iter().zip(lengths).map(|(score, length)| score / length).collect();
        Self { plain: largest(scores) == question.gold, normalised: largest(&normalised) == question.gold }
    }
}

/// The first of the largest, as numpy's `argmax`.
fn largest(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, at| if values[at] > values[best] { at } else { best })
}

/// The question with each of its choices, and how many tokens at the end are the choice's.
fn ask<'a>(
    tokenizer: &Tokenizer,
    context: usize,
    question: &'a Question,
) -> Result<Piece<(&'a Question, Vec<usize>)>, EvalError> {
    let encode = |choice: &String| {
        let (mut tokens, asked) = encode_pair(tokenizer, &question.context, &format!("{DELIMITER}{choice}"))?;
        // The end is what counts: a question longer than the context loses its beginning.
        drop(tokens.drain(..tokens.len().saturating_sub(context + 1)));
        Ok((tokens, asked))
    };
    let pairs = question.choices.iter().map(encode).collect::<Result<Vec<_>, EvalError>>()?;
    let (texts, asked) = pairs.into_iter().unzip();
    Ok(Piece { what: (question, asked), texts })
}

/// Log-probability of the last `asked` tokens.
fn score(losses: &[f32], asked: usize) -> f64 {
    let asked = &losses[losses.len() - asked.min(losses.len())..];
    -asked.iter().map(|&loss| f64::from(loss)).sum::<f64>()
}

/// The tokens of context and choice, and how many at the end are the choice's. Spaces that end the context
/// belong to the choice; both are encoded together, so that a token at the seam is as in running text.
fn encode_pair(tokenizer: &Tokenizer, context: &str, choice: &str) -> Result<(Vec<u32>, usize), EvalError> {
    let kept = context.trim_end();
    let choice = format!("{}{choice}", &context[kept.len()..]);
    let whole = tokenizer.encode(&format!("{kept}{choice}"))?;
    let before = tokenizer.encode(kept)?.len();
    let asked = whole.len().saturating_sub(before).max(1);
    // Without anything before, the first token is predicted from the end-of-text token.
    if before == 0 || whole.len() <= asked {
        return Ok(([vec![tokenizer.eos()], whole].concat(), asked));
    }
    Ok((whole, asked))
}

fn report(questions: &[Question], answers: &[Answer]) -> ChoiceReport {
    let share = |right: &dyn Fn(&Answer) -> bool| {
        let count = answers.len() as f64;
        let share = answers.iter().filter(|answer| right(answer)).count() as f64 / count;
        // The standard error of a mean of zeros and ones: √(p(1 − p) / (n − 1)).
        (share, (share * (1.0 - share) / (count - 1.0).max(1.0)).sqrt())
    };
    let ((accuracy, accuracy_error), normalised) =
        (share(&|answer| answer.plain), share(&|answer| answer.normalised));
    let chance = questions.iter().map(|question| 1.0 / question.choices.len() as f64).sum::<f64>();
    let mut groups: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (question, answer) in questions.iter().zip(answers).filter(|(question, _)| !question.group.is_empty())
    {
        let (right, count) = groups.entry(question.group.clone()).or_default();
        (*right, *count) = (*right + f64::from(u8::from(answer.plain)), *count + 1.0);
    }
    ChoiceReport {
        questions: answers.len() as u64,
        accuracy,
        accuracy_error,
        accuracy_normalised: normalised.0,
        accuracy_normalised_error: normalised.1,
        chance: chance / questions.len() as f64,
        groups: groups.into_iter().map(|(group, (right, count))| (group, right / count)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(choices: &[&str], gold: usize, group: &str) -> Question {
        let choices = choices.iter().map(|&choice| choice.to_owned()).collect();
        Question { context: "q".to_owned(), choices, gold, group: group.to_owned() }
    }

    /// By hand: −6 for 2 characters is −3 each, −8 for 4 is −2 each: plainly the first wins, by length the
    /// second. Of two questions with two choices one is right plainly: 0.5 with error √(0.25 / 1) = 0.5.
    #[test]
    fn shares_and_errors_are_those_by_hand() {
        let questions = [question(&["ab", "abcd"], 0, "x"), question(&["ab", "äbcd"], 1, "y")];
        let answers = questions.each_ref().map(|question| Answer::new(question, &[-6.0, -8.0]));
        assert_eq!(answers[0], Answer { plain: true, normalised: false });
        assert_eq!(answers[1], Answer { plain: false, normalised: true });
        let report = report(&questions, &answers);
        assert_eq!((report.accuracy, report.accuracy_error, report.chance), (0.5, 0.5, 0.5));
        assert_eq!(report.groups, BTreeMap::from([("x".to_owned(), 1.0), ("y".to_owned(), 0.0)]));
        assert_eq!(largest(&[1.0, 2.0, 2.0]), 1);
    }

    #[test]
    fn spaces_at_the_seam_belong_to_the_choice() {
        let corpus = crate::data::Corpus::from_texts(["a question and an answer\n".repeat(20)]).unwrap();
        let tokenizer = Tokenizer::train(&corpus, 280).unwrap();
        let (with, asked) = encode_pair(&tokenizer, "a question ", "and").unwrap();
        let (plain, asked_plain) = encode_pair(&tokenizer, "a question", " and").unwrap();
        assert_eq!((&with, asked), (&plain, asked_plain));
        assert_eq!(tokenizer.decode(&plain[plain.len() - asked..]).unwrap(), " and");
        let (bare, asked) = encode_pair(&tokenizer, "", " and").unwrap();
        assert_eq!((bare[0], bare.len() - 1), (tokenizer.eos(), asked));
    }
}

//! Multiple-choice questions from JSON lines, in the formats in which the benchmarks are published.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::files;

/// Longest file of questions that is read; MMLU's test split has 7 MB.
pub const QUESTION_FILE_BYTES_MAX: u64 = 256 << 20;
/// Most choices of a question.
const CHOICES_MAX: usize = 64;

/// A question as the model sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What comes before the choice.
    pub context: String,
    /// The choices; the model is given each after a space.
    pub choices: Vec<String>,
    /// The right one.
    pub gold: usize,
    /// What results are grouped by: MMLU's subject; empty elsewhere.
    pub group: String,
}

/// Why there are no questions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuestionError {
    /// The file cannot be read.
    #[error("question file {path:?} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line that is no question.
    #[error(
        "{path:?} line {line}: {reason}; every line must be an object as in MMLU (question, choices, answer), ARC (question, choices.text, answerKey), HellaSwag (activity_label, ctx_a, ctx_b, endings, label), or with context, choices and gold"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// No question at all.
    #[error("question file {0:?} has no questions")]
    Empty(PathBuf),
}

/// Reads a file of questions, one JSON object a line. The format of each follows from its fields.
///
/// # Errors
/// If the file cannot be read, has no questions, or a line is none.
pub fn read_questions(path: &Path) -> Result<Vec<Question>, QuestionError> {
    let at = |source| QuestionError::Read { path: path.to_owned(), source };
    let bytes = files::read_bounded(path, QUESTION_FILE_BYTES_MAX).map_err(at)?;
    let text = String::from_utf8(bytes).map_err(|e| at(std::io::Error::other(e.to_string())))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parse = |(index, line): (usize, &str)| {
        let value = serde_json::from_str::<Value>(line).map_err(|error| error.to_string());
        let question = value.and_then(|value| question(&value));
        question.map_err(|reason| QuestionError::Line { path: path.to_owned(), line: index + 1, reason })
    };
    let questions = lines.map(parse).collect::<Result<Vec<_>, _>>()?;
    if questions.is_empty() { Err(QuestionError::Empty(path.to_owned())) } else { Ok(questions) }
}

fn question(value: &Value) -> Result<Question, String> {
    let has = |name: &str| value.get(name).is_some();
    let question = if has("endings") {
        hellaswag(value)
    } else if has("answerKey") {
        arc(value)
    } else if has("gold") {
        plain(value)
    } else {
        mmlu(value)
    }?;
    let (choices, gold) = (question.choices.len(), question.gold);
    match choices {
        0..2 => Err(format!("{choices} choices")),
        count if count > CHOICES_MAX => Err(format!("{count} choices, more than {CHOICES_MAX}")),
        count if gold >= count => Err(format!("the answer is number {gold} of {count}, counted from 0")),
        _ if question.context.is_empty() => Err("an empty question".to_owned()),
        _ => Ok(question),
    }
}

/// MMLU: the choices are listed with letters and the model chooses a letter.
fn mmlu(value: &Value) -> Result<Question, String> {
    const LETTERS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];
    let choices = strings(value, "choices")?;
    if choices.len() > LETTERS.len() {
        return Err(format!("{} choices, more than there are letters", choices.len()));
    }
    let subject = value.get("subject").and_then(Value::as_str).unwrap_or_default();
    let mut context = String::new();
    if !subject.is_empty() {
        let topic = subject.replace('_', " ");
        context = format!("The following are multiple choice questions (with answers) about {topic}.\n\n");
    }
    context.push_str(text(value, "question")?.trim());
    for (letter, choice) in LETTERS.iter().zip(&choices) {
        context.push_str(&format!("\n{letter}. {choice}"));
    }
    context.push_str("\nAnswer:");
    let letters = LETTERS[..choices.len()].iter().map(|&letter| letter.to_owned()).collect();
    Ok(Question { context, choices: letters, gold: number(value, "answer")?, group: subject.to_owned() })
}

fn arc(value: &Value) -> Result<Question, String> {
    let choices = value.get("choices").ok_or("no field \"choices\"")?;
    let (texts, labels) = (strings(choices, "text")?, strings(choices, "label")?);
    let key = text(value, "answerKey")?;
    let gold = labels.iter().position(|label| label == key);
    let gold = gold.filter(|_| labels.len() == texts.len());
    let gold = gold.ok_or_else(|| format!("answer {key:?} is none of the labels {labels:?}"))?;
    let context = format!("Question: {}\nAnswer:", text(value, "question")?);
    Ok(Question { context, choices: texts, gold, group: String::new() })
}

fn hellaswag(value: &Value) -> Result<Question, String> {
    let (first, second) = (text(value, "ctx_a")?, text(value, "ctx_b")?);
    let context = format!("{}: {first} {}", text(value, "activity_label")?, capitalise(second));
    let choices = strings(value, "endings")?.iter().map(|ending| clean(ending)).collect();
    Ok(Question { context: clean(&context), choices, gold: number(value, "label")?, group: String::new() })
}

fn plain(value: &Value) -> Result<Question, String> {
    let (context, choices) = (text(value, "context")?.to_owned(), strings(value, "choices")?);
    Ok(Question { context, choices, gold: number(value, "gold")?, group: String::new() })
}

/// The first character large, the others small, as Python's `str.capitalize`.
fn capitalise(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    first + &characters.as_str().to_lowercase()
}

/// HellaSwag's own clean-up: ` [title]` becomes `. `, other brackets vanish, double spaces become one.
fn clean(text: &str) -> String {
    let text = text.trim().replace(" [title]", ". ");
    let (mut kept, mut rest) = (String::new(), text.as_str());
    while let Some((before, after)) = rest.split_once('[') {
        let Some((_, behind)) = after.split_once(']').filter(|(inside, _)| !inside.contains('\n')) else {
            kept.push_str(before);
            kept.push('[');
            rest = after;
            continue;
        };
        kept.push_str(before);
        rest = behind;
    }
    kept.push_str(rest);
    kept.replace("  ", " ")
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| format!("no text in field {name:?}"))
}

fn strings(value: &Value, name: &str) -> Result<Vec<String>, String> {
    let list = value.get(name).and_then(Value::as_array);
    let texts = list.map(|list| list.iter().map(|item| item.as_str().map(str::to_owned)).collect());
    texts.flatten().ok_or_else(|| format!("no list of texts in field {name:?}"))
}

/// A number, as such or as text; an answer's letter counts from A.
fn number(value: &Value, name: &str) -> Result<usize, String> {
    let found = value.get(name).ok_or_else(|| format!("no field {name:?}"))?;
    let of_text = |text: &str| match text.as_bytes() {
        [letter @ b'A'..=b'H'] => Some(usize::from(letter - b'A')),
        _ => text.parse().ok(),
    };
    let number = found.as_u64().and_then(|n| usize::try_from(n).ok());
    number.or_else(|| of_text(found.as_str()?)).ok_or_else(|| format!("field {name:?} is {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Question {
        question(&serde_json::from_str(line).unwrap()).unwrap()
    }

    #[test]
    fn mmlu_is_asked_for_letters() {
        let question = parsed(
            r#"{"question":" What is 2+2? ","subject":"abstract_algebra","choices":["3","4","5","6"],"answer":1}"#,
        );
        assert_eq!(
            question.context,
            "The following are multiple choice questions (with answers) about abstract algebra.\n\nWhat is 2+2?\nA. 3\nB. 4\nC. 5\nD. 6\nAnswer:"
        );
        assert_eq!((question.choices.concat(), question.gold), ("ABCD".to_owned(), 1));
        assert_eq!(question.group, "abstract_algebra");
        let letter = parsed(r#"{"question":"q","choices":["3","4"],"answer":"B"}"#);
        assert_eq!((letter.gold, letter.context.as_str()), (1, "q\nA. 3\nB. 4\nAnswer:"));
    }

    #[test]
    fn arc_is_asked_for_the_text() {
        let question = parsed(
            r#"{"id":"x","question":"Why?","choices":{"text":["no","yes","so"],"label":["1","2","3"]},"answerKey":"3"}"#,
        );
        let choices = ["no", "yes", "so"].map(str::to_owned).to_vec();
        let context = "Question: Why?\nAnswer:".to_owned();
        assert_eq!(question, Question { context, choices, gold: 2, group: String::new() });
    }

    /// By hand, after HellaSwag's clean-up in Python.
    #[test]
    fn hellaswag_is_cleaned() {
        let question = parsed(
            r#"{"activity_label":"Roof shingle removal","ctx_a":"A man sits. [header] Now","ctx_b":"he BEGINS","endings":["is [step] up. [title] go.","b"],"label":"0"}"#,
        );
        assert_eq!(question.context, "Roof shingle removal: A man sits. Now He begins");
        assert_eq!(question.choices, ["is up.. go.", "b"]);
    }

    #[test]
    fn lines_that_are_no_questions_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("q.jsonl");
        for (line, reason) in [
            ("{", "EOF"),
            (r#"{"question":"q"}"#, "no list of texts in field \"choices\""),
            (r#"{"question":"q","choices":["a"],"answer":0}"#, "1 choices"),
            (r#"{"question":"q","choices":["a","b"],"answer":2}"#, "number 2 of 2"),
            (
                r#"{"question":"q","choices":{"text":["a"],"label":["A"]},"answerKey":"B"}"#,
                "none of the labels",
            ),
            (r#"{"context":"c","choices":["a","b"],"gold":-1}"#, "field \"gold\" is -1"),
        ] {
            std::fs::write(
                &path,
                format!("{{\"context\":\"c\",\"choices\":[\"a\",\"b\"],\"gold\":0}}\n{line}\n"),
            )
            .unwrap();
            let error = read_questions(&path).unwrap_err().to_string();
            assert!(error.contains("line 2") && error.contains(reason), "{error}");
        }
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(read_questions(&path), Err(QuestionError::Empty(_))));
    }
}

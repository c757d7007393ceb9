//! Reading scenarios, with errors that say where and what instead.

use std::path::{Path, PathBuf};

use super::{Scenario, ScenarioInvalid};
use crate::snapshot::{ChainSnapshot, SnapshotError};

/// Largest scenario file in bytes.
pub const SCENARIO_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How alike (0 to 1) a known key must be to be suggested.
const SUGGEST_LIKENESS_MIN: f64 = 0.7;

/// The two formats of a scenario file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

impl Format {
    /// JSON for names that end in `.json`, else TOML.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json")) {
            Self::Json
        } else {
            Self::Toml
        }
    }
}

/// Why a scenario was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("scenario {path}: {source}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error(
        "scenario {path} has {bytes} bytes, at most {SCENARIO_BYTES_MAX} are read; put large states into a snapshot file"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A key that nothing is called.
    #[error("line {line}: unknown key `{key}`{}", suggestion.as_ref().map_or_else(|| "; remove it, or see the example scenario for all keys".to_owned(), |s| format!("; did you mean `{s}`?")))]
    UnknownKey {
        /// Line in the file, from 1; 0 if it did not come from a file.
        line: usize,
        /// The key.
        key: String,
        /// The known key that is most like it.
        suggestion: Option<String>,
    },
    /// The text is not what it should be.
    #[error("line {line}: {message}")]
    Syntax {
        /// Line in the file, from 1; 0 if it did not come from a file.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The text is well-formed, but its content cannot be simulated.
    #[error(transparent)]
    Invalid(#[from] ScenarioInvalid),
    /// The snapshot to start from.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl Scenario {
    /// Reads, parses and checks a scenario file; a snapshot that it starts from is read along.
    ///
    /// # Errors
    /// See [`ScenarioError`].
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let read = |source| ScenarioError::Read { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(read)?.len();
        if bytes > SCENARIO_BYTES_MAX {
            return Err(ScenarioError::TooLarge { path: path.to_owned(), bytes });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let mut scenario = parse_unchecked(&text, Format::of(path))?;
        if let Some(start) = scenario.start.take() {
            let start = path.parent().unwrap_or(Path::new(".")).join(start);
            scenario.snapshot = Some(Box::new(ChainSnapshot::load(&start)?));
        }
        scenario.check()?;
        Ok(scenario)
    }

    /// Parses and checks a scenario's text.
    ///
    /// # Errors
    /// See [`ScenarioError`].
    pub fn parse(text: &str, format: Format) -> Result<Self, ScenarioError> {
        let scenario = parse_unchecked(text, format)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Reads a scenario from a JSON value, such as a changed copy of another scenario, and checks it.
    ///
    /// # Errors
    /// See [`ScenarioError`]; lines are 0.
    pub fn from_value(value: serde_json::Value) -> Result<Self, ScenarioError> {
        let scenario: Self = serde_json::from_value(value).map_err(|e| explain(0, &e.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }
}

fn parse_unchecked(text: &str, format: Format) -> Result<Scenario, ScenarioError> {
    match format {
        Format::Toml => toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| line_of(text, span.start));
            explain(line, error.message())
        }),
        Format::Json => serde_json::from_str(text).map_err(|error| explain(error.line(), &error.to_string())),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    before.bytes().filter(|b| *b == b'\n').count() + 1
}

/// Turns serde's message into an error with a remedy.
fn explain(line: usize, message: &str) -> ScenarioError {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    match (unknown, quoted.next()) {
        (true, Some(key)) => {
            let known: Vec<&str> = quoted.collect();
            ScenarioError::UnknownKey { line, key: key.to_owned(), suggestion: nearest(key, &known) }
        }
        _ => ScenarioError::Syntax { line, message: with_remedy(message) },
    }
}

/// The known name that is most like a name.
pub(crate) fn nearest(name: &str, known: &[&str]) -> Option<String> {
    let likeness = |other: &str| strsim::jaro_winkler(name, other);
    let best = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= SUGGEST_LIKENESS_MIN).then(|| best.to_owned())
}

fn with_remedy(message: &str) -> String {
    if message.contains("integer `-") {
        return format!("{message}; times, counts and amounts start at zero");
    }
    if message.starts_with("missing field") {
        return format!("{message}; add the key (the example scenario shows where)");
    }
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> ScenarioError {
        Scenario::parse(text, Format::Toml).unwrap_err()
    }

    #[test]
    fn unknown_keys_name_the_line_and_the_nearest_key() {
        let text = "name = \"x\"\nblocks = 5\n\n[[subnets]]\nnetuid = 1\nhyperparameterz = { tempo = 3 }\n";
        let ScenarioError::UnknownKey { line, key, suggestion } = error(text) else { panic!() };
        assert_eq!((line, key.as_str()), (6, "hyperparameterz"));
        assert_eq!(suggestion.as_deref(), Some("hyperparameters"));
        let text = "{\"name\": \"x\",\n\"block\": 5}";
        let error = Scenario::parse(text, Format::Json).unwrap_err().to_string();
        assert_eq!(error, "line 2: unknown key `block`; did you mean `blocks`?");
    }

    #[test]
    fn unknown_behaviours_are_named() {
        let text = "name = \"x\"\nblocks = 5\n[[subnets]]\nnetuid = 1\n[[subnets.validators]]\nname = \"v\"\nbehaviour = [\"folow\"]\n";
        let ScenarioError::UnknownKey { key, suggestion, .. } = error(text) else {
            panic!("{}", error(text))
        };
        assert_eq!((key.as_str(), suggestion.as_deref()), ("folow", Some("follow")));
    }

    #[test]
    fn negative_time_is_an_error_with_a_line() {
        let message = error("name = \"x\"\nblocks = -5\n").to_string();
        assert!(message.starts_with("line 2: ") && message.contains("start at zero"), "{message}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Scenario::load(Path::new("/nowhere/x.toml")).unwrap_err();
        assert!(error.to_string().starts_with("scenario /nowhere/x.toml: "), "{error}");
    }
}

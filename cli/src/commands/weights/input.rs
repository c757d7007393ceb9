//! Weights as people write them: `UID=WEIGHT`, JSON, CSV.

use std::path::Path;

use serde_json::Value;
use sn3_chain::weights::normalise;
use sn3_protocol::Uid;

use crate::commands::chain::file::read_text;
use crate::exit::{CliError, Exit};

/// Largest file of weights that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads weights and brings them into the chain's form: ascending, no zeros, the largest 65535.
pub fn read(pairs: &[String], file: Option<&Path>) -> Result<Vec<(Uid, u16)>, CliError> {
    let weights = match file {
        Some(path) => from_text(&read_text(path, FILE_BYTES_MAX)?)
            .map_err(|reason| CliError::new(Exit::Data, format!("{}: {reason}", path.display())))?,
        None => {
            let pairs: Result<Vec<_>, String> = pairs.iter().map(|pair| from_pair(pair)).collect();
            pairs.map_err(|reason| CliError::new(Exit::Usage, reason))?
        }
    };
    Ok(normalise(&weights)?)
}

fn from_pair(pair: &str) -> Result<(Uid, f64), String> {
    let (uid, weight) = pair.split_once('=').ok_or(format!("{pair:?} is not written as UID=WEIGHT"))?;
    Ok((uid_of(uid)?, weight_of(weight)?))
}

fn from_text(text: &str) -> Result<Vec<(Uid, f64)>, String> {
    match text.trim_start().starts_with(['{', '[']) {
        true => from_json(text),
        false => from_csv(text),
    }
}

fn from_json(text: &str) -> Result<Vec<(Uid, f64)>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    match value {
        Value::Object(map) => map.iter().map(|(uid, weight)| Ok((uid_of(uid)?, number(weight)?))).collect(),
        Value::Array(rows) => rows.iter().map(row).collect(),
        _ => Err("it holds no weights; write {\"0\": 1.5} or [[0, 1.5]]".into()),
    }
}

fn row(value: &Value) -> Result<(Uid, f64), String> {
    let (uid, weight) = match value {
        Value::Array(cells) if cells.len() == 2 => (&cells[0], &cells[1]),
        Value::Object(map) => match (map.get("uid"), map.get("weight")) {
            (Some(uid), Some(weight)) => (uid, weight),
            _ => return Err(format!("{value} has no uid and weight")),
        },
        _ => return Err(format!("{value} is not written as [uid, weight]")),
    };
    Ok((uid_of(&uid.to_string())?, number(weight)?))
}

fn number(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or(format!("{value} is no weight; give a number"))
}

fn from_csv(text: &str) -> Result<Vec<(Uid, f64)>, String> {
    let lines = text.lines().map(str::trim).enumerate();
    let rows = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let parse = |(index, line): (usize, &str)| {
        let cells = line.split_once(',').ok_or(format!("line {}: {line:?} is not uid,weight", index + 1))?;
        let cell = |text: &str| text.trim().trim_matches('"').to_owned();
        if cell(cells.0).eq_ignore_ascii_case("uid") {
            return Ok(None);
        }
        let at = |reason: String| format!("line {}: {reason}", index + 1);
        Ok(Some((uid_of(&cell(cells.0)).map_err(at)?, weight_of(&cell(cells.1)).map_err(at)?)))
    };
    rows.filter_map(|row| parse(row).transpose()).collect()
}

fn uid_of(text: &str) -> Result<Uid, String> {
    let uid = text.trim().parse().map(Uid);
    uid.map_err(|_| format!("{text:?} is no uid; give a number from 0 to {}", u16::MAX))
}

fn weight_of(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is no weight; give a number of 0 or more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_writing_weights_is_read() {
        let expected = vec![(Uid(0), 1.0), (Uid(7), 2.5)];
        for text in [
            r#"{"0": 1, "7": 2.5}"#,
            "[[0, 1.0], [7, 2.5]]",
            r#"[{"uid": 0, "weight": 1}, {"uid": 7, "weight": 2.5}]"#,
            "uid,weight\n0,1\n\n# a comment\n7, 2.5\n",
            "\"0\",\"1\"\n7,2.5",
        ] {
            assert_eq!(from_text(text).unwrap(), expected, "{text}");
        }
        assert_eq!(from_pair("7=2.5"), Ok((Uid(7), 2.5)));
    }

    #[test]
    fn what_is_no_weight_is_named() {
        for (text, named) in [
            ("", ""),
            ("{", "no JSON"),
            (r#"{"x": 1}"#, "\"x\""),
            (r#"{"1": "a"}"#, "\"a\""),
            ("[[1]]", "[1]"),
            ("1;2", "line 1"),
            ("1,a", "\"a\""),
            ("70000,1", "70000"),
        ] {
            match from_text(text) {
                Ok(weights) => assert!(weights.is_empty(), "{text}"),
                Err(reason) => assert!(reason.contains(named), "{text}: {reason}"),
            }
        }
        assert!(read(&["1=NaN".into()], None).is_err());
        assert!(read(&["1=-3".into()], None).unwrap_err().message.contains("-3"));
        assert!(read(&["1=1".into(), "1=2".into()], None).is_err());
    }
}

//! Parameters that a sweep varies.

use serde_json::Value;

/// Most values of one parameter.
pub const AXIS_VALUES_MAX: usize = 10_000;
/// Values between two bounds when no number is given.
const STEPS_BY_DEFAULT: usize = 11;

/// A parameter and its values.
///
/// ```
/// use sn3_simulator::sweep::Axis;
/// let axis: Axis = "subnets.0.hyperparameters.kappa=20000..40000:3".parse()?;
/// assert_eq!(axis.values, ["20000", "30000", "40000"]);
/// let axis: Axis = "spec=425,441".parse()?;
/// assert_eq!(axis.values, ["425", "441"]);
/// # Ok::<(), sn3_simulator::sweep::AxisError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Where it is in the scenario: keys and positions (from 0) with dots between them, `*` for all elements of a list.
    pub path: String,
    /// Its values as text: numbers, `true`, `false`, or words.
    pub values: Vec<String>,
}

/// Why a parameter cannot be varied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AxisError {
    /// The text is not `path=a..b`, `path=a..b:steps` or `path=a,b,c`.
    #[error("parameter {text:?}: {reason}; write path=a..b, path=a..b:steps or path=a,b,c")]
    Text {
        /// What was given.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The scenario has nothing there.
    #[error("parameter {path}: the scenario has no {part:?} there; {there}")]
    NoSuchPlace {
        /// The path.
        path: String,
        /// The part that leads nowhere.
        part: String,
        /// What is there instead.
        there: String,
    },
}

impl std::str::FromStr for Axis {
    type Err = AxisError;

    fn from_str(text: &str) -> Result<Self, AxisError> {
        let fail = |reason| AxisError::Text { text: text.chars().take(200).collect(), reason };
        let (path, values) = text.split_once('=').ok_or_else(|| fail("it has no `=`"))?;
        let (path, values) = (path.trim(), values.trim());
        if path.is_empty() || path.split('.').any(str::is_empty) {
            return Err(fail("its path has an empty part"));
        }
        let values = match values.split_once("..") {
            Some((from, rest)) => range(from, rest).map_err(fail)?,
            None => values.split(',').map(|value| value.trim().to_owned()).collect(),
        };
        if values.iter().any(String::is_empty) {
            return Err(fail("a value is empty"));
        }
        if values.len() > AXIS_VALUES_MAX {
            return Err(fail("it has more than 10000 values"));
        }
        Ok(Self { path: path.to_owned(), values })
    }
}

/// Equally spaced values with both bounds; whole numbers when both bounds are.
fn range(from: &str, rest: &str) -> Result<Vec<String>, &'static str> {
    let (to, steps) = rest.split_once(':').map_or((rest, None), |(to, steps)| (to, Some(steps)));
    let steps = match steps {
        Some(steps) => steps.trim().parse().map_err(|_| "its number of steps is no number")?,
        None => STEPS_BY_DEFAULT,
    };
    if !(2..=AXIS_VALUES_MAX).contains(&steps) {
        return Err("it needs 2 to 10000 steps");
    }
    if let (Ok(a), Ok(b)) = (from.trim().parse::<i64>(), to.trim().parse::<i64>()) {
        return Ok(whole(a.into(), b.into(), steps));
    }
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    let (a, b) = number(from).zip(number(to)).ok_or("a bound is no number")?;
    Ok((0..steps).map(|i| decimal(a + (b - a) * i as f64 / (steps - 1) as f64)).collect())
}

/// Nine decimals are what amounts have, and hide what binary fractions add.
fn decimal(value: f64) -> String {
    let text = format!("{value:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn whole(a: i128, b: i128, steps: usize) -> Vec<String> {
    let last = steps as i128 - 1;
    let mut values: Vec<i128> =
        (0..=last).map(|i| a + ((b - a) * i * 2 + last).div_euclid(2 * last)).collect();
    values.dedup();
    values.iter().map(ToString::to_string).collect()
}

impl Axis {
    /// Sets the parameter in a scenario's JSON. The last key may be new; whether it is known is checked when the
    /// scenario is read.
    pub(super) fn set(&self, scenario: &mut Value, value: &str) -> Result<(), AxisError> {
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        let parts: Vec<&str> = self.path.split('.').collect();
        self.set_below(scenario, &parts, &value)
    }

    fn set_below(&self, place: &mut Value, parts: &[&str], value: &Value) -> Result<(), AxisError> {
        let Some((part, rest)) = parts.split_first() else {
            *place = value.clone();
            return Ok(());
        };
        let missing =
            |there| AxisError::NoSuchPlace { path: self.path.clone(), part: (*part).to_owned(), there };
        match place {
            Value::Object(keys) => {
                let empty = || Value::Object(serde_json::Map::new());
                self.set_below(keys.entry(*part).or_insert_with(empty), rest, value)
            }
            Value::Array(items) if *part == "*" => {
                items.iter_mut().try_for_each(|item| self.set_below(item, rest, value))
            }
            Value::Array(items) => {
                let there = format!("the list has {} elements, counted from 0", items.len());
                let item = part.parse::<usize>().ok().and_then(|at| items.get_mut(at));
                self.set_below(item.ok_or_else(|| missing(there))?, rest, value)
            }
            other => Err(missing(format!("there is the value {other}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        text.parse::<Axis>().unwrap().values
    }

    #[test]
    fn ranges_are_spaced_equally() {
        assert_eq!(values("a=0..1:5"), ["0", "1"], "whole numbers stay whole");
        assert_eq!(values("a=0.0..1:5"), ["0", "0.25", "0.5", "0.75", "1"]);
        assert_eq!(values("a=0.1..0.3:3"), ["0.1", "0.2", "0.3"]);
        assert_eq!(values("a=10..20").len(), 11);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["a", "=1", "a..b=1", "a=1..x", "a=1..2:1", "a=1..2:99999", "a=1,,2", "a=nan..1.5"] {
            assert!(text.parse::<Axis>().is_err(), "{text}");
        }
    }

    #[test]
    fn places_are_set_by_position_or_all_at_once() {
        let mut value = serde_json::json!({"s": [{"k": 1}, {}]});
        let axis = |text: &str| text.parse::<Axis>().unwrap();
        axis("s.*.k=5").set(&mut value, "5").unwrap();
        axis("s.1.x.y=a").set(&mut value, "a").unwrap();
        assert_eq!(value, serde_json::json!({"s": [{"k": 5}, {"k": 5, "x": {"y": "a"}}]}));
        assert!(axis("s.7.k=5").set(&mut value, "5").is_err());
        assert!(axis("s.0.k.z=5").set(&mut value, "5").is_err());
    }
}

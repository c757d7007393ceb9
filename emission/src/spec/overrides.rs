//! Replacing single rules by name, as scenario files do.

use serde_json::{Map, Value};

use super::RuntimeSpec;

/// Why rules could not be replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OverrideError {
    /// A name is no rule.
    #[error("there is no rule {name:?} in the spec; {}", suggestion(.nearest))]
    UnknownRule {
        /// The dotted name that was given.
        name: String,
        /// A rule with a similar name.
        nearest: Option<String>,
    },
    /// A value does not fit its rule.
    #[error("the rules do not fit together: {0}; look at the spec's own values for examples")]
    Value(#[from] serde_json::Error),
}

fn suggestion(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or_else(|| "see the list of rules".to_owned(), |name| format!("did you mean {name:?}?"))
}

impl RuntimeSpec {
    /// This spec with some rules replaced: `{"shares": {"switch": false}}`.
    ///
    /// # Errors
    /// A name that is no rule, or a value that does not fit.
    ///
    /// ```
    /// use sn3_emission::spec::RuntimeSpec;
    /// let rules = serde_json::json!({ "price": { "capped": false } });
    /// let spec = RuntimeSpec::default().with_rules(rules.as_object().unwrap())?;
    /// assert!(!spec.price.capped);
    /// let typo = serde_json::json!({ "price": { "caped": false } });
    /// let error = RuntimeSpec::default().with_rules(typo.as_object().unwrap()).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "there is no rule \"price.caped\" in the spec; did you mean \"price.capped\"?"
    /// );
    /// # Ok::<(), sn3_emission::spec::OverrideError>(())
    /// ```
    pub fn with_rules(&self, rules: &Map<String, Value>) -> Result<Self, OverrideError> {
        let mut all = serde_json::to_value(self)?;
        let groups = all.as_object_mut().expect("a spec is an object");
        for (group, values) in rules {
            replace(groups, group, values)?;
        }
        Ok(serde_json::from_value(all)?)
    }
}

fn replace(groups: &mut Map<String, Value>, group: &str, values: &Value) -> Result<(), OverrideError> {
    let known = nearest(group, groups.keys());
    let Some(old) = groups.get_mut(group) else {
        return Err(OverrideError::UnknownRule { name: group.to_owned(), nearest: known });
    };
    let (Some(old), Some(new)) = (old.as_object_mut(), values.as_object()) else {
        *old = values.clone();
        return Ok(());
    };
    for (rule, value) in new {
        let known = nearest(rule, old.keys()).map(|known| format!("{group}.{known}"));
        let Some(slot) = old.get_mut(rule) else {
            return Err(OverrideError::UnknownRule { name: format!("{group}.{rule}"), nearest: known });
        };
        *slot = value.clone();
    }
    Ok(())
}

/// The known name that shares the longest common subsequence with `name`, if that is most of it.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Option<String> {
    let best = known.map(|k| (common(name, k), k)).max_by_key(|(length, _)| *length)?;
    (best.0 * 3 >= name.len() * 2).then(|| best.1.clone())
}

fn common(a: &str, b: &str) -> usize {
    let mut row = vec![0_usize; b.len() + 1];
    for x in a.bytes() {
        let mut diagonal = 0;
        for (j, y) in b.bytes().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if x == y { diagonal + 1 } else { above.max(row[j]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

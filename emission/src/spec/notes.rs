//! What each rule is in one sentence, and how certain that is.

mod sentences;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::RuntimeSpec;

/// How a rule is known, from the strongest ground to the weakest.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Held bit for bit to vectors that the reference produced.
    Vector,
    /// Read in the reference's source.
    Source,
    /// From an audit of two runtimes' metadata, binary and source.
    Audit,
    /// From a pull request, release note or documentation page.
    Pull,
    /// From somebody else's reading of the live chain.
    ThirdParty,
    /// Inferred, or the nearest known rule.
    Inferred,
}

impl Certainty {
    /// What the mark means, in one sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Vector => "Our arithmetic gives the reference's own outputs bit for bit.",
            Self::Source => {
                "We read the rule in the reference's source, but have no outputs to compare with."
            }
            Self::Audit => "A third party compared two runtimes item by item and described the change.",
            Self::Pull => "A pull request, a release note or a documentation page describes the rule.",
            Self::ThirdParty => "Somebody else read or replicated the rule from the live chain.",
            Self::Inferred => "The rule was inferred, or stands in for one that was never published exactly.",
        }
    }

    /// The mark in a report's column.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vector => "vector",
            Self::Source => "source",
            Self::Audit => "audit",
            Self::Pull => "pull request",
            Self::ThirdParty => "third party",
            Self::Inferred => "inferred",
        }
    }
}

/// One rule in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleNote {
    /// What the rule is about.
    pub topic: &'static str,
    /// The rule in one sentence.
    pub rule: String,
    /// How it is known.
    pub certainty: Certainty,
    /// Where it is described.
    pub source: &'static str,
}

/// A topic on which two specs differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What the rules are about.
    pub topic: &'static str,
    /// The first spec's rule.
    pub a: RuleNote,
    /// The second spec's rule.
    pub b: RuleNote,
}

impl RuntimeSpec {
    /// Every rule in force, with how certain it is.
    #[must_use]
    pub fn notes(&self) -> Vec<RuleNote> {
        sentences::TOPICS.iter().map(|topic| topic.note(self)).collect()
    }

    /// The topics on which two specs differ, in the order of [`RuntimeSpec::notes`].
    ///
    /// ```
    /// use sn3_emission::spec::RuntimeSpec;
    /// let (a, b) = (RuntimeSpec::at_version(439)?, RuntimeSpec::at_version(440)?);
    /// let topics: Vec<&str> = RuntimeSpec::differences(&a, &b).iter().map(|d| d.topic).collect();
    /// assert_eq!(topics, ["tao shares"]);
    /// # Ok::<(), sn3_emission::spec::UnknownSpec>(())
    /// ```
    #[must_use]
    pub fn differences(a: &Self, b: &Self) -> Vec<Difference> {
        let pairs = a.notes().into_iter().zip(b.notes());
        let different = pairs.filter(|(a, b)| a.rule != b.rule);
        different.map(|(a, b)| Difference { topic: a.topic, a, b }).collect()
    }

    /// The weakest ground that any of its rules stands on.
    #[must_use]
    pub fn weakest(&self) -> Certainty {
        self.notes().iter().map(|note| note.certainty).max().unwrap_or(Certainty::Vector)
    }
}

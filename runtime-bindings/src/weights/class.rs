//! What a refusal means for the next attempt.

use serde::{Deserialize, Serialize};

use crate::SubmitError;
use crate::explain::{POOL_ALREADY_IMPORTED, POOL_INVALID, POOL_PRIORITY_TOO_LOW};

/// JSON-RPC code of a node that will not hear of an extrinsic for a while.
const POOL_BANNED: i32 = 1012;

/// What to do after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Class {
    /// The pool has it, or had it a moment ago: look for it in the blocks.
    UnderWay,
    /// The same may succeed in the next block.
    NextBlock,
    /// The subnet's settings have changed: plan again.
    PlanAgain,
    /// Nothing changes before the next epoch, which gives permits and counts stake.
    NextEpoch,
    /// Its time has passed: these weights are lost, later ones are not.
    Lost,
    /// Someone must do something first.
    Fatal,
}

/// A refusal with its class and our words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What to do.
    pub class: Class,
    /// What happened and what to do about it, for people.
    pub reason: String,
}

impl Refusal {
    /// Classes a failed submission.
    #[must_use]
    pub fn of(error: &SubmitError) -> Self {
        Self { class: class(error), reason: error.to_string() }
    }
}

fn class(error: &SubmitError) -> Class {
    match error {
        SubmitError::Module { name, .. } => module(name),
        SubmitError::Pool { code, reason, .. } => pool(*code, reason),
        SubmitError::OutcomeUnknown { .. } => Class::UnderWay,
        SubmitError::Read(_) => Class::NextBlock,
        SubmitError::Dispatch { .. } | SubmitError::Incompatible { .. } => Class::Fatal,
    }
}

/// By the error's name in the chain's metadata (chain interface, section 3.5).
fn module(name: &str) -> Class {
    match name {
        "SettingWeightsTooFast" | "CommittingWeightsTooFast" | "RevealTooEarly" => Class::NextBlock,
        "CommitRevealEnabled" | "CommitRevealDisabled" | "InvalidRevealRound" => Class::PlanAgain,
        "NeuronNoValidatorPermit" | "NotEnoughStakeToSetWeights" | "TooManyUnrevealedCommits" => {
            Class::NextEpoch
        }
        "ExpiredWeightCommit" | "NoWeightsCommitFound" => Class::Lost,
        _ => Class::Fatal,
    }
}

/// By the JSON-RPC code and the node's words (chain interface, sections 3.2 and 7.5).
fn pool(code: i32, words: &str) -> Class {
    let under_way = ["outdated", "Already Imported", "already imported"];
    let soon = ["Custom error: 6", "Custom error: 17", "future", "ancient birth block"];
    match code {
        POOL_ALREADY_IMPORTED | POOL_BANNED => Class::UnderWay,
        POOL_PRIORITY_TOO_LOW => Class::NextBlock,
        POOL_INVALID if under_way.iter().any(|part| words.contains(part)) => Class::UnderWay,
        POOL_INVALID if words.ends_with("Custom error: 1") => Class::NextEpoch,
        POOL_INVALID if words.ends_with("Custom error: 15") => Class::PlanAgain,
        POOL_INVALID if words.ends_with("Custom error: 16") => Class::Lost,
        POOL_INVALID if soon.iter().any(|part| words.contains(part)) => Class::NextBlock,
        POOL_INVALID => Class::Fatal,
        _ => Class::NextBlock,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: i32, reason: &str) -> Class {
        let (call, remedy) = (String::new(), String::new());
        Refusal::of(&SubmitError::Pool { call, code, reason: reason.into(), remedy }).class
    }

    fn failed(name: &str) -> Class {
        let (pallet, remedy) = ("SubtensorModule".into(), String::new());
        Refusal::of(&SubmitError::Module { pallet, name: name.into(), remedy }).class
    }

    #[test]
    fn refusals_have_the_right_class() {
        assert_eq!(refused(1013, "Transaction Already Imported"), Class::UnderWay);
        assert_eq!(refused(1010, "Invalid Transaction: Transaction is outdated"), Class::UnderWay);
        assert_eq!(refused(1010, "Invalid Transaction: Custom error: 6"), Class::NextBlock);
        assert_eq!(refused(1010, "Invalid Transaction: Custom error: 1"), Class::NextEpoch);
        assert_eq!(refused(1010, "Invalid Transaction: Custom error: 15"), Class::PlanAgain);
        assert_eq!(refused(1010, "Invalid Transaction: Custom error: 16"), Class::Lost);
        assert_eq!(refused(1010, "Invalid Transaction: Inability to pay some fees"), Class::Fatal);
        assert_eq!(refused(1014, "Priority is too low"), Class::NextBlock);
        assert_eq!(failed("CommitRevealEnabled"), Class::PlanAgain);
        assert_eq!(failed("ExpiredWeightCommit"), Class::Lost);
        assert_eq!(failed("IncorrectWeightVersionKey"), Class::Fatal);
    }
}

//! Names of objects. Only run ids, windows, hotkeys and digests go into them, so that no peer's text can.

use std::fmt;

use object_store::path::Path;
use sn3_protocol::{Digest, Hotkey, PROTOCOL_VERSION, RunId, Window};

/// The name of an object, below a store's prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// `v1/<run>/genesis.json`: the signed configuration of a run.
    #[must_use]
    pub fn genesis(run: &RunId) -> Self {
        Self(format!("{}genesis.json", run_prefix(run)))
    }

    /// `v1/<run>/tokenizer.json`: the tokenizer of a run.
    #[must_use]
    pub fn tokenizer(run: &RunId) -> Self {
        Self(format!("{}tokenizer.json", run_prefix(run)))
    }

    /// `v1/<run>/<window>/<hotkey>/manifest`: the signed manifest of a submission.
    #[must_use]
    pub fn manifest(run: &RunId, window: Window, author: &Hotkey) -> Self {
        Self::of_author(run, window, author, "manifest")
    }

    /// `v1/<run>/<window>/<hotkey>/payload`: the bytes of a submission.
    #[must_use]
    pub fn payload(run: &RunId, window: Window, author: &Hotkey) -> Self {
        Self::of_author(run, window, author, "payload")
    }

    /// `v1/<run>/<window>/<hotkey>/record`: the round record of a leader.
    #[must_use]
    pub fn record(run: &RunId, window: Window, leader: &Hotkey) -> Self {
        Self::of_author(run, window, leader, "record")
    }

    /// `v1/<run>/<window>/<hotkey>/mirror/<digest>`: a leader's copy of a payload that it aggregated.
    #[must_use]
    pub fn mirror(run: &RunId, window: Window, leader: &Hotkey, payload: &Digest) -> Self {
        Self::of_author(run, window, leader, &format!("mirror/{payload}"))
    }

    /// `v1/<run>/<window>/<hotkey>/scorecards.json`: a validator's signed scorecards.
    #[must_use]
    pub fn scorecards(run: &RunId, window: Window, validator: &Hotkey) -> Self {
        Self::of_author(run, window, validator, "scorecards.json")
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn path(&self) -> Path {
        Path::from(self.0.as_str())
    }

    fn of_author(run: &RunId, window: Window, author: &Hotkey, name: &str) -> Self {
        Self(format!("{}{:08}/{author}/{name}", run_prefix(run), window.0))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn run_prefix(run: &RunId) -> String {
    format!("v{PROTOCOL_VERSION}/{run}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_the_protocol_says() {
        let run = RunId::new("demo").unwrap();
        let alice: Hotkey = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY".parse().unwrap();
        let key = Key::manifest(&run, Window(7), &alice);
        assert_eq!(
            key.as_str(),
            "v1/demo/00000007/5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY/manifest"
        );
        assert_eq!(key.path().as_ref(), key.as_str());
        assert_eq!(Key::genesis(&run).as_str(), "v1/demo/genesis.json");
    }
}

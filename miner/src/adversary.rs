//! Dishonest miners, for local networks that test the judgement. Nothing chooses one by itself: a node is
//! [`Behaviour::Honest`] unless its configuration says otherwise.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sn3_protocol::assignment::Pcg64;
use sn3_protocol::{Uid, Window};

use crate::state::UploadRule;

/// How a miner behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Behaviour {
    /// Does what the protocol says.
    #[default]
    Honest,
    /// Trains nothing; downloads another miner's payload inside the put window and signs it as its own.
    Copycat,
    /// Trains nothing; sends random values of a plausible size.
    Noise,
    /// Takes part in the first round, and only listens afterwards.
    Idle,
    /// Trains, and sends its pseudo-gradient a thousand times too large.
    Scaler,
    /// Trains, and uploads after the deadline.
    Late,
    /// Trains, and sends a payload of broken numbers under a sound manifest.
    Nan,
}

/// Why a text names no behaviour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no behaviour {0:?}; choose one of honest, copycat, noise, idle, scaler, late, nan")]
pub struct BehaviourError(String);

/// What the scaler multiplies by.
const SCALE: f32 = 1000.0;

/// Bytes of a payload that the broken one keeps, so that it is refused for its content and not for its name.
const KEPT_HEAD_BYTES: usize = 16;

impl Behaviour {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 7] = [
        ("honest", Self::Honest),
        ("copycat", Self::Copycat),
        ("noise", Self::Noise),
        ("idle", Self::Idle),
        ("scaler", Self::Scaler),
        ("late", Self::Late),
        ("nan", Self::Nan),
    ];

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, behaviour)| *behaviour == self).map_or("honest", |(name, _)| name)
    }

    /// When it uploads.
    #[must_use]
    pub fn upload_rule(self) -> UploadRule {
        match self {
            Self::Copycat => UploadRule::OneBlockLater,
            Self::Late => UploadRule::AfterDeadline,
            Self::Idle => UploadRule::FirstRoundOnly,
            _ => UploadRule::AtEnd,
        }
    }

    /// Whether it runs the inner loop.
    #[must_use]
    pub fn trains(self) -> bool {
        !matches!(self, Self::Copycat | Self::Noise)
    }

    /// Changes the pseudo-gradient before it is compressed.
    pub(crate) fn change_delta(self, delta: &mut [f32], uid: Uid, window: Window, size: f32) {
        match self {
            Self::Scaler => delta.iter_mut().for_each(|value| *value *= SCALE),
            Self::Noise => fill_noise(delta, uid, window, size),
            _ => (),
        }
    }

    /// Changes the payload before it is signed.
    pub(crate) fn change_payload(self, payload: &mut [u8], window: Window) {
        if self == Self::Nan {
            spoil(payload, window);
        }
    }
}

impl FromStr for Behaviour {
    type Err = BehaviourError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, behaviour)| *behaviour).ok_or_else(|| BehaviourError(text.chars().take(32).collect()))
    }
}

/// Even values in `[-size, size)`.
fn fill_noise(delta: &mut [f32], uid: Uid, window: Window, size: f32) {
    let mut random = Pcg64::from_words(&[u32::from(uid.0), window.0 as u32, 0x6e6f_6973]);
    delta.fill_with(|| (2.0 * random.unit() as f32 - 1.0) * size);
}

/// Not-a-number in every aligned word in even windows, bytes of 0xff in odd ones.
fn spoil(payload: &mut [u8], window: Window) {
    let head = payload.len().min(KEPT_HEAD_BYTES);
    let body = &mut payload[head..];
    if window.0.is_multiple_of(2) {
        for word in body.chunks_exact_mut(4) {
            word.copy_from_slice(&f32::NAN.to_le_bytes());
        }
    } else {
        body.fill(0xff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for (name, behaviour) in Behaviour::ALL {
            assert_eq!(name.parse(), Ok(behaviour));
            assert_eq!(behaviour.name(), name);
        }
        assert!("evil".parse::<Behaviour>().unwrap_err().to_string().contains("copycat"));
    }

    #[test]
    fn noise_is_bounded_and_differs_by_window() {
        let noise = |window| {
            let mut delta = vec![0.0; 100];
            Behaviour::Noise.change_delta(&mut delta, Uid(1), Window(window), 0.5);
            delta
        };
        assert_eq!(noise(1), noise(1));
        assert_ne!(noise(1), noise(2));
        assert!(noise(1).iter().all(|value| value.abs() <= 0.5 && *value != 0.0));
    }

    #[test]
    fn an_honest_miner_changes_nothing() {
        let (mut delta, mut payload) = (vec![1.0, 2.0], vec![7; 40]);
        Behaviour::Honest.change_delta(&mut delta, Uid(1), Window(1), 1.0);
        Behaviour::Honest.change_payload(&mut payload, Window(1));
        assert_eq!((delta, payload), (vec![1.0, 2.0], vec![7; 40]));
    }

    #[test]
    fn broken_payloads_keep_their_length_and_lose_their_sense() {
        for window in [2, 3] {
            let mut payload = vec![7; 41];
            Behaviour::Nan.change_payload(&mut payload, Window(window));
            assert_eq!(payload.len(), 41);
            assert_eq!(payload[..16], [7; 16]);
            assert_ne!(payload[16..40], [7; 24]);
        }
    }
}

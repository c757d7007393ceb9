//! Holders of a pool in ascending order. Most pools have one, so they are a vector: one allocation of their size,
//! where a tree would take a node for eleven. Encodings are those of the tree.

use std::collections::BTreeMap;

use codec::{Decode, Encode, Input, Output};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::SafeFloat;

/// Shares by holder, ascending, each holder once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holders<K>(Vec<(K, SafeFloat)>);

impl<K> Default for Holders<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Clone> Holders<K> {
    pub(super) fn get(&self, holder: &K) -> Option<SafeFloat> {
        self.find(holder).ok().map(|at| self.0[at].1)
    }

    pub(super) fn insert(&mut self, holder: K, share: SafeFloat) {
        match self.find(&holder) {
            Ok(at) => self.0[at].1 = share,
            Err(at) => {
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (holder, share));
            }
        }
    }

    pub(super) fn remove(&mut self, holder: &K) {
        if let Ok(at) = self.find(holder) {
            self.0.remove(at);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, SafeFloat)> {
        self.0.iter().map(|(holder, share)| (holder, *share))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, holder: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(held, _)| held.cmp(holder))
    }
}

impl<K: Ord> From<BTreeMap<K, SafeFloat>> for Holders<K> {
    fn from(shares: BTreeMap<K, SafeFloat>) -> Self {
        Self(shares.into_iter().collect())
    }
}

impl<K: Encode> Encode for Holders<K> {
    fn size_hint(&self) -> usize {
        self.0.size_hint()
    }

    fn encode_to<T: Output + ?Sized>(&self, dest: &mut T) {
        self.0.encode_to(dest);
    }
}

impl<K: Decode + Ord> Decode for Holders<K> {
    fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
        BTreeMap::decode(input).map(Self::from)
    }
}

impl<K: Serialize> Serialize for Holders<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(holder, share)| (holder, share)))
    }
}

impl<'de, K: Deserialize<'de> + Ord> Deserialize<'de> for Holders<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> (BTreeMap<u8, SafeFloat>, Holders<u8>) {
        let mut holders = Holders::default();
        let mut tree = BTreeMap::new();
        for (holder, share) in [(7, 3), (2, 9), (5, 1), (2, 4), (9, 8)] {
            holders.insert(holder, SafeFloat::from(share));
            tree.insert(holder, SafeFloat::from(share));
        }
        holders.remove(&9);
        holders.remove(&1);
        tree.remove(&9);
        (tree, holders)
    }

    #[test]
    fn holders_are_encoded_like_a_tree() {
        let (tree, holders) = both();
        assert_eq!(holders.encode(), tree.encode());
        assert_eq!(Holders::decode(&mut tree.encode().as_slice()).unwrap(), holders);
        let json = serde_json::to_string(&holders).unwrap();
        assert_eq!(json, serde_json::to_string(&tree).unwrap());
        assert_eq!(serde_json::from_str::<Holders<u8>>(&json).unwrap(), holders);
    }

    #[test]
    fn unordered_input_comes_out_ordered() {
        let bytes = vec![(3_u8, SafeFloat::from(1)), (1, SafeFloat::from(2))].encode();
        let holders = Holders::<u8>::decode(&mut bytes.as_slice()).unwrap();
        assert_eq!(holders.iter().map(|(holder, _)| *holder).collect::<Vec<_>>(), [1, 3]);
    }
}

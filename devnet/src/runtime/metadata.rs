//! The description of the runtime that clients decode everything with.

mod paths;

use std::sync::OnceLock;

use super::Runtime;

/// The metadata versions this runtime can describe itself in.
pub const METADATA_VERSIONS: [u32; 3] = [14, 15, 16];

/// The metadata at the wanted version, in the prefixed SCALE form that clients and code generators
/// read; `None` for a version not in [`METADATA_VERSIONS`].
pub fn metadata(version: u32) -> Option<Vec<u8>> {
    // Hundreds of types are described anew on each call, and every client asks.
    static DESCRIBED: [OnceLock<Vec<u8>>; METADATA_VERSIONS.len()] = [const { OnceLock::new() }; 3];
    let place = METADATA_VERSIONS.iter().position(|offered| *offered == version)?;
    Some(DESCRIBED[place].get_or_init(|| described(version)).clone())
}

fn described(version: u32) -> Vec<u8> {
    let opaque = Runtime::metadata_at_version(version).expect("the version is one of those offered");
    paths::rewritten(&opaque)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offered_version_is_served() {
        for version in METADATA_VERSIONS {
            let bytes = metadata(version).expect("offered");
            assert_eq!(&bytes[..4], b"meta");
            assert_eq!(u32::from(bytes[4]), version);
        }
        assert!(metadata(13).is_none());
    }
}

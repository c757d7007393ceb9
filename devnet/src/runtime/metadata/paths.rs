//! The type paths that clients know.
//!
//! Some clients recognise the types of calls and events by a path of exactly two parts, crate and name, as
//! every chain has whose runtime is a crate of its own (`node_subtensor_runtime::RuntimeEvent`). Here the
//! runtime and its pallets are modules, so the paths are rewritten to those of the chain's own crates.

use codec::{Decode, Encode};
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use scale_info::PortableRegistry;

/// The crate of the chain's runtime.
const RUNTIME_CRATE: &str = "node_subtensor_runtime";

/// Rewrites the paths in encoded metadata; metadata of an old version passes unchanged.
pub fn rewritten(encoded: &[u8]) -> Vec<u8> {
    let mut metadata =
        RuntimeMetadataPrefixed::decode(&mut &encoded[..]).expect("the runtime encodes its own metadata");
    match &mut metadata.1 {
        RuntimeMetadata::V14(metadata) => rewrite(&mut metadata.types),
        RuntimeMetadata::V15(metadata) => rewrite(&mut metadata.types),
        RuntimeMetadata::V16(metadata) => rewrite(&mut metadata.types),
        _ => {}
    }
    metadata.encode()
}

fn rewrite(types: &mut PortableRegistry) {
    for portable in &mut types.types {
        let segments = &mut portable.ty.path.segments;
        if let Some(known) = known_path(segments) {
            *segments = known;
        }
    }
}

/// `None` for a path outside of the runtime's module.
fn known_path(segments: &[String]) -> Option<Vec<String>> {
    let inside: Vec<&str> = segments.iter().map(String::as_str).collect();
    match inside.strip_prefix(&["sn3_devnet", "runtime"])? {
        ["pallets", pallet, rest @ ..] => Some(joined(&format!("pallet_{pallet}"), rest)),
        rest => Some(joined(RUNTIME_CRATE, rest)),
    }
}

fn joined(first: &str, rest: &[&str]) -> Vec<String> {
    std::iter::once(first).chain(rest.iter().copied()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Option<String> {
        let segments: Vec<String> = text.split("::").map(str::to_owned).collect();
        known_path(&segments).map(|known| known.join("::"))
    }

    #[test]
    fn paths_are_those_of_the_chain() {
        assert_eq!(
            path("sn3_devnet::runtime::RuntimeEvent").unwrap(),
            "node_subtensor_runtime::RuntimeEvent"
        );
        assert_eq!(
            path("sn3_devnet::runtime::pallets::subtensor::pallet::Call").unwrap(),
            "pallet_subtensor::pallet::Call"
        );
        assert_eq!(path("frame_system::EventRecord"), None);
    }

    #[test]
    fn no_path_names_this_crate_in_any_version() {
        for version in super::super::METADATA_VERSIONS {
            let bytes = super::super::metadata(version).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("sn3_devnet"), "version {version}");
            assert!(text.contains(RUNTIME_CRATE), "version {version}");
        }
    }
}

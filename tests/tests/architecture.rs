//! The plan of the house as a test: which room may see which, and what may appear where.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(vec!["--offline".into(), "--locked".into()])
        .exec()
        .expect("the workspace has metadata")
}

/// Direct dependencies of a workspace member, without those that only its tests use.
fn dependencies(package: &Package) -> BTreeSet<String> {
    package
        .dependencies
        .iter()
        .filter(|d| d.kind != DependencyKind::Development)
        .map(|d| d.name.clone())
        .collect()
}

fn members(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    metadata.workspace_packages().iter().map(|p| (p.name.to_string(), dependencies(p))).collect()
}

/// What each room may use of ours.
fn allowed() -> BTreeMap<&'static str, &'static [&'static str]> {
    let node: &[&str] = &["sn3-protocol", "sn3-chain", "sn3-exchange", "sn3-trainer"];
    BTreeMap::from([
        ("sn3-protocol", &[] as &[&str]),
        ("sn3-report", &[]),
        ("sn3-timelock", &[]),
        ("sn3-chain", &["sn3-protocol", "sn3-timelock"]),
        ("sn3-exchange", &["sn3-protocol"]),
        ("sn3-trainer", &["sn3-protocol"]),
        ("sn3-miner", node),
        ("sn3-validator", node),
        ("sn3-emission", &["sn3-protocol"]),
        ("sn3-simulator", &["sn3-protocol", "sn3-emission", "sn3-report"]),
        ("sn3-devnet", &["sn3-protocol", "sn3-timelock", "sn3-emission"]),
    ])
}

#[test]
fn rooms_see_only_what_the_plan_allows() {
    let members = members(&metadata());
    for (room, allowed) in allowed() {
        let uses = &members[room];
        for ours in uses.iter().filter(|name| name.starts_with("sn3")) {
            assert!(allowed.contains(&ours.as_str()), "{room} must not depend on {ours}");
        }
    }
}

fn only_in(rooms: &[&str], forbidden: impl Fn(&str) -> bool) {
    for (name, uses) in members(&metadata()) {
        if rooms.contains(&name.as_str()) {
            continue;
        }
        for dependency in uses {
            assert!(!forbidden(&dependency), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn only_devnet_sees_frame() {
    only_in(&["sn3-devnet"], |d| d.starts_with("frame-") || d.starts_with("pallet-"));
}

#[test]
fn only_chain_and_devnet_name_substrate() {
    only_in(&["sn3-chain", "sn3-devnet"], |d| d.starts_with("sp-") || d.starts_with("subxt"));
}

#[test]
fn cuda_is_in_the_trainer_only_and_in_no_default_feature() {
    only_in(&["sn3-trainer"], |d| d.starts_with("cudarc"));
    for package in metadata().workspace_packages() {
        let default = package.features.get("default").cloned().unwrap_or_default();
        assert!(!default.iter().any(|f| f.contains("cuda")), "{} has CUDA by default", package.name);
    }
}

/// Every crate of the workspace carries the licence and inherits the lints.
#[test]
fn every_crate_is_licensed() {
    for package in metadata().workspace_packages() {
        assert_eq!(package.license.as_deref(), Some("Apache-2.0"), "{}", package.name);
    }
}

//! The bindings and the chain are of one piece.

/// Regenerate the file with `cargo run -p sn3-devnet --example metadata -- 16 runtime-bindings/metadata/devnet.scale`.
#[test]
fn the_bindings_metadata_is_what_the_devnet_prints() {
    let file =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime-bindings/metadata/devnet.scale"))
            .expect("the bindings' metadata is checked in");
    let printed = sn3_devnet::runtime::metadata(16).expect("version 16 is offered");
    assert!(printed == file, "the runtime has changed; write its metadata again");
}

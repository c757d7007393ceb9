//! From a scenario's choice to the chain's rules.

use sn3_emission::Network;
use sn3_emission::spec::RuntimeSpec;

use crate::scenario::SpecChoice;

/// The rules of a choice.
pub(crate) fn resolve(choice: SpecChoice) -> Result<RuntimeSpec, String> {
    let found = match choice {
        SpecChoice::Version(version) => RuntimeSpec::at_version(version),
        SpecChoice::AtBlock(block) => RuntimeSpec::at_block(block),
    };
    found.map_err(|error| error.to_string())
}

/// Puts the rules of a choice into force from the next block on.
pub(crate) fn enforce(network: &mut Network, choice: SpecChoice) -> Result<(), String> {
    network.upgrade(resolve(choice)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_blocks_are_resolved_and_nonsense_is_refused() {
        assert_eq!(resolve(SpecChoice::default()), Ok(RuntimeSpec::default()));
        assert!(resolve(SpecChoice::AtBlock(9_000_000)).is_ok());
        assert!(resolve(SpecChoice::Version(7)).unwrap_err().contains("unknown"));
    }
}

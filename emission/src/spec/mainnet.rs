//! The first block of each version on the main network (runtime timeline, section 0).

use super::Certainty;

/// When a version began on the main network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstBlock {
    /// The version.
    pub version: u32,
    /// The first block that it executed.
    pub block: u64,
    /// [`Certainty::ThirdParty`] for blocks that others found, [`Certainty::Inferred`] for those between them,
    /// which come from the day of the release at 7,200 blocks a day and are right to about two days.
    pub certainty: Certainty,
}

const fn found(version: u32, block: u64) -> FirstBlock {
    FirstBlock { version, block, certainty: Certainty::ThirdParty }
}

const fn estimated(version: u32, block: u64) -> FirstBlock {
    FirstBlock { version, block, certainty: Certainty::Inferred }
}

/// Ascending. Versions that never ran there are not in it; 425's rules came with 432.
pub(super) const FIRST_BLOCKS: &[FirstBlock] = &[
    found(233, 4_920_351),
    estimated(234, 4_921_000),
    estimated(239, 4_940_000),
    estimated(244, 4_998_000),
    estimated(246, 5_070_000),
    estimated(252, 5_163_000),
    estimated(257, 5_228_000),
    estimated(258, 5_278_000),
    estimated(261, 5_328_000),
    estimated(273, 5_666_000),
    found(290, 5_947_549),
    estimated(292, 5_970_000),
    estimated(297, 6_063_000),
    estimated(298, 6_106_000),
    found(301, 6_205_196),
    found(302, 6_262_253),
    estimated(306, 6_327_000),
    estimated(315, 6_413_000),
    estimated(320, 6_520_000),
    estimated(323, 6_563_000),
    estimated(326, 6_613_000),
    found(334, 6_811_691),
    found(338, 6_813_654),
    estimated(343, 6_833_000),
    estimated(345, 6_855_000),
    estimated(348, 6_934_000),
    found(350, 7_034_932),
    estimated(361, 7_069_000),
    found(362, 7_091_127),
    found(365, 7_135_420),
    found(391, 7_782_857),
    found(401, 8_036_577),
    found(411, 8_283_784),
    estimated(413, 8_320_000),
    found(415, 8_334_450),
    found(421, 8_466_531),
    found(423, 8_486_594),
    found(432, 8_636_191),
    estimated(435, 8_671_000),
    found(440, 8_713_794),
    found(441, 8_765_684),
    found(443, 8_772_667),
    found(445, 8_831_004),
    estimated(446, 8_866_000),
    estimated(447, 8_902_000),
    found(450, 8_938_466),
    found(464, 9_088_598),
    estimated(470, 9_150_000),
    found(473, 9_217_265),
    found(475, 9_233_782),
];

/// What ran at a block; `None` before the first version.
pub(super) fn version_at(block: u64) -> Option<u32> {
    let at = FIRST_BLOCKS.partition_point(|first| first.block <= block);
    at.checked_sub(1).map(|at| FIRST_BLOCKS[at].version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_blocks_ascend() {
        let ascends =
            |pair: &[FirstBlock]| pair[0].version < pair[1].version && pair[0].block < pair[1].block;
        assert!(FIRST_BLOCKS.windows(2).all(ascends));
    }

    #[test]
    fn boundaries_are_the_first_blocks() {
        assert_eq!(version_at(4_920_350), None);
        assert_eq!(version_at(4_920_351), Some(233));
        assert_eq!(version_at(8_486_593), Some(421));
        assert_eq!(version_at(8_486_594), Some(423));
        assert_eq!(version_at(8_713_793), Some(435));
        assert_eq!(version_at(u64::MAX), Some(475));
    }
}

//! Block emission with its halvings, and the issuance price of a network slot (emission mathematics, sections 1 and 7).

use crate::fixed::{I64F64, I96F32, log2_issuance_ratio};

/// No more TAO (or alpha of one subnet) than this is ever issued, in rao.
pub const SUPPLY_MAX_RAO: u64 = 21_000_000_000_000_000;
/// Emission per block before the first halving, in rao.
pub const BLOCK_EMISSION_RAO: u64 = 1_000_000_000;

const HALF_SUPPLY_RAO: u64 = SUPPLY_MAX_RAO / 2;

/// Emission of a block at an issuance, both in rao; zero at the supply's end.
///
/// ```
/// use sn3_emission::issuance::block_emission;
/// assert_eq!(block_emission(0), 1_000_000_000);
/// assert_eq!(block_emission(10_500_000_000_000_000), 500_000_000);
/// assert_eq!(block_emission(21_000_000_000_000_000), 0);
/// ```
#[must_use]
pub fn block_emission(issuance: u64) -> u64 {
    if issuance >= SUPPLY_MAX_RAO {
        return 0;
    }
    // Until the first halving the logarithm is below one; most blocks of most subnets end here.
    if issuance < HALF_SUPPLY_RAO {
        return BLOCK_EMISSION_RAO;
    }
    halved_emission(issuance).unwrap_or(0)
}

fn halved_emission(issuance: u64) -> Option<u64> {
    let total = I96F32::from_int(HALF_SUPPLY_RAO).checked_mul(I96F32::from_int(2))?;
    let issued = I96F32::from_int(issuance).checked_div(total)?;
    let ratio = I96F32::ONE.checked_div(I96F32::ONE.saturating_sub(issued))?;
    let halvings = log2_issuance_ratio(ratio)?.to_u64().min(127);
    let divisor = (0..halvings).fold(I96F32::ONE, |m, _| m.saturating_add(m));
    let part = I96F32::ONE.safe_div(divisor);
    Some(part.saturating_mul(I96F32::from_int(BLOCK_EMISSION_RAO)).to_u64())
}

/// What registering a network costs, in rao: doubles with each registration and falls over the interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockCost {
    /// The least cost in rao.
    pub min_lock_rao: u64,
    /// Cost of the last registration in rao.
    pub last_lock_rao: u64,
    /// Block of the last registration, zero if there was none.
    pub last_lock_block: u64,
    /// Blocks in which the cost falls by its last value at full emission.
    pub reduction_interval_blocks: u64,
}

impl LockCost {
    /// The cost at a block whose emission is `block_emission_rao`.
    ///
    /// ```
    /// use sn3_emission::issuance::LockCost;
    /// let cost = LockCost {
    ///     min_lock_rao: 1_000, last_lock_rao: 10_000, last_lock_block: 50, reduction_interval_blocks: 100,
    /// };
    /// assert_eq!(cost.at(50, 1_000_000_000), 20_000);
    /// assert_eq!(cost.at(100, 1_000_000_000), 15_000);
    /// assert_eq!(cost.at(1_000, 1_000_000_000), 1_000);
    /// ```
    #[must_use]
    pub fn at(&self, block: u64, block_emission_rao: u64) -> u64 {
        let share = I64F64::from_int(block_emission_rao).safe_div(I64F64::from_int(BLOCK_EMISSION_RAO));
        let interval = I64F64::from_int(self.reduction_interval_blocks).saturating_mul(share).to_u64();
        let multiple = if self.last_lock_block == 0 { 1 } else { 2 };
        let per_block = self.last_lock_rao.checked_div(interval).unwrap_or(0);
        let fallen = per_block.saturating_mul(block.saturating_sub(self.last_lock_block));
        self.last_lock_rao.saturating_mul(multiple).saturating_sub(fallen).max(self.min_lock_rao)
    }
}

/// The weight of root stake against a subnet's alpha issuance (section 2.3), as an unsigned fixed number.
#[must_use]
pub fn root_proportion(
    root_tao: u64,
    tao_weight: crate::fixed::U96F32,
    alpha_issuance: u64,
) -> crate::fixed::U96F32 {
    use crate::fixed::U96F32;
    root_proportion_by(U96F32::from_int(root_tao).saturating_mul(tao_weight), alpha_issuance)
}

/// [`root_proportion`] with the root stake weighted already.
#[must_use]
pub(crate) fn root_proportion_by(
    weighted_root: crate::fixed::U96F32,
    alpha_issuance: u64,
) -> crate::fixed::U96F32 {
    let total = weighted_root.saturating_add(crate::fixed::U96F32::from_int(alpha_issuance));
    weighted_root.safe_div(total)
}

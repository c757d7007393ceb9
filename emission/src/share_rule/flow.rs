//! Shares by the inflow of TAO (runtime timeline, section 1.2, B).

use super::{ShareInput, power};
use crate::fixed::{Fixed, I64F64, U64F64};
use crate::spec::FlowRule;

/// Powers must sum to what 32 integer bits hold.
const POWER_MAX: u64 = i32::MAX as u64;
/// 0.001, how exact the scaling factor is.
pub const SQRT_EPSILON: U64F64 = U64F64::from_bits(18_446_744_073_709_552);

/// One block of the moving average: `mul(1 - a, average) + mul(a, flow)` with `a = smoothing / i64::MAX`.
///
/// ```
/// use sn3_emission::{fixed::I64F64, share_rule::flow::average};
/// let rate = 1 << 62; // about one half
/// let next = average(I64F64::from_int(8), 4, rate);
/// assert_eq!(next.to_u64(), 5); // just under six
/// ```
#[must_use]
pub fn average(old: I64F64, flow: i64, smoothing: u64) -> I64F64 {
    let a = I64F64::from_int(smoothing).safe_div(I64F64::from_int(i64::MAX));
    let kept = I64F64::ONE.saturating_sub(a).saturating_mul(old);
    kept.saturating_add(a.saturating_mul(I64F64::from_int(flow)))
}

/// Shares by the flows above the lowest one, to the rule's power.
#[must_use]
pub fn shares(rule: &FlowRule, input: &[ShareInput]) -> Vec<U64F64> {
    let flows =
        if rule.net { net_flows(input) } else { input.iter().map(|subnet| subnet.user_flow).collect() };
    let lowest = flows.iter().copied().fold(I64F64::ZERO, I64F64::min);
    let floor = rule.cutoff.max(lowest);
    let above = flows.iter().map(|flow| flow.saturating_sub(floor).max(I64F64::ZERO).convert()).collect();
    power_shares(above, rule.exponent)
}

/// Users' flow less the protocol's, whose inflows are scaled so that they do not exceed the users' in all.
fn net_flows(input: &[ShareInput]) -> Vec<I64F64> {
    let positive = |flow: fn(&ShareInput) -> I64F64| {
        input.iter().fold(I64F64::ZERO, |sum, subnet| sum.saturating_add(flow(subnet).max(I64F64::ZERO)))
    };
    let (users, protocol) = (positive(|subnet| subnet.user_flow), positive(|subnet| subnet.protocol_flow));
    let ratio = users.safe_div(protocol).min(I64F64::ONE);
    let net = |subnet: &ShareInput| {
        let protocol = subnet.protocol_flow;
        let counted = if protocol > I64F64::ZERO { ratio.saturating_mul(protocol) } else { protocol };
        subnet.user_flow.saturating_sub(counted)
    };
    input.iter().map(net).collect()
}

/// `z^p / Σ z^p` after scaling the largest value to one and all powers to the container (425's section 2.9).
fn power_shares(mut values: Vec<U64F64>, exponent: U64F64) -> Vec<U64F64> {
    let largest = values.iter().copied().max().unwrap_or(U64F64::ZERO);
    values.iter_mut().for_each(|v| *v = v.safe_div(largest));
    let scaled = values.iter().copied().max().unwrap_or(U64F64::ZERO);
    let sum_bound = U64F64::from_int(values.len() as u64).saturating_mul(scaled.saturating_mul(scaled));
    let least = U64F64::from_int(POWER_MAX).safe_div(U64F64::from_int(u64::MAX));
    if sum_bound < least {
        return values;
    }
    let room = U64F64::from_int(POWER_MAX).safe_div(sum_bound);
    let factor = crate::fixed::checked_sqrt(room, SQRT_EPSILON).unwrap_or(U64F64::ZERO);
    let powers: Vec<U64F64> =
        values.iter().map(|v| power::safe_pow(factor.saturating_mul(*v), exponent)).collect();
    super::relative(&powers, &vec![U64F64::ZERO; powers.len()])
}

#[cfg(test)]
mod tests {
    use super::super::tests::subnet;
    use super::*;
    use crate::spec::{FlowInit, FlowMeasure};

    fn rule(net: bool) -> FlowRule {
        FlowRule {
            init: FlowInit::Zero,
            measure: FlowMeasure::SwapAmounts,
            net,
            registrations: net,
            smoothing: 29_597_889_189_277,
            cutoff: I64F64::ZERO,
            exponent: U64F64::ONE,
        }
    }

    fn with_flows(flows: &[(i64, i64)]) -> Vec<ShareInput> {
        let flow = |(i, (user, protocol)): (usize, &(i64, i64))| ShareInput {
            user_flow: I64F64::from_int(*user),
            protocol_flow: I64F64::from_int(*protocol),
            ..subnet(i as u16 + 1, 1)
        };
        flows.iter().enumerate().map(flow).collect()
    }

    fn per_mille(shares: &[U64F64]) -> Vec<u64> {
        shares.iter().map(|share| share.saturating_mul(U64F64::from_int(1_000)).round().to_u64()).collect()
    }

    /// The lowest flow is negative but the cutoff is zero: only inflows count, one to three.
    #[test]
    fn only_inflow_above_the_cutoff_counts() {
        let shares = shares(&rule(false), &with_flows(&[(-10, 0), (10, 0), (30, 0)]));
        assert_eq!(per_mille(&shares), [0, 250, 750]);
    }

    /// Users bring 40, the protocol 80: its inflows count by half. 10 - 20 and 30 - 20 leave all to the second.
    #[test]
    fn the_protocols_inflow_is_scaled_to_the_users() {
        let shares = shares(&rule(true), &with_flows(&[(10, 40), (30, 40), (0, -5)]));
        assert_eq!(per_mille(&shares), [0, 667, 333]);
    }

    #[test]
    fn without_inflow_nobody_gets_anything() {
        let shares = shares(&rule(false), &with_flows(&[(0, 0), (-3, 0)]));
        assert_eq!(shares, [U64F64::ZERO; 2]);
        assert!(super::shares(&rule(false), &[]).is_empty());
    }

    /// One to four, but for the exponential's 31 terms: `e^20.8` comes out almost one percent too small.
    #[test]
    fn powers_go_through_logarithms() {
        let mut squared = rule(false);
        squared.exponent = U64F64::from_int(2);
        let shares = shares(&squared, &with_flows(&[(10, 0), (20, 0)]));
        assert_eq!(per_mille(&shares), [201, 799]);
    }
}

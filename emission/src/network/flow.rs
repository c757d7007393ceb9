//! The moving averages of TAO flow that some specs split TAO by (runtime timeline, section 1.2, B).

use sn3_protocol::NetUid;

use super::{Network, Subnet};
use crate::fixed::{Fixed, I64F64};
use crate::share_rule::flow::average;
use crate::spec::{FlowInit, FlowMeasure, FlowRule, ShareSplit};

const RAO_PER_UNIT: i64 = 1_000_000_000;

impl Network {
    fn flow_rule(&self) -> Option<FlowRule> {
        match self.spec.shares.split {
            ShareSplit::Flow(rule) => Some(rule),
            _ => None,
        }
    }

    /// One block of the averages, where the spec has them; the counters start anew.
    pub(super) fn advance_flows(&mut self, emit_to: &[NetUid]) {
        let Some(rule) = self.flow_rule() else { return };
        for netuid in emit_to {
            if let Some(subnet) = self.subnets.get_mut(netuid) {
                subnet.advance_flow(&rule);
            }
        }
    }

    /// Whether a trade is measured by the pool's change of TAO.
    pub(super) fn measures_pool(&self) -> bool {
        self.flow_rule().is_some_and(|rule| rule.measure == FlowMeasure::PoolChange)
    }

    /// Whether a registration counts as inflow.
    pub(super) fn registration_flows(&self) -> bool {
        self.flow_rule().is_none_or(|rule| rule.registrations)
    }
}

impl Subnet {
    fn advance_flow(&mut self, rule: &FlowRule) {
        if rule.net {
            let flow = std::mem::take(&mut self.protocol_flow);
            self.flow.protocol = average(self.flow.protocol, flow, rule.smoothing);
        }
        let started = self.flow.user.or((rule.init == FlowInit::Zero).then_some(I64F64::ZERO));
        self.flow.user = Some(match started {
            Some(old) => average(old, std::mem::take(&mut self.user_flow), rule.smoothing),
            None => self.first_average(rule.init),
        });
    }

    /// The smaller of moving and spot price: in units (a number near zero) or in rao.
    fn first_average(&self, init: FlowInit) -> I64F64 {
        let price: I64F64 = self.moving_price.convert::<I64F64>().min(self.price().convert());
        match init {
            FlowInit::Price => price,
            FlowInit::PriceRao => price.saturating_mul(I64F64::from_int(RAO_PER_UNIT)),
            FlowInit::Zero => I64F64::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::I96F32;
    use crate::network::Globals;
    use crate::pool::Pool;
    use crate::spec::RuntimeSpec;

    fn first_block(version: u32) -> (I64F64, i64) {
        let spec = RuntimeSpec::at_version(version).unwrap();
        let mut network = Network::with_spec(Globals::default(), 0, spec);
        let mut subnet = Subnet::new(NetUid(1), 0);
        subnet.pool = Pool::new(1_000_000_000, 2_000_000_000);
        subnet.moving_price = I96F32::from_bits(1 << 30);
        subnet.user_flow = 1_000_000;
        network.insert_subnet(subnet);
        network.advance_flows(&[NetUid(1)]);
        let subnet = &network.subnets[&NetUid(1)];
        (subnet.flow.user.unwrap_or_default(), subnet.user_flow)
    }

    /// Moving price 1/4, spot price 1/2.
    #[test]
    fn averages_start_as_their_version_says() {
        assert_eq!(first_block(334), (I64F64::from_bits(1 << 62), 1_000_000));
        assert_eq!(first_block(338), (I64F64::from_int(250_000_000), 1_000_000));
        let (average, left) = first_block(348);
        // 10^6 · 29597889189277 / (2^63 - 1) = 3.2089…
        assert_eq!((average.to_u64(), left), (3, 0));
        assert_eq!(first_block(425), (I64F64::ZERO, 1_000_000));
    }
}

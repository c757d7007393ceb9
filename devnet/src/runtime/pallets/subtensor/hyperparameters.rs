//! Settings of a subnet that exists from the beginning.

use serde::{Deserialize, Serialize};
use sn3_emission::network::Subnet;

/// The settings that differ from what a registration makes; what is absent is as there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Hyperparameters {
    /// How many neurons there may be.
    pub max_uids: Option<u16>,
    /// The majority that consensus asks for, in 65535ths.
    pub kappa: Option<u16>,
    /// How slowly bonds move, in millionths.
    pub bonds_moving_average: Option<u64>,
    /// How much weights above consensus cost a validator, in 65535ths.
    pub bonds_penalty: Option<u16>,
    /// Whether bonds follow Yuma version 3.
    pub yuma3: Option<bool>,
    /// Whether bonds move faster where consensus is.
    pub liquid_alpha: Option<bool>,
    /// The least pace of liquid alpha, in 65535ths.
    pub alpha_low: Option<u16>,
    /// The greatest pace of liquid alpha, in 65535ths.
    pub alpha_high: Option<u16>,
    /// After how many thousandths of a tempo without weights a validator is not active any more.
    pub activity_cutoff_factor_milli: Option<u32>,
    /// The lowest price of a registration, in rao.
    pub min_burn_rao: Option<u64>,
    /// The highest price of a registration, in rao.
    pub max_burn_rao: Option<u64>,
    /// Whether neurons can be registered.
    pub registration_allowed: Option<bool>,
    /// Whether stake can be given to other coldkeys.
    pub transfer_allowed: Option<bool>,
    /// The version that weights must carry at least.
    pub weights_version: Option<u64>,
}

impl Hyperparameters {
    /// Brings them into a new subnet.
    pub(super) fn apply(&self, subnet: &mut Subnet) {
        let (params, limits) = (&mut subnet.params, &mut subnet.limits);
        set(&mut limits.max_allowed_uids, self.max_uids);
        set(&mut limits.weights_version, self.weights_version);
        set(&mut params.kappa, self.kappa);
        set(&mut params.bonds_moving_average, self.bonds_moving_average);
        set(&mut params.bonds_penalty, self.bonds_penalty);
        set(&mut params.yuma3_on, self.yuma3);
        set(&mut params.liquid_alpha_on, self.liquid_alpha);
        set(&mut params.alpha_low, self.alpha_low);
        set(&mut params.alpha_high, self.alpha_high);
        set(&mut params.activity_cutoff_factor_milli, self.activity_cutoff_factor_milli);
        set(&mut subnet.registration_price.min_burn_rao, self.min_burn_rao);
        set(&mut subnet.registration_price.max_burn_rao, self.max_burn_rao);
        set(&mut subnet.registration_allowed, self.registration_allowed);
        set(&mut subnet.transfer_allowed, self.transfer_allowed);
    }

    /// What no subnet can have, in words; nothing where all is well.
    pub fn contradiction(&self, neurons: usize) -> Option<&'static str> {
        let above = |low: Option<u64>, high: Option<u64>| matches!((low, high), (Some(l), Some(h)) if l > h);
        if self.max_uids.is_some_and(|max| usize::from(max) < neurons) {
            return Some("max_uids is less than its neurons with the owner's");
        }
        if above(self.alpha_low.map(u64::from), self.alpha_high.map(u64::from)) {
            return Some("alpha_low is above alpha_high");
        }
        above(self.min_burn_rao, self.max_burn_rao).then_some("min_burn_rao is above max_burn_rao")
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

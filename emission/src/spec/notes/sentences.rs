//! One sentence per rule, with its certainty mark (runtime timeline, sections 1 to 9).

use super::{Certainty, RuleNote};
use crate::spec::RuntimeSpec;
use crate::spec::rules::*;

use Certainty::{Audit, Inferred, Pull, Source, ThirdParty, Vector};

/// A rule's sentence and mark.
type Said = (String, Certainty);

/// Something that rules are about.
pub(super) struct Topic {
    name: &'static str,
    source: &'static str,
    say: fn(&RuntimeSpec) -> Said,
}

impl Topic {
    pub(super) fn note(&self, spec: &RuntimeSpec) -> RuleNote {
        let (rule, certainty) = (self.say)(spec);
        RuleNote { topic: self.name, rule, certainty, source: self.source }
    }
}

macro_rules! topics {
    ($($name:literal, $section:literal => $say:expr;)*) => {
        &[$(Topic { name: $name, source: concat!("runtime timeline, section ", $section), say: $say },)*]
    };
}

pub(super) const TOPICS: &[Topic] = topics! {
    "emit set", "1.1" => |s| emit_set(s.shares.emit_set);
    "closed registration", "1.1" => |s| closed(s.shares.closed);
    "tao shares", "1.2" => |s| split(&s.shares.split);
    "emission switch", "1.3" => |s| either(s.shares.switch, Vector, Source, [
        "Subnets that are switched off leave their share to the others.",
        "No subnet can be switched off.",
    ]);
    "moving price", "1.4" => |s| moving_price(&s.price);
    "injection", "2" => |s| amounts(s.injection.amounts);
    "chain buys", "2" => |s| buy(s.injection.buy);
    "bought alpha", "2" => |s| bought(s.injection.bought);
    "refused chain buy", "2" => |s| refused(s.injection.refused);
    "issuance", "2" => |s| minting(s.injection.minting);
    "injection overflow", "2" => |s| overflow(s.injection.overflow);
    "pool", "3" => |s| pool(s.pool.kind);
    "pool swaps", "3.2" => |s| swaps(&s.pool);
    "trade fee", "3" => |s| fee(s.pool.fee);
    "fee receiver", "3" => |s| fee_to(s.pool.fee_to);
    "root part", "2" => |s| root_part(s.payout.root_part);
    "validator pool", "2" => |s| validator_pool(s.payout.validator_pool);
    "dividend split", "2" => |s| dividend_split(s.payout.dividend_split);
    "owner incentive", "2" => |s| owner_incentive(s.payout.owner_incentive);
    "miner burn", "1.2" => |s| either(s.payout.burned_recorded, Vector, Source, [
        "The withheld part of the miners' emission is recorded at every epoch.",
        "The withheld part of the miners' emission is not recorded.",
    ]);
    "child take", "2" => |s| child_take(s.payout.child_take);
    "root dividends", "9" => |s| root_dividends(s.payout.root_dividends);
    "root reserve", "9" => |s| either(s.payout.root_reserve_counts, Vector, Source, [
        "TAO staked from root dividends raises root's reserve.",
        "TAO staked from root dividends does not raise root's reserve.",
    ]);
    "yuma", "4.2" => |s| yuma(s.epoch.yuma);
    "stake threshold", "4.2" => |s| threshold(s.epoch.threshold);
    "permits", "4.2" => |s| permits(s.epoch.permits);
    "owner permit", "4.2" => |s| either(s.epoch.owner_permit, Vector, Source, [
        "The owner's neuron always has a permit.",
        "The owner's neuron competes for a permit.",
    ]);
    "owner self-weight", "4.2" => |s| either(s.epoch.owner_self_weight, Vector, Source, [
        "The owner's weight on itself counts.",
        "Nobody's weight on itself counts.",
    ]);
    "bonds mask", "4.2" => |s| bonds_mask(s.epoch.bonds_mask);
    "commit mask", "4.2" => |s| commit_mask(s.epoch.commit_mask);
    "activity", "4.2" => |s| activity(s.epoch.activity);
    "liquid alpha consensus", "4.2" => |s| liquid_consensus(s.epoch.liquid_consensus);
    "epoch period", "4.1" => |s| period(s.schedule.period);
    "timelocked weights", "5" => |s| reveal(s.schedule.reveal);
    "null consensus", "8" => |s| either(s.schedule.null_consensus, Inferred, Source, [
        "A subnet may choose Null consensus; the last rao of its exact split go to the largest remainders, \
         which is a guess.",
        "Every subnet runs Yuma.",
    ]);
    "neuron price", "6" => |s| neuron_price(s.registration.price);
    "collateral", "6.4" => |s| either(s.registration.collateral, Source, Source, [
        "A subnet may lock a part of the registration price as collateral.",
        "Registrations lock no collateral.",
    ]);
    "new pool", "6.6" => |s| new_pool(s.networks.pool);
    "subnet limit", "6.6" => |s| limit(s.networks.limit);
    "start call", "6.6" => |s| either(s.networks.start_call, Source, Source, [
        "Emission waits for the owner's start call.",
        "A subnet is emitted to from its registration on.",
    ]);
    "new subnet's emission", "1.3" => |s| either(s.networks.starts_off, Source, Source, [
        "A new subnet's TAO emission is switched off.",
        "A new subnet's TAO emission is on.",
    ]);
};

fn said(rule: &str, certainty: Certainty) -> Said {
    (rule.to_owned(), certainty)
}

fn either(on: bool, if_on: Certainty, if_off: Certainty, sentences: [&str; 2]) -> Said {
    if on { said(sentences[0], if_on) } else { said(sentences[1], if_off) }
}

fn emit_set(rule: EmitSet) -> Said {
    match rule {
        EmitSet::All => said("Every subnet is emitted to.", Source),
        EmitSet::Started => said("Subnets whose owner made the start call are emitted to.", Source),
        EmitSet::OpenByAnyMeans => said(
            "Started, tradable subnets that accept registrations by burn or by work are emitted to.",
            Source,
        ),
        EmitSet::OpenByBurn => {
            said("Started, tradable subnets that accept registrations by burn are emitted to.", Vector)
        }
    }
}

fn closed(rule: ClosedRegistration) -> Said {
    match rule {
        ClosedRegistration::LosesTaoIfWorkIsOpen => {
            said("A subnet closed to burns but open to work gets no TAO, which was a mistake.", Source)
        }
        ClosedRegistration::LosesTao => said("A subnet closed to burns and to work gets no TAO.", Source),
        ClosedRegistration::LosesAll => {
            said("A subnet closed to burns and to work gets neither TAO nor alpha.", Source)
        }
        ClosedRegistration::LeavesSet => said("A closed subnet is not emitted to at all.", Vector),
    }
}

fn split(rule: &ShareSplit) -> Said {
    match rule {
        ShareSplit::Price32 => said("TAO is split by moving price, with 32 fraction bits.", Source),
        ShareSplit::Flow(flow) => (flow_sentence(flow), Source),
        ShareSplit::Price(price) => {
            let proven = !price.root_proportion && price.burned;
            (format!("TAO is split by {}.", price_sentence(price)), if proven { Vector } else { Source })
        }
        ShareSplit::Gate(gate) => gate_sentence(gate),
    }
}

fn flow_sentence(flow: &FlowRule) -> String {
    let net = if flow.net { ", less the protocol's own flow" } else { "" };
    let init = match flow.init {
        FlowInit::Price => "the price in units (near zero)",
        FlowInit::PriceRao => "the price in rao",
        FlowInit::Zero => "zero",
    };
    let measure = match flow.measure {
        FlowMeasure::SwapAmounts => "what swaps pay",
        FlowMeasure::PoolChange => "the pool's change of TAO",
    };
    let burns = if flow.registrations { ", registrations included" } else { "" };
    format!(
        "TAO is split by the moving average (rate {}/2^63, from {init}) of users' TAO flow{net}, measured by \
         {measure}{burns}, above {}, to the power {}.",
        flow.smoothing,
        decimal(flow.cutoff.to_bits() as f64),
        decimal(flow.exponent.to_bits() as f64),
    )
}

/// A number of 64 fraction bits for people to read.
fn decimal(bits: f64) -> String {
    format!("{}", (bits / 18_446_744_073_709_551_616.0 * 1e9).round() / 1e9)
}

fn price_sentence(price: &PriceRule) -> String {
    let root = if price.root_proportion { " × root proportion" } else { "" };
    let burned = if price.burned { " × (1 − miner burn)" } else { "" };
    format!("moving price{root}{burned}")
}

fn gate_sentence(gate: &GateRule) -> Said {
    let (bar, certainty) = match gate.bar {
        GateBar::Quantile(q) => {
            (format!("where the largest shares reach {} of all", decimal(q.to_bits() as f64)), Pull)
        }
        GateBar::Rank(rank) => (format!("at the share of rank {rank}"), Source),
    };
    let (before, h) = (price_sentence(&gate.price), decimal(gate.exponent.to_bits() as f64));
    (format!("TAO is split by {before} through a Hill gate of exponent {h} with its bar {bar}."), certainty)
}

fn moving_price(rule: &MovingPriceRules) -> Said {
    let cap = if rule.capped { "capped at one" } else { "without cap" };
    let age = match rule.age {
        PriceAge::None => "not slowed by age",
        PriceAge::RegistrationFixed => "slowed by age since registration with 100,800 blocks",
        PriceAge::Registration => "slowed by age since registration",
        PriceAge::Start => "slowed by age since the start call",
    };
    let bits = match rule.bits {
        FractionBits::Bits32 => 32,
        FractionBits::Bits64 => 64,
    };
    let proven = rule.capped && rule.age == PriceAge::Start && rule.bits == FractionBits::Bits64;
    let sentence = format!("The moving price follows the price {cap}, {age}, with {bits} fraction bits.");
    (sentence, if proven { Vector } else { Source })
}

fn amounts(rule: InjectedAmounts) -> Said {
    let (rule, certainty) = match rule {
        InjectedAmounts::AllTao => {
            ("All TAO is injected with at most the alpha emission, which may raise the price.", Source)
        }
        InjectedAmounts::Subsidy => {
            ("Below its share of TAO a price is subsidised: full alpha, TAO to match, the rest buys.", Source)
        }
        InjectedAmounts::SubsidyOfBlock => {
            ("As the subsidy, with one block emission of alpha in place of the subnet's.", Source)
        }
        InjectedAmounts::CapAlpha => {
            ("Injected alpha is capped by the alpha emission; the rest of the TAO buys.", Source)
        }
        InjectedAmounts::CapAlphaAndBlock => {
            ("Injected alpha is capped by the alpha emission and the TAO block emission.", Source)
        }
        InjectedAmounts::CapRootProportion => {
            ("Injected alpha is capped by the root proportion of the alpha emission.", Vector)
        }
    };
    said(rule, certainty)
}

fn buy(rule: ChainBuy) -> Said {
    match rule {
        ChainBuy::Never => said("The chain buys no alpha.", Source),
        ChainBuy::BeforeInjection => said("The chain buys alpha before it injects.", Source),
        ChainBuy::AfterAdjustment => {
            said("The chain buys between the pool's adjustment and the growth of its reserves.", Vector)
        }
        ChainBuy::BeforeAdjustment => {
            said("The chain buys before the pool is adjusted to the injection.", ThirdParty)
        }
    }
}

fn bought(rule: BoughtAlpha) -> Said {
    match rule {
        BoughtAlpha::Recycled => said("Alpha that the chain bought is recycled.", Source),
        BoughtAlpha::Kept => said("Alpha that the chain bought is kept as the protocol's.", Vector),
    }
}

fn refused(rule: RefusedBuy) -> Said {
    match rule {
        RefusedBuy::NotIssued => said("TAO of a purchase that the pool refuses is not issued.", Inferred),
        RefusedBuy::StaysInAccount => {
            said("TAO of a purchase that the pool refuses stays in the subnet's account.", Source)
        }
    }
}

fn minting(rule: Minting) -> Said {
    match rule {
        Minting::WithoutSubsidy => {
            said("Issuance grows by the injected TAO, but not by the subsidy's purchases.", Source)
        }
        Minting::Number => said("Issuance grows by the TAO injected and spent.", Source),
        Minting::Credit => said("The block's TAO is minted first; what is not spent is recycled.", Vector),
    }
}

fn overflow(rule: InjectionOverflow) -> Said {
    match rule {
        InjectionOverflow::Dropped => {
            said("An injection that would push a pool weight out of its range is dropped.", Vector)
        }
        InjectionOverflow::Reservoir => said(
            "The side that would push a pool weight out of its range waits in a reservoir; which side, and \
             that it waits whole, is a guess.",
            Inferred,
        ),
    }
}

fn pool(rule: PoolKind) -> Said {
    match rule {
        PoolKind::ConstantProduct => {
            said("Pools are constant products; the part that a price limit allows is inferred.", Source)
        }
        PoolKind::Concentrated => {
            said("Pools hold concentrated liquidity; one position over the full range is modelled.", Source)
        }
        PoolKind::Weighted => {
            said("Pools are weighted; an injection moves the weights, not the price.", Vector)
        }
    }
}

fn swaps(rules: &PoolRules) -> Said {
    if rules.kind != PoolKind::Concentrated {
        return said(
            "Swaps follow the pool's own formula.",
            if rules.kind == PoolKind::Weighted { Vector } else { Source },
        );
    }
    let raise = match rules.liquidity {
        LiquidityRaise::None => "injections do not raise the liquidity",
        LiquidityRaise::Injected => "injections raise the liquidity",
        LiquidityRaise::WithFees => "injections and collected fees raise the liquidity",
        LiquidityRaise::Proportional => "injections and fees raise the liquidity in proportion to the price",
    };
    let reserves = match rules.reserves {
        ReserveCheck::Both => "both reserves must reach the minimum",
        ReserveCheck::Output => "the reserve that is paid out of must reach the minimum",
    };
    let limit = if rules.strict_limit { "strictly" } else { "not necessarily" };
    let dust = if rules.dust_refused { "refused" } else { "done" };
    let sales = if rules.protocol_pays { "pays" } else { "pays no" };
    let sentence = format!(
        "In pools, {raise}, {reserves}, limits lie {limit} beyond the price, swaps that pay nothing are {dust}, \
         and the protocol {sales} fee."
    );
    (sentence, Source)
}

fn fee(rule: TradeFee) -> Said {
    match rule {
        TradeFee::Flat => said("A trade costs 50,000 rao.", Source),
        TradeFee::FlatOrPart => {
            said("Staking costs 50,000 rao, unstaking 0.00005 rao per rao of alpha.", ThirdParty)
        }
        TradeFee::FlatOrYield => said(
            "Staking costs 50,000 rao, unstaking 0.00005 of the TAO, at least 50,000 rao and one epoch's yield.",
            Source,
        ),
        TradeFee::Rate => said("A trade costs the chain's fee rate.", Vector),
    }
}

fn fee_to(rule: FeeReceiver) -> Said {
    match rule {
        FeeReceiver::Pool => said("Fees stay with the pool.", Source),
        FeeReceiver::Author => said("Fees go to the author of the block.", Vector),
    }
}

fn root_part(rule: RootPart) -> Said {
    match rule {
        RootPart::Sold => said("Root's part of the alpha is sold in every block.", Source),
        RootPart::SoldUnlessSubsidised => {
            said("Root's part of the alpha is sold in blocks without subsidy.", Source)
        }
        RootPart::KeptUnlessSubsidised => {
            said("Root's part is kept as alpha in blocks without subsidy.", Source)
        }
        RootPart::KeptOrRecycled => {
            said("Root's part is kept as alpha while prices sum to more than one, else recycled.", Vector)
        }
    }
}

fn validator_pool(rule: ValidatorPool) -> Said {
    match rule {
        ValidatorPool::EpochAmounts => {
            said("Validators get the epoch's amounts in alpha, and root's part in TAO on top.", Source)
        }
        ValidatorPool::EpochAmountsLessRoot => {
            said("Validators get the epoch's amounts less root's part.", Source)
        }
        ValidatorPool::HalvedRemainder => {
            said("Validators share half of everything, less root's part.", Source)
        }
        ValidatorPool::Accumulated => said("Validators share what was accumulated for them.", Vector),
    }
}

fn dividend_split(rule: DividendSplit) -> Said {
    match rule {
        DividendSplit::RootRounded => {
            said("Of a dividend, root's part is rounded and alpha gets the rest.", Vector)
        }
        DividendSplit::AlphaRounded => {
            said("Of a dividend, alpha's part is rounded; root's rest needs a seat on root.", Inferred)
        }
    }
}

fn owner_incentive(rule: OwnerIncentive) -> Said {
    match rule {
        OwnerIncentive::Paid => said("The owner's mining income is paid.", Source),
        OwnerIncentive::OwnerHotkey => said("The owner hotkey's mining income is withheld.", Source),
        OwnerIncentive::ImmuneHotkeys => {
            said("The mining income of the owner's immune hotkeys is withheld.", Source)
        }
        OwnerIncentive::AllHotkeys => {
            said("The mining income of all of the owner's hotkeys is withheld.", Vector)
        }
        OwnerIncentive::AllRegistered => {
            said("The mining income of all of the owner's registered hotkeys is withheld.", Source)
        }
    }
}

fn child_take(rule: ChildTake) -> Said {
    match rule {
        ChildTake::Once => said("A child takes its part once, from the whole dividend.", Source),
        ChildTake::PerParent => said("A child takes its part from each foreign parent.", Vector),
    }
}

fn root_dividends(rule: RootDividends) -> Said {
    match rule {
        RootDividends::Tao => said("Root dividends are TAO, staked on root at the epoch.", Source),
        RootDividends::Claims => said("Root dividends are alpha that root stakers claim.", Vector),
        RootDividends::Baskets => said(
            "Root dividends are shares of the validator's basket, which accumulates in place; its valuation to \
             the rao is a guess.",
            Inferred,
        ),
    }
}

fn yuma(rule: Yuma) -> Said {
    match rule {
        Yuma::QuantileLiquid => said("Yuma2, with liquid alpha by quantiles of the consensus.", Source),
        Yuma::Yuma3 => said("Yuma2, or Yuma3 with liquid alpha per pair, as each subnet chooses.", Vector),
    }
}

fn threshold(rule: StakeThreshold) -> Said {
    match rule {
        StakeThreshold::None => said("The epoch knows no stake threshold.", Source),
        StakeThreshold::All => said("Stake below the threshold counts nothing in the epoch.", Source),
        StakeThreshold::OwnerExempt => {
            said("Stake below the threshold counts nothing in the epoch, except the owner's.", Vector)
        }
    }
}

fn permits(rule: Permits) -> Said {
    match rule {
        Permits::TopK => said("The largest stakes get permits, even if they are zero.", Source),
        Permits::TopKNonzero => said("The largest nonzero stakes get permits.", Vector),
    }
}

fn bonds_mask(rule: BondsMask) -> Said {
    match rule {
        BondsMask::LastUpdate => {
            said("Bonds towards neurons registered since the validator's last weights do not count.", Source)
        }
        BondsMask::Tempo => {
            said("Bonds towards neurons registered within the last tempo do not count.", Source)
        }
        BondsMask::LastEpoch => {
            said("Bonds towards neurons registered since the previous epoch do not count.", Vector)
        }
    }
}

fn commit_mask(rule: CommitMask) -> Said {
    match rule {
        CommitMask::None => said("Commits mask no weights.", Source),
        CommitMask::Unexpired => {
            said("Weights towards neurons registered after an unexpired commit do not count.", Vector)
        }
    }
}

fn activity(rule: Activity) -> Said {
    match rule {
        Activity::Flat => said("Validators are inactive after 5,000 blocks.", Source),
        Activity::TempoMultiple => said("Validators are inactive after a multiple of the tempo.", Vector),
    }
}

fn liquid_consensus(rule: LiquidConsensus) -> Said {
    match rule {
        LiquidConsensus::Current => said("Liquid alpha reads this epoch's consensus.", Vector),
        LiquidConsensus::Chosen => {
            said("Liquid alpha reads the previous consensus under a full bonds penalty, or as chosen.", Pull)
        }
    }
}

fn period(rule: EpochPeriod) -> Said {
    match rule {
        EpochPeriod::Modulo => said("Epochs come every tempo + 1 blocks, by the block number.", Source),
        EpochPeriod::ModuloChecked => {
            said("Epochs come every tempo + 1 blocks; a subnet with a hotkey twice waits.", Source)
        }
        EpochPeriod::Stateful => {
            said("Epochs come every tempo blocks from the last one, with a cap per block.", Vector)
        }
    }
}

fn reveal(rule: Reveal) -> Said {
    match rule {
        Reveal::AtEpoch => said("Timelocked weights are opened in the epoch's block or lost.", Source),
        Reveal::EveryBlock => {
            said("Timelocked weights are tried in every block of their reveal epoch.", Source)
        }
    }
}

fn neuron_price(rule: NeuronPrice) -> Said {
    match rule {
        NeuronPrice::Interval => {
            said("The neuron price is adjusted to the registrations of an interval.", Source)
        }
        NeuronPrice::HalfLife => {
            said("The neuron price decays every block and jumps with each registration.", Vector)
        }
    }
}

fn new_pool(rule: NewPool) -> Said {
    match rule {
        NewPool::LeastLock => {
            said("A new pool holds the least lock on both sides; the rest leaves the issuance.", Source)
        }
        NewPool::WholeLock => said("A new pool holds the whole lock at the median price.", Source),
        NewPool::ExactlyPaid => said("A new pool holds exactly what was paid, at the median price.", Audit),
    }
}

fn limit(rule: NetworkLimit) -> Said {
    match rule {
        NetworkLimit::LeastEmission => {
            said("At the limit, the subnet of the least emission value leaves.", Source)
        }
        NetworkLimit::None => said("The number of subnets is not limited.", Source),
        NetworkLimit::LowestPrice => {
            said("At the limit, the subnet of the lowest moving price leaves.", Source)
        }
    }
}

//! `coinbase/`: small chains over many blocks, with trades and registrations.

use serde_json::Value;
use sn3_emission::epoch::EpochParams;
use sn3_emission::fixed::{I96F32, U64F64};
use sn3_emission::network::{
    Balances, Globals, HotkeyState, Mechanism, Network, PriceLimit, RootClaim, Schedule, Subnet,
};
use sn3_emission::pool::Pool;
use sn3_protocol::{Coldkey, Hotkey, NetUid};

use super::Checker;
use super::json::{flag, flags, int, ints, list, pairs, wide};

/// Accounts are integers; big-endian bytes keep their order.
fn account(v: &Value) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[24..].copy_from_slice(&int::<u64>(v).to_be_bytes());
    bytes
}

fn hotkey(v: &Value) -> Hotkey {
    Hotkey(account(v))
}

fn coldkey(v: &Value) -> Coldkey {
    Coldkey(account(v))
}

fn netuid(v: &Value) -> NetUid {
    NetUid(int(v))
}

/// Runs all blocks of a file.
pub fn check(file: &Value, c: &mut Checker) {
    let (mut network, mut bank) = build(&file["initial"]);
    for block in list(&file["blocks"]) {
        c.at(format!("block {}", block["block"]));
        network.step_block(&hash(&block["parent_hash"]));
        c.same("block", &network.block, &int(&block["block"]));
        for (i, op) in list(&block["ops"]).iter().enumerate() {
            c.at(format!("block {} op {i} {}", block["block"], op["op"]));
            c.same("op result", &run(op, &mut network, &mut bank), &expected(&op["result"]));
        }
        c.at(format!("block {}", block["block"]));
        if block["after"].is_object() {
            compare(&network, &bank, &block["after"], c);
        }
    }
}

fn hash(v: &Value) -> [u8; 32] {
    let bytes = hex::decode(v.as_str().expect("a hash")).expect("hex digits");
    bytes.try_into().expect("32 bytes")
}

fn globals(g: &Value, initial: &Value) -> Globals {
    Globals {
        tao_weight: int(&g["tao_weight"]),
        subnet_owner_cut: int(&g["subnet_owner_cut"]),
        stake_threshold_rao: int(&g["stake_threshold"]),
        fee_rate: int(&g["fee_rate"]),
        min_stake_rao: int(&g["min_stake"]),
        existential_deposit_rao: int(&g["existential_deposit"]),
        max_epochs_per_block: int(&g["max_epochs_per_block"]),
        ema_price_halving_blocks: int(&g["ema_price_halving_blocks"]),
        moving_alpha: I96F32::from_bits(int(&g["moving_alpha_i96f32"])),
        childkey_burn: int(&g["childkey_burn"]),
        root_claim_threshold: I96F32::from_bits(int(&g["root_claim_threshold_i96f32"])),
        root_claims_per_block: int(&initial["num_root_claims_per_block"]),
        ..Globals::default()
    }
}

fn params(g: &Value, s: &Value) -> EpochParams {
    EpochParams {
        tempo: int(&s["tempo"]),
        activity_cutoff_factor_milli: int(&g["activity_cutoff_factor_milli"]),
        kappa: int(&g["kappa"]),
        bonds_moving_average: int(&g["bonds_moving_average"]),
        bonds_penalty: int(&g["bonds_penalty"]),
        yuma3_on: flag(s, "yuma3_on"),
        liquid_alpha_on: flag(s, "liquid_alpha_on"),
        alpha_low: int(&g["alpha_low"]),
        alpha_high: int(&g["alpha_high"]),
        alpha_sigmoid_steepness: int(&g["alpha_sigmoid_steepness"]),
        max_allowed_validators: int(&g["max_allowed_validators"]),
        commit_reveal_enabled: flag(g, "commit_reveal_enabled"),
    }
}

fn build(initial: &Value) -> (Network, Balances) {
    let g = &initial["globals"];
    let mut network = Network::new(globals(g, initial), int(&initial["block"]));
    network.author = Some(coldkey(&g["block_author_account"]));
    for subnet in list(&initial["subnets"]) {
        add_subnet(&mut network, subnet, g);
    }
    for stake in list(&initial["root_stakes"]) {
        credit(&mut network, 0, &hotkey(&stake[0]), &coldkey(&stake[1]), int(&stake[2]));
    }
    let root = network.subnet_mut(NetUid(0)).expect("root");
    root.pool.tao = int(&initial["root_tao"]);
    root.account_tao = root.pool.tao;
    network.total_issuance = int(&initial["total_issuance"]);
    network.total_stake = int(&initial["total_stake"]);
    network.root_stakers = list(&initial["staking_coldkey_index"]).iter().map(coldkey).collect();
    for keeper in list(&initial["root_claim_keep"]) {
        network.root_claims.insert(coldkey(keeper), RootClaim::Keep);
    }
    let balances = list(&initial["coldkey_balances"]).iter().map(|b| (coldkey(&b[0]), int(&b[1]))).collect();
    (network, Balances(balances))
}

fn credit(network: &mut Network, subnet: u16, hotkey: &Hotkey, coldkey: &Coldkey, amount: u64) {
    network.grant_stake(NetUid(subnet), hotkey, coldkey, amount).expect("the subnet exists");
}

fn add_subnet(network: &mut Network, s: &Value, g: &Value) {
    let id = netuid(&s["netuid"]);
    let mut subnet = Subnet::new(id, int(&s["network_registered_at"]));
    subnet.params = params(g, s);
    subnet.subtoken_enabled = true;
    subnet.emission_enabled = flag(s, "emission_enabled");
    subnet.first_emission_block = Some(int(&s["first_emission_block"]));
    subnet.owner_coldkey = Some(coldkey(&s["owner_coldkey"]));
    subnet.owner_hotkey = Some(hotkey(&s["owner_hotkey"]));
    subnet.owner_cut_enabled = flag(s, "owner_cut_enabled");
    subnet.recycle_withheld = s["recycle_or_burn"].as_str() == Some("recycle");
    subnet.pool =
        Pool { tao: int(&s["tao"]), alpha: int(&s["alpha_in"]), quote_weight: int(&s["quote_weight"]) };
    subnet.account_tao = subnet.pool.tao;
    subnet.alpha_out = int(&s["alpha_out"]);
    subnet.moving_price = I96F32::from_bits(int(&s["moving_price_i96f32"]));
    subnet.schedule = Schedule {
        blocks_since_last_step: int(&s["blocks_since_last_step"]),
        last_epoch_block: int(&s["last_epoch_block"]),
        last_mechanism_step_block: int(&s["last_mechanism_step_block"]),
        ..Schedule::default()
    };
    let price = &mut subnet.registration_price;
    price.burn_rao = int(&s["burn"]);
    price.min_burn_rao = int(&g["min_burn"]);
    price.max_burn_rao = int(&g["max_burn"]);
    price.half_life_blocks = int(&g["burn_half_life"]);
    price.increase = U64F64::from_bits(wide(&g["burn_increase_mult_u64f64"]));
    subnet.emission_split = s["emission_split"].is_array().then(|| ints(&s["emission_split"]));
    subnet.auto_stake = list(&s["auto_stake"]).iter().map(|a| (coldkey(&a[0]), hotkey(&a[1]))).collect();
    network.subnets.insert(id, subnet);
    add_neurons(network, id, s);
    let subnet = network.subnet_mut(id).expect("just added");
    for relation in list(&s["childkeys"]) {
        let child = hotkey(&relation["child"]);
        subnet.replace_children(&hotkey(&relation["parent"]), vec![(int(&relation["proportion"]), child)]);
        subnet.childkey_take.insert(child, int(&relation["childkey_take"]));
    }
}

fn add_neurons(network: &mut Network, id: NetUid, s: &Value) {
    for neuron in list(&s["neurons"]) {
        let (hot, cold) = (hotkey(&neuron["hotkey"]), coldkey(&neuron["coldkey"]));
        network.adopt(&cold, &hot);
        let state: &mut HotkeyState = network.hotkeys.get_mut(&hot).expect("just adopted");
        state.take = Some(int(&neuron["take"]));
        network.register_free(&cold, &hot, id).expect("a free slot");
        credit(network, id.0, &hot, &cold, int(&neuron["own_alpha"]));
        for nominator in list(&neuron["nominators"]) {
            credit(network, id.0, &hot, &coldkey(&nominator[0]), int(&nominator[1]));
        }
    }
    let subnet = network.subnet_mut(id).expect("just added");
    let n = subnet.neurons.len();
    subnet.neurons.registered_at = list(&s["neurons"]).iter().map(|v| int(&v["registered_at"])).collect();
    let permits: usize = int(&s["validator_permit_first"]);
    subnet.neurons.validator_permit = (0..n).map(|uid| uid < permits).collect();
    let updated: u64 = int(&s["last_update_all"]);
    let mechanism = Mechanism {
        weights: vec![Vec::new(); n],
        bonds: vec![Vec::new(); n],
        incentive: vec![0; n],
        last_update: vec![updated; n],
        ..Mechanism::default()
    };
    subnet.mechanisms = vec![mechanism; int(&s["mechanism_count"])];
    for row in list(&s["weights"]) {
        let (m, uid): (usize, usize) = (int(&row[0]), int(&row[1]));
        subnet.mechanisms[m].weights[uid] = pairs(&row[2]);
    }
}

fn run(op: &Value, network: &mut Network, bank: &mut Balances) -> Result<Option<u64>, String> {
    let (cold, hot, id) = (coldkey(&op["coldkey"]), hotkey(&op["hotkey"]), netuid(&op["netuid"]));
    let result = match op["op"].as_str() {
        Some("add_stake") => network.add_stake(bank, &cold, &hot, id, int(&op["tao"])).map(|m| Some(m.alpha)),
        Some("add_stake_limit") => {
            let limit =
                PriceLimit { price_rao: int(&op["limit_price"]), allow_partial: flag(op, "allow_partial") };
            network.add_stake_limit(bank, &cold, &hot, id, int(&op["tao"]), limit).map(|m| Some(m.alpha))
        }
        Some("remove_stake") => network.remove_stake(bank, &cold, &hot, id, int(&op["alpha"])).map(|_| None),
        Some("register") => network.register(bank, &cold, &hot, id).map(|_| None),
        other => panic!("unknown operation {other:?}"),
    };
    result.map_err(|error| error.name().to_owned())
}

fn expected(result: &Value) -> Result<Option<u64>, String> {
    match result["err"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok((!result["ok"].is_null()).then(|| int(&result["ok"]))),
    }
}

fn compare(network: &Network, bank: &Balances, after: &Value, c: &mut Checker) {
    c.same("total_issuance", &network.total_issuance, &int(&after["total_issuance"]));
    c.same("total_stake", &network.total_stake, &int(&after["total_stake"]));
    c.same("root_tao", &network.root_tao(), &int(&after["root_tao"]));
    for balance in list(&after["coldkey_balances"]) {
        let ours = bank.0.get(&coldkey(&balance[0])).copied().unwrap_or(0);
        c.same("coldkey_balance", &ours, &int(&balance[1]));
    }
    for theirs in list(&after["subnets"]) {
        let subnet = network.subnet(netuid(&theirs["netuid"])).expect("a subnet of the file");
        compare_subnet(subnet, theirs, c);
    }
    compare_stakes(network, after, c);
}

fn compare_subnet(s: &Subnet, v: &Value, c: &mut Checker) {
    let before = c.context.clone();
    c.at(format!("{before} subnet {}", s.netuid));
    let (e, p, k) = (&s.block_emission, &s.pending, &s.schedule);
    for (name, ours) in [
        ("alpha_in", s.pool.alpha),
        ("alpha_in_emission", e.alpha_in),
        ("alpha_out", s.alpha_out),
        ("alpha_out_emission", e.alpha_out),
        ("blocks_since_last_step", k.blocks_since_last_step),
        ("burn", s.registration_price.burn_rao),
        ("epoch_index", k.epoch_index),
        ("excess_tao", e.excess_tao),
        ("last_epoch_block", k.last_epoch_block),
        ("last_mechanism_step_block", k.last_mechanism_step_block),
        ("n", s.neurons.len() as u64),
        ("pending_epoch_at", k.pending_epoch_at),
        ("pending_owner_cut", p.owner_cut),
        ("pending_root_alpha", p.root_alpha),
        ("pending_server", p.server),
        ("pending_validator", p.validator),
        ("protocol_alpha", s.protocol_alpha),
        ("quote_weight", s.pool.quote_weight),
        ("root_sell_tao", e.root_sell_tao),
        ("tao", s.pool.tao),
        ("tao_in_emission", e.tao_in),
    ] {
        c.same(name, &ours, &int(&v[name]));
    }
    c.same("miner_burned", &s.miner_burned.to_bits(), &wide(&v["miner_burned_u96f32"]));
    c.same("moving_price", &s.moving_price.to_bits(), &int(&v["moving_price_i96f32"]));
    c.same("price", &s.price().to_bits(), &wide(&v["price_u64f64"]));
    c.same("root_prop", &s.root_proportion.to_bits(), &wide(&v["root_prop_u96f32"]));
    c.same("volume", &s.volume, &wide(&v["volume"]));
    c.same("user_flow", &s.user_flow, &int(&v["user_flow"]));
    c.same("protocol_flow", &s.protocol_flow, &int(&v["protocol_flow"]));
    if v["hotkeys"].is_array() {
        compare_neurons(s, v, c);
    }
    c.at(before);
}

fn compare_neurons(s: &Subnet, v: &Value, c: &mut Checker) {
    let hotkeys: Vec<Hotkey> = list(&v["hotkeys"]).iter().map(hotkey).collect();
    c.same("hotkeys", &s.neurons.hotkeys, &hotkeys);
    c.same("consensus", &s.neurons.consensus, &ints(&v["consensus"]));
    c.same("dividends", &s.neurons.dividends, &ints(&v["dividends"]));
    c.same("emission", &s.neurons.emission, &ints(&v["emission"]));
    c.same("validator_permit", &s.neurons.validator_permit, &flags(&v["validator_permit"]));
    c.same("incentive", &s.mechanisms[0].incentive, &ints(&v["incentive"]));
    for (name, ours) in
        [("alpha_dividends", &s.alpha_dividends), ("root_alpha_dividends", &s.root_alpha_dividends)]
    {
        for entry in list(&v[name]) {
            let paid = ours.get(&hotkey(&entry[0])).copied().unwrap_or(0);
            c.same(name, &paid, &int(&entry[1]));
        }
    }
}

fn compare_stakes(network: &Network, after: &Value, c: &mut Checker) {
    for s in list(&after["stakes"]) {
        let ours = network.stake_of(&hotkey(&s[0]), &coldkey(&s[1]), netuid(&s[2]));
        c.same("stake", &ours, &int(&s[3]));
    }
    for s in list(&after["hotkey_alpha"]) {
        let pool = network.subnet(netuid(&s[1])).and_then(|subnet| subnet.stakes.get(&hotkey(&s[0])));
        let ours =
            pool.map_or((0, 0, 0), |p| (p.value(), p.denominator().mantissa(), p.denominator().exponent()));
        c.same("hotkey_alpha", &ours, &(int(&s[2]), wide(&s[3]), int(&s[4])));
    }
    for r in list(&after["root_claimable_i96f32"]) {
        let state = network.hotkeys.get(&hotkey(&r[0])).expect("a hotkey of the file");
        let rate = state.claimable.get(&netuid(&r[1])).copied().unwrap_or_default();
        c.same("root_claimable", &rate.to_bits(), &int(&r[2]));
    }
    for r in list(&after["root_claimed"]) {
        let state = network.hotkeys.get(&hotkey(&r[0])).expect("a hotkey of the file");
        let claimed = state.claimed.get(&netuid(&r[2])).and_then(|by| by.get(&coldkey(&r[1])));
        c.same("root_claimed", &claimed.copied().unwrap_or(0), &wide(&r[3]));
    }
}

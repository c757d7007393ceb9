//! `swap/swap`: single swaps, weight changes, powers, and evolving pools.

use serde_json::Value;
use sn3_emission::pool::power::{Ratio, pow_ratio_scaled};
use sn3_emission::pool::{Pool, Side, Swap, SwapError, SwapLimit};

use super::json::{flag, int, list, wide};
use super::{Checker, Run};

/// Runs every list of the file.
pub fn check(file: &Value, c: &mut Checker) {
    let runs: [Run; 4] = [
        ("swap", swap),
        ("liquidity_weight_update", weight),
        ("balancer_math", balancer),
        ("pow_ratio_scaled", power),
    ];
    for (name, run) in runs {
        for (i, case) in list(&file[name]).iter().enumerate() {
            c.at(format!("{name}[{i}]"));
            run(case, c);
        }
    }
    for (i, case) in list(&file["sequences"]).iter().enumerate() {
        sequence(i, case, c);
    }
}

fn outcome(result: Result<Swap, SwapError>) -> Result<[u64; 4], String> {
    result.map(|s| [s.paid_in, s.paid_out, s.fee, s.fee_to_author]).map_err(|e| e.name().to_owned())
}

fn expected(result: &Value) -> Result<[u64; 4], String> {
    if let Some(error) = result["err"].as_str() {
        return Err(error.to_owned());
    }
    let ok = &result["ok"];
    Ok(["amount_paid_in", "amount_paid_out", "fee_paid", "fee_to_block_author"].map(|name| int(&ok[name])))
}

fn side(v: &Value) -> Side {
    if v.as_str() == Some("buy") { Side::Buy } else { Side::Sell }
}

fn fee_rate(v: &Value, rate: &Value) -> u16 {
    if flag(v, "drop_fees") { 0 } else { int(rate) }
}

fn swap(v: &Value, c: &mut Checker) {
    let pool = Pool {
        tao: int(&v["tao_reserve"]),
        alpha: int(&v["alpha_reserve"]),
        quote_weight: int(&v["quote_weight"]),
    };
    c.same("price", &pool.price().to_bits(), &wide(&v["price_u64f64"]));
    let limit = SwapLimit::rao(int(&v["limit_price_rao"]));
    let ours = pool.quote(side(&v["side"]), int(&v["amount"]), limit, fee_rate(v, &v["fee_rate"]));
    c.same("swap", &outcome(ours), &expected(&v["result"]));
}

fn weight(v: &Value, c: &mut Checker) {
    let before: u64 = int(&v["quote_weight"]);
    let pool = Pool { tao: int(&v["tao_reserve"]), alpha: int(&v["alpha_reserve"]), quote_weight: before };
    let after = pool.weight_after_injection(int(&v["tao_delta"]), int(&v["alpha_delta"]));
    c.same("injection ok", &after.is_some(), &flag(v, "ok"));
    c.same("injection weight", &after.unwrap_or(before), &int(&v["new_quote_weight"]));
}

fn balancer(v: &Value, c: &mut Checker) {
    let (x, y): (u64, u64) = (int(&v["x"]), int(&v["y"]));
    let quote_weight = int(&v["quote_weight"]);
    let pool = Pool { tao: x, alpha: x, quote_weight };
    let dx = int(&v["dx"]);
    c.same("exp_quote_base", &pool.remaining(Side::Buy, dx).to_bits(), &wide(&v["exp_quote_base"]));
    c.same("exp_base_quote", &pool.remaining(Side::Sell, dx).to_bits(), &wide(&v["exp_base_quote"]));
    let needed = Pool { tao: x, alpha: y, quote_weight }.alpha_needed(dx.min(x / 2));
    let expected = int(&v["base_needed_for_quote_tao_x_alpha_y_delta_min"]);
    c.same("alpha_needed", &needed, &expected);
    let price = Pool { tao: y, alpha: x, quote_weight }.price();
    c.same("price", &price.to_bits(), &wide(&v["price_x_y"]));
}

fn power(v: &Value, c: &mut Checker) {
    if wide(&v["scale"]) != 1_000_000_000_000_000_000 {
        return;
    }
    let ratio = Ratio {
        base_num: wide(&v["base_num"]),
        base_den: wide(&v["base_den"]),
        exp_num: int(&v["exp_num"]),
        exp_den: int(&v["exp_den"]),
    };
    let ours = pow_ratio_scaled(&ratio, int(&v["precision"]));
    c.same("pow_ratio_scaled", &ours, &(!v["result"].is_null()).then(|| wide(&v["result"])));
}

fn sequence(i: usize, v: &Value, c: &mut Checker) {
    let initial = &v["initial"];
    let mut pool = pool_of(initial);
    for (k, op) in list(&v["ops"]).iter().enumerate() {
        c.at(format!("sequences[{i}].ops[{k}]"));
        match op["op"].as_str() {
            Some("inject") => inject(&mut pool, op, c),
            _ => trade(&mut pool, op, &v["fee_rate"], c),
        }
        c.same("sequence pool", &pool, &pool_of(&op["after"]));
        c.same("price", &pool.price().to_bits(), &wide(&op["after"]["price_u64f64"]));
    }
}

fn pool_of(v: &Value) -> Pool {
    Pool { tao: int(&v["tao"]), alpha: int(&v["alpha_in"]), quote_weight: int(&v["quote_weight"]) }
}

fn inject(pool: &mut Pool, op: &Value, c: &mut Checker) {
    let mut delta: [u64; 2] = [int(&op["tao_delta"]), int(&op["alpha_delta"])];
    match pool.weight_after_injection(delta[0], delta[1]) {
        Some(weight) => pool.quote_weight = weight,
        None => delta = [0, 0],
    }
    c.same("sequence injected", &delta, &[int(&op["injected"][0]), int(&op["injected"][1])]);
    pool.tao += delta[0];
    pool.alpha += delta[1];
}

fn trade(pool: &mut Pool, op: &Value, rate: &Value, c: &mut Checker) {
    let side = side(&op["op"]);
    let limit = op["limit_price_rao"].as_u64().map_or(SwapLimit::none(side), SwapLimit::rao);
    let swap = pool.quote(side, int(&op["amount"]), limit, fee_rate(op, rate));
    c.same("sequence swap", &outcome(swap), &expected(&op["result"]));
    if let Ok(swap) = swap {
        pool.apply(side, &swap);
    }
}

//! `math/helpers`: primitive operations and the helpers above them.

use serde_json::Value;
use sn3_emission::epoch::{
    LiquidAlpha, Rows, clip_columns, ema_scalar, interpolate, weighted_median, weighted_medians,
};
use sn3_emission::fixed::{
    Fixed, I32F32, I64F64, U64F64, U96F32, checked_ln, checked_sqrt, exp_safe, proportion_to_u16, safe_ln,
    sigmoid,
};
use sn3_emission::share_pool::{SafeFloat, SharePool};
use sn3_emission::share_rule::flow::SQRT_EPSILON;
use sn3_emission::share_rule::power::safe_pow;
use sn3_emission::vector;

use super::json::{flag, flags, int, ints, list, pairs, wide};
use super::{Checker, Run};

/// Runs every list of the file.
pub fn check(file: &Value, c: &mut Checker) {
    let runs: [Run; 13] = [
        ("i32f32_ops", i32f32),
        ("i64f64_ops", i64f64),
        ("u64f64_ops", u64f64),
        ("u96f32_ops", u96f32),
        ("transcendental", transcendental),
        ("alpha_sigmoid", alpha_sigmoid),
        ("weighted_median", median),
        ("sparse_matrix", sparse),
        ("ema", ema),
        ("vectors", vectors),
        ("normalize_64", normalize_64),
        ("safe_float", safe_float),
        ("flow_pow", flow_pow),
    ];
    for (name, run) in runs {
        for (i, case) in list(&file[name]).iter().enumerate() {
            c.at(format!("{name}[{i}]"));
            run(case, c);
        }
    }
    for (i, sequence) in list(&file["share_pool"]).iter().enumerate() {
        c.at(format!("share_pool[{i}]"));
        share_pool(sequence, c);
    }
}

fn bits32(v: &Value) -> I32F32 {
    I32F32::from_bits(int(v))
}

fn vec32(v: &Value) -> Vec<I32F32> {
    list(v).iter().map(bits32).collect()
}

fn i32f32(v: &Value, c: &mut Checker) {
    let (a, b) = (bits32(&v["a"]), bits32(&v["b"]));
    let expected = if v["checked_div"].is_null() { None } else { Some(bits32(&v["checked_div"])) };
    c.same("i32f32 checked_div", &a.checked_div(b), &expected);
    c.same("i32f32 safe_div", &a.safe_div(b), &bits32(&v["safe_div"]));
    c.same("i32f32 sat_add", &a.saturating_add(b), &bits32(&v["sat_add"]));
    c.same("i32f32 sat_sub", &a.saturating_sub(b), &bits32(&v["sat_sub"]));
    c.same("i32f32 sat_mul", &a.saturating_mul(b), &bits32(&v["sat_mul"]));
    c.same("i32f32 round", &a.round(), &bits32(&v["round"]));
    c.same("i32f32 to_u16", &a.to_u16(), &int(&v["to_u16"]));
    c.same("i32f32 to_u64", &a.to_u64(), &int(&v["to_u64"]));
    c.same("i32f32 proportion_to_u16", &proportion_to_u16(a), &int(&v["proportion_to_u16"]));
}

fn i64f64(v: &Value, c: &mut Checker) {
    let of = |name: &str| I64F64::from_bits(int(&v[name]));
    let (a, b) = (of("a"), of("b"));
    c.same("i64f64 safe_div", &a.safe_div(b), &of("safe_div"));
    c.same("i64f64 sat_mul", &a.saturating_mul(b), &of("sat_mul"));
    c.same("i64f64 to_i32f32", &a.convert(), &bits32(&v["to_i32f32"]));
    c.same("i64f64 to_u64", &a.to_u64(), &int(&v["to_u64"]));
}

fn u64f64(v: &Value, c: &mut Checker) {
    let of = |name: &str| U64F64::from_bits(wide(&v[name]));
    let (a, b) = (of("a"), of("b"));
    c.same("u64f64 safe_div", &a.safe_div(b), &of("safe_div"));
    c.same("u64f64 sat_mul", &a.saturating_mul(b), &of("sat_mul"));
    c.same("u64f64 to_i32f32", &a.convert(), &bits32(&v["to_i32f32"]));
    c.same("u64f64 to_i96f32", &a.convert(), &sn3_emission::fixed::I96F32::from_bits(int(&v["to_i96f32"])));
    c.same("u64f64 to_u96f32", &a.convert(), &U96F32::from_bits(wide(&v["to_u96f32"])));
    c.same("u64f64 to_u64", &a.to_u64(), &int(&v["to_u64"]));
}

fn u96f32(v: &Value, c: &mut Checker) {
    let of = |name: &str| U96F32::from_bits(wide(&v[name]));
    let (a, b) = (of("a"), of("b"));
    c.same("u96f32 safe_div", &a.safe_div(b), &of("safe_div"));
    c.same("u96f32 sat_mul", &a.saturating_mul(b), &of("sat_mul"));
    c.same("u96f32 to_i96f32", &a.convert(), &sn3_emission::fixed::I96F32::from_bits(int(&v["to_i96f32"])));
    c.same("u96f32 to_u64f64", &a.convert(), &U64F64::from_bits(wide(&v["to_u64f64"])));
    c.same("u96f32 to_u64", &a.to_u64(), &int(&v["to_u64"]));
}

fn flow_pow(v: &Value, c: &mut Checker) {
    let of = |name: &str| U64F64::from_bits(wide(&v[name]));
    c.same("safe_pow", &safe_pow(of("x"), of("p")), &of("safe_pow"));
    let root = checked_sqrt(of("x"), SQRT_EPSILON);
    c.same("checked_sqrt", &root, &Some(of("checked_sqrt_eps_1e-3")));
}

fn transcendental(v: &Value, c: &mut Checker) {
    let x = bits32(&v["x"]);
    c.same("exp_safe", &exp_safe(x), &bits32(&v["exp_safe"]));
    c.same("ln_ok", &checked_ln(x).is_some(), &flag(v, "ln_ok"));
    c.same("safe_ln", &safe_ln(x), &bits32(&v["safe_ln"]));
    let half = I32F32::from_bits(1 << 31);
    c.same("sigmoid", &sigmoid(x, I32F32::from_int(30), half), &bits32(&v["sigmoid_rho30_kappa_half"]));
}

fn alpha_sigmoid(v: &Value, c: &mut Checker) {
    let of = |name: &str| bits32(&v[name]);
    let liquid = LiquidAlpha::from_fixed(of("alpha_low"), of("alpha_high"), of("steepness"));
    c.same("alpha_sigmoid", &liquid.rate(of("consensus"), of("weight"), of("bond")), &of("alpha"));
}

fn median(v: &Value, c: &mut Checker) {
    let median = weighted_median(&vec32(&v["stake"]), &vec32(&v["score"]), bits32(&v["minority"]));
    c.same("weighted_median", &median, &bits32(&v["median"]));
}

fn matrix(v: &Value) -> Rows {
    let rows: Vec<Vec<(u16, I32F32)>> = list(v)
        .iter()
        .map(|row| pairs::<u16, i64>(row).into_iter().map(|(j, b)| (j, I32F32::from_bits(b))).collect())
        .collect();
    Rows::from_rows(&rows)
}

fn sparse(v: &Value, c: &mut Checker) {
    let columns: usize = int(&v["columns"]);
    let (rows, stake, x) = (matrix(&v["matrix"]), vec32(&v["stake"]), vec32(&v["col_vector"]));
    let medians = weighted_medians(&rows, &stake, columns, bits32(&v["majority"]));
    c.same("weighted_median_col", &medians, &vec32(&v["weighted_median_col"]));
    let clipped = clip_columns(&rows, &medians);
    c.same("col_clip", &clipped, &matrix(&v["col_clip"]));
    let blend = interpolate(&rows, &clipped, bits32(&v["ratio"]), columns);
    c.same("interpolate", blend.as_ref(), &matrix(&v["interpolate_matrix_to_clip"]));
    let changed = |f: &dyn Fn(&mut Rows)| {
        let mut copy = rows.clone();
        f(&mut copy);
        copy
    };
    c.same("row_normalize", &changed(&Rows::normalise_rows), &matrix(&v["row_normalize"]));
    c.same("col_normalize", &changed(&|m| m.normalise_columns(columns)), &matrix(&v["col_normalize"]));
    c.same("col_max_upscale", &changed(&|m| m.upscale_columns(columns)), &matrix(&v["col_max_upscale"]));
    c.same("row_sum", &rows.row_sums(), &vec32(&v["row_sum"]));
    c.same("matmul", &rows.weighted_column_sums(&stake, columns), &vec32(&v["matmul_with_stake"]));
    c.same("matmul_transpose", &rows.weighted_row_sums(&x), &vec32(&v["matmul_transpose_with_col_vector"]));
    let hadamard = rows.filter_map(|i, _, w| Some(w.saturating_mul(stake[i])));
    c.same("row_hadamard", &hadamard, &matrix(&v["row_hadamard_with_stake"]));
    let product =
        rows.filter_map(|_, j, w| Some(w.saturating_mul(x[usize::from(j)])).filter(|p| !p.is_zero()));
    c.same("mat_vec_mul", &product, &matrix(&v["mat_vec_mul_with_col_vector"]));
}

fn ema(v: &Value, c: &mut Checker) {
    let (new, old) = (matrix(&v["new"]), matrix(&v["old"]));
    let ours = ema_scalar(&new, &old, bits32(&v["alpha"]), new.len());
    c.same("ema_scalar", &ours, &matrix(&v["mat_ema_sparse"]));
    let rates: Vec<Vec<I32F32>> = list(&v["alpha_matrix"]).iter().map(vec32).collect();
    let ours = sn3_emission::epoch::ema_by_pair(&new, &old, |i, j| rates[i][j], new.len());
    c.same("ema_by_pair", &ours, &matrix(&v["mat_ema_alpha_sparse"]));
}

fn vectors(v: &Value, c: &mut Checker) {
    let x = vec32(&v["x"]);
    c.same("topk", &vector::is_topk_nonzero(&x, int(&v["k"])), &flags(&v["is_topk_nonzero"]));
    c.same("max_upscale_to_u16", &vector::max_upscale_to_u16(&x), &ints(&v["max_upscale_to_u16"]));
    let mut normalised = x;
    vector::normalise(&mut normalised);
    c.same("normalize", &normalised, &vec32(&v["normalize"]));
    let weights: Vec<u16> = ints(&v["u16"]);
    c.same("u16_max_upscale", &vector::upscale_weights(&weights), &ints(&v["u16_max_upscale"]));
}

fn normalize_64(v: &Value, c: &mut Checker) {
    let mut x: Vec<I64F64> = ints::<u64>(&v["x_u64"]).into_iter().map(I64F64::from_int).collect();
    vector::normalise_64(&mut x);
    let bits: Vec<i128> = x.iter().map(|v| v.to_bits()).collect();
    c.same("normalize_64", &bits, &ints(&v["normalized_bits"]));
    let narrow: Vec<I32F32> = x.into_iter().map(Fixed::convert).collect();
    c.same("normalize_64 to_i32f32", &narrow, &vec32(&v["to_i32f32"]));
}

fn float(v: &Value) -> SafeFloat {
    SafeFloat::new(wide(&v[0]), int(&v[1]))
}

fn parts(f: SafeFloat) -> (u128, i64) {
    (f.mantissa(), f.exponent())
}

fn raw(v: &Value) -> (u128, i64) {
    (wide(&v[0]), int(&v[1]))
}

fn safe_float(v: &Value, c: &mut Checker) {
    let (a, b, d) = (float(&v["a"]), float(&v["b"]), float(&v["c"]));
    c.same("safe_float add", &parts(a.plus(b)), &raw(&v["add"]));
    c.same("safe_float sub", &parts(a.minus(b)), &raw(&v["sub"]));
    c.same("safe_float gt", &(a > b), &flag(v, "gt"));
    c.same("safe_float to_u64", &a.to_u64(), &int(&v["a_to_u64"]));
    let expected = |name: &str| (!v[name].is_null()).then(|| raw(&v[name]));
    c.same("safe_float div", &a.checked_div(b).map(parts), &expected("div"));
    c.same("safe_float mul_div", &a.mul_div(b, d).map(parts), &expected("mul_div_abc"));
}

fn share_pool(sequence: &Value, c: &mut Checker) {
    let mut pool = SharePool::<u8>::default();
    for step in list(sequence) {
        let amount: i64 = int(&step["amount"]);
        match step["op"].as_str() {
            Some("one") => pool.update_one(&int::<u8>(&step["key"]), amount),
            _ => pool.update_all(amount),
        }
        let state = &step["state"];
        c.same("share_pool value", &pool.value(), &int(&state["shared_value"]));
        c.same("share_pool denominator", &parts(pool.denominator()), &raw(&state["denominator"]));
        let shares: Vec<(u8, (u128, i64))> = pool.shares().map(|(k, s)| (*k, parts(s))).collect();
        let expected: Vec<(u8, (u128, i64))> =
            list(&state["shares"]).iter().map(|s| (int(&s[0]), raw(&s[1]))).collect();
        c.same("share_pool shares", &shares, &expected);
        let values: Vec<u64> = (0..4).map(|key| pool.value_of(&key)).collect();
        c.same("share_pool values", &values, &ints(&step["values_after"]));
    }
}

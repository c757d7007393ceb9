//! `payment_*`: what a transaction would cost.

use codec::Encode;
use jsonrpsee::types::{ErrorObjectOwned, Params};
use pallet_transaction_payment::{FeeDetails, RuntimeDispatchInfo};
use serde_json::{Value, json};
use sp_core::{Bytes, H256};

use super::{Module, Registered, errors};
use crate::{
    node::{
        block::decode_answer,
        engine::{Engine, check_form},
    },
    runtime::Balance,
};

/// Registers the methods.
pub fn register(module: &mut Module) -> Registered {
    module.register_blocking_method("payment_queryInfo", |p, e, _| info(&p, &e))?;
    module.register_blocking_method("payment_queryFeeDetails", |p, e, _| fee_details(&p, &e))?;
    Ok(())
}

fn info(params: &Params<'_>, engine: &Engine) -> Result<Value, ErrorObjectOwned> {
    const METHOD: &str = "TransactionPaymentApi_query_info";
    let info: RuntimeDispatchInfo<Balance> = decode_answer(METHOD, &ask(METHOD, params, engine)?);
    Ok(json!({
        "weight": { "refTime": info.weight.ref_time(), "proofSize": info.weight.proof_size() },
        "class": info.class,
        "partialFee": info.partial_fee.to_string(),
    }))
}

fn fee_details(params: &Params<'_>, engine: &Engine) -> Result<Value, ErrorObjectOwned> {
    const METHOD: &str = "TransactionPaymentApi_query_fee_details";
    let details: FeeDetails<Balance> = decode_answer(METHOD, &ask(METHOD, params, engine)?);
    let hex = |amount: Balance| format!("{amount:#x}");
    let inclusion = details.inclusion_fee.map(|fee| {
        json!({
            "baseFee": hex(fee.base_fee),
            "lenFee": hex(fee.len_fee),
            "adjustedWeightFee": hex(fee.adjusted_weight_fee),
        })
    });
    Ok(json!({ "inclusionFee": inclusion }))
}

fn ask(method: &str, params: &Params<'_>, engine: &Engine) -> Result<Vec<u8>, ErrorObjectOwned> {
    let mut params = params.sequence();
    let mut args: Vec<u8> = params.next::<Bytes>()?.0;
    let block: Option<H256> = params.optional_next()?;
    check_form(&args).map_err(errors::submit)?;
    let length = u32::try_from(args.len()).expect("a request is smaller than 4 GiB");
    length.encode_to(&mut args);
    let (state, _) = engine.chain.state(block).map_err(errors::state)?;
    state.call(method, &args).map_err(errors::call)
}

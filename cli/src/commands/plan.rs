//! `sn3 plan`: whether a model can be trained on a GPU and a line, before anything is bought or allocated.

use std::fmt::Write as _;

use serde::Serialize;
use sn3_protocol::model::ModelConfig;
use sn3_trainer::plan::{GPUS, Gpu, Plan, PlanError, PlanOptions, gpu, plan};

use crate::args::training::PlanArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;
use crate::training::ModelSource;

/// Prints the plan; a configuration that cannot work is an error that says why.
pub fn run(args: &PlanArgs, output: &Output) -> Result<(), CliError> {
    if args.list {
        list(output);
        return Ok(());
    }
    let options = options(args)?;
    let plan = plan(&options).or_exit(Exit::Usage)?;
    output.result(text(&options, &plan));
    #[derive(Serialize)]
    struct Event<'a> {
        model: &'a ModelConfig,
        gpu: &'a Gpu,
        plan: &'a Plan,
        refusals: Vec<String>,
    }
    let refusals: Vec<String> = plan.refusals.iter().map(ToString::to_string).collect();
    output.event(
        "plan",
        &Event { model: &options.model, gpu: &options.gpu, plan: &plan, refusals: refusals.clone() },
    );
    match refusals.as_slice() {
        [] => Ok(()),
        reasons => Err(CliError::new(Exit::Usage, format!("this cannot work: {}", reasons.join("; ")))),
    }
}

fn list(output: &Output) {
    output.result(format_args!(
        "{:<14} {:>10} {:>14} {:>22}",
        "gpu", "memory", "bandwidth", "dense bf16 products"
    ));
    for (name, memory_gb, bandwidth_gb_s, tflops) in GPUS {
        output.result(format_args!(
            "{name:<14} {:>10} {:>14} {:>22}",
            format!("{memory_gb} GB"),
            format!("{bandwidth_gb_s} GB/s"),
            format!("{tflops} TFLOP/s")
        ));
    }
    let gpus: Vec<Gpu> = GPUS.iter().filter_map(|(name, ..)| gpu(name).ok()).collect();
    output.event("gpus", &gpus);
}

fn options(args: &PlanArgs) -> Result<PlanOptions, CliError> {
    let mut model = ModelSource::open_config(&args.model)?;
    if let Some(seq_len) = args.seq_len {
        model.context = seq_len;
    }
    Ok(PlanOptions {
        model,
        gpu: planned_gpu(args)?,
        gpus: args.gpus,
        batch_samples: args.batch,
        micro_batch: args.micro_batch,
        inner_steps: args.inner_steps,
        window_blocks: args.window_blocks,
        put_blocks: args.put_blocks,
        upload_mbit_s: args.upload_mbit_s,
        download_mbit_s: args.download_mbit_s,
        peers: args.peers,
        top_k: args.top_k,
    })
}

/// A GPU of the list, with what the arguments say otherwise; one that is not in the list needs all numbers.
fn planned_gpu(args: &PlanArgs) -> Result<Gpu, CliError> {
    let given = (args.gpu_memory_gb, args.gpu_bandwidth_gb_s, args.gpu_tflops);
    let mut known = match (gpu(&args.gpu), given) {
        (Ok(known), _) => known,
        (Err(PlanError::Gpu(name)), (Some(_), Some(_), Some(_))) => {
            Gpu { name, memory_bytes: 0.0, bandwidth_bytes_s: 0.0, bf16_flops: 0.0 }
        }
        (Err(error), _) => {
            let message = format!("{error} (--gpu-memory-gb, --gpu-bandwidth-gb-s and --gpu-tflops)");
            return Err(CliError::new(Exit::Usage, message));
        }
    };
    known.memory_bytes = given.0.map_or(known.memory_bytes, |gb| gb * 1e9);
    known.bandwidth_bytes_s = given.1.map_or(known.bandwidth_bytes_s, |gb_s| gb_s * 1e9);
    known.bf16_flops = given.2.map_or(known.bf16_flops, |tflops| tflops * 1e12);
    Ok(known)
}

fn text(options: &PlanOptions, plan: &Plan) -> String {
    let (memory, gb) = (&plan.memory, |bytes: f64| format!("{:.1} GB", bytes / 1e9));
    let seconds =
        |value: f64| if value.abs() < 10.0 { format!("{value:.2} s") } else { format!("{value:.0} s") };
    let rows = [
        ("model", format!("{}, {:.1} M parameters", options.model.name, plan.parameters as f64 / 1e6)),
        ("GPUs", format!("{} × {}", options.gpus, options.gpu.name)),
        ("memory of a GPU", format!("{} of {}", gb(memory.total), gb(memory.available))),
        ("  weights, gradients, moments", gb(memory.state)),
        ("  activations", gb(memory.activations)),
        ("  logits", gb(memory.logits)),
        ("  driver and libraries", gb(memory.overhead)),
        ("memory of the host", gb(plan.host_bytes)),
        ("a step", seconds(plan.step_s)),
        ("tokens a second", format!("{:.0}", plan.tokens_s)),
        ("steps of a window", format!("{} take {}", options.inner_steps, seconds(plan.compute_s))),
        ("compression", seconds(plan.compress_s)),
        ("the window", format!("{}, {} left over", seconds(plan.window_s), seconds(plan.margin_s))),
        (
            "payload",
            format!(
                "{:.2} MB, {:.2} MB at most",
                plan.payload_bytes / 1e6,
                plan.payload_bytes_max as f64 / 1e6
            ),
        ),
        (
            "upload",
            format!("{}, {} left of the put phase", seconds(plan.upload_s), seconds(plan.put_margin_s)),
        ),
        ("download of all payloads", format!("{} ({} peers)", seconds(plan.download_s), options.peers)),
    ];
    let mut text = String::new();
    for (what, value) in rows {
        let _ = writeln!(text, "{what:<32} {value}");
    }
    text.push_str("estimates from the GPU's published numbers; only a run measures");
    text
}

//! Runs a scenario file and prints what came of it: `cargo run --release --example simulate -- FILE [BLOCKS]`.
//! Without a file it runs the shipped example.
#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use sn3_simulator::run::{Control, Simulation};
use sn3_simulator::scenario::{EXAMPLE, Format, Scenario};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut scenario = match arguments.next() {
        Some(path) => Scenario::load(Path::new(&path))?,
        None => Scenario::parse(EXAMPLE, Format::Toml)?,
    };
    if let Some(blocks) = arguments.next() {
        scenario.blocks = blocks.parse()?;
    }
    let started = Instant::now();
    let mut simulation = Simulation::new(&scenario)?;
    println!("built in {:.2?}", started.elapsed());
    let started = Instant::now();
    simulation.run(&mut |at| {
        if at.done.is_multiple_of(65_536) {
            println!("{:>9} of {} blocks, {:.1?}", at.done, at.blocks, started.elapsed());
        }
        Control::Continue
    });
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} blocks in {seconds:.2} s, {:.1} µs per block",
        scenario.blocks,
        seconds * 1e6 / scenario.blocks as f64
    );
    let summary = simulation.summary();
    for group in summary.groups.iter().take(40) {
        let (alpha, tao) = (group.earned_alpha_rao as f64 / 1e9, group.free_tao_change_rao as f64 / 1e9);
        println!("{:24} {:9} {alpha:>14.3} alpha {tao:>12.3} TAO", group.group, group.kind);
    }
    for (operation, error, times) in &summary.refusals {
        println!("refused {times:>6}: {operation} {error}");
    }
    println!("digest {}", simulation.digest());
    Ok(())
}

//! Seals text to a round of drand's quicknet and prints the ciphertext as hexadecimal digits.
//!
//! `cargo run -p sn3-timelock --example seal -- ROUND TEXT`

#![allow(clippy::print_stdout, reason = "an example prints its result")]

use sn3_timelock::{Beacon, Entropy, seal};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let round = arguments.next().ok_or("give a round and a text")?.parse()?;
    let text = arguments.next().ok_or("give a text after the round")?;
    let sealed = seal(&Beacon::quicknet(), round, text.as_bytes(), Entropy::fresh()?)?;
    println!("{}", hex::encode(sealed));
    Ok(())
}

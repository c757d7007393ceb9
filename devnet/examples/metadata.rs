//! Writes the runtime's metadata to a file: `metadata VERSION FILE`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(version), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: metadata VERSION FILE, for example: metadata 15 devnet.scale".into());
    };
    let metadata = sn3_devnet::runtime::metadata(version.parse()?)
        .ok_or_else(|| format!("metadata version {version} is not offered; ask for 14, 15 or 16"))?;
    std::fs::write(path, metadata)?;
    Ok(())
}

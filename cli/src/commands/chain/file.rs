//! Text files that users name, read with a limit.

use std::io::Read as _;
use std::path::Path;

use crate::exit::{CliError, Exit};

/// A file's text, at most `bytes_max` bytes of it.
///
/// # Errors
/// A file that cannot be read, is no UTF-8, or is longer.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<String, CliError> {
    let fail =
        |reason: String| CliError::new(Exit::Data, format!("cannot read {}: {reason}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| fail(error.to_string()))?;
    let mut text = String::new();
    file.take(bytes_max + 1).read_to_string(&mut text).map_err(|error| fail(error.to_string()))?;
    match text.len() as u64 > bytes_max {
        true => Err(fail(format!("it has more than {bytes_max} bytes"))),
        false => Ok(text),
    }
}

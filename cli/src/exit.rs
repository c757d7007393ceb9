//! Exit codes and the one error type of the binary: a line for people, a code for scripts.

use std::fmt;
use std::process::ExitCode;

/// Why a command ended. The numbers are stable; scripts may rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Exit {
    /// Something failed that has no class of its own.
    Failure = 1,
    /// The command line or a configuration value is wrong (clap uses the same number).
    Usage = 2,
    /// Input data is missing, unreadable or empty.
    Data = 3,
    /// A port, an endpoint or a storage cannot be reached or opened.
    Network = 4,
    /// A wallet is missing, locked or damaged, or the password is wrong.
    Wallet = 5,
    /// A state file or checkpoint on disk is damaged.
    State = 6,
    /// The chain refused an extrinsic or lacks something that is needed.
    Chain = 7,
    /// Nodes disagree about the state of the run; it cannot go on.
    Diverged = 8,
    /// A price or another limit that the user set held; nothing was bought.
    Limit = 9,
    /// Stopped by the user (Ctrl-C) after saving.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What a command returns when it fails.
#[derive(Debug)]
pub struct CliError {
    /// The class, for the exit code.
    pub exit: Exit,
    /// What failed, the value, and what to do: one line.
    pub message: String,
}

impl CliError {
    /// An error of class `exit`.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string() }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

/// The whole chain of an error's causes in one line, without saying anything twice.
pub fn chain_of_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = cause.source();
    }
    line
}

/// Gives a library's error its class.
pub trait OrExit<T> {
    /// Turns the error into a [`CliError`] of class `exit`, keeping its chain of causes.
    fn or_exit(self, exit: Exit) -> Result<T, CliError>;
}

impl<T, E: std::error::Error> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, CliError> {
        self.map_err(|error| CliError::new(exit, chain_of_causes(&error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_joined_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot read a.txt")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("disk on fire"));
        assert_eq!(chain_of_causes(&error), "cannot read a.txt: disk on fire");
    }
}

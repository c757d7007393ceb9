//! The exit code of each error of the chain's library.

use sn3_chain::tx::TxError;
use sn3_chain::weights::{DaemonError, NormaliseError};
use sn3_chain::{ClockError, LedgerError, ReadError, SubmitError, WeightsError};

use crate::exit::{CliError, Exit, chain_of_causes};

/// Refusals of the chain that say that a limit of the user's own held.
const LIMIT_ERRORS: [&str; 2] = ["RegistrationPriceLimitExceeded", "SlippageTooHigh"];

impl From<ReadError> for CliError {
    fn from(error: ReadError) -> Self {
        let exit = if error.is_transient() { Exit::Network } else { Exit::Chain };
        Self::new(exit, chain_of_causes(&error))
    }
}

impl From<SubmitError> for CliError {
    fn from(error: SubmitError) -> Self {
        if let SubmitError::Read(error) = error {
            return error.into();
        }
        let limit = error.module_error().is_some_and(|name| LIMIT_ERRORS.contains(&name));
        Self::new(if limit { Exit::Limit } else { Exit::Chain }, chain_of_causes(&error))
    }
}

impl From<TxError> for CliError {
    fn from(error: TxError) -> Self {
        let exit = match error {
            TxError::Read(error) => return error.into(),
            TxError::Submit(error) => return error.into(),
            TxError::OtherKey { .. } => Exit::Wallet,
            TxError::OtherChain { .. } => Exit::Chain,
            _ => Exit::Data,
        };
        Self::new(exit, chain_of_causes(&error))
    }
}

impl From<LedgerError> for CliError {
    fn from(error: LedgerError) -> Self {
        Self::new(Exit::State, chain_of_causes(&error))
    }
}

impl From<ClockError> for CliError {
    fn from(error: ClockError) -> Self {
        Self::new(Exit::Network, chain_of_causes(&error))
    }
}

impl From<NormaliseError> for CliError {
    fn from(error: NormaliseError) -> Self {
        Self::new(Exit::Data, chain_of_causes(&error))
    }
}

impl From<WeightsError> for CliError {
    fn from(error: WeightsError) -> Self {
        match error {
            WeightsError::Ledger(error) => error.into(),
            WeightsError::Read(error) => error.into(),
            WeightsError::Submit(error) => error.into(),
            other => Self::new(Exit::Chain, chain_of_causes(&other)),
        }
    }
}

impl From<DaemonError> for CliError {
    fn from(error: DaemonError) -> Self {
        match error {
            DaemonError::Ledger(error) => error.into(),
            DaemonError::Read(error) => error.into(),
            DaemonError::Clock(error) => error.into(),
            DaemonError::Rejected(error) => error.into(),
            other => Self::new(Exit::Failure, chain_of_causes(&other)),
        }
    }
}

//! The log subscriber: text or JSON lines on standard error, filtered by target and level.

use tracing_subscriber::EnvFilter;

use crate::config;

/// Installs the subscriber for the whole process. Lines go to standard error, which journald and container runtimes
/// collect; the times in them are the subscriber's own.
///
/// # Errors
/// When the filter is malformed, or a subscriber is installed already.
pub fn subscribe(log: &config::Log) -> Result<(), SubscribeError> {
    let builder = tracing_subscriber::fmt().with_env_filter(filter(&log.filter)?).with_writer(std::io::stderr);
    let installed = match log.format {
        config::LogFormat::Text => builder.with_ansi(false).try_init(),
        config::LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    installed.map_err(|_| SubscribeError::Installed)
}

/// Whether the text is a filter, for `presignd check`.
///
/// # Errors
/// As [`subscribe`].
pub fn check_filter(text: &str) -> Result<(), SubscribeError> {
    filter(text).map(drop)
}

fn filter(text: &str) -> Result<EnvFilter, SubscribeError> {
    EnvFilter::builder().parse(text).map_err(|error| SubscribeError::Filter(error.to_string()))
}

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The filter is not of the form `level` or `target=level,…`.
    #[error("log.filter: {0}; write a level (error, warn, info, debug, trace), or target=level, separated by commas")]
    Filter(String),
    /// Somebody was faster.
    #[error("the log was set up already")]
    Installed,
}

//! The log subscriber: text or JSON lines on standard error, filtered by target and level.

use tracing_subscriber::EnvFilter;

use crate::config;

/// The filter of the installed subscriber.
pub struct LogFilter(Box<dyn Fn(EnvFilter) -> Result<(), SubscribeError> + Send + Sync>);

impl LogFilter {
    /// Puts another in its place, for every line from now on.
    ///
    /// # Errors
    /// When it is malformed; then the former stays.
    pub fn replace(&self, text: &str) -> Result<(), SubscribeError> {
        (self.0)(filter(text)?)
    }
}

/// Installs the subscriber for the whole process. Lines go to standard error, which journald and container runtimes
/// collect; the times in them are the subscriber's own.
///
/// # Errors
/// When the filter is malformed, or a subscriber is installed already.
pub fn subscribe(log: &config::Log) -> Result<LogFilter, SubscribeError> {
    let builder = tracing_subscriber::fmt().with_env_filter(filter(&log.filter)?).with_writer(std::io::stderr);
    match log.format {
        config::LogFormat::Text => {
            let builder = builder.with_ansi(false).with_filter_reloading();
            let handle = builder.reload_handle();
            builder.try_init().map_err(|_| SubscribeError::Installed)?;
            Ok(LogFilter(Box::new(move |filter| handle.reload(filter).map_err(|_| SubscribeError::Gone))))
        }
        config::LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            builder.try_init().map_err(|_| SubscribeError::Installed)?;
            Ok(LogFilter(Box::new(move |filter| handle.reload(filter).map_err(|_| SubscribeError::Gone))))
        }
    }
}

/// Whether the text is a filter, for `presignd check`.
///
/// # Errors
/// Says what it takes.
pub fn check_filter(text: &str) -> Result<(), config::Error> {
    filter(text).map(drop)
}

/// What these say of connections, whoever connects makes them say as often as it likes. Who wants to hear it names them.
const OF_CALLERS: &str = "h2=error,hyper=error,hyper_util=error,tonic=error";

fn filter(text: &str) -> Result<EnvFilter, config::Error> {
    EnvFilter::builder().parse(format!("{OF_CALLERS},{text}")).map_err(|error| {
        let remedy = "write a level (error, warn, info, debug, trace), or target=level, separated by commas";
        config::Error::new("log.filter", format!("{error}; {remedy}"))
    })
}

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The filter is not of the form `level` or `target=level,…`.
    #[error(transparent)]
    Filter(#[from] config::Error),
    /// Somebody was faster.
    #[error("the log was set up already")]
    Installed,
    /// The subscriber is there no more.
    #[error("the log's filter cannot be changed any more")]
    Gone,
}

//! How the story is told.

use presignd::grpc::proto::{LimitedBy, UrlRecord};
use presignd::time::Timestamp;

/// A heading.
pub(crate) fn step(text: &str) {
    println!("\n• {text}");
}

/// A line below it.
pub(crate) fn say(text: &str) {
    println!("  {text}");
}

/// The time of day, UTC.
pub(crate) fn clock(at: i64) -> String {
    let text = Timestamp::from_unix(at).to_string();
    text.get(11..19).unwrap_or(&text).to_owned()
}

/// A URL without its long middle: the token and the signature say nothing to a reader.
pub(crate) fn shortened(url: &str) -> String {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let short = |pair: &str| if pair.len() > 60 { format!("{}…", &pair[..48]) } else { pair.to_owned() };
    let pairs: Vec<String> = query.split('&').map(short).collect();
    format!("{place}?\n    {}", pairs.join("&\n    "))
}

/// What set the end, as people say it.
pub(crate) fn limit(limit: LimitedBy) -> String {
    limit.as_str_name().trim_start_matches("LIMITED_BY_").replace('_', " ").to_lowercase()
}

/// A record as a row of a table.
pub(crate) fn row(record: &UrlRecord) -> String {
    let generation = record.session.as_ref().map_or(0, |session| session.generation);
    let key = record.request.as_ref().map_or("", |request| request.key.as_str());
    let at = |at: &Option<prost_types::Timestamp>| at.as_ref().map_or_else(String::new, |at| clock(at.seconds));
    let limit = limit(record.limited_by());
    let (signed, ends) = (at(&record.signed_at), at(&record.usable_until));
    format!("{:<12} {key:<10} {generation:<4} {signed:<9} {ends:<12} {limit:<9}", record.id)
}

//! `presignd urls`: the record of what was issued, newest first, page by page.

use serde_json::{Value, json};

use super::connect::{Daemon, Globals};
use super::exit::{Failure, warn};
use super::identities::dash;
use super::out::{self, Format, Sheet};
use super::wanted::{Wanted, time};
use super::{json, say};
use crate::clock::Clock;
use crate::config::Surroundings;
use crate::grpc::proto::ending::Verdict;
use crate::grpc::proto::{Ending, GetUrlRequest, ListUrlsRequest, UrlFilter, UrlRecord};
use crate::time::Timestamp;

/// List issued URLs, newest first; your own, or with --admin everybody's.
#[derive(Debug, Clone, clap::Args)]
pub struct Urls {
    /// Show this record only
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub wanted: Wanted,
    /// Usable after this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "outstanding")]
    pub usable_after: Option<prost_types::Timestamp>,
    /// Only URLs that have not ended
    #[arg(long)]
    pub outstanding: bool,
    /// At most so many records; 0 for all [default: 100]
    #[arg(long, value_name = "NUMBER", default_value_t = 100, hide_default_value = true)]
    pub limit: u64,
}

impl Urls {
    fn filter(&self) -> Result<UrlFilter, Failure> {
        let usable_after = if self.outstanding { Some(wire(Clock::system().local_now())) } else { self.usable_after };
        Ok(UrlFilter { usable_after, ..self.wanted.filter()? })
    }

    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let filter = self.filter()?;
        if self.id.is_some() && filter != (UrlFilter { usable_after: filter.usable_after, ..Default::default() }) {
            return Err(Failure::usage("a record is named by its id alone; leave the filters out"));
        }
        let format = globals.output.unwrap_or(Format::Table);
        let daemon = globals.connect(around).await?;
        let Some(id) = &self.id else {
            return self.list(filter, format, &daemon).await;
        };
        let url = daemon.registry().get_url(daemon.ask(GetUrlRequest { id: id.clone() })).await?.into_inner().url;
        let url = url.unwrap_or_default();
        match format {
            Format::Json => out::json(json!({"url": json::record(&url)}))?,
            format => card(&url).print(format)?,
        }
        Ok(())
    }

    async fn list(&self, filter: UrlFilter, format: Format, daemon: &Daemon) -> Result<(), Failure> {
        let mut pages = Pages { filter, token: String::new(), left: self.limit, bounded: self.limit > 0, done: false };
        let mut printed = 0;
        if format == Format::Json {
            out::line(&format!("{{\"version\":{},\"urls\":[", out::VERSION))?;
        }
        while let Some(page) = pages.next(daemon).await? {
            match format {
                Format::Json => {
                    for (at, url) in page.iter().enumerate() {
                        // The comma comes first, since the last record is known too late.
                        let comma = if printed + at == 0 { "" } else { "," };
                        out::line(&format!("{comma}{}", json::listed(url)))?;
                    }
                }
                // Page by page, since the registry may hold more than memory does: columns line up within a page.
                format if printed == 0 => rows(&page).print(format)?,
                format if !page.is_empty() => rows(&page).bare().print(format)?,
                _ => {}
            }
            printed += page.len();
        }
        let more = !pages.token.is_empty();
        if format == Format::Json {
            out::line(&format!("],\"more\":{}}}", Value::from(more)))?;
        } else if more {
            warn(&format!("more than {} records match; --limit 0 lists all", self.limit));
        }
        Ok(())
    }
}

/// Follows pages until the service or the user has had enough.
struct Pages {
    filter: UrlFilter,
    token: String,
    left: u64,
    bounded: bool,
    done: bool,
}

impl Pages {
    async fn next(&mut self, daemon: &Daemon) -> Result<Option<Vec<UrlRecord>>, Failure> {
        if self.done {
            return Ok(None);
        }
        let size = if self.bounded { self.left.min(PAGE) } else { PAGE };
        let ask = daemon.ask(ListUrlsRequest {
            filter: Some(self.filter.clone()),
            page_size: i32::try_from(size).unwrap_or(i32::MAX),
            page_token: std::mem::take(&mut self.token),
        });
        let page = daemon.registry().list_urls(ask).await?.into_inner();
        self.token = page.next_page_token;
        self.left = self.left.saturating_sub(page.urls.len() as u64);
        self.done = self.token.is_empty() || (self.bounded && self.left == 0);
        Ok(Some(page.urls))
    }
}

/// One line for each record.
pub fn rows(urls: &[UrlRecord]) -> Sheet {
    let mut sheet = Sheet::new(&[
        "ID",
        "SIGNED AT",
        "USABLE UNTIL",
        "OPERATION",
        "BUCKET",
        "KEY",
        "IDENTITY",
        "GENERATION",
        "UID",
        "ON BEHALF OF",
    ]);
    for url in urls {
        let request = url.request.clone().unwrap_or_default();
        let session = url.session.clone().unwrap_or_default();
        sheet.row(vec![
            url.id.clone(),
            say::time(url.signed_at.as_ref()),
            say::time(url.usable_until.as_ref()),
            dash(say::operation(request.operation).to_owned()),
            request.bucket,
            dash(request.key),
            dash(session.identity),
            session.generation.to_string(),
            url.caller.as_ref().map_or("-".to_owned(), |caller| caller.uid.to_string()),
            dash(url.on_behalf_of.clone()),
        ]);
    }
    sheet
}

/// One record, a line for each of its fields.
pub fn card(url: &UrlRecord) -> Sheet {
    let request = url.request.clone().unwrap_or_default();
    let session = url.session.clone().unwrap_or_default();
    let mut pairs = vec![
        ("id".to_owned(), url.id.clone()),
        ("operation".to_owned(), say::operation(request.operation).to_owned()),
        ("method".to_owned(), request.method),
        ("bucket".to_owned(), request.bucket),
        ("key".to_owned(), request.key),
        ("host".to_owned(), url.host.clone()),
        ("region".to_owned(), request.region),
        ("signed at".to_owned(), say::time(url.signed_at.as_ref())),
        ("expires in".to_owned(), say::length(url.expires_in.as_ref())),
        ("usable until".to_owned(), say::time(url.usable_until.as_ref())),
        ("limited by".to_owned(), say::limited_by(url.limited_by)),
        ("identity".to_owned(), session.identity),
        ("generation".to_owned(), session.generation.to_string()),
        ("access key".to_owned(), session.access_key_id),
        ("session ends".to_owned(), say::time(session.expires_at.as_ref())),
        ("on behalf of".to_owned(), url.on_behalf_of.clone()),
        ("replaces".to_owned(), url.replaces.clone()),
        ("post policy".to_owned(), url.post_policy.clone()),
    ];
    if let Some(caller) = &url.caller {
        pairs.push((
            "caller".to_owned(),
            format!("uid {} gid {} {}", caller.uid, caller.gid, caller.executable).trim_end().to_owned(),
        ));
    }
    for (kind, map) in [("query", &request.query), ("header", &request.headers), ("label", &url.labels)] {
        let mut named: Vec<_> = map.iter().map(|(name, value)| (format!("{kind} {name}"), value.clone())).collect();
        named.sort();
        pairs.extend(named);
    }
    pairs.extend(url.endings.iter().map(|ending| (ends_early(ending), say::standing(ending))));
    Sheet::card(pairs)
}

fn ends_early(ending: &Ending) -> String {
    (if ending.verdict() == Verdict::MayEnd { "may end early" } else { "ends early" }).to_owned()
}

/// As the wire has it.
pub(super) fn wire(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.unix(), nanos: 0 }
}

/// Records in one call; the most that the service gives.
const PAGE: u64 = 1000;

//! `presignd contain`: for one URL, every way to end it, cheapest first, with the commands. Never shows the URL.

use super::connect::Globals;
use super::exit::Failure;
use super::find::argument_or_stdin;
use super::impact::outages;
use super::impact::told::{bearer_sees, bullet, count, wrapped};
use super::out::{self, Format, Sheet};
use super::{event, json, say};
use crate::config::Surroundings;
use crate::grpc::proto::contain_request::Url;
use crate::grpc::proto::ending::Verdict;
use crate::grpc::proto::{ContainRequest, ContainResponse, Containment, Outage};
use crate::session::RecordId;

/// Say what would end one URL, what each way takes along, and how to do it (admin socket)
#[derive(Debug, Clone, clap::Args)]
pub struct Contain {
    /// The URL, its record's id, or a line of an S3 access log; "-" reads it from stdin, which keeps it out of the process list
    #[arg(value_name = "URL")]
    pub url: String,
}

impl Contain {
    /// Asks and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let text = argument_or_stdin(&self.url).await?;
        let url = if RecordId::parse(&text).is_some() { Url::Id(text) } else { Url::Text(text) };
        let daemon = globals.connect_admin(around).await?;
        let answer = daemon.impact().contain(daemon.ask(ContainRequest { url: Some(url) })).await?.into_inner();
        match globals.output.unwrap_or(Format::Table) {
            Format::Json => out::json(json::impact::contained(&answer))?,
            Format::Text => lines(&answer).print(Format::Text)?,
            Format::Table => out::line(page(&answer).trim_end())?,
        }
        Ok(())
    }
}

/// For reading.
fn page(answer: &ContainResponse) -> String {
    let mut page = wrapped(&subject(answer), 0);
    for (at, one) in answer.containments.iter().enumerate() {
        let ending = one.ending.clone().unwrap_or_default();
        let title = one.event.as_ref().map(event::told).unwrap_or_default();
        let may = if ending.verdict() == Verdict::MayEnd { "may end" } else { "ends" };
        let undone = if ending.reversible { "undone, it works again" } else { "for good" };
        page += &format!("\n{}. {}", at + 1, wrapped(&title, 3).trim_start());
        let mut told = format!("{}; the URL {may}; the bearer sees {}; {undone}.", along(one), bearer_sees(&ending));
        if !ending.condition.is_empty() {
            told += &format!(" It ends if {}.", ending.condition);
        }
        page += &wrapped(&told, 3);
        page += &outages::page(&one.outages, 3);
        for step in &one.steps {
            page += &wrapped(&step.title, 3);
            // As it is, to be pasted: never wrapped.
            page += &step.text.lines().map(|line| format!("     {}\n", out::plain(line))).collect::<String>();
        }
    }
    if !answer.gaps.is_empty() {
        page += "\nNot in this answer:\n";
        for gap in &answer.gaps {
            page += &bullet(&gap.message);
        }
    }
    page
}

/// Which URL it is, without the URL.
fn subject(answer: &ContainResponse) -> String {
    let url = answer.url.clone().unwrap_or_default();
    let (request, session) = (url.request.unwrap_or_default(), url.session.unwrap_or_default());
    let ways = match answer.containments.len() {
        0 => "Nothing that can be done ends it before that.".to_owned(),
        1 => "One thing ends it before that:".to_owned(),
        many => format!("{many} things would end it before that, cheapest first:"),
    };
    format!(
        "{}: {} of s3://{}/{}, signed by {} (generation {}, {}), usable until {}. {ways}",
        url.id,
        say::operation(request.operation),
        request.bucket,
        request.key,
        session.identity,
        session.generation,
        session.access_key_id,
        say::time(url.usable_until.as_ref()),
    )
}

fn along(one: &Containment) -> String {
    let others = |urls| format!("{} other URL{} along", count(urls), if urls == 1 { "" } else { "s" });
    match (one.takes_along, one.may_take_along) {
        (0, 0) => "takes nothing else along".to_owned(),
        (ends, 0) => format!("takes {}", others(ends)),
        (0, may) => format!("may take {}", others(may)),
        (ends, may) => format!("takes {}, and may take {} more", others(ends), count(may)),
    }
}

/// One line for each way; whom it stops from signing, whom a renewal mends, and whose links it cuts short, before how to do
/// it.
fn lines(answer: &ContainResponse) -> Sheet {
    let mut sheet = Sheet::new(&[]);
    for one in &answer.containments {
        let ending = one.ending.clone().unwrap_or_default();
        let (renewed, others): (Vec<&Outage>, Vec<&Outage>) =
            one.outages.iter().partition(|outage| outages::is_mended_by_renewal(outage));
        let (short, stopped): (Vec<&Outage>, _) = others.into_iter().partition(|outage| outages::is_cut_short(outage));
        let mut cells = vec![
            say::verdict(ending.verdict),
            one.takes_along.to_string(),
            one.may_take_along.to_string(),
            ending.reason,
            outages::names(stopped.into_iter()),
            outages::names(renewed.into_iter()),
            outages::names(short.into_iter()),
        ];
        cells.extend(one.steps.iter().map(|step| step.text.clone()));
        sheet.row(cells);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_url_is_told_as_one() {
        let told =
            |takes_along, may_take_along| along(&Containment { takes_along, may_take_along, ..Default::default() });
        assert_eq!(told(0, 1), "may take 1 other URL along");
        assert_eq!(told(1, 1203), "takes 1 other URL along, and may take 1,203 more");
        assert_eq!([told(1, 0), told(0, 2)], ["takes 1 other URL along", "may take 2 other URLs along"]);
    }
}

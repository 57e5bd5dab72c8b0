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
use crate::grpc::proto::{ContainRequest, ContainResponse, Containment, Ending, Gap, Outage};
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
    let gaps: Vec<&Gap> = answer.gaps.iter().filter(|gap| over(answer) != Some(*gap)).collect();
    if !gaps.is_empty() {
        page += "\nNot in this answer:\n";
        for gap in gaps {
            page += &bullet(&gap.message);
        }
    }
    page
}

/// That the URL has ended, which is said first.
fn over(answer: &ContainResponse) -> Option<&Gap> {
    answer.gaps.iter().find(|gap| gap.reason == "ALREADY_ENDED")
}

/// Which URL it is, without the URL.
fn subject(answer: &ContainResponse) -> String {
    let url = answer.url.clone().unwrap_or_default();
    let (request, session) = (url.request.unwrap_or_default(), url.session.unwrap_or_default());
    let until = say::time(url.usable_until.as_ref());
    let early: Vec<String> = url.endings.iter().map(early).collect();
    let rest = match (over(answer), answer.containments.len()) {
        (Some(over), 0) => format!(". {}", over.message),
        (Some(over), 1) => format!(". {} One thing would end it then, too:", over.message),
        (Some(over), many) => format!(". {} {many} things would end it then, too, cheapest first:", over.message),
        (None, ways) => {
            let ways = match ways {
                0 => "Nothing that can be done ends it before that.".to_owned(),
                1 => "One thing ends it before that:".to_owned(),
                many => format!("{many} things would end it before that, cheapest first:"),
            };
            format!(", usable until {until}{}. {ways}", early.concat())
        }
    };
    format!(
        "{}: {} of s3://{}/{}, signed by {} (generation {}, {}){rest}",
        url.id,
        say::operation(request.operation),
        request.bucket,
        request.key,
        session.identity,
        session.generation,
        session.access_key_id,
    )
}

/// What stands, and ends the URL early or may.
fn early(ending: &Ending) -> String {
    let ends = if ending.verdict() == Verdict::MayEnd { "may end" } else { "ends" };
    format!("; event {} stands, and {ends} it {}", ending.event_id, say::interval(ending))
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
    use crate::grpc::proto::UrlRecord;

    fn of(gaps: Vec<Gap>, endings: Vec<Ending>, ways: usize) -> String {
        let usable_until = Some(prost_types::Timestamp { seconds: 3600, nanos: 0 });
        let url = Some(UrlRecord { id: "a-7".into(), usable_until, endings, ..UrlRecord::default() });
        page(&ContainResponse { url, containments: vec![Containment::default(); ways], gaps })
    }

    #[test]
    fn that_a_url_has_ended_is_said_first_and_once() {
        let over = |message: &str| Gap { reason: "ALREADY_ENDED".into(), message: message.into() };
        let undone = of(vec![over("It has ended. If that is undone, it works again.")], Vec::new(), 2);
        let undone = undone.replace('\n', " ");
        assert!(
            undone.contains(". It has ended. If that is undone, it works again. 2 things would end it then"),
            "{undone}"
        );
        assert!(!undone.contains("usable until") && !undone.contains("Not in this answer"), "{undone}");
        let gone = of(vec![over("It has ended, for good. Nothing is left to contain.")], Vec::new(), 0);
        assert!(gone.replace('\n', " ").trim_end().ends_with("Nothing is left to contain."), "{gone}");
    }

    #[test]
    fn what_stands_and_ends_it_soon_or_perhaps_is_said_with_its_end() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let early = |verdict: Verdict, event_id: &str| Ending {
            verdict: verdict.into(),
            not_before: at(60),
            not_after: at(90),
            event_id: event_id.into(),
            ..Ending::default()
        };
        let told = of(Vec::new(), vec![early(Verdict::Ends, "a-5"), early(Verdict::MayEnd, "a-4")], 0);
        let between = "between 1970-01-01T00:01:00Z and 1970-01-01T00:01:30Z";
        let said = format!(
            "usable until 1970-01-01T01:00:00Z; event a-5 stands, and ends it {between}; event a-4 stands, and may end it \
             {between}. Nothing that can be done"
        );
        assert!(told.replace('\n', " ").contains(&said), "{told}");
    }

    #[test]
    fn one_url_is_told_as_one() {
        let told =
            |takes_along, may_take_along| along(&Containment { takes_along, may_take_along, ..Default::default() });
        assert_eq!(told(0, 1), "may take 1 other URL along");
        assert_eq!(told(1, 1203), "takes 1 other URL along, and may take 1,203 more");
        assert_eq!([told(1, 0), told(0, 2)], ["takes 1 other URL along", "may take 2 other URLs along"]);
    }
}

//! The second story: what will die is told before it does, and then every URL is fetched.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use presignd::grpc::proto::event::What;
use presignd::grpc::proto::statement::Policy;
use presignd::grpc::proto::{Deny, KeyEvent, PresignResponse, SessionEvent, Statement};

use crate::bearer::Life;
use crate::forecast::{Fate, Forecast, Seen};
use crate::house::{House, Named};
use crate::support::now;
use crate::tell::{clock, say, step};
use crate::{Failure, expect};

/// A URL that is out, and where it stands in the tables.
struct Link {
    id: String,
    signer: &'static str,
    bucket: &'static str,
    usable_until: i64,
    life: Life,
}

pub(crate) async fn story() -> Result<(), Failure> {
    step("Another presignd: `deploy` signs with its own key, `mail` and `web` with the roles that this key may assume");
    let house = House::build(&["mail", "web"], SHORT).await?;
    let mut links = Vec::new();
    let web = house.session("web").await?;
    sign(&house, &mut links, "web", Some(&web), "web, session A", &[("films", 9), ("songs", 8)]).await?;
    let mail = house.renew("mail", LONG).await?;
    sign(&house, &mut links, "mail", Some(&mail), "mail, session A", &[("films", 12), ("songs", 5)]).await?;
    let mail_b = house.renew("mail", LONG).await?;
    sign(&house, &mut links, "mail", Some(&mail_b), "mail, session B", &[("films", 9), ("songs", 8)]).await?;
    let web_b = house.renew("web", LONG).await?;
    sign(&house, &mut links, "web", Some(&web_b), "web, session B", &[("films", 8), ("songs", 9)]).await?;
    sign(&house, &mut links, "deploy", None, "deploy", &[("films", 34)]).await?;
    say(&format!("{} URLs are out, signed by a key and four sessions", links.len()));

    step("What if the bucket policy of `films` denies session A of `mail`?");
    let denied = Forecast::of(&house, deny("films", &mail.arn)).await?;
    step("What if the key of `deploy` is deleted?");
    let key = KeyEvent { access_key_id: house.user.access_key_id.clone() };
    let deleted = Forecast::of(&house, What::KeyDeleted(key)).await?;
    step(&format!("What if session A of `web` ends, at {}?", clock(web.ends_at)));
    let ended = Forecast::of(&house, What::SessionExpired(SessionEvent { session_id: web.id })).await?;
    let forecasts = [&denied, &deleted, &ended];
    for forecast in forecasts {
        expect(forecast.len() == links.len(), "each forecast speaks of every URL")?;
        let dies = |link: &&Link| forecast.fate(&link.id).is_some_and(|fate| *fate != Fate::Lives);
        let dying = links.iter().filter(dies).count();
        expect(dying > 0 && dying < links.len(), "each event ends some and spares others")?;
    }

    step("The bucket policy of `films` denies session A of `mail`");
    house.s3.deny("films", &mail.arn);
    compare(&links, forecasts, 1).await?;
    step("The key of `deploy` is deleted");
    house.keys.delete(&house.user.access_key_id);
    compare(&links, forecasts, 2).await?;
    step("Session A of `web` ends");
    while now() < web.ends_at {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    compare(&links, forecasts, 3).await?;
    house.stop().await
}

fn deny(bucket: &str, principal_arn: &str) -> What {
    let statement = Statement {
        policy: Policy::Bucket.into(),
        principal_arn: principal_arn.to_owned(),
        bucket: bucket.to_owned(),
        ..Statement::default()
    };
    What::Denied(Deny { statement: Some(statement), ..Deny::default() })
}

/// Signs so many URLs in each bucket, of objects that are there.
async fn sign(
    house: &House,
    links: &mut Vec<Link>,
    identity: &str,
    session: Option<&Named>,
    signer: &'static str,
    buckets: &[(&'static str, usize)],
) -> Result<(), Failure> {
    for &(bucket, count) in buckets {
        let keys: Vec<String> = (0..count).map(|number| format!("{identity}/{number}")).collect();
        for key in &keys {
            house.s3.store().put(bucket, key, "la la la");
        }
        let signed = house.presign_all(identity, bucket, &keys).await?;
        let by = |url: &PresignResponse| url.session.as_ref().map(|session| session.id.clone());
        let all = signed.iter().all(|url| session.is_none_or(|session| by(url).as_ref() == Some(&session.id)));
        expect(all, "the newest session signs")?;
        links.extend(signed.iter().map(|url| Link {
            id: url.id.clone(),
            signer,
            bucket,
            usable_until: url.usable_until.map_or(0, |at| at.seconds),
            life: Life::watch(house.s3.address(), url),
        }));
    }
    Ok(())
}

/// Fetches every URL, and prints what was foretold beside what S3 says, when so many of the events have happened.
async fn compare(links: &[Link], forecasts: [&Forecast; 3], happened: usize) -> Result<(), Failure> {
    let fetched = stream::iter(links).map(|link| fetch(link, forecasts, happened)).buffered(AT_A_TIME);
    let fetched: Vec<(Vec<Seen>, Seen)> = fetched.try_collect().await?;
    let mut rows: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for (link, (foretold, found)) in links.iter().zip(&fetched) {
        let told = |seen: &[Seen]| seen.iter().map(shown).collect::<Vec<_>>().join(" or ");
        let row = (link.signer, link.bucket, told(foretold), shown(found));
        let (urls, differ) = rows.entry(row).or_default();
        *urls += 1;
        *differ += usize::from(!foretold.contains(found));
    }
    say(&format!("{:<16} {:<6} {:>4}  {:<40} S3 says", "signed by", "bucket", "URLs", "presignd said"));
    for ((signer, bucket, foretold, found), (urls, differ)) in &rows {
        let mark = if *differ == 0 { "" } else { "   <- DIFFERS" };
        say(&format!("{signer:<16} {bucket:<6} {urls:>4}  {foretold:<40} {found}{mark}"));
    }
    let differ: usize = rows.values().map(|(_, differ)| differ).sum();
    say(&format!("{} URLs fetched, {differ} other than foretold", links.len()));
    expect(differ == 0, "every URL fares as foretold")
}

/// What was foretold of a URL for this moment, and what S3 says.
async fn fetch(link: &Link, forecasts: [&Forecast; 3], happened: usize) -> Result<(Vec<Seen>, Seen), Failure> {
    loop {
        let (before, answer, after) = (now(), link.life.fetch().await, now());
        // A fetch that straddles the end of the URL says nothing of either side.
        if before >= link.usable_until || after < link.usable_until {
            let found = (answer.status, answer.code());
            return Ok((foretold(link, forecasts, happened, before)?, found));
        }
    }
}

fn foretold(link: &Link, forecasts: [&Forecast; 3], happened: usize, at: i64) -> Result<Vec<Seen>, Failure> {
    let seen = |all: &[(u16, &str)]| all.iter().map(|(status, code)| (*status, (*code).to_owned())).collect();
    let mut runs_out = false;
    for (number, forecast) in forecasts.into_iter().enumerate() {
        match forecast.fate(&link.id).ok_or("a URL of which nothing was said")? {
            Fate::Ends(errors) if number < happened => return Ok(errors.clone()),
            // Its own end comes when it comes, on a slow machine perhaps before the other events.
            Fate::RunsOut => runs_out = number < happened || at >= link.usable_until,
            Fate::Ends(_) | Fate::Lives => {}
        }
    }
    // X-Amz-Expires ends in the same second as the session: either may be what S3 looks at first.
    Ok(if runs_out { seen(&[(403, "AccessDenied"), (400, "ExpiredToken")]) } else { seen(&[(200, "")]) })
}

fn shown((status, code): &Seen) -> String {
    format!("{status} {code}").trim_end().to_owned()
}

/// Longer than this story takes on the slowest machine.
const LONG: Duration = Duration::from_secs(300);
/// Long enough to sign, to ask and to fetch before it ends.
const SHORT: Duration = Duration::from_secs(15);
/// Bearers that fetch at the same time.
const AT_A_TIME: usize = 8;

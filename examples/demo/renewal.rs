//! The first story: a URL from its birth to its end, over a renewal.

use std::time::Duration;

use presignd::grpc::proto::LimitedBy;

use crate::bearer::Life;
use crate::house::House;
use crate::support::now;
use crate::tell::{self, clock, say, step};
use crate::{Failure, expect};

pub(crate) async fn story() -> Result<(), Failure> {
    step("AWS, on loopback: an STS that issues short sessions, an S3 that verifies every signature (the s3s crate)");
    let house = House::build(&["web"], SESSION).await?;
    house.s3.store().put("photos", "cat.jpg", "meow");
    say(&format!("STS {}    S3 {}", house.sts.endpoint(), house.s3.endpoint()));

    step("presignd: one identity, `web`, which assumes a role");
    let first = house.session("web").await?;
    say(&format!("{}, until {}", first.name, clock(first.ends_at)));
    say(&format!("signing on unix:{}", house.socket().display()));

    step("A caller wants a URL for an hour, and says that 5 seconds would do");
    let old = house.presign(3600, 5).await?;
    say(&tell::shortened(&old.url));
    let ends_at = old.usable_until.ok_or("an answer without usable_until")?.seconds;
    say(&format!(
        "usable until {} ({} s), limited by the {}",
        clock(ends_at),
        ends_at - now(),
        tell::limit(old.limited_by())
    ));
    expect(
        old.limited_by() == LimitedBy::Session && ends_at == first.ends_at,
        "the URL claims to end with its session",
    )?;
    let life = Life::watch(house.s3.address(), &old);
    expect(life.fetch().await.status == 200, "S3 accepts it")?;
    say("S3 says 200: meow");

    step("Another caller wants an hour and nothing less");
    let refusal = house.presign(3600, 3600).await.err().ok_or("an hour was granted that no session has")?;
    say(&format!("refused: {}", refusal.message()));
    say("(AWS would grant those 15 minutes; this STS ends sessions sooner, so that you can watch one end)");

    step("The session is renewed when half of its life is left");
    let second = house.renewed("web", first.generation).await?;
    say(&format!("{}, until {}", second.name, clock(second.ends_at)));
    let left = first.ends_at - now();
    expect(left > 0, "the renewal came ahead of the end")?;
    say(&format!("the first session had {left} s left; nobody waited, nobody noticed"));
    expect(life.fetch().await.status == 200, "the old URL still works")?;
    say("S3 says 200 to the old URL");
    let new = house.presign(3600, 5).await?;
    let new_life = Life::watch(house.s3.address(), &new);
    expect(new_life.fetch().await.status == 200, "a URL of the new session works")?;
    say(&format!("and 200 to a new one, usable until {}", clock(second.ends_at)));

    step("The old session ends");
    let end = life.until_it_dies().await?;
    say(&format!(
        "last 200 at {}, first refusal at {}: {} {} ({})",
        clock(end.last_good),
        clock(end.first_bad),
        end.status,
        end.code,
        end.message
    ));
    expect(end.last_good < ends_at, "it worked no longer than promised")?;
    expect(end.first_bad >= ends_at, "it worked as long as promised")?;
    expect(new_life.fetch().await.status == 200, "the URL of the new session lives on")?;
    say("the URL of the new session goes on working");

    step("What the registry holds, beside what S3 said");
    let records = house.records().await?;
    let seen = [(&new.id, "still 200".to_owned()), (&old.id, format!("ended {}", clock(end.first_bad)))];
    println!("  {:<12} {:<10} {:<4} {:<9} {:<12} {:<9} S3 said", "id", "key", "gen", "signed", "usable until", "limit");
    for record in &records {
        let said = seen.iter().find(|(id, _)| **id == record.id).map_or("", |(_, said)| said.as_str());
        println!("  {} {said}", tell::row(record));
    }
    let promised: Vec<Option<i64>> = [&new, &old].map(|url| url.usable_until.map(|at| at.seconds)).into();
    let recorded: Vec<Option<i64>> = records.iter().map(|url| url.usable_until.map(|at| at.seconds)).collect();
    expect(recorded == promised, "the registry holds both URLs, the newest first, with the ends that were promised")?;
    house.stop().await
}

/// STS grants no less than fifteen minutes; nobody waits that long for a demo.
const SESSION: Duration = Duration::from_secs(24);

//! STS as others understand it: moto's server. An identity of each kind that STS mints renews ahead of its end while
//! callers sign without one error.
//!
//! moto verifies no signature of a URL, so nothing here says that a URL works; tests/daemon.rs does.

#[path = "support/load.rs"]
mod load;
#[path = "support/daemon.rs"]
mod process;
mod support;

use load::Load;
use presignd::grpc::proto::GetIdentityRequest;
use process::{Daemon, World};
use support::{eventually, now};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "set PRESIGND_TEST_MOTO"]
async fn an_identity_of_each_sts_kind_renews_ahead_of_its_end_while_callers_sign() {
    let moto = std::env::var_os("PRESIGND_TEST_MOTO").and_then(|url| url.into_string().ok());
    let moto = moto.expect("scripts/test sets PRESIGND_TEST_MOTO to the URL of a moto server");
    let world = World::new().await;
    let token = world.folder.path().join("token");
    std::fs::write(&token, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ3ZWIifQ.").expect("the folder can be written");
    let role = "role_arn = \"arn:aws:iam::123456789012:role/web\"";
    let kinds = [
        ("web", format!("source = \"assume-role\"\n{role}")),
        ("oidc", format!("source = \"web-identity\"\n{role}\ntoken_file = \"{}\"", token.display())),
        ("user", "source = \"session-token\"".to_owned()),
        ("guest", "source = \"federation-token\"".to_owned()),
        (
            "chained",
            "source = \"assume-role\"\nrole_arn = \"arn:aws:iam::123456789012:role/next\"\nbase = \"web\"".to_owned(),
        ),
    ];
    // A session lasts fifteen minutes, the least that STS grants. It is renewed when this much is left of it, or up to a
    // tenth more: within a minute and a half of its issue.
    let fresh = "duration = \"15m\"\nheadroom = \"13m 38s\"\nmin_pause = \"1s\"";
    let mut config = format!("default_identity = \"web\"\n[sts]\nendpoint_url = \"{moto}\"\nregion = \"us-east-1\"\n");
    for (name, source) in &kinds {
        let s3 = format!("[identity.{name}.s3]\nendpoint_url = \"{}\"\nregion = \"us-east-1\"", world.s3.endpoint());
        config += &format!("[identity.{name}]\n{source}\n{fresh}\n{s3}\n");
    }
    // `default_identity` is a key of the file itself: it stands before every table.
    let (first, rest) = config.split_once('\n').expect("more than one line");
    std::fs::write(world.config(), format!("{first}\n{}{rest}", world.places())).expect("the folder can be written");
    let mut daemon =
        world.run(env!("CARGO_BIN_EXE_presignd"), |it| it.arg("serve").arg("--config").arg(world.config()));
    daemon.listening().await;
    for (name, _) in &kinds {
        eventually(&format!("{name} has a session"), async || newest(&daemon, name).await.map(drop)).await;
    }
    let load = Load::start(&daemon, "cat.jpg", 60).await;
    for (name, _) in &kinds {
        eventually(&format!("{name} is renewed"), async || (renewals(&daemon, name).await > 1).then_some(())).await;
        let (generation, ends_at) = newest(&daemon, name).await.expect("it has a session");
        assert!(ends_at > now() + 600, "{name}: there was no need to wait for the end");
        // moto gives the same key to all who ask for a session or federation token, and the same key is the same session.
        assert!(generation > 1 || matches!(*name, "user" | "guest"), "{name} has another session");
    }
    load.stop().await.expect("no call fails while sessions change");
}

/// Renewals of an identity that worked.
async fn renewals(daemon: &Daemon, name: &str) -> u64 {
    let row = format!("presignd_renewals_total{{identity=\"{name}\",outcome=\"ok\"}} ");
    let metrics = daemon.metrics().await;
    let count = metrics.lines().find_map(|line| line.strip_prefix(&row)).expect("every identity starts at zero");
    count.parse().expect("a number")
}

/// Generation and end of the newest session of an identity.
async fn newest(daemon: &Daemon, name: &str) -> Option<(u64, i64)> {
    let asked = GetIdentityRequest { name: name.to_owned() };
    let identity = daemon.admin().await.get_identity(asked).await.ok()?.into_inner().identity?;
    let reference = identity.sessions.into_iter().next()?.reference?;
    Some((reference.generation, reference.expires_at?.seconds))
}

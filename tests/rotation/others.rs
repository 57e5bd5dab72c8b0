//! A key that other identities need too: who signs with it, and who gets sessions with it.

use presignd::grpc::proto::{GenerationState, KeyHold};

use super::{generation, put, says, state, store, told};
use crate::process::World;
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_two_identities_sign_with_is_free_when_both_are_done_and_nobody_mints_with_it() {
    let world = World::new().await;
    let (one, two) = (world.keys.user("one"), world.keys.user("two"));
    let (key, file) = (&one.access_key_id, world.folder.path().join("key"));
    put(world.folder.path(), &one);
    let other = format!(
        "[identity.p2]\nsource = \"key-file\"\npath = \"{}\"\npoll = \"1s\"\nmin_pause = \"1s\"\n{}",
        file.display(),
        world.services("p2")
    );
    let tables =
        format!("{}{other}{}", store(&world), world.web("base = \"p2\"\nduration = \"1h\"\nmin_pause = \"1s\""));
    let daemon = world.daemon(&tables).await;
    for line in ["store --expires-in 2s", "p2 --expires-in 10m", "web --expires-in 10m"] {
        let line = format!("presign s3://photos/cat.jpg --region us-east-1 --at-least 1s --identity {line}");
        eventually("it signs", async || (says(&daemon, &line).await.0 == 0).then_some(())).await;
    }

    let (code, out, err) = says(&daemon, "drain store").await;
    assert_eq!((code, err.as_str()), (0, ""));
    let goes_on = format!("do not deactivate {key} yet: p2 still signs with it (1 URL outstanding, the last ends ");
    let renewal = "web still gets its sessions with it: without it its next renewal fails, what those signed lives on";
    assert!(out.contains(&goes_on) && out.contains("drain that too") && out.contains(renewal), "{out}");
    let (code, out, err) = says(&daemon, "drain store --wait").await;
    assert_eq!((code, out.as_str()), (254, ""), "it has drained, and yet the key must not go: {err}");
    assert!(err.contains(&format!("others need {key}")) && err.contains(&goes_on), "{err}");
    let (_, out, _) = says(&daemon, "rotation store --output json").await;
    let all: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    let status = &all["generations"][0];
    assert_eq!((&status["state"], &status["last_url_ends_at"]), (&"drained".into(), &serde_json::Value::Null));
    assert_eq!((&status["others"][0]["identity"], &status["others"][0]["hold"]), (&"p2".into(), &"signs".into()));
    assert_eq!((&status["others"][1]["identity"], &status["others"][1]["hold"]), (&"web".into(), &"mints".into()));
    assert_eq!(status["safe_from"], status["others"][0]["last_url_ends_at"]);

    let (code, out, err) = says(&daemon, "retire store 1").await;
    assert!(err.starts_with(&format!("presignd: 1 outstanding URL breaks if {key} ends before ")), "{err}");
    assert!(code == 0 && out.contains(&format!("do not delete {key} yet: p2 still signs with it")), "{out}");
    let (code, _, err) = says(&daemon, "retire store 1").await;
    assert!(code == 0 && err.contains("store 1 is retired since ") && err.contains("nothing was changed"), "{err}");

    // With another key in the file, p2 and what is minted with it go on; what p2 signed is waited for.
    put(world.folder.path(), &two);
    eventually("the new key signs", async || (state(&daemon, "p2", 2).await? == GenerationState::Active).then_some(()))
        .await;
    let status = generation(&daemon, "store", 1).await.expect("it is there");
    let end = status.others.iter().find(|other| other.identity == "p2").expect("it has a URL").last_url_ends_at;
    assert_eq!((status.others.len(), status.safe_from), (1, end), "nobody mints with it: {status:?}");
    assert!(status.advice.starts_with("1 URL outstanding: deactivating"), "{}", status.advice);
    let status = generation(&daemon, "p2", 1).await.expect("it is there");
    assert!(
        status.advice.starts_with("wait until ") && status.advice.contains(": 1 URL ends by then"),
        "{}",
        status.advice
    );
    assert!(!told(&world, 1).iter().any(|kind| kind == "generation-drained"), "nothing has drained");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_base_that_was_stopped_is_free_and_whoever_got_sessions_with_it_is_named_with_its_end() {
    let world = World::new().await;
    let (one, two) = (world.keys.user("one"), world.keys.user("two"));
    put(world.folder.path(), &one);
    let tables = format!("{}{}", store(&world), world.web("base = \"store\"\nduration = \"1h\"\nmin_pause = \"1s\""));
    let daemon = world.daemon(&tables).await;
    let line = "presign s3://photos/cat.jpg --region us-east-1 --at-least 1s --expires-in 10m --identity web";
    eventually("it signs", async || (says(&daemon, line).await.0 == 0).then_some(())).await;
    let ends = daemon.web().await.sessions[0].reference.as_ref().and_then(|one| one.expires_at).expect("an end");
    let ends = presignd::time::Timestamp::from_unix(ends.seconds);
    let key = &one.access_key_id;
    let mints = async |key: &str| {
        let out = says(&daemon, "rotation store").await.1;
        (out.contains(key) && !out.contains("gets no next session")).then_some(())
    };
    mints(key).await.expect("its base signs");

    let cut_off = format!("; web gets no next session, because its base does not sign: it stops signing {ends} (");
    let (code, out, _) = says(&daemon, "drain store --wait").await;
    let now = format!("deactivate {key} now: nothing that presignd signed with it is outstanding{cut_off}");
    assert!(code == 0 && out.contains(&now), "{code} {out}");
    let own = "; store signs nothing until the drain is cancelled or its source gives another key";
    assert!(out.contains(own), "{out}");
    let (_, out, _) = says(&daemon, "rotation").await;
    assert!(out.contains(&now), "{out}");
    let status = generation(&daemon, "store", 1).await.expect("it is there");
    let [cut] = &status.others[..] else { panic!("one other: {status:?}") };
    assert_eq!((cut.hold(), cut.stops_at.map(|at| at.seconds)), (KeyHold::CutOff, Some(ends.unix())));
    eventually("it is told as drained, with whom that cuts off", async || {
        let free = daemon.metrics().await.contains("presignd_keys_to_deactivate{identity=\"store\"} 1");
        (free && told(&world, 1).iter().any(|kind| kind == "generation-drained")).then_some(())
    })
    .await;
    let (code, out, _) = says(&daemon, "retire store 1").await;
    assert!(code == 0 && out.contains(&format!("delete {key}: it is retired")) && out.contains(&cut_off), "{out}");

    // Another key in its file, and all is well; its retirement cuts off again, and the former key has no part in it.
    put(world.folder.path(), &two);
    eventually("the base signs", async || mints(&two.access_key_id).await).await;
    let (code, out, _) = says(&daemon, "retire store 2 --force").await;
    assert!(code == 0 && out.contains(&format!("delete {}: ", two.access_key_id)) && out.contains(&cut_off), "{out}");
    assert!(out.contains("; store signs nothing until its source gives another key"), "{out}");
    let (_, out, _) = says(&daemon, "rotation --with-retired").await;
    assert_eq!(out.matches("store signs nothing until").count(), 1, "of the last one only: {out}");
    assert_eq!(generation(&daemon, "store", 1).await.expect("it is there").others, []);
}

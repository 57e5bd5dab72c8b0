//! A configuration that is read again while the daemon runs.

use rustix::process::Signal;

use crate::process::World;
use crate::support::eventually;
use crate::{cli, grant, identities, ready};

#[tokio::test]
async fn a_hang_up_puts_the_new_grants_in_force_and_a_bad_file_changes_nothing() {
    let world = World::new().await;
    let identities = identities(&world);
    let daemon = world.daemon(&(identities.clone() + &grant("photos"))).await;
    ready(&world).await;
    let films = ["presign", "s3://films/a", "--identity", "key"];
    let photos = ["presign", "s3://photos/a", "--identity", "key"];
    let logged = async |what: &str| {
        eventually(what, async || daemon.log().lines().find(|line| line.contains(what)).map(str::to_owned)).await
    };

    world.write_config(&(identities.clone() + &grant("films")));
    daemon.signal(Signal::HUP);
    let line = logged("these keys changed and are in force").await;
    assert!(line.contains("grant") && !line.contains("identity"), "{line}");
    assert_eq!((cli(&world, &films, "").await.0, cli(&world, &photos, "").await.0), (0, 254));

    daemon.signal(Signal::HUP);
    logged("nothing changed").await;

    // Admins are in force at once too.
    let text = std::fs::read_to_string(world.config()).unwrap();
    std::fs::write(world.config(), text.replacen("[sockets]", "[sockets]\nadmin_uids = [4711]", 1)).unwrap();
    daemon.signal(Signal::HUP);
    let line = logged("sockets.admin_uids").await;
    assert!(line.contains("in force"), "{line}");

    world.write_config(&(identities.clone() + &grant("photos") + "colour = \"red\"\n"));
    daemon.signal(Signal::HUP);
    let line = logged("the old one stays in force").await;
    assert!(line.contains("colour"), "it says what is wrong: {line}");
    assert_eq!((cli(&world, &films, "").await.0, cli(&world, &photos, "").await.0), (0, 254));
}

#[tokio::test]
async fn a_hang_up_says_again_and_again_what_waits_for_a_restart() {
    let world = World::new().await;
    let identities = identities(&world);
    let daemon = world.daemon(&identities).await;
    let folder = world.folder.path().display().to_string();
    let text = std::fs::read_to_string(world.config()).unwrap();
    for (from, to, key) in [
        (format!("sign = \"{folder}/sign"), format!("sign = \"{folder}/other"), "sockets.sign"),
        (format!("admin = \"{folder}/admin"), format!("admin = \"{folder}/other"), "sockets.admin"),
        ("/registry.db".to_owned(), "/other.db".to_owned(), "registry.path"),
        ("[registry]".to_owned(), "[registry]\nqueue_calls = 9".to_owned(), "registry.queue_calls"),
        ("[http]\nlisten".to_owned(), "[http]\n#listen".to_owned(), "http.listen"),
        ("format = \"json\"".to_owned(), "format = \"text\"".to_owned(), "log.format"),
    ] {
        assert!(text.contains(&from), "{from}");
        std::fs::write(world.config(), text.replacen(&from, &to, 1)).unwrap();
        let told = || {
            let log = daemon.log();
            log.lines()
                .filter(|line| line.contains("at the next start") && line.contains(&format!("\\\"{key}\\\"")))
                .count()
        };
        for times in [1, 2] {
            daemon.signal(Signal::HUP);
            eventually(key, async || (told() == times).then_some(())).await;
        }
    }
    assert!(daemon.log().lines().all(|line| !line.contains("are in force")), "{}", daemon.log());
    cli(&world, &["presign", "s3://photos/a", "--identity", "key"], "").await.fine();
}

#[tokio::test]
async fn a_hang_up_changes_what_is_logged() {
    let world = World::new().await;
    let identities = identities(&world);
    let daemon = world.daemon(&(identities.clone() + &grant("photos"))).await;
    let filter = |filter: &str, bucket: &str| {
        world.write_config(&(identities.clone() + &grant(bucket)));
        let text = std::fs::read_to_string(world.config()).unwrap();
        std::fs::write(world.config(), text.replace("info,presignd=debug", filter)).unwrap();
        daemon.signal(Signal::HUP);
    };
    filter("error", "films");
    eventually("the grant is in force", async || {
        (cli(&world, &["presign", "s3://films/a", "--identity", "key"], "").await.0 == 0).then_some(())
    })
    .await;
    let before = daemon.log();
    assert_eq!(cli(&world, &["presign", "s3://photos/a", "--identity", "key"], "").await.0, 254);
    assert_eq!(daemon.log(), before, "a denial is a warning");

    // A filter that is none changes nothing, not even the grant beside it.
    filter("presignd=loud", "photos");
    eventually("an error", async || daemon.log().contains("stays in force").then_some(())).await;
    assert!(daemon.log().contains("log.filter"), "{}", daemon.log());
    assert_eq!(cli(&world, &["presign", "s3://photos/a", "--identity", "key"], "").await.0, 254);

    filter("info", "photos");
    eventually("a line of level info", async || daemon.log().contains("are in force").then_some(())).await;
    assert_eq!(daemon.log().matches("are in force").count(), 1, "the others were not to be logged");
}

//! The signing socket that is no file: what it lets in is what the kernel names, as at the other.

use crate::process::World;
use crate::visitor::{VISITORS, as_root, as_visitor, open, said};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abstract_socket_signs_beside_the_other_and_is_no_way_in_for_operators() {
    let world = World::new().await;
    let (daemon, address) = world.daemon_beside_a_name(&world.web("duration = \"1h\"")).await;
    for socket in [address.as_str(), daemon.sign_socket().to_str().expect("UTF-8")] {
        let signed = as_root(&daemon, &["presign", "s3://photos/a", "--socket", socket]).await;
        assert!(String::from_utf8_lossy(&signed.stdout).starts_with(&world.s3.endpoint()), "{}", said(&signed));
    }
    for asked in [&["identities", "renew", "web"][..], &["drain", "web"], &["impact", "deny", "--bucket", "photos"]] {
        let refused = as_root(&daemon, &[asked, &["--admin-socket", &address]].concat()).await;
        assert!(said(&refused).contains("NOT_ADMITTED"), "{asked:?}: {}", said(&refused));
    }
    let config = world.config();
    let second = as_root(&daemon, &["serve", "--config", config.to_str().expect("UTF-8")]).await;
    assert!(!second.status.success() && said(&second).contains("is in use"), "{}", said(&second));
    let end = daemon.stop().await;
    assert!(end.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_the_kernel_names_callers_of_an_abstract_socket_and_grants_bind_them() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"");
    let sign =
        |address: &str, key: &str| ["presign", key, "--expires-in", "60", "--socket", address].map(str::to_owned);
    let (daemon, address) = world.daemon_beside_a_name(&web).await;
    open(&world);
    let asked = sign(&address, "s3://photos/public/a");
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let refused = as_visitor(&world, &daemon, &asked).await;
    // No mode of a file keeps them out: the daemon does.
    assert_eq!(refused.status.code(), Some(254), "{}", said(&refused));
    assert!(said(&refused).contains("DENIED"), "{}", said(&refused));
    daemon.stop().await;

    let (daemon, address) = world.daemon_beside_a_name(&(VISITORS.to_owned() + &web)).await;
    for (key, code) in [("s3://photos/public/a", 0), ("s3://photos/private/a", 254)] {
        let asked = sign(&address, key);
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        let answer = as_visitor(&world, &daemon, &asked).await;
        assert_eq!(answer.status.code(), Some(code), "{key}: {}", said(&answer));
    }
}

//! One user asks for more than there is: for connections, for places before the disk, for answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::neighbour::Street;
use crate::process::get;
use crate::user::{self, GRANTS};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_a_thousand_idle_connections_of_one_user_keep_nobody_out() {
    let street = Street::new(GRANTS).await;
    user::open(&street.world);
    let socket = street.daemon.sign_socket();
    let (mut idle, mut closed) = (Vec::new(), 0);
    for _ in 0..1000 {
        // One that is refused may be closed before it is connected to.
        match user::connect(&socket).await {
            Ok(stream) => idle.push(stream),
            Err(_) => closed += 1,
        }
    }
    street.while_signing(50).await;
    assert!(street.daemon.signer().await.presign(get("another")).await.is_ok(), "others still connect");
    for stream in &mut idle {
        let mut byte = [0; 1];
        // Whoever has a place is greeted with SETTINGS only after the preface: nothing to read. A closed one reads as ended.
        let read = tokio::time::timeout(std::time::Duration::ZERO, stream.read(&mut byte)).await;
        closed += usize::from(read.is_ok());
    }
    assert!(closed >= 1000 - 512, "a user holds half of 1,024 places at most, and only {closed} of 1,000 were closed");
    drop(idle);
    let mut visitor = user::signer(&socket).await;
    let asked = get("public/a");
    crate::support::eventually("who lets go gets places again", async || visitor.presign(asked.clone()).await.ok())
        .await;
    street.nobody_noticed(64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_a_greedy_user_is_told_to_wait_and_starves_nobody() {
    let street = Street::with_queue(64, GRANTS).await;
    user::open(&street.world);
    let socket = street.daemon.sign_socket();
    let (answered, refused) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let mut greedy = JoinSet::new();
    for _ in 0..8 {
        let signer = user::signer(&socket).await;
        for _ in 0..120 {
            let (mut signer, answered, refused) = (signer.clone(), Arc::clone(&answered), Arc::clone(&refused));
            greedy.spawn(async move {
                loop {
                    match signer.presign(get("public/a")).await {
                        Ok(_) => answered.fetch_add(1, Ordering::Relaxed),
                        Err(status) if tells_when_to_come_again(&status) => refused.fetch_add(1, Ordering::Relaxed),
                        Err(status) => return status,
                    };
                }
            });
        }
    }
    street.while_signing(60).await;
    let (answered, refused) = (answered.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
    println!("{answered} URLs of the greedy user were signed, {refused} calls sent away");
    assert!(answered > 0, "who asks for too much still gets a share");
    assert!(refused > 0, "960 calls at once do not fit into half of a queue of 64");
    assert!(greedy.try_join_next().is_none(), "and no call of theirs failed in another way");
    greedy.shutdown().await;
    street.nobody_noticed(128).await;
}

fn tells_when_to_come_again(status: &Status) -> bool {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    let again = details.retry_info().is_some_and(|info| info.retry_delay.is_some());
    status.code() == Code::ResourceExhausted && reason == Some("REGISTRY_FULL") && again
}

//! Messages that no handler can be given: they are refused in words, and counted.

use presignd::grpc::proto::{
    ExplainUrlRequest, GetUrlRequest, GetUrlResponse, PresignRequest, PresignResponse, PresignStreamRequest,
};
use prost::Message;
use prost_types::Duration;
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

use crate::process::{Daemon, World, connect, get};

/// Sends a message of one type to a method that takes another.
async fn call<T: Message + Send + Sync + 'static, U: Message + Default + Send + Sync + 'static>(
    daemon: &Daemon,
    method: &'static str,
    message: T,
) -> Result<U, Status> {
    let mut client = Grpc::new(connect(&daemon.sign_socket()).await.expect("the daemon listens"));
    client.ready().await.expect("and takes calls");
    let codec = ProstCodec::<T, U>::default();
    client
        .unary(Request::new(message), http::uri::PathAndQuery::from_static(method), codec)
        .await
        .map(|r| r.into_inner())
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_does_not_parse_is_its_senders_fault_and_counted() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    // Its first field is a number, and a text is wanted.
    let wrong = Duration { seconds: 1, nanos: 0 };
    let signer =
        call::<_, PresignResponse>(&daemon, "/presignd.v1.Signer/Presign", wrong).await.expect_err("no request");
    let registry =
        call::<_, GetUrlResponse>(&daemon, "/presignd.v1.Registry/GetUrl", wrong).await.expect_err("no request");
    for refused in [&signer, &registry] {
        assert_eq!(
            (refused.code(), reason(refused).as_str()),
            (Code::InvalidArgument, "MALFORMED_MESSAGE"),
            "{refused:?}"
        );
    }
    assert!(registry.message().contains("GetUrlRequest.id"), "{registry:?}");
    let metrics = daemon.metrics().await;
    assert!(metrics.contains("presignd_refused_total{reason=\"MALFORMED_MESSAGE\"} 2"), "{metrics}");
    let right = GetUrlRequest { id: "aaaaaaaa-1".to_owned() };
    let right = call::<_, GetUrlResponse>(&daemon, "/presignd.v1.Registry/GetUrl", right).await.expect_err("no record");
    assert_eq!(reason(&right), "URL_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_over_the_bound_names_the_bound_and_those_before_it_are_answered() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    let long = ExplainUrlRequest { url: "x".repeat(4 << 20) };
    let refused = daemon.registry().await.explain_url(long).await.expect_err("it is too long");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
    let details = refused.get_error_details();
    let metadata = &details.error_info().expect("it has a reason").metadata;
    assert_eq!((metadata["limit_bytes"].as_str(), metadata["found_bytes"].as_str()), ("4194304", "4194309"));

    let good = |sequence| PresignStreamRequest { sequence, request: Some(get("k")) };
    let long = PresignRequest { on_behalf_of: "x".repeat(5 << 20), ..get("k") };
    let long = PresignStreamRequest { sequence: 3, request: Some(long) };
    let asked = tokio_stream::iter([good(1), good(2), long, good(4)]);
    let mut answers = daemon.signer().await.presign_stream(asked).await.expect("a stream").into_inner();
    for sequence in [1, 2] {
        let answer = answers.message().await.expect("these are no longer than they may be").expect("an answer");
        assert_eq!(answer.sequence, sequence);
    }
    let refused = answers.message().await.expect_err("the third is");
    assert_eq!(reason(&refused), "MESSAGE_TOO_LARGE", "{refused:?}");
    let metrics = daemon.metrics().await;
    assert!(metrics.contains("presignd_refused_total{reason=\"MESSAGE_TOO_LARGE\"} 2"), "{metrics}");
    let handled = "grpc_server_handled_total{grpc_code=\"ResourceExhausted\",grpc_method=\"ExplainUrl\"";
    assert!(metrics.contains(handled), "{metrics}");
}

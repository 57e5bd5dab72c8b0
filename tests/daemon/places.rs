//! Where a request may go: regions that its credentials can sign for, and the names of what is refused.

use presignd::grpc::proto::{Addressing, PresignPostRequest, PresignRequest, S3Request, presign_post_request};
use tonic::Status;
use tonic_types::StatusExt;

use crate::process::{World, get, presign};

/// The identity `aws` signs for AWS's own S3, `web` for a store.
fn identities(world: &World) -> String {
    format!(
        "{}[identity.aws]\nsource = \"environment\"\nsts = {{ endpoint_url = \"{}\", region = \"us-east-1\" }}\n",
        world.web("duration = \"1h\""),
        world.sts.endpoint()
    )
}

fn ask(identity: &str, change: impl FnOnce(&mut S3Request)) -> PresignRequest {
    let mut wish = PresignRequest { identity: identity.to_owned(), ..get("cat.jpg") };
    change(wish.request.get_or_insert_default());
    wish
}

fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|found| found.field_violations.clone()).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_s3_could_not_take_is_refused_by_its_field() {
    let world = World::new().await;
    let daemon = world.daemon(&identities(&world)).await;
    let mut signer = daemon.signer().await;
    let there = presign(&mut signer, ask("aws", |s3| s3.region = "eu-atlantis-1".into())).await;
    assert!(there.expect("there may be such a region").url.contains("photos.s3.eu-atlantis-1.amazonaws.com"));
    let fips = Addressing { fips: true, ..Default::default() };
    let refused = [
        (ask("aws", |s3| s3.region = "cn-north-1".into()), "request.region"),
        (ask("aws", |s3| s3.region = "frankfurt".into()), "request.region"),
        (
            ask("aws", |s3| s3.bucket = "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/logs".into()),
            "request.bucket",
        ),
        (ask("web", |s3| s3.addressing = Some(fips)), "request.addressing.fips"),
        (
            ask("web", |s3| s3.headers.extend([("x-amz-sdk-checksum-algorithm".into(), "CRC32".into())])),
            "request.headers.x-amz-sdk-checksum-algorithm",
        ),
    ];
    for (wish, field) in refused {
        let status = presign(&mut signer, wish).await.expect_err(field);
        assert_eq!(
            (status.code(), fields(&status)),
            (tonic::Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    let target = Some(presign_post_request::Target::Key("up.jpg".into()));
    let form = PresignPostRequest {
        identity: "web".into(),
        bucket: "photos".into(),
        target,
        addressing: Some(fips),
        ..Default::default()
    };
    let status = signer.presign_post(form).await.expect_err("a store has no FIPS endpoints");
    assert_eq!(fields(&status), ["addressing.fips"], "a form has its addressing beside its bucket");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_region_that_a_request_names_signs_before_that_of_the_store() {
    let world = World::new().await;
    let daemon = world.daemon(&identities(&world)).await;
    let mut signer = daemon.signer().await;
    for (named, signs) in [("", "us-east-1"), ("attic", "attic")] {
        let url = presign(&mut signer, ask("web", |s3| s3.region = named.into())).await.expect("it signs").url;
        assert!(url.contains(&format!("%2F{signs}%2Fs3%2Faws4_request")), "{named}");
    }
}

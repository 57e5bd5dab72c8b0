//! AWS's published presigned GET. The examples that no URL shows are in `tests/vectors/`; `src/signer/tests.rs` reads them.

use presignd::s3::operation::Method;
use presignd::s3::request::{Headers, Request};
use presignd::s3::{Addressing, Bucket, ObjectKey, Region, Style};
use presignd::session::Credentials;
use presignd::signer::endpoint::Endpoint;
use presignd::signer::{Signer, Target};
use presignd::time::{Timestamp, Ttl};
use zeroize::Zeroizing;

fn example_signer() -> Signer {
    Signer::new(Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: Zeroizing::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into()),
        session_token: None,
    })
}

#[test]
fn the_documented_presigned_get_has_the_documented_signature() {
    let addressing = Addressing { style: Style::VirtualHost, ..Addressing::default() };
    let bucket = Bucket::parse("examplebucket").unwrap();
    let key = Some(ObjectKey::parse("test.txt").unwrap());
    let request = Request::new(Method::Get, bucket, key, vec![], Headers::default(), addressing).unwrap();
    // The documentation signs the global host, which presignd never does by itself.
    let endpoint = Endpoint::parse("https://s3.amazonaws.com").unwrap();
    let target = Target { region: Region::parse("us-east-1").unwrap(), endpoint, addressing: Addressing::default() };
    let at = Timestamp::parse_amz_date("20130524T000000Z").unwrap();
    let presigned = example_signer().presign(&request, &target, at, Ttl::new(86_400).unwrap(), None).unwrap();
    assert_eq!(
        presigned.url.as_str(),
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
         &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    );
}

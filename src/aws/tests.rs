//! The way to AWS: what is said when there is none, and what an answer teaches.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Serves one answer to each connection; not HTTP enough for anything but these tests.
async fn serve(answer: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            let _ = peer.read(&mut [0; 4096]).await;
            let _ = peer.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}")
}

fn aws() -> Aws {
    Aws::new(Clock::system(), Environment::default()).unwrap()
}

#[tokio::test]
async fn a_plain_endpoint_answers_with_status_and_body() {
    let url = serve("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno".to_owned()).await;
    let answer = get(&aws().beside, &url, &[], (Duration::from_secs(5), 100)).await;
    assert!(answer.is_ok_and(|answer| answer.status == 404 && *answer.body == b"no"));
}

#[tokio::test]
async fn an_answer_beyond_its_bound_is_refused() {
    let url = serve("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_owned()).await;
    let answer = get(&aws().beside, &url, &[], (Duration::from_secs(5), 4)).await;
    assert_eq!(answer.map(|answer| answer.status).unwrap_err(), Error::TooLong(4));
}

#[tokio::test]
async fn a_header_that_breaks_the_line_is_an_error_and_no_panic() {
    let header = [("authorization", Zeroizing::new("a\r\nb".to_owned()))];
    let answer = get(&aws().beside, "http://127.0.0.1:1", &header, (Duration::from_secs(5), 4)).await;
    let refused = answer.map(|answer| answer.status).unwrap_err();
    assert!(matches!(&refused, Error::Url(text) if !text.contains("a\r\nb")));
}

#[test]
fn a_bundle_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    let refused = |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let environment = Environment::from_iter([("AWS_CA_BUNDLE", path.to_str().unwrap())]);
        Aws::new(Clock::system(), environment).map(drop).unwrap_err().to_string()
    };
    assert!(refused(None).contains("cannot be read"));
    assert!(refused(Some("hello")).contains("holds no certificate"));
    let garbage = "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n";
    assert!(refused(Some(garbage)).contains("AWS_CA_BUNDLE"));
    // Base64, and a sequence, but no certificate.
    let hollow = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    assert!(refused(Some(hollow)).contains("no certificate"));
}

#[test]
fn a_proxy_that_cannot_be_used_is_named_and_its_password_is_not() {
    let built = |value: &str| Aws::new(Clock::system(), Environment::from_iter([("HTTPS_PROXY", value)])).map(drop);
    for good in ["http://proxy.example:3128", "proxy.example:3128", "https://ann:word@proxy.example", ""] {
        assert_eq!(built(good), Ok(()), "{good}");
    }
    for bad in ["socks5://ann:pass@word", "http://", "http://ann:pass word@proxy", "/"] {
        let refused = built(bad).unwrap_err().to_string();
        assert!(refused.starts_with("HTTPS_PROXY") && !refused.contains("pass"), "{refused}");
    }
}

#[tokio::test]
async fn what_is_on_this_machine_is_reached_past_every_proxy() {
    let url = serve("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_owned()).await;
    let dead = Environment::from_iter([("HTTP_PROXY", "http://127.0.0.1:1"), ("ALL_PROXY", "http://127.0.0.1:1")]);
    let aws = Aws::new(Clock::system(), dead).unwrap();
    for url in [url.clone(), url.replace("127.0.0.1", "localhost")] {
        let answer = get(&aws.connector, &url, &[], (Duration::from_secs(5), 100)).await;
        assert!(answer.is_ok_and(|answer| answer.status == 200), "{url}");
    }
}

#[test]
fn an_empty_variable_counts_as_none() {
    let environment = Environment::from_iter([("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "eu-central-1")]);
    assert_eq!(environment.region(), Some("eu-central-1"));
}

//! Which certificate authorities are trusted: a private bundle, else those of the system.

use std::path::Path;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Environment, Error};

/// The authorities of `AWS_CA_BUNDLE`, which replace the system's as in other AWS tools; else the system's.
pub(super) fn context(environment: &Environment) -> Result<TlsContext, Error> {
    let store = match environment.get(BUNDLE) {
        Some(path) => TrustStore::empty().with_pem_certificate(bundle(path)?),
        None if system_has_any(environment) => TrustStore::default(),
        None => return Err(Error::NoRoots),
    };
    TlsContext::builder().with_trust_store(store).build().map_err(|_| Error::NoRoots)
}

/// What is wrong when the client would not take what [`context`] gave it.
pub(super) fn unusable(environment: &Environment) -> Error {
    environment.get(BUNDLE).map_or(Error::NoRoots, |path| Error::CaBundle {
        variable: BUNDLE,
        path: path.to_owned(),
        problem: "holds something that is no certificate".to_owned(),
    })
}

/// Reads a bundle and looks at each certificate, because the client would panic over one that it cannot use.
fn bundle(path: &str) -> Result<Vec<u8>, Error> {
    let wrong = |problem: String| Error::CaBundle { variable: BUNDLE, path: path.to_owned(), problem };
    let size = std::fs::metadata(path).map_err(|error| wrong(format!("cannot be read ({error})")))?.len();
    if size > LARGEST_BUNDLE {
        return Err(wrong(format!("has more than {LARGEST_BUNDLE} bytes")));
    }
    let pem = std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read ({error})")))?;
    let mut found = 0;
    for part in pem.split("-----BEGIN CERTIFICATE-----").skip(1) {
        let body = part.split("-----END CERTIFICATE-----").next().unwrap_or_default();
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).ok().filter(|der| der.first() == Some(&DER_SEQUENCE));
        found += 1;
        if der.is_none() {
            return Err(wrong(format!("holds something in place of certificate {found}")));
        }
    }
    if found == 0 {
        return Err(wrong("holds no certificate".to_owned()));
    }
    Ok(pem.into_bytes())
}

/// Where the client looks, in the order of openssl-probe.
fn system_has_any(environment: &Environment) -> bool {
    let filled = |dir: &str| Path::new(dir).read_dir().is_ok_and(|mut entries| entries.next().is_some());
    let file = environment.get("SSL_CERT_FILE").is_some_and(|path| Path::new(path).is_file());
    let dir = environment.get("SSL_CERT_DIR").is_some_and(|dirs| dirs.split(':').any(filled));
    file || dir || FILES.iter().any(|path| Path::new(path).is_file()) || DIRS.iter().any(|path| filled(path))
}

const BUNDLE: &str = "AWS_CA_BUNDLE";
const DER_SEQUENCE: u8 = 0x30;
const LARGEST_BUNDLE: u64 = 16 * 1024 * 1024;
const FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs/ca-bundle.crt",
    "/opt/etc/ssl/certs/ca-certificates.crt",
];
const DIRS: &[&str] = &["/etc/ssl/certs", "/etc/pki/tls/certs"];

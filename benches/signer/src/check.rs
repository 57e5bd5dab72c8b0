//! Checks a presigned URL as the textbook has it, from the text of the URL alone: slow, and nobody's code but its own.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::SECRET;

/// A presigned URL taken apart.
pub struct Parts<'a> {
    /// Scheme, host and path.
    pub address: &'a str,
    /// Sorted, without the signature.
    pub parameters: Vec<&'a str>,
    pub signature: &'a str,
}

pub fn parts(url: &str) -> Parts<'_> {
    let (address, query) = url.split_once('?').expect("a query");
    let (signature, mut parameters): (Vec<_>, Vec<_>) =
        query.split('&').partition(|parameter| parameter.starts_with("X-Amz-Signature="));
    parameters.sort_unstable();
    let signature = signature[0].split_once('=').expect("a value").1;
    Parts { address, parameters, signature }
}

/// The signature that belongs to the other parts.
pub fn signature(parts: &Parts<'_>) -> String {
    let value = |name: &str| {
        let value = parts.parameters.iter().find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name}")).replace("%2F", "/")
    };
    let (host, path) = parts.address.trim_start_matches("https://").split_once('/').expect("a path");
    let query = parts.parameters.join("&");
    let canonical = format!("GET\n/{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
    let credential = value("X-Amz-Credential");
    let (_, scope) = credential.split_once('/').expect("a scope");
    let hash = hex(&Sha256::digest(canonical));
    let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", value("X-Amz-Date"));
    let key = scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, step| hmac(&key, step));
    hex(&hmac(&key, &to_sign))
}

fn hmac(key: &[u8], data: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.chain_update(data).finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

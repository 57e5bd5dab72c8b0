//! The least that signing this very request can cost: no request, no checks, no sorting; signing key, scope and encoded
//! token at hand, one buffer. Nobody could use it.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::{ACCESS_KEY_ID, BUCKET, EXPIRES_IN, REGION, SECRET, Sign, Work};

pub fn signer(work: &Work) -> Sign {
    let keys = work.keys.clone();
    let (day, date) = ("20261122", "20261122T120000Z");
    let mut key = hmac(format!("AWS4{SECRET}").as_bytes(), day);
    for step in [REGION, "s3", "aws4_request"] {
        key = hmac(&key, step);
    }
    let keyed = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let scope = format!("{day}/{REGION}/s3/aws4_request");
    let token =
        work.token.as_ref().map_or_else(String::new, |token| format!("&X-Amz-Security-Token={}", encode(token)));
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date={date}&X-Amz-Expires={EXPIRES_IN}{token}\
         &X-Amz-SignedHeaders=host",
        encode(&format!("{ACCESS_KEY_ID}/{scope}"))
    );
    let host = format!("{BUCKET}.s3.{REGION}.amazonaws.com");
    let head = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n");
    Box::new(move |number| {
        let mut url = String::with_capacity(query.len() + 256);
        url.push_str("https://");
        url.push_str(&host);
        let path_at = url.len();
        url.push('/');
        url.push_str(&keys[number]);
        let path_ends = url.len();
        url.push('?');
        url.push_str(&query);
        let hash = Sha256::new()
            .chain_update("GET\n")
            .chain_update(&url[path_at..path_ends])
            .chain_update("\n")
            .chain_update(&url[path_ends + 1..])
            .chain_update("\nhost:")
            .chain_update(&host)
            .chain_update("\n\nhost\nUNSIGNED-PAYLOAD")
            .finalize();
        let mut hexadecimal = [0; 64];
        let signature = keyed.clone().chain_update(&head).chain_update(hex(&hash, &mut hexadecimal)).finalize();
        url.push_str("&X-Amz-Signature=");
        url.push_str(hex(&signature.into_bytes(), &mut hexadecimal));
        url
    })
}

fn hmac(key: &[u8], data: &str) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(data).finalize().into_bytes().to_vec()
}

fn hex<'a>(bytes: &[u8], out: &'a mut [u8; 64]) -> &'a str {
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    std::str::from_utf8(out).unwrap()
}

fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
    }
    encoded
}

//! What the bearer holds: key, date and length are read from the URL or form itself, not from what presignd says of it.

use base64::Engine as _;
use presignd::time::Timestamp;

use crate::model::used::Use;

/// Of a URL.
pub(crate) fn of_url(url: &str, used: Use) -> Use {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let find = |name: &str| {
        let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(given, _)| *given == name);
        percent_encoding::percent_decode_str(pair.unwrap_or_default().1).decode_utf8_lossy().into_owned()
    };
    let expires = find("X-Amz-Expires").parse().expect("whole seconds");
    let date = date(&find("X-Amz-Date"));
    Use { access_key_id: key(&find("X-Amz-Credential")), date, expires, ..used }
}

/// Of a form: it ends with its policy (SEMANTICS.md 3.9).
pub(crate) fn of_form<S: std::ops::Deref<Target = String>>(fields: &[(String, S)], used: Use) -> Use {
    let find = |name: &str| {
        let field = fields.iter().find(|(given, _)| given == name);
        field.map_or(String::new(), |(_, value)| value.to_string())
    };
    let policy = base64::engine::general_purpose::STANDARD.decode(find("policy")).expect("base64");
    let policy: serde_json::Value = serde_json::from_slice(&policy).expect("JSON");
    let ends_at = policy["expiration"].as_str().expect("an end");
    let (date, ends_at) = (date(&find("x-amz-date")), Timestamp::parse_rfc3339(ends_at).expect("an instant"));
    Use { access_key_id: key(&find("x-amz-credential")), date, expires: ends_at.unix() - date, ..used }
}

fn key(credential: &str) -> String {
    credential.split('/').next().unwrap_or_default().to_owned()
}

fn date(text: &str) -> i64 {
    Timestamp::parse_amz_date(text).expect("a date").unix()
}

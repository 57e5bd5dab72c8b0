//! Lists and choices as text in a column, and back. What comes back passes the same checks as a caller's request.

use serde::{Deserialize, Serialize};

use crate::s3::form::{Form, Target};
use crate::s3::{Addressing, Bucket, KeyPrefix, ObjectKey, Style};

/// What a column holds that this program does not write.
pub(super) type Problem = String;

/// `[["name","value"],…]`
pub(super) fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<(&str, &str)> = pairs.collect();
    serde_json::to_string(&pairs).expect("strings are always JSON")
}

/// One of [`pairs`], as it stands within.
pub(super) fn pair(name: &str, value: &str) -> String {
    serde_json::to_string(&(name, value)).expect("strings are always JSON")
}

/// The reverse of [`pairs`].
pub(super) fn read_pairs(text: &str) -> Result<Vec<(String, String)>, Problem> {
    serde_json::from_str(text).map_err(|_| "is not a list of pairs".to_owned())
}

/// `auto`, `virtual-host` or `path`, then what is added to the host.
pub(super) fn addressing(addressing: Addressing) -> String {
    let mut text = match addressing.style {
        Style::Auto => "auto",
        Style::VirtualHost => "virtual-host",
        Style::Path => "path",
    }
    .to_owned();
    let added =
        [(addressing.dual_stack, "+dual-stack"), (addressing.fips, "+fips"), (addressing.accelerate, "+accelerate")];
    added.iter().filter(|(is_set, _)| *is_set).for_each(|(_, name)| text.push_str(name));
    text
}

/// The reverse of [`addressing`].
pub(super) fn read_addressing(text: &str) -> Result<Addressing, Problem> {
    let mut parts = text.split('+');
    let style = match parts.next() {
        Some("auto") => Style::Auto,
        Some("virtual-host") => Style::VirtualHost,
        Some("path") => Style::Path,
        _ => return Err("names no style".to_owned()),
    };
    let mut addressing = Addressing { style, ..Addressing::default() };
    for part in parts {
        match part {
            "dual-stack" => addressing.dual_stack = true,
            "fips" => addressing.fips = true,
            "accelerate" => addressing.accelerate = true,
            _ => return Err("names an unknown host form".to_owned()),
        }
    }
    Ok(addressing)
}

/// A form less its bucket, key and addressing, which have columns of their own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FormColumn {
    /// Whether the key column is the beginning of keys.
    starts: bool,
    fields: Vec<(String, String)>,
    starts_with: Vec<(String, String)>,
    content_length_range: Option<(u64, u64)>,
}

/// The conditions of a form.
pub(super) fn form(form: &Form) -> String {
    let column = FormColumn {
        starts: matches!(form.target, Target::StartsWith(_)),
        fields: form.fields.clone(),
        starts_with: form.starts_with.clone(),
        content_length_range: form.content_length_range,
    };
    serde_json::to_string(&column).expect("strings and numbers are always JSON")
}

/// The reverse of [`form`].
pub(super) fn read_form(text: &str, bucket: Bucket, key: &str, addressing: Addressing) -> Result<Form, Problem> {
    let column: FormColumn = serde_json::from_str(text).map_err(|_| "is not a form's conditions".to_owned())?;
    let target = if column.starts {
        KeyPrefix::parse(key).map(Target::StartsWith)
    } else {
        ObjectKey::parse(key).map(Target::Key)
    };
    let target = target.map_err(|refused| refused.to_string())?;
    Form::new(bucket, target, column.fields, column.starts_with, column.content_length_range, addressing)
        .map_err(|refused| refused.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_addressing_is_read_back_as_it_was_written() {
        for style in [Style::Auto, Style::VirtualHost, Style::Path] {
            for bits in 0..8 {
                let (dual_stack, fips, accelerate) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
                let given = Addressing { style, dual_stack, fips, accelerate };
                assert_eq!(read_addressing(&addressing(given)), Ok(given));
            }
        }
        assert!(read_addressing("auto+tor").is_err());
        assert!(read_addressing("").is_err());
    }

    #[test]
    fn a_pair_stands_within_the_pairs() {
        let list = pairs([("a", "\""), ("b", "\u{0}ü")].into_iter());
        assert!(list.contains(&pair("a", "\"")) && list.contains(&pair("b", "\u{0}ü")));
        assert_eq!(read_pairs(&list).map(|pairs| pairs.len()), Ok(2));
    }
}

//! Events as JSON: `{"at":"2026-11-22T23:59:59Z","settles_within_seconds":300,"key_deleted":{"access_key_id":"AKIA…"}}`.

use std::time::Duration;

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Event, What};
use crate::signer::realm::Realm;
use crate::time::Timestamp;

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let what = serde_json::to_value(&self.what).map_err(serde::ser::Error::custom)?;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry(AT, &self.at.to_string())?;
        map.serialize_entry(SETTLES, &self.settles_within.as_secs())?;
        if let Some(endpoint) = &self.endpoint {
            map.serialize_entry(ENDPOINT, endpoint.as_str())?;
        }
        for (name, value) in what.as_object().into_iter().flatten() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut map = Map::<String, Value>::deserialize(from)?;
        let mut take = |name: &str| map.remove(name).ok_or_else(|| D::Error::custom(format!("{name} is missing")));
        let (at, settles) = (take(AT)?, take(SETTLES)?);
        let at = time::deserialize(at).map_err(|_| D::Error::custom("at is not an RFC 3339 time"))?;
        let settles = settles.as_u64().ok_or_else(|| D::Error::custom("settles_within_seconds is not a number"))?;
        let endpoint = map.remove(ENDPOINT).map(|text| text.as_str().and_then(|text| Realm::parse(text).ok()));
        let endpoint = match endpoint {
            Some(None) => return Err(D::Error::custom("endpoint is no endpoint")),
            endpoint => endpoint.flatten(),
        };
        // An unknown name is an error that says it, and so is a second one.
        let what = What::deserialize(Value::Object(map)).map_err(D::Error::custom)?;
        Ok(Self { at, settles_within: Duration::from_secs(settles), endpoint, what })
    }
}

/// RFC 3339.
pub(super) mod time {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(at)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        Timestamp::parse_rfc3339(&text).map_err(|_| D::Error::custom(format!("{text:?} is not an RFC 3339 time")))
    }
}

/// The same, or nothing.
pub(super) mod time_or_none {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        at.map(|at| at.to_string()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        time::deserialize(from).map(Some)
    }
}

/// Whole seconds, or nothing.
pub(super) mod seconds_or_none {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(length: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        length.map(|length| length.as_secs()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        u64::deserialize(from).map(|seconds| Some(Duration::from_secs(seconds)))
    }
}

/// A value alone in an object, as the proto has it: `{"identity":"web"}`.
macro_rules! alone {
    ($module:ident $field:ident $type:ty, $write:expr, $read:expr) => {
        pub(super) mod $module {
            use super::*;

            #[derive(Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Alone<T> {
                $field: T,
            }

            pub(crate) fn serialize<S: Serializer>(value: &$type, to: S) -> Result<S::Ok, S::Error> {
                Alone { $field: $write(value) }.serialize(to)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                $read(Alone::deserialize(from)?.$field).map_err(D::Error::custom)
            }
        }
    };
}

alone!(identity identity crate::session::IdentityName,
    |name: &crate::session::IdentityName| name.to_string(),
    |name: String| crate::session::IdentityName::parse(&name));
alone!(session session_id crate::session::RecordId,
    |id: &crate::session::RecordId| id.to_string(),
    |id: String| crate::session::RecordId::parse(&id).ok_or("session_id is not an id"));
alone!(statement statement crate::impact::event::Statement,
    |statement: &crate::impact::event::Statement| statement.clone(),
    Ok::<crate::impact::event::Statement, String>);

const AT: &str = "at";
const ENDPOINT: &str = "endpoint";
const SETTLES: &str = "settles_within_seconds";

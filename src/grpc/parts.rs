//! How many parts a message has, counted by its schema before it is decoded: an empty part takes two bytes of the wire and
//! some hundreds of memory, so a bound on bytes alone bounds little.
//!
//! Never judges what is malformed; that is the decoder's.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::{Label, Type};

use super::proto;

/// Whether a message of that name has more parts than `MOST`, within other parts too.
pub(super) fn are_too_many(name: &str, message: &[u8]) -> bool {
    SCHEMA.get(name).is_some_and(|fields| count(fields, message, MOST, DEEPEST).is_none())
}

/// What is left of the bound; `None`: nothing.
fn count(fields: &Fields, mut bytes: &[u8], mut left: usize, deep: usize) -> Option<usize> {
    while !bytes.is_empty() {
        let Ok((number, wire)) = decode_key(&mut bytes) else { break };
        let length = match wire {
            WireType::Varint => decode_varint(&mut bytes).map(|_| 0),
            WireType::ThirtyTwoBit => Ok(4),
            WireType::SixtyFourBit => Ok(8),
            WireType::LengthDelimited => decode_varint(&mut bytes),
            WireType::StartGroup | WireType::EndGroup => break,
        };
        let Some(length) = length.ok().and_then(|length| usize::try_from(length).ok()) else { break };
        let Some((part, rest)) = bytes.split_at_checked(length) else { break };
        bytes = rest;
        match fields.get(&number) {
            Some(Field::Text) => left = left.checked_sub(1)?,
            Some(Field::Message(name)) => {
                left = left.checked_sub(1)?;
                if let (Some(within), 1..) = (SCHEMA.get(name), deep) {
                    left = count(within, part, left, deep - 1)?;
                }
            }
            None => {}
        }
    }
    Some(left)
}

/// Of a message, those fields that are messages or may stand many times.
type Fields = HashMap<u32, Field>;

enum Field {
    Text,
    Message(String),
}

/// By the message's full name.
static SCHEMA: LazyLock<HashMap<String, Fields>> = LazyLock::new(|| {
    let files = FileDescriptorSet::decode(proto::DESCRIPTORS).map(|set| set.file).unwrap_or_default();
    let mut schema = HashMap::new();
    for file in files {
        let mut waiting: Vec<_> = file.message_type.iter().map(|one| (file.package().to_owned(), one)).collect();
        while let Some((within, message)) = waiting.pop() {
            let name = format!("{within}.{}", message.name());
            waiting.extend(message.nested_type.iter().map(|one| (name.clone(), one)));
            let fields = message.field.iter().filter_map(|field| {
                let number = u32::try_from(field.number()).ok()?;
                match (field.r#type(), field.label()) {
                    (Type::Message, _) => {
                        Some((number, Field::Message(field.type_name().trim_start_matches('.').to_owned())))
                    }
                    (_, Label::Repeated) => Some((number, Field::Text)),
                    _ => None,
                }
            });
            schema.insert(name, fields.collect());
        }
    }
    schema
});

/// A thousand requests of a hundred parts each.
const MOST: usize = 100_000;
/// As prost has it.
const DEEPEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::proto::{PresignBatchRequest, PresignRequest, ResignRequest};

    #[test]
    fn parts_are_counted_wherever_they_stand_and_letters_are_not() {
        let empty = |parts: usize| [0x0a, 0].repeat(parts);
        for (parts, too_many) in [(0, false), (MOST, false), (MOST + 1, true), (2_000_000, true)] {
            assert_eq!(are_too_many("presignd.v1.PresignBatchRequest", &empty(parts)), too_many, "{parts}");
        }
        let labels = (0..60).map(|at| (format!("label-{at}"), "\n\0".repeat(20))).collect();
        let request = PresignRequest { on_behalf_of: "\n\0".repeat(500), labels, ..PresignRequest::default() };
        let batch = |requests: usize| PresignBatchRequest { requests: vec![request.clone(); requests] }.encode_to_vec();
        for (requests, too_many) in [(1_000, false), (2_000, true)] {
            assert_eq!(are_too_many("presignd.v1.PresignBatchRequest", &batch(requests)), too_many, "{requests}");
        }
        let ids = ResignRequest { ids: vec![String::new(); MOST + 1], ..ResignRequest::default() }.encode_to_vec();
        assert!(are_too_many("presignd.v1.ResignRequest", &ids));
    }

    #[test]
    fn what_is_no_message_has_no_parts_to_speak_of() {
        for noise in [&[0xff; 99][..], &[0x0a], &[0x0a, 0x7f, 1], &[0x0b, 0x0a, 0], &[0x80; 11]] {
            assert!(!are_too_many("presignd.v1.PresignBatchRequest", noise), "{noise:?}");
        }
        assert!(!are_too_many("presignd.v1.Unheard", &[0x0a, 0]));
    }
}

//! Protobuf on the wire, as tonic has it, but for what is said of a message that does not parse: who sent it is told so,
//! and not that the daemon is at fault; and for messages of more parts than any needs, which are not decoded.

use std::marker::PhantomData;

use prost::bytes::Buf;
use prost::{Message, Name};
use tonic::Status;
use tonic::codec::{DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

use super::parts;
use crate::error::Error;

/// Named in the generated code.
#[derive(Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = Parser<U>;

    fn encoder(&mut self) -> ProstEncoder<T> {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Parser<U> {
        Parser(PhantomData)
    }
}

/// Reads one message.
#[derive(Debug)]
pub struct Parser<U>(PhantomData<U>);

impl<U: Message + Name + Default> Decoder for Parser<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let whole = bytes.chunk();
        if whole.len() > FEW && parts::are_too_many(&U::full_name(), whole) {
            return Err(Error::TooManyParts.into());
        }
        U::decode(bytes).map(Some).map_err(|problem| Error::Malformed(problem).into())
    }
}

/// Bytes in which there are too few parts to be counted.
const FEW: usize = 16 << 10;

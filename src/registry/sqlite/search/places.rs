//! Where records lie, as bytes: numbers in their order and hard ends, each as the step from the one before. Knows no
//! file.

use crate::registry::tally::ScanPlace;
use crate::time::Timestamp;

/// A list in the making.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) urls: i64,
    pub(super) bytes: Vec<u8>,
    number: i64,
    end: i64,
}

impl Writer {
    /// Numbers come in their order.
    pub(super) fn add(&mut self, number: i64, end: i64) {
        put(&mut self.bytes, number.wrapping_sub(self.number));
        put(&mut self.bytes, end.wrapping_sub(self.end));
        (self.number, self.end) = (number, end);
        self.urls += 1;
    }
}

/// The reverse; `None` where the bytes are not what [`Writer`] writes.
pub(super) fn read(mut bytes: &[u8], mut each: impl FnMut(ScanPlace)) -> Option<()> {
    let (mut number, mut end) = (0_i64, 0_i64);
    while !bytes.is_empty() {
        number = number.wrapping_add(take(&mut bytes)?);
        end = end.wrapping_add(take(&mut bytes)?);
        each(ScanPlace { usable_until: Timestamp::from_unix(end), number: number.cast_unsigned() });
    }
    Some(())
}

/// Seven bits to a byte, small steps of either sign first.
fn put(bytes: &mut Vec<u8>, step: i64) {
    let mut rest = (step.wrapping_shl(1) ^ (step >> 63)).cast_unsigned();
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_back_as_they_were_written() {
        let given = [(1, 5), (2, 4), (3, -7), (1 << 40, 1 << 37), (i64::MAX, -1 << 35), (i64::MAX, 0)];
        let mut list = Writer::default();
        given.iter().for_each(|(number, end)| list.add(*number, *end));
        let mut found = Vec::new();
        let whole = read(&list.bytes, |place| found.push((place.number.cast_signed(), place.usable_until.unix())));
        assert_eq!((whole, found.as_slice(), list.urls), (Some(()), &given[..], 6));
        assert_eq!(read(&list.bytes[..list.bytes.len() - 1], drop), None, "cut short");
        assert_eq!(read(&[0xff; 20], drop), None, "no number is that long");
    }
}

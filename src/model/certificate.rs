//! Until when a certificate is valid, read from its bytes; whether anybody should trust it is asked elsewhere.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// The tags of the parts on the way to the dates.
const SEQUENCE: u8 = 0x30;
/// The version, which may be left out.
const VERSION: u8 = 0xa0;
/// A time with two digits for the year.
const UTC_TIME: u8 = 0x17;
/// A time with four digits for the year.
const GENERALIZED_TIME: u8 = 0x18;

/// Returns the moment from which on a certificate in DER form is not valid any more; nothing when it cannot be read.
pub fn valid_until(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = enter(der, SEQUENCE)?;
    let (mut rest, _) = enter(certificate, SEQUENCE)?;
    if let Some((_, after)) = enter(rest, VERSION) {
        rest = after;
    }
    // Serial number, algorithm and issuer come before the dates.
    for _ in 0..3 {
        rest = part(rest)?.2;
    }
    let (dates, _) = enter(rest, SEQUENCE)?;
    let (_, _, after) = part(dates)?;
    let (tag, text, _) = part(after)?;
    moment(tag, std::str::from_utf8(text).ok()?)
}

/// Returns the content of the part that bytes begin with, and what follows it, when its tag is this.
fn enter(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = part(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Cuts the first part off: its tag, its content and what follows it.
fn part(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, bytes) = bytes.split_first()?;
    let (first, bytes) = bytes.split_first()?;
    let (length, bytes) = if *first < 0x80 {
        (usize::from(*first), bytes)
    } else {
        // The length of the length; four bytes are more than any certificate has.
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (length, rest) = bytes.split_at_checked(count)?;
        let length = length
            .iter()
            .fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
        (length, rest)
    };
    let (content, rest) = bytes.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// Reads a time, as `261120100000Z` or `20261120100000Z`.
fn moment(tag: u8, text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let text = match (tag, digits.len()) {
        _ if !is_number => return None,
        // Two digits stand for the years from 1950 to 2049.
        (UTC_TIME, 12) if digits < "50" => format!("20{digits}"),
        (UTC_TIME, 12) => format!("19{digits}"),
        (GENERALIZED_TIME, 14) => digits.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%S", &text).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes a part.
    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let mut bytes = vec![tag];
        match u8::try_from(content.len()) {
            Ok(length) if length < 0x80 => bytes.push(length),
            _ => {
                bytes.push(0x82);
                bytes.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
            }
        }
        bytes.extend(content);
        bytes
    }

    /// Encodes a certificate with these dates.
    fn certificate(head: &[u8], until: &[u8]) -> Vec<u8> {
        let serial = der(0x02, &[&[7]]);
        let issuer = der(SEQUENCE, &[&[0; 200]]);
        let from = der(UTC_TIME, &[b"260101000000Z"]);
        let dates = der(SEQUENCE, &[&from, until]);
        let inner = [head, &serial, &der(SEQUENCE, &[]), &issuer, &dates, &issuer];
        der(SEQUENCE, &[&der(SEQUENCE, &inner), &der(0x03, &[b"x"])])
    }

    #[test]
    fn the_end_is_read_in_both_of_its_forms() {
        let version = der(VERSION, &[&der(0x02, &[&[2]])]);
        let cases: [(u8, &[u8], &str); 3] = [
            (UTC_TIME, b"261120100203Z", "2026-11-20T10:02:03Z"),
            (UTC_TIME, b"500101000000Z", "1950-01-01T00:00:00Z"),
            (GENERALIZED_TIME, b"20500101000000Z", "2050-01-01T00:00:00Z"),
        ];
        for (tag, text, wanted) in cases {
            for head in [&version[..], &[]] {
                let found = valid_until(&certificate(head, &der(tag, &[text])));
                assert_eq!(found, Some(wanted.parse().unwrap()));
            }
        }
    }

    #[test]
    fn what_is_cut_or_garbled_has_no_end() {
        let whole = certificate(&[], &der(UTC_TIME, &[b"261120100203Z"]));
        for length in 0..whole.len() {
            let cut = &whole[..length];
            assert!(valid_until(cut).is_none(), "{length}");
        }
        for text in [
            &b"261120100203"[..],
            b"26112010020xZ",
            b"261320100203Z",
            b"Z",
        ] {
            assert_eq!(
                valid_until(&certificate(&[], &der(UTC_TIME, &[text]))),
                None
            );
        }
    }
}

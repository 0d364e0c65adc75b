//! The records of a PAX header: each its length, a key and a value of any bytes.

use super::Error;

/// The most bytes that the records of one entry may have.
pub(super) const MOST: u64 = 8 * 1024 * 1024;

/// What stands before the name of an extended attribute.
pub(super) const ATTRIBUTE: &str = "SCHILY.xattr.";

/// A key with its value.
pub(super) type Record<'a> = (&'a [u8], &'a [u8]);

/// Adds a record.
pub(super) fn add(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    // A blank, an equals sign and a line end; then the length itself, which it counts too.
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length += 1;
    }
    records.extend_from_slice(format!("{length} ").as_bytes());
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

/// Parses records.
pub(super) fn parse(mut bytes: &[u8]) -> Result<Vec<Record<'_>>, Error> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let record = first(bytes).ok_or_else(|| Error::refused("a record of an entry is odd"))?;
        let (key, value, length) = record;
        records.push((key, value));
        bytes = &bytes[length..];
    }
    Ok(records)
}

/// Parses the first record; returns its whole length too.
fn first(bytes: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let blank = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = number(&bytes[..blank])?;
    let record = bytes.get(blank + 1..length)?;
    let record = record.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], length))
}

/// Parses a plain number, without a sign.
pub(super) fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    plain.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

/// Writes a time as seconds with their fraction.
pub(super) fn time(seconds: i64, nanos: u32) -> String {
    let (sign, whole, fraction) = match (seconds, nanos) {
        (seconds, 0) => ("", i128::from(seconds), 0),
        (seconds, nanos) if seconds >= 0 => ("", i128::from(seconds), nanos),
        // The fraction counts upward also before 1970.
        (seconds, nanos) => ("-", -(i128::from(seconds) + 1), 1_000_000_000 - nanos),
    };
    if fraction == 0 {
        return whole.to_string();
    }
    format!("{sign}{whole}.{fraction:09}")
}

/// Parses a time that `time` wrote, or one with fewer digits.
pub(super) fn parse_time(text: &[u8]) -> Option<(i64, u32)> {
    let (is_negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let whole: u64 = number(parts.next()?)?;
    let mut nanos: u32 = 0;
    if let Some(digits) = parts.next() {
        let given: u32 = number(digits).filter(|_| digits.len() <= 9)?;
        nanos = given * 10_u32.pow(u32::try_from(9 - digits.len()).ok()?);
    }
    let whole = i128::from(whole);
    let (seconds, nanos) = match (is_negative, nanos) {
        (false, nanos) => (whole, nanos),
        (true, 0) => (-whole, 0),
        (true, nanos) => (-whole - 1, 1_000_000_000 - nanos),
    };
    Some((i64::try_from(seconds).ok()?, nanos))
}

/// Writes the name of an attribute as a key, in which no equals sign may stand; GNU tar does it the same way.
pub(super) fn attribute_key(name: &[u8]) -> Vec<u8> {
    let mut key = ATTRIBUTE.as_bytes().to_vec();
    for byte in name {
        match byte {
            b'%' => key.extend_from_slice(b"%25"),
            b'=' => key.extend_from_slice(b"%3D"),
            byte => key.push(*byte),
        }
    }
    key
}

/// Reads the name of an attribute from what follows the prefix of its key.
pub(super) fn attribute_name(mut key: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    while let Some((byte, rest)) = key.split_first() {
        let (byte, rest) = match (byte, rest) {
            (b'%', [b'2', b'5', rest @ ..]) => (b'%', rest),
            (b'%', [b'3', b'D', rest @ ..]) => (b'=', rest),
            (byte, rest) => (*byte, rest),
        };
        name.push(byte);
        key = rest;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_record_counts_itself() {
        let mut records = Vec::new();
        // With one byte less the second would have 99 bytes: a length of two digits, not 100 of three.
        add(&mut records, b"mtime", b"1");
        add(&mut records, b"path", &[b'x'; 91]);
        assert!(
            records.starts_with(b"11 mtime=1\n101 path=xxx"),
            "{records:?}"
        );
        let parsed = parse(&records).unwrap();
        assert_eq!(parsed[0], (&b"mtime"[..], &b"1"[..]));
        assert_eq!(parsed[1].1, [b'x'; 91]);
    }

    #[test]
    fn values_hold_any_bytes() {
        let mut records = Vec::new();
        add(&mut records, b"a", b"\n=\0 12 b=\xff\n");
        assert_eq!(
            parse(&records).unwrap(),
            [(&b"a"[..], &b"\n=\0 12 b=\xff\n"[..])]
        );
    }

    #[test]
    fn odd_records_are_refused() {
        for odd in [
            &b"x"[..],
            b"5 a=b",
            b"6 a=b ",
            b"99 a=b\n",
            b"6 abc\n",
            b"-6 a=b\n",
            b"0 a=b\n",
            b"1 ",
            b" 6a=b\n",
            b"99999999999999999999 a=b\n",
        ] {
            assert!(parse(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn times_before_1970_have_fractions_too() {
        for (seconds, nanos, text) in [
            (0, 0, "0"),
            (1, 5, "1.000000005"),
            (-1, 500_000_000, "-0.500000000"),
            (-2, 0, "-2"),
            (-2, 999_999_999, "-1.000000001"),
            (i64::MAX, 999_999_999, "9223372036854775807.999999999"),
            (i64::MIN, 1, "-9223372036854775807.999999999"),
        ] {
            assert_eq!(time(seconds, nanos), text);
            assert_eq!(
                parse_time(text.as_bytes()),
                Some((seconds, nanos)),
                "{text}"
            );
        }
        assert_eq!(parse_time(b"1.5"), Some((1, 500_000_000)));
        for odd in [
            &b""[..],
            b".",
            b"1.",
            b"1.0000000001",
            b"--1",
            b"1e3",
            b"99999999999999999999",
        ] {
            assert_eq!(parse_time(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn names_of_attributes_come_back() {
        for name in [&b"user.a"[..], b"user.a=b%3D%25", b"user.%"] {
            let key = attribute_key(name);
            assert!(!key.contains(&b'='));
            assert_eq!(attribute_name(&key[ATTRIBUTE.len()..]), name);
        }
    }
}

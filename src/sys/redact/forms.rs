//! The spellings in which one secret value may turn up in the output of a program.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// The shortest text that is masked: below it, masking would hit ordinary words.
pub(super) const FLOOR: usize = 8;

/// Returns every needle of a value: the value without blanks in front, its trimmed form, its longer lines, and the encoded forms of each.
pub(super) fn needles(value: &str) -> BTreeSet<Vec<u8>> {
    let lines = value
        .lines()
        .flat_map(|line| [line.trim_start(), line.trim()]);
    // With a line end in front, a needle would hold back every line until the next one comes.
    let whole = [value.trim_start(), value.trim()].into_iter();
    let bases: BTreeSet<&str> = whole.chain(lines).collect();
    let mut found = BTreeSet::new();
    for base in bases.into_iter().filter(|base| base.len() >= FLOOR) {
        found.extend(forms(base).into_iter().map(String::into_bytes));
    }
    // A short value can only make short needles of parts, for example the last row of wrapped base64.
    found.retain(|needle| needle.len() >= FLOOR);
    found
}

/// Returns the forms of one text, the text itself among them.
fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned()];
    forms.extend(base64_forms(text.as_bytes()));
    forms.extend(hex_forms(text.as_bytes()));
    forms.extend(percent_forms(text));
    forms.extend(json_forms(text));
    forms.extend(yaml_forms(text));
    forms.extend(shell_forms(text));
    forms.extend(html_forms(text));
    forms.push(text.escape_debug().to_string());
    forms.push(text.escape_default().to_string());
    // The form of `{:?}` leaves single quotes alone, unlike the two above.
    let debug = format!("{text:?}");
    forms.push(debug[1..debug.len() - 1].to_owned());
    forms
}

/// Returns base64 and base64url: alone (padded, unpadded, wrapped in rows) and inside a longer text, at three alignments.
fn base64_forms(bytes: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for (padded, plain) in [(&STANDARD, &STANDARD_NO_PAD), (&URL_SAFE, &URL_SAFE_NO_PAD)] {
        let alone = padded.encode(bytes);
        for width in [64, 76] {
            forms.extend(alone.as_bytes().chunks(width).map(ascii));
        }
        forms.extend([alone, plain.encode(bytes)]);
        for (before, mixed) in [(0, 0), (1, 2), (2, 3)] {
            let mut shifted = vec![0; before];
            shifted.extend_from_slice(bytes);
            let encoded = plain.encode(&shifted);
            // A last character that holds fewer than six bits of ours depends on what follows.
            let last = usize::from(shifted.len() % 3 != 0);
            forms.push(encoded[mixed..encoded.len() - last].to_owned());
        }
    }
    forms
}

/// Returns hexadecimal digits in lower and in upper case.
fn hex_forms(bytes: &[u8]) -> Vec<String> {
    let lower = bytes.iter().fold(String::new(), |mut text, byte| {
        push(&mut text, format_args!("{byte:02x}"));
        text
    });
    vec![lower.to_uppercase(), lower]
}

/// Returns percent encodings: the sets of characters that common encoders leave alone, in both cases of the digits.
fn percent_forms(text: &str) -> Vec<String> {
    let kept = [
        "-_.~",
        "-_.",
        "-_.*",
        "-_.~!*'()",
        "-_.~$&+:=@",
        "-_.~!*'();,/?:@&=+$#",
        "-_.~/",
    ];
    let mut forms = Vec::new();
    for keep in kept {
        let upper = percent(text, keep, |byte| format!("%{byte:02X}"));
        let lower = percent(text, keep, |byte| format!("%{byte:02x}"));
        forms.extend([
            upper.replace("%20", "+"),
            lower.replace("%20", "+"),
            upper,
            lower,
        ]);
    }
    forms
}

/// Returns the text with each byte encoded that is neither a letter, a digit nor in `keep`.
fn percent(text: &str, keep: &str, encode: impl Fn(u8) -> String) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || keep.as_bytes().contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&encode(byte));
        }
    }
    encoded
}

/// Returns the insides of JSON strings: plain, ASCII only, with escaped slashes, safe for HTML, and one string in another.
fn json_forms(text: &str) -> Vec<String> {
    let plain = json(text);
    let html = plain
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    let mut forms = vec![json(&plain), json(&html)];
    for form in [plain, html] {
        let ascii = ascii_json(&form);
        forms.extend([
            ascii.replace('/', "\\/"),
            ascii,
            form.replace('/', "\\/"),
            form,
        ]);
    }
    forms
}

/// Returns the text as the inside of a JSON string.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Returns the inside of a JSON string with every character beyond ASCII escaped.
fn ascii_json(inside: &str) -> String {
    let mut ascii = String::new();
    for character in inside.chars() {
        if character.is_ascii() {
            ascii.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            push(&mut ascii, format_args!("\\u{unit:04x}"));
        }
    }
    ascii
}

/// Returns the insides of YAML scalars in single quotes and in double quotes.
fn yaml_forms(text: &str) -> Vec<String> {
    let double = text
        .chars()
        .map(|character| match character {
            '\\' => "\\\\".to_owned(),
            '"' => "\\\"".to_owned(),
            '\n' => "\\n".to_owned(),
            '\t' => "\\t".to_owned(),
            '\r' => "\\r".to_owned(),
            '\u{1b}' => "\\e".to_owned(),
            control if control.is_control() => format!("\\x{:02X}", u32::from(control)),
            other => other.to_string(),
        })
        .collect();
    vec![text.replace('\'', "''"), double]
}

/// Returns the insides of shell words: single quotes in two ways, double quotes, backslashes, and the dollar form.
fn shell_forms(text: &str) -> Vec<String> {
    let escape = |special: &dyn Fn(char) -> bool| {
        text.chars().fold(String::new(), |mut word, character| {
            if special(character) {
                word.push('\\');
            }
            word.push(character);
            word
        })
    };
    let dollar = text.replace('\\', "\\\\").replace('\'', "\\'");
    vec![
        text.replace('\'', "'\\''"),
        text.replace('\'', "'\"'\"'"),
        escape(&|character| "$`\"\\".contains(character)),
        escape(&|character| "$`\"\\!".contains(character)),
        escape(&|character| character.is_ascii() && !plain_in_shell(character, "_-./:=@%+,")),
        escape(&|character| character.is_ascii() && !plain_in_shell(character, "_-./:=@%+")),
        escape(&|character| character.is_ascii() && !plain_in_shell(character, "_")),
        dollar
            .replace('\n', "\\n")
            .replace('\t', "\\t")
            .replace('\r', "\\r"),
    ]
}

/// Returns whether a quoting shell leaves the character as it is.
fn plain_in_shell(character: char, punctuation: &str) -> bool {
    character.is_ascii_alphanumeric() || punctuation.contains(character)
}

/// Returns the text escaped for HTML or XML, with the spellings of the two quotes that are in use.
fn html_forms(text: &str) -> Vec<String> {
    let base = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let mut forms = vec![base.clone()];
    for double in ["\"", "&quot;", "&#34;", "&#x22;"] {
        for single in ["'", "&#39;", "&#x27;", "&apos;", "&#039;"] {
            forms.push(base.replace('"', double).replace('\'', single));
        }
    }
    forms
}

/// Returns ASCII bytes as text.
fn ascii(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Appends formatted text.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a String takes all that is written to it");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn has(value: &str, form: &str) {
        assert!(
            needles(value).contains(form.as_bytes()),
            "no needle {form:?} for {value:?}"
        );
    }

    #[test]
    fn each_encoding_of_a_value_is_a_needle() {
        let value = "pa'ss\"w<&>rd/ü 1";
        has(value, value);
        has(value, "cGEnc3MidzwmPnJkL8O8IDE=");
        has(value, "cGEnc3MidzwmPnJkL8O8IDE");
        has(value, "cGEnc3MidzwmPnJkL8O8IDE".trim_end_matches('E'));
        has(value, "706127737322773c263e72642fc3bc2031");
        has(value, "706127737322773C263E72642FC3BC2031");
        has(value, "pa%27ss%22w%3C%26%3Erd%2F%C3%BC%201");
        has(value, "pa%27ss%22w%3C%26%3Erd%2F%C3%BC+1");
        has(value, "pa%27ss%22w%3c%26%3erd%2f%c3%bc%201");
        has(value, r#"pa'ss\"w<&>rd/ü 1"#);
        has(value, r#"pa'ss\"w\u003c\u0026\u003erd/\u00fc 1"#);
        has(value, r#"pa''ss"w<&>rd/ü 1"#);
        has(value, r#"pa'\''ss"w<&>rd/ü 1"#);
        has(value, r#"pa\'ss\"w\<\&\>rd/ü\ 1"#);
        has(value, "pa'ss&quot;w&lt;&amp;&gt;rd/ü 1");
        has(value, "pa&#x27;ss&#34;w&lt;&amp;&gt;rd/ü 1");
    }

    #[test]
    fn longer_lines_are_needles_and_shorter_ones_are_not() {
        let value = "{\n  first-line-of-key\nshort\n}\n";
        has(value, "first-line-of-key");
        has(value, "{\\n  first-line-of-key\\nshort\\n}");
        let all = needles(value);
        assert!(!all.contains("short".as_bytes()));
        assert!(all.iter().all(|needle| needle.len() >= FLOOR));
    }

    #[test]
    fn a_value_is_found_in_base64_of_a_longer_text_at_each_alignment() {
        let all = needles("correct-horse");
        for before in ["", "x", "xy", "xyz"] {
            for after in ["", "1", "12", "123"] {
                let text = STANDARD.encode(format!("{before}correct-horse{after}"));
                let hit = all.iter().any(|needle| text.contains(&ascii(needle)));
                assert!(hit, "not found between {before:?} and {after:?}");
            }
        }
    }

    #[test]
    fn rows_of_wrapped_base64_are_needles() {
        let value = "0123456789abcdef".repeat(12);
        let encoded = STANDARD.encode(&value);
        has(&value, &encoded[..76]);
        has(&value, &encoded[76..152]);
        has(&value, &encoded[64..128]);
    }
}

//! Secret values, with the filter that every byte of child output passes; no `Secret` exists that the filter does not know.

mod forms;
mod matcher;

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use forms::{FLOOR, needles};
use matcher::{MASK, Matcher, Needle};

/// A value that is masked wherever output passes; it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Returns the value, for the one place that hands it on.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

/// Tells whether a value is too short to be masked; nothing at all needs no mask.
pub(crate) fn is_short(value: &str) -> bool {
    (1..FLOOR).contains(&value.trim().len())
}

/// The set of known secrets; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    /// What is known so far.
    known: Arc<Mutex<Known>>,
}

/// The needles, and the automaton made from them when it is first needed.
#[derive(Default)]
struct Known {
    /// Every form of every secret.
    needles: BTreeSet<Needle>,
    /// Values too short to be masked.
    short: BTreeSet<String>,
    /// Absent after a new secret, until something is to be masked.
    matcher: Option<Arc<Matcher>>,
}

impl Redactor {
    /// Makes a secret, which is masked from now on.
    pub(crate) fn register(&self, value: &str) -> Secret {
        let mut known = self.lock();
        if value.trim().is_empty() {
            // Nothing is no secret.
        } else if is_short(value) {
            known.short.insert(value.to_owned());
        } else {
            known
                .needles
                .extend(needles(value).into_iter().map(Needle::from));
            known.matcher = None;
        }
        Secret(value.to_owned())
    }

    /// Tells whether there is anything to mask.
    pub(crate) fn knows_any(&self) -> bool {
        !self.lock().needles.is_empty()
    }

    /// Returns how many different values are too short to be masked.
    pub(crate) fn unmaskable(&self) -> usize {
        self.lock().short.len()
    }

    /// Returns the text with every secret masked.
    pub(crate) fn text(&self, text: &str) -> String {
        match self.matcher() {
            None => text.to_owned(),
            Some(matcher) => String::from_utf8_lossy(&matcher.mask(text.as_bytes())).into_owned(),
        }
    }

    /// Returns the bytes with every secret masked.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.matcher()
            .map_or_else(|| bytes.to_owned(), |matcher| matcher.mask(bytes))
    }

    /// Returns a writer that masks secrets on their way to `inner`, also those split over writes.
    pub(crate) fn writer<W: Write>(&self, inner: W) -> Masked<W> {
        Masked {
            redactor: self.clone(),
            inner,
            held: Vec::new(),
            open: None,
        }
    }

    /// Returns the automaton of all needles, or nothing when there is no secret.
    fn matcher(&self) -> Option<Arc<Matcher>> {
        let mut known = self.lock();
        if known.needles.is_empty() {
            return None;
        }
        if known.matcher.is_none() {
            known.matcher = Some(Arc::new(Matcher::new(&known.needles)));
        }
        known.matcher.clone()
    }

    /// Returns the known secrets; a panic elsewhere cannot leave them half changed.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A writer that masks; what may be the begin of a secret is held back until more is known.
pub(crate) struct Masked<W> {
    /// Knows the secrets, also those registered after this writer was made.
    redactor: Redactor,
    /// Where masked bytes go.
    inner: W,
    /// The end of the input so far, when it is the begin of a needle.
    held: Vec<u8>,
    /// A mask is the last thing written, and this many held bytes belong to it.
    open: Option<usize>,
}

impl<W: Write> Masked<W> {
    /// Writes what is held back, flushes, and returns the inner writer.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if let Some(matcher) = self.redactor.matcher() {
            self.release(&matcher, self.held.len())?;
        }
        self.inner.flush()?;
        Ok(self.inner)
    }

    /// Writes the held bytes before `cut`, masked; no unfinished match may begin there.
    fn release(&mut self, matcher: &Matcher, cut: usize) -> io::Result<()> {
        let mut clean = Vec::with_capacity(cut);
        let mut at = 0;
        let mut open = self.open.take();
        for range in matcher.ranges(&self.held, open) {
            if range.start >= cut {
                break;
            }
            let continued = range.start == 0 && open.is_some();
            if !continued {
                clean.extend_from_slice(&self.held[at..range.start]);
                clean.extend_from_slice(MASK);
            }
            at = range.end;
            open = Some(range.end);
        }
        if at < cut {
            clean.extend_from_slice(&self.held[at..cut]);
            open = None;
        }
        self.open = open.filter(|&end| end >= cut).map(|end| end - cut);
        self.held.drain(..cut);
        self.inner.write_all(&clean)
    }
}

impl<W: Write> Write for Masked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(matcher) = self.redactor.matcher() else {
            self.inner.write_all(bytes)?;
            return Ok(bytes.len());
        };
        self.held.extend_from_slice(bytes);
        let cut = matcher.undecided(&self.held);
        self.release(&matcher, cut)?;
        Ok(bytes.len())
    }

    /// Flushes the inner writer; what may be the begin of a secret stays here.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redactor(values: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        for value in values {
            redactor.register(value);
        }
        redactor
    }

    fn streamed(redactor: &Redactor, parts: &[&[u8]]) -> String {
        let mut writer = redactor.writer(Vec::new());
        for part in parts {
            writer.write_all(part).unwrap();
            writer.flush().unwrap();
        }
        String::from_utf8(writer.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_secret_is_masked_and_the_rest_stays() {
        let redactor = redactor(&["hunter2hunter2"]);
        assert_eq!(
            redactor.text("login hunter2hunter2 ok"),
            "login [secret] ok"
        );
    }

    #[test]
    fn a_secret_debug_prints_no_value() {
        let secret = Redactor::default().register("hunter2hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        assert_eq!(secret.expose(), "hunter2hunter2");
    }

    #[test]
    fn short_values_are_counted_once_and_not_masked() {
        let redactor = redactor(&["seven77", "seven77", "  a  ", "", "\n"]);
        assert_eq!(redactor.unmaskable(), 2);
        assert_eq!(redactor.text("seven77"), "seven77");
    }

    #[test]
    fn overlapping_and_touching_secrets_become_one_mask() {
        let redactor = redactor(&["abcdefgh", "efghijkl", "abcdefghijklmnop"]);
        assert_eq!(redactor.text("<abcdefghijkl>"), "<[secret]>");
        assert_eq!(redactor.text("<abcdefghijklmnop>"), "<[secret]>");
        assert_eq!(redactor.text("<efghijklefghijkl>"), "<[secret]>");
        assert_eq!(
            streamed(&redactor, &[b"<efghijkl", b"efghijkl>"]),
            "<[secret]>"
        );
    }

    #[test]
    fn a_self_overlapping_secret_is_masked_at_every_split() {
        let redactor = redactor(&["aaaaaaaab"]);
        let text = b"-aaaaaaaaaaaab-";
        for split in 0..text.len() {
            let (before, after) = text.split_at(split);
            assert_eq!(streamed(&redactor, &[before, after]), "-aaaa[secret]-");
        }
    }

    #[test]
    fn flush_keeps_back_the_begin_of_a_secret_and_nothing_else() {
        let redactor = redactor(&["correct-horse"]);
        let mut writer = redactor.writer(Vec::new());
        writer.write_all(b"line one\ncorrect-h").unwrap();
        writer.flush().unwrap();
        assert_eq!(writer.inner, b"line one\n");
        writer.write_all(b"at\n").unwrap();
        assert_eq!(writer.finish().unwrap(), b"line one\ncorrect-hat\n");
    }

    #[test]
    fn of_secrets_that_begin_alike_the_longest_is_masked() {
        let redactor = redactor(&["0123456789abcdef", "0123456789abcdefghij", "0123456789"]);
        assert_eq!(redactor.text("<0123456789abcdefghij>"), "<[secret]>");
        assert_eq!(redactor.text("<0123456789abcdefghi>"), "<[secret]ghi>");
        assert_eq!(redactor.text("<0123456789abcd>"), "<[secret]abcd>");
        assert_eq!(
            streamed(&redactor, &[b"<0123456789abcdefgh", b"i>"]),
            "<[secret]ghi>"
        );
    }

    #[test]
    fn an_endless_secret_is_not_piled_up() {
        let redactor = redactor(&["aaaaaaaa"]);
        let longest = redactor.matcher().unwrap().longest;
        let mut writer = redactor.writer(Vec::new());
        for _ in 0..1000 {
            writer.write_all(b"aaaaaaaaaaaaaaaaaaaaaaa").unwrap();
            assert!(writer.held.len() < longest);
        }
        assert_eq!(writer.finish().unwrap(), b"[secret]");
    }

    #[test]
    fn a_secret_registered_later_is_masked_by_an_older_writer() {
        let redactor = Redactor::default();
        let mut writer = redactor.writer(Vec::new());
        writer.write_all(b"one ").unwrap();
        redactor.register("hunter2hunter2");
        writer.write_all(b"hunter2hunter2").unwrap();
        assert_eq!(writer.finish().unwrap(), b"one [secret]");
    }

    /// Masks the slow and plain way: marks every byte of every occurrence.
    fn model(all: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
        let mut is_secret = vec![false; text.len()];
        for needle in all {
            for start in 0..text.len() {
                if text[start..].starts_with(needle) {
                    is_secret[start..start + needle.len()].fill(true);
                }
            }
        }
        let mut clean = Vec::new();
        for at in 0..text.len() {
            if !is_secret[at] {
                clean.push(text[at]);
            } else if at == 0 || !is_secret[at - 1] {
                clean.extend_from_slice(MASK);
            }
        }
        clean
    }

    /// Values that cannot be part of the mask itself.
    fn secret() -> impl Strategy<Value = String> {
        prop_oneof!["[ab]{8,12}", "[a-z'\"<&/ é]{8,30}", "[^\\[\\]\\p{C}]{8,20}"]
            .prop_filter("long enough", |value| value.trim().len() >= FLOOR)
    }

    proptest! {
        #[test]
        fn no_form_of_a_secret_survives_any_split(
            values in prop::collection::vec(secret(), 1..4),
            picks in prop::collection::vec((any::<prop::sample::Index>(), "[ab ]{0,6}"), 1..6),
            splits in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let redactor = Redactor::default();
            for value in &values {
                redactor.register(value);
            }
            let all: Vec<_> = values.iter().flat_map(|value| needles(value)).collect();
            let mut text = Vec::new();
            for (pick, filler) in &picks {
                let form: &Vec<u8> = pick.get(&all);
                text.extend_from_slice(form);
                text.extend_from_slice(filler.as_bytes());
            }
            let matcher = redactor.matcher();
            let whole = matcher.map_or_else(|| text.clone(), |matcher| matcher.mask(&text));
            prop_assert_eq!(&whole, &model(&all, &text));
            for needle in &all {
                let leak = whole.windows(needle.len()).any(|window| window == needle);
                prop_assert!(!leak, "{:?} in {:?}", needle, whole);
            }
            let mut cuts: Vec<usize> = splits.iter().map(|split| split.index(text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut writer = redactor.writer(Vec::new());
            for cut in cuts.windows(2) {
                writer.write_all(&text[cut[0]..cut[1]]).unwrap();
                writer.flush().unwrap();
            }
            prop_assert_eq!(writer.finish().unwrap(), whole);
        }

        #[test]
        fn text_without_secrets_is_unchanged(text in "[a-m \n]{0,200}", value in "[n-z]{8,20}") {
            let redactor = redactor(&[&value]);
            // Hexadecimal and base64 forms could in theory appear; they have digits or are not drawn from a to m.
            let hit = needles(&value).iter().any(|needle| {
                text.as_bytes().windows(needle.len()).any(|window| window == needle)
            });
            prop_assume!(!hit);
            prop_assert_eq!(redactor.text(&text), text.clone());
            prop_assert_eq!(streamed(&redactor, &[text.as_bytes()]), text);
        }
    }
}

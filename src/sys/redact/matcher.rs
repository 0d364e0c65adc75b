//! Finds every form of every secret in bytes; it knows no streams.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};

/// What stands in the place of a secret; it is safe inside JSON, XML and HTML.
pub(super) const MASK: &[u8] = b"[secret]";

/// How much of a needle the automaton knows; the rest is compared, which keeps it small when secrets are long.
const PREFIX: usize = 12;

/// One form of one secret.
pub(super) type Needle = Arc<[u8]>;

/// Finds all needles, and the places where one may have begun.
pub(super) struct Matcher {
    /// Reports every place where the prefix of a needle stands, overlapping ones too.
    automaton: AhoCorasick,
    /// The needles in order: those that begin alike stand together.
    sorted: Vec<Needle>,
    /// For each pattern of the automaton, the needles that begin with it.
    candidates: Vec<Range<usize>>,
    /// Whether some needle begins with this byte.
    first: [bool; 256],
    /// The length of the longest needle.
    pub(super) longest: usize,
}

impl Matcher {
    /// Builds the automaton.
    pub(super) fn new(needles: &BTreeSet<Needle>) -> Self {
        let sorted: Vec<Needle> = needles.iter().cloned().collect();
        let prefixes: BTreeSet<&[u8]> = sorted.iter().map(|needle| prefix(needle)).collect();
        let candidates = prefixes.iter().map(|prefix| {
            let begin = sorted.partition_point(|needle| &**needle < *prefix);
            let alike = sorted[begin..]
                .iter()
                .take_while(|needle| needle.starts_with(prefix));
            begin..begin + alike.count()
        });
        let candidates = candidates.collect();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&prefixes)
            .expect("needles are far fewer than the automaton can number");
        let mut first = [false; 256];
        for needle in needles {
            first[usize::from(needle[0])] = true;
        }
        let longest = needles.iter().map(|needle| needle.len()).max().unwrap_or(0);
        Self {
            automaton,
            sorted,
            candidates,
            first,
            longest,
        }
    }

    /// Returns the range of the longest needle that begins where a prefix was found.
    fn longest_at(&self, bytes: &[u8], found: aho_corasick::Match) -> Option<Range<usize>> {
        let candidates = &self.sorted[self.candidates[found.pattern().as_usize()].clone()];
        let rest = &bytes[found.start()..];
        let fitting = candidates.iter().filter(|needle| rest.starts_with(needle));
        let length = fitting.map(|needle| needle.len()).max()?;
        Some(found.start()..found.start() + length)
    }

    /// Returns the bytes with each run of matches replaced by one mask.
    pub(super) fn mask(&self, bytes: &[u8]) -> Vec<u8> {
        let mut clean = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for range in self.ranges(bytes, None) {
            clean.extend_from_slice(&bytes[at..range.start]);
            clean.extend_from_slice(MASK);
            at = range.end;
        }
        clean.extend_from_slice(&bytes[at..]);
        clean
    }

    /// Returns the ranges that matches cover, joined where they overlap or touch; `open` bytes at the begin are covered already.
    pub(super) fn ranges(&self, bytes: &[u8], open: Option<usize>) -> Vec<Range<usize>> {
        let mut matches: Vec<Range<usize>> = open.map(|end| 0..end).into_iter().collect();
        let found = self.automaton.find_overlapping_iter(bytes);
        matches.extend(found.filter_map(|found| self.longest_at(bytes, found)));
        matches.sort_unstable_by_key(|range| range.start);
        let mut joined: Vec<Range<usize>> = Vec::new();
        for range in matches {
            match joined.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
        }
        joined
    }

    /// Returns where the longest end of the bytes starts that is the begin of a needle.
    pub(super) fn undecided(&self, bytes: &[u8]) -> usize {
        let from = bytes.len().saturating_sub(self.longest - 1);
        (from..bytes.len())
            .find(|&start| self.begins_a_needle(&bytes[start..]))
            .unwrap_or(bytes.len())
    }

    /// Returns whether some needle is longer than the bytes and starts with them.
    fn begins_a_needle(&self, bytes: &[u8]) -> bool {
        if !self.first[usize::from(bytes[0])] {
            return false;
        }
        // Needles that start with the bytes stand together, right after the bytes themselves.
        let next = self.sorted.partition_point(|needle| &**needle <= bytes);
        self.sorted
            .get(next)
            .is_some_and(|needle| needle.starts_with(bytes))
    }
}

/// Returns the part of a needle that the automaton knows.
fn prefix(needle: &[u8]) -> &[u8] {
    &needle[..needle.len().min(PREFIX)]
}

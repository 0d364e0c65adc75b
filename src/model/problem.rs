//! Known problems: what their lines look like, what they mean and what to do; finds them in lines, reads no file.

use std::{collections::BTreeSet, fmt};

use aho_corasick::AhoCorasick;
use serde::{Deserialize, Serialize};

use super::recipe::Invalid;

/// Every known problem, as data.
const DATA: &str = include_str!("problems.toml");
/// What stands for anything within a line.
const ANYTHING: char = '*';
/// What stands for the end of a line, at the end of a pattern.
const END: char = '$';

/// Where a line of evidence is from, the most telling place first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// What ccci itself found, as `code: message`, with its causes.
    Report,
    /// What swarm says of the tasks.
    Task,
    /// What docker, abra, git, hooks and tests printed.
    Output,
    /// What health checks printed.
    Health,
    /// The HTTP request that failed.
    Exchange,
    /// The logs of the services.
    Service,
}

/// How much a problem tells of why a run failed, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tells {
    /// It is what went wrong.
    Cause,
    /// It often is, and it can be harmless.
    Hint,
    /// It follows from something else.
    Symptom,
}

impl Tells {
    /// Returns its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::Hint => "hint",
            Self::Symptom => "symptom",
        }
    }
}

/// Whose matter a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matter {
    /// Of who maintains the recipe.
    Recipe,
    /// Of who looks after the host.
    Server,
    /// Of the registry that images come from.
    Registry,
    /// Of how the recipe is tested.
    Test,
}

impl Matter {
    /// Returns its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Recipe => "recipe",
            Self::Server => "server",
            Self::Registry => "registry",
            Self::Test => "test",
        }
    }
}

/// One known problem.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Its stable word.
    pub id: String,
    /// What it is about.
    pub area: String,
    /// Whose matter it is.
    pub matter: Matter,
    /// How much it tells.
    pub tells: Tells,
    /// Where it is looked for.
    #[serde(rename = "where")]
    pub places: Vec<Place>,
    /// What its lines look like.
    pub find: Vec<Pattern>,
    /// What it means.
    pub meaning: String,
    /// What to do about it.
    pub remedy: String,
    /// Where such lines can be seen or are explained.
    pub source: String,
    /// Lines as programs print them.
    pub samples: Vec<String>,
}

/// Parts of a line, upper and lower case alike, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    /// The parts, in lower case, at least one.
    parts: Vec<String>,
    /// Whether the last part has to end the line.
    at_end: bool,
}

impl TryFrom<String> for Pattern {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let at_end = text.ends_with(END);
        let lower = text.trim_end_matches(END).to_ascii_lowercase();
        let parts: Vec<_> = lower.split(ANYTHING).map(str::to_owned).collect();
        if parts.iter().any(String::is_empty) {
            let rule = "parts of a line with `*` between them";
            return Err(Invalid::new("pattern", &text, rule));
        }
        Ok(Self { parts, at_end })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.at_end { "$" } else { "" };
        write!(f, "{}{end}", self.parts.join("*"))
    }
}

impl Pattern {
    /// Returns where a line in lower case begins to fit.
    ///
    /// Each part is taken where it stands first, so no part of the line is looked at twice.
    fn start(&self, lower: &str) -> Option<usize> {
        let (last, before) = self.parts.split_last()?;
        let (mut first, mut at) = (None, 0);
        for part in before {
            let found = at + lower[at..].find(part.as_str())?;
            first = first.or(Some(found));
            at = found + part.len();
        }
        let rest = &lower[at..];
        let found = if self.at_end {
            rest.ends_with(last.as_str())
                .then(|| rest.len() - last.len())?
        } else {
            rest.find(last.as_str())?
        };
        first.or(Some(at + found))
    }
}

/// All known problems, ready to be looked for.
pub struct Library {
    /// The problems, in the order of the file.
    problems: Vec<Problem>,
    /// The first part of every pattern.
    heads: AhoCorasick,
    /// The problem and the pattern that each of these belongs to.
    owners: Vec<(usize, usize)>,
}

impl Library {
    /// Returns the problems that ccci knows.
    ///
    /// ```
    /// use ccci::model::problem::Library;
    /// assert!(Library::known().problems().len() >= 30);
    /// ```
    pub fn known() -> Self {
        Self::read(DATA).expect("a test reads the file that is compiled in")
    }

    /// Reads problems from TOML.
    fn read(text: &str) -> Result<Self, toml::de::Error> {
        /// The file.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            /// The problems.
            problem: Vec<Problem>,
        }
        let problems = toml::from_str::<Written>(text)?.problem;
        let mut owners = Vec::new();
        let mut heads = Vec::new();
        for (number, problem) in problems.iter().enumerate() {
            for (place, pattern) in problem.find.iter().enumerate() {
                owners.push((number, place));
                heads.push(pattern.parts[0].clone());
            }
        }
        let heads = AhoCorasick::new(&heads).expect("the patterns are few and short");
        Ok(Self {
            problems,
            heads,
            owners,
        })
    }

    /// Returns the problems, in their order.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns the problems that a line shows, each with where in the line it begins.
    fn shown_by(&self, place: Place, line: &str) -> Vec<(usize, usize)> {
        let lower = line.to_ascii_lowercase();
        let hits = self.heads.find_overlapping_iter(&lower);
        let hits: BTreeSet<usize> = hits.map(|hit| hit.pattern().as_usize()).collect();
        let mut shown: Vec<(usize, usize)> = Vec::new();
        for hit in hits {
            let (number, pattern) = self.owners[hit];
            let problem = &self.problems[number];
            let is_new = shown.last().is_none_or(|(last, _)| *last != number);
            if is_new && problem.places.contains(&place) {
                let start = problem.find[pattern].start(&lower);
                shown.extend(start.map(|start| (number, start)));
            }
        }
        shown
    }
}

/// A line that shows a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sight {
    /// The file, relative to the run directory.
    pub file: String,
    /// The number of the line, from 1, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The line.
    pub text: String,
    /// Where in the line the problem shows, in bytes.
    #[serde(skip)]
    pub start: usize,
}

/// A problem that was found.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The problem.
    pub problem: &'a Problem,
    /// The line that shows it best: of the most telling place, and there the first.
    pub sight: Sight,
    /// How many lines show it.
    pub count: usize,
}

/// Looks for problems in one line after the other.
pub struct Search<'a> {
    /// What is looked for.
    known: &'a Library,
    /// What was found of each problem, with the place of its best line.
    found: Vec<Option<(Place, Found<'a>)>>,
}

impl<'a> Search<'a> {
    /// Begins to look for the problems of a library.
    pub fn new(library: &'a Library) -> Self {
        let found = vec![None; library.problems.len()];
        Self {
            known: library,
            found,
        }
    }

    /// Looks at a line, which must be free of control sequences.
    pub fn look(&mut self, place: Place, (file, line): (&str, Option<usize>), text: &str) {
        for (number, start) in self.known.shown_by(place, text) {
            let slot = &mut self.found[number];
            let count = slot.as_ref().map_or(0, |(_, found)| found.count) + 1;
            let is_better = slot.as_ref().is_none_or(|(best, _)| place < *best);
            if is_better {
                let sight = Sight {
                    file: file.to_owned(),
                    line,
                    text: text.to_owned(),
                    start,
                };
                let problem = &self.known.problems[number];
                *slot = Some((
                    place,
                    Found {
                        problem,
                        sight,
                        count,
                    },
                ));
            } else if let Some((_, found)) = slot {
                found.count = count;
            }
        }
    }

    /// Returns what was found, what tells most first.
    pub fn finish(self) -> Vec<Found<'a>> {
        let mut found: Vec<_> = self.found.into_iter().flatten().collect();
        // The order of the file decides between two that tell equally much in the same place.
        found.sort_by_key(|(place, found)| (found.problem.tells, *place));
        found.into_iter().map(|(_, found)| found).collect()
    }
}

/// Returns a part of a line that holds what is shown, at most so many characters long, with dots where it was cut.
pub fn excerpt(sight: &Sight, length: usize, dots: &str) -> String {
    let before = sight.text[..sight.start].chars().count();
    let skip = if sight.text.chars().count() <= length {
        0
    } else {
        // A third of the room is for what stands before.
        before.saturating_sub(length / 3)
    };
    let mut shown: String = sight.text.chars().skip(skip).take(length).collect();
    if sight.text.chars().count() > skip + length {
        shown.push_str(dots);
    }
    if skip > 0 {
        shown.insert_str(0, dots);
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// What programs print when all is well.
    const HEALTHY: &str = include_str!("../../tests/fixtures/logs/healthy.txt");
    /// Every place.
    const PLACES: [Place; 6] = [
        Place::Report,
        Place::Task,
        Place::Output,
        Place::Health,
        Place::Exchange,
        Place::Service,
    ];

    /// Returns the ids of the problems that a line shows.
    fn shown(library: &Library, place: Place, line: &str) -> Vec<String> {
        let shown = library.shown_by(place, line);
        let ids = shown
            .iter()
            .map(|(number, _)| library.problems[*number].id.clone());
        ids.collect()
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn each_problem_says_all_that_it_has_to_in_a_few_words() {
        let library = Library::known();
        let mut ids = BTreeSet::new();
        for problem in library.problems() {
            let Problem { id, area, .. } = problem;
            let is_word = |word: &str| {
                let clean = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                !word.is_empty() && word.len() <= 32 && word.chars().all(clean)
            };
            assert!(is_word(id) && is_word(area), "{id}");
            assert!(ids.insert(id), "{id} is there twice");
            for (text, limit) in [(&problem.meaning, 150), (&problem.remedy, 160)] {
                let is_sentence = text.starts_with(|c: char| c.is_uppercase() || c == '`')
                    || text.starts_with("abra")
                    || text.starts_with("nginx ");
                assert!(is_sentence && text.ends_with('.'), "{id}: {text}");
                assert!(text.chars().count() <= limit, "{id}: {text}");
            }
            let is_known = problem.source == "observed" || problem.source.starts_with("https://");
            assert!(is_known, "{id}: {}", problem.source);
            assert!(
                !problem.places.is_empty() && !problem.find.is_empty(),
                "{id}"
            );
            assert!(!problem.samples.is_empty(), "{id}");
        }
        assert!(ids.len() >= 30);
    }

    #[test]
    fn each_sample_shows_its_problem_and_no_other() {
        let library = Library::known();
        for problem in library.problems() {
            for sample in &problem.samples {
                assert!(sample.len() <= 240, "{}: {sample}", problem.id);
                for place in &problem.places {
                    let found = shown(&library, *place, sample);
                    assert_eq!(found, [problem.id.as_str()], "{place:?}: {sample}");
                }
            }
        }
    }

    #[test]
    fn each_pattern_has_a_sample() {
        for problem in Library::known().problems() {
            let lower: Vec<_> = problem
                .samples
                .iter()
                .map(|s| s.to_ascii_lowercase())
                .collect();
            for pattern in &problem.find {
                let fits = lower.iter().any(|line| pattern.start(line).is_some());
                assert!(fits, "{}: no sample shows `{pattern}`", problem.id);
            }
        }
    }

    #[test]
    fn a_log_without_trouble_shows_nothing() {
        let library = Library::known();
        assert!(HEALTHY.lines().count() >= 60);
        for line in HEALTHY.lines() {
            for place in PLACES {
                assert_eq!(shown(&library, place, line), [""; 0], "{line}");
            }
        }
    }

    #[test]
    fn parts_are_found_in_their_order_and_in_any_case() {
        let begins = |text: &str, line: &str| pattern(text).start(&line.to_ascii_lowercase());
        assert_eq!(begins("A*b", "xa -- B"), Some(1));
        assert_eq!(begins("a*b", "b a"), None);
        assert_eq!(begins("aa*a", "aa"), None);
        assert_eq!(begins("b$", "b b"), Some(2));
        assert_eq!(begins("b$", "b "), None);
        assert_eq!(begins("ab*b$", "ab"), None);
        for bad in ["", "*", "a*", "*a", "a**b", "$"] {
            assert!(Pattern::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_tells_most_comes_first_with_its_best_line() {
        let library = Library::known();
        let mut search = Search::new(&library);
        let log = "01-install/service-db.log";
        search.look(
            Place::Report,
            ("report.json", None),
            "restart-loop: `db` is in a restart loop",
        );
        search.look(
            Place::Service,
            (log, Some(3)),
            "connect ECONNREFUSED 10.0.1.5:5432",
        );
        search.look(
            Place::Service,
            (log, Some(7)),
            "FATAL:  database files are incompatible with server",
        );
        search.look(
            Place::Service,
            (log, Some(9)),
            "FATAL:  database files are incompatible with server",
        );
        let found = search.finish();
        let shown: Vec<_> = found
            .iter()
            .map(|found| (found.problem.id.as_str(), found.sight.line, found.count))
            .collect();
        let wanted = [
            ("postgres-other-version", Some(7), 2),
            ("restart-loop", None, 1),
            ("connection-refused", Some(3), 1),
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn the_part_of_a_long_line_is_shown_that_matters() {
        let sight = |text: String, start| Sight {
            file: String::new(),
            line: None,
            text,
            start,
        };
        assert_eq!(excerpt(&sight("short".into(), 2), 10, "..."), "short");
        let long = format!("{}HERE{}", "ä".repeat(100), "b".repeat(100));
        let shown = excerpt(&sight(long.clone(), 200), 30, "…");
        assert_eq!(shown, format!("…{}HERE{}…", "ä".repeat(10), "b".repeat(16)));
        assert_eq!(excerpt(&sight(long, 0), 3, "…"), "äää…");
    }

    #[test]
    fn a_line_of_a_megabyte_that_begins_every_pattern_again_and_again_is_no_trouble() {
        let library = Library::known();
        let heads = library.problems.iter().flat_map(|problem| &problem.find);
        let heads: Vec<_> = heads.map(|pattern| pattern.parts[0].as_str()).collect();
        for unit in [
            heads.join(" "),
            "no suitable node (".to_owned(),
            "\u{1b}[".to_owned(),
        ] {
            let line = unit.repeat((1 << 20) / unit.len());
            let begun = Instant::now();
            for place in PLACES {
                let _found = library.shown_by(place, &line);
            }
            // Looking at each beginning again would take minutes.
            assert!(begun.elapsed() < Duration::from_secs(30), "{unit}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_trouble(line in "(no suitable node \\(|: /|\\.sh|not found|ä|\\x1b|[\\x00-\\xff]){0,40}", length in 0usize..60) {
            let library = Library::known();
            let mut search = Search::new(&library);
            for place in PLACES {
                search.look(place, ("f", None), &line);
            }
            for found in search.finish() {
                let shown = excerpt(&found.sight, length, "");
                prop_assert!(shown.chars().count() <= length);
            }
        }
    }
}

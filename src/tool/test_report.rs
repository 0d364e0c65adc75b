//! Reads what pytest and hurl report on the single tests of a file; what it says was written by a test and is never trusted.

use std::{fs::File, io::Read, path::Path, time::Duration};

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};
use rustix::fs::{Mode, OFlags};

use crate::{
    model::outcome::{CaseResult, Outcome, millis},
    sys::redact::Redactor,
};

/// The largest report that is read.
const SIZE_LIMIT: u64 = 4 * 1024 * 1024;
/// How many tests of a file are kept; those that did not pass first.
const CASE_LIMIT: usize = 500;
/// The longest name, in characters.
const NAME_LIMIT: usize = 200;
/// The longest message, in characters.
const MESSAGE_LIMIT: usize = 500;

/// The single tests of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TestReport {
    /// How each ended.
    pub(crate) cases: Vec<CaseResult>,
    /// How many more there were than are kept.
    pub(crate) left_out: usize,
}

/// What is known of a report before it is read.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The file, from the root of its tests; a test that is the whole file gets this name.
    pub(crate) path: &'a str,
    /// How long the file ran; none of its tests took longer.
    pub(crate) took: Duration,
    /// Masks secrets before anything is cut.
    pub(crate) redactor: &'a Redactor,
}

impl TestReport {
    /// Returns why nothing was tested, when there are tests and all of them were skipped.
    pub(crate) fn skipped(&self) -> Option<String> {
        let all = self.cases.iter().all(|case| case.outcome == Outcome::Skip);
        if self.cases.is_empty() || !all {
            return None;
        }
        let mut reasons: Vec<&str> = Vec::new();
        for reason in self.cases.iter().filter_map(|case| case.message.as_deref()) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        let why = match reasons.as_slice() {
            [] => String::new(),
            [reason] => format!(": {reason}"),
            [reason, ..] => format!(", the first of them: {reason}"),
        };
        Some(format!("all its tests were skipped{why}"))
    }
}

/// Reads a report, or says in a few words why it cannot be read.
pub(crate) fn read(path: &Path, origin: Origin<'_>) -> Result<TestReport, String> {
    let text = text(path)?;
    let mut cases = parse(&text, origin).map_err(|error| format!("it is no report: {error}"))?;
    let left_out = cases.len().saturating_sub(CASE_LIMIT);
    if left_out > 0 {
        cases.sort_by_key(|case| case.outcome.is_pass());
        cases.truncate(CASE_LIMIT);
    }
    Ok(TestReport { cases, left_out })
}

/// Returns the text of a file, which has to be a plain one of bounded size.
fn text(path: &Path) -> Result<String, String> {
    // A test could put a link or a pipe there: neither is followed nor waited for.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty());
    let file = File::from(file.map_err(|error| format!("it cannot be opened: {error}"))?);
    let found = file.metadata().map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes);
    let length = read.map_err(|error| format!("it cannot be read: {error}"))?;
    if u64::try_from(length).unwrap_or(u64::MAX) > SIZE_LIMIT {
        return Err(format!("it has more than {SIZE_LIMIT} bytes"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A test while its element is read.
#[derive(Default)]
struct Open {
    /// Its class, as the report says.
    class: String,
    /// Its name, as the report says.
    name: String,
    /// Its time in seconds, as the report says.
    time: String,
    /// The first element that says how it ended, with its text so far.
    end: Option<Ending>,
    /// Whether the text that comes belongs to that element.
    is_in_end: bool,
}

/// An element that says that a test did not simply pass.
#[derive(Default)]
struct Ending {
    /// The element: `failure`, `error` or `skipped`.
    element: String,
    /// Its attribute `type`.
    kind: String,
    /// Its attribute `message`.
    message: String,
    /// Its text.
    text: String,
}

/// Reads the tests of a whole report.
fn parse(text: &str, origin: Origin<'_>) -> Result<Vec<CaseResult>, quick_xml::Error> {
    let mut reader = Reader::from_str(text);
    let mut cases: Vec<CaseResult> = Vec::new();
    let (mut open, mut depth, mut has_root) = (None::<Open>, 0_usize, false);
    loop {
        match reader.read_event()? {
            Event::Start(element) => {
                has_root |= depth == 0 && element.name().as_ref().starts_with(b"testsuite");
                depth += 1;
                begin(&mut open, &element)?;
            }
            Event::Empty(element) => {
                has_root |= depth == 0 && element.name().as_ref().starts_with(b"testsuite");
                begin(&mut open, &element)?;
                end(&mut open, element.name().as_ref(), (&mut cases, origin));
            }
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                end(&mut open, element.name().as_ref(), (&mut cases, origin));
            }
            Event::Text(piece) => add(&mut open, &piece.decode()?),
            Event::CData(piece) => add(&mut open, &piece.decode()?),
            Event::GeneralRef(name) => {
                let one = name.resolve_char_ref()?.map(String::from);
                let name = name.decode()?;
                let known = one.or_else(|| resolve_predefined_entity(&name).map(str::to_owned));
                add(&mut open, &known.unwrap_or_default());
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    if depth > 0 || !has_root {
        let cut = quick_xml::errors::SyntaxError::UnclosedTag;
        return Err(quick_xml::Error::Syntax(cut));
    }
    Ok(cases)
}

/// Takes note of an element that begins.
fn begin(open: &mut Option<Open>, element: &BytesStart<'_>) -> Result<(), quick_xml::Error> {
    let name = element.name();
    match (name.as_ref(), open) {
        (b"testcase", open) => {
            *open = Some(Open {
                class: attribute(element, "classname")?,
                name: attribute(element, "name")?,
                time: attribute(element, "time")?,
                ..Open::default()
            });
        }
        (b"failure" | b"error" | b"skipped", Some(open)) if open.end.is_none() => {
            open.is_in_end = true;
            open.end = Some(Ending {
                element: String::from_utf8_lossy(name.as_ref()).into_owned(),
                kind: attribute(element, "type")?,
                message: attribute(element, "message")?,
                text: String::new(),
            });
        }
        _ => {}
    }
    Ok(())
}

/// Takes note of an element that ends.
fn end(
    open: &mut Option<Open>,
    element: &[u8],
    (cases, origin): (&mut Vec<CaseResult>, Origin<'_>),
) {
    match element {
        b"testcase" => {
            let Some(case) = open.take().map(|open| case(&open, origin)) else {
                return;
            };
            // A test that fails, and whose cleaning up fails too, is reported twice.
            match cases.last_mut().filter(|last| last.name == case.name) {
                Some(last) if last.outcome.is_failure() => {}
                Some(last) => *last = case,
                None => cases.push(case),
            }
        }
        b"failure" | b"error" | b"skipped" => {
            if let Some(open) = open {
                open.is_in_end = false;
            }
        }
        _ => {}
    }
}

/// Adds text to the element that says how a test ended.
fn add(open: &mut Option<Open>, text: &str) {
    let open = open.as_mut().filter(|open| open.is_in_end);
    if let Some(ending) = open.and_then(|open| open.end.as_mut()) {
        ending.text.push_str(text);
    }
}

/// Returns the value of an attribute, or nothing where it is absent.
fn attribute(element: &BytesStart<'_>, name: &str) -> Result<String, quick_xml::Error> {
    match element.try_get_attribute(name)? {
        Some(found) => Ok(found
            .normalized_value(XmlVersion::Implicit1_0)?
            .into_owned()),
        None => Ok(String::new()),
    }
}

/// Makes the result of a test from what its elements said.
fn case(open: &Open, origin: Origin<'_>) -> CaseResult {
    let outcome = match &open.end {
        None => Outcome::Pass,
        // It failed, as its author expects.
        Some(end) if end.kind == "pytest.xfail" => Outcome::Pass,
        Some(end) if end.element == "skipped" => Outcome::Skip,
        Some(_) => Outcome::Fail,
    };
    let message = open.end.as_ref().map(message);
    let message = message.map(|message| match outcome {
        Outcome::Pass => format!("failed as expected: {message}"),
        _ => message,
    });
    let time: f64 = open.time.parse().unwrap_or(0.0);
    let time = Duration::try_from_secs_f64(time).unwrap_or_default();
    CaseResult {
        name: shown(&name(open, origin.path), NAME_LIMIT, origin.redactor),
        outcome,
        duration_ms: millis(time.min(origin.took)),
        message: message
            .map(|text| shown(&text, MESSAGE_LIMIT, origin.redactor))
            .filter(|text| !text.is_empty()),
    }
}

/// Returns a test's name within its file, as `TestForm::test_opens`, or the file's own for the whole of it.
fn name(open: &Open, path: &str) -> String {
    let module = path.strip_suffix(".py").unwrap_or(path).replace('/', ".");
    // hurl knows no smaller test than a file; pytest names a file that cannot be imported like its module.
    let is_file = open.name == module || Path::new(&open.name).ends_with(path);
    if open.name.is_empty() || is_file && open.class.is_empty() {
        return path.to_owned();
    }
    let class = open.class.strip_prefix(module.as_str());
    let class = class.and_then(|class| class.strip_prefix('.'));
    match class.filter(|class| !class.is_empty()) {
        Some(class) => format!("{}::{}", class.replace('.', "::"), open.name),
        None => open.name.clone(),
    }
}

/// Returns why a test ended as it did, in the words of its runner.
fn message(end: &Ending) -> String {
    let lines = || end.text.lines().map(str::trim);
    let first = lines().find(|line| !line.is_empty()).unwrap_or_default();
    match end.message.as_str() {
        // The reason is the last of three values, written as Python writes them.
        "collection skipped" => match first.split_once("Skipped: ") {
            Some((_, reason)) => {
                let reason = reason.strip_suffix(')').unwrap_or(reason);
                reason.trim_end_matches(['\'', '"']).to_owned()
            }
            None => "collection skipped".to_owned(),
        },
        "collection failure" => {
            let error = lines().find_map(|line| line.strip_prefix("E "));
            error.unwrap_or("collection failure").trim().to_owned()
        }
        // hurl says what it looked at, and below the line of the file what it found.
        "" => {
            let found = lines().find_map(|line| {
                let rest = line.strip_prefix('|')?.trim_start();
                rest.strip_prefix('^')
            });
            let found = found.map(|found| found.trim_start_matches('^').trim_start());
            match found.filter(|found| !found.is_empty()) {
                Some(found) => format!("{first}: {found}"),
                None => first.to_owned(),
            }
        }
        said => {
            let line = said.lines().find(|line| !line.trim().is_empty());
            line.unwrap_or_default().to_owned()
        }
    }
}

/// Returns text as one line of bounded length; secrets go before a cut could leave a part of one.
fn shown(text: &str, limit: usize, redactor: &Redactor) -> String {
    let masked = redactor.text(text);
    let plain = masked
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control());
    let mut line: String = plain.take(limit + 1).collect();
    if let Some((end, _)) = line.char_indices().nth(limit) {
        line.truncate(end);
        line.push('…');
    }
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use proptest::prelude::*;

    use super::*;

    /// What pytest 9.2 wrote for a file with each kind of end.
    const PYTEST: &str = include_str!("../../tests/fixtures/reports/pytest.xml");
    /// What hurl writes for a file whose answer has another status.
    const HURL: &str = r#"<?xml version="1.0" encoding="UTF-8"?><testsuites><testsuite tests="1" errors="0" failures="1"><testcase id="/kept/a/test_x.hurl" name="/kept/a/test_x.hurl" time="0.230"><failure>Assert status code
  --&gt; /kept/a/test_x.hurl:2:10
   |
 2 | HTTP 200
   |      ^^^ actual value is &lt;404&gt;
   |</failure></testcase></testsuite></testsuites>"#;

    /// Reads a report of a file that ran for a minute.
    fn read_text(text: &str, path: &str) -> Result<TestReport, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.xml");
        fs::write(&file, text).unwrap();
        read_file(&file, path)
    }

    /// Reads a report at a path.
    fn read_file(file: &Path, path: &str) -> Result<TestReport, String> {
        let redactor = Redactor::default();
        redactor.register("open-sesame");
        let origin = Origin {
            path,
            took: Duration::from_secs(60),
            redactor: &redactor,
        };
        read(file, origin)
    }

    /// Returns a line for each test.
    fn lines(report: &TestReport) -> String {
        let line = |case: &CaseResult| {
            let message = case.message.as_deref().unwrap_or("-");
            let (name, outcome, ms) = (&case.name, case.outcome.word(), case.duration_ms);
            format!("{outcome} {ms} {name}: {message}")
        };
        let lines: Vec<_> = report.cases.iter().map(line).collect();
        lines.join("\n")
    }

    /// Wraps elements into a report.
    fn suite(cases: &str) -> String {
        format!("<testsuites><testsuite>{cases}</testsuite></testsuites>")
    }

    #[test]
    fn each_function_of_pytest_has_its_end() {
        let report = read_text(PYTEST, "functional/test_login.py").unwrap();
        insta::assert_snapshot!(lines(&report), @r#"
        pass 0 TestForm::test_opens: -
        fail 1 test_user: AssertionError: assert 'guest' == 'admin'
        pass 0 test_p[a.b]: -
        pass 0 test_p[c::d]: -
        skip 0 test_mail: needs mail
        pass 0 test_x: failed as expected: upstream
        fail 0 test_setup: failed on setup with "ValueError: no #x1B[31m <db>"
        fail 15 test_teardown: assert 0
        fail 15 test_exit: RuntimeError: two
        "#);
        assert_eq!(report.skipped(), None);
    }

    #[test]
    fn a_file_that_is_skipped_or_cannot_be_imported_is_one_test() {
        let skipped = suite(
            r#"<testcase classname="" name="functional.test_c" time="0"><skipped message="collection skipped">('/kept/functional/test_c.py', 2, 'Skipped: no mail here')</skipped></testcase>"#,
        );
        let report = read_text(&skipped, "functional/test_c.py").unwrap();
        assert_eq!(lines(&report), "skip 0 functional/test_c.py: no mail here");
        let why = report.skipped().unwrap();
        assert_eq!(why, "all its tests were skipped: no mail here");
        let failed = suite(
            "<testcase classname=\"\" name=\"test_b\"><error message=\"collection failure\">Traceback:\nE   ModuleNotFoundError: No module named 'nothing'</error></testcase>",
        );
        let report = read_text(&failed, "test_b.py").unwrap();
        let said = "fail 0 test_b.py: ModuleNotFoundError: No module named 'nothing'";
        assert_eq!(lines(&report), said);
    }

    #[test]
    fn a_function_may_be_named_like_its_file() {
        let text = suite(r#"<testcase classname="test_mail" name="test_mail"/>"#);
        let report = read_text(&text, "test_mail.py").unwrap();
        assert_eq!(lines(&report), "pass 0 test_mail: -");
    }

    #[test]
    fn a_file_of_hurl_is_one_test_that_says_what_was_found() {
        let report = read_text(HURL, "test_x.hurl").unwrap();
        let said = "fail 230 test_x.hurl: Assert status code: actual value is <404>";
        assert_eq!(lines(&report), said);
    }

    #[test]
    fn what_a_report_says_is_masked_cleaned_and_cut() {
        let name = "n".repeat(300);
        let text = suite(&format!(
            "<testcase name=\"{name}\" time=\"1e300\"><failure message=\"{}open-sesame&#27;[31m&#9;x\"/></testcase>",
            "m".repeat(495),
        ));
        let report = read_text(&text, "test_a.py").unwrap();
        let case = &report.cases[0];
        assert_eq!(case.name.chars().count(), NAME_LIMIT + 1);
        let message = case.message.as_deref().unwrap();
        assert!(
            !message.contains("open") && !message.contains('\u{1b}'),
            "{message}"
        );
        assert!(case.duration_ms <= 60_000);
        let text = suite("<testcase name=\"a\" time=\"9000\"/><testcase name=\"b\" time=\"-1\"/>");
        let report = read_text(&text, "test_a.py").unwrap();
        assert_eq!(lines(&report), "pass 60000 a: -\npass 0 b: -");
    }

    #[test]
    fn of_too_many_tests_those_that_did_not_pass_are_kept() {
        let passed: Vec<_> = (0..600)
            .map(|n| format!("<testcase name=\"t{n}\"/>"))
            .collect();
        let passed = passed.concat();
        let text = suite(&format!(
            "{passed}<testcase name=\"bad\"><failure/></testcase>"
        ));
        let report = read_text(&text, "test_a.py").unwrap();
        assert_eq!((report.cases.len(), report.left_out), (CASE_LIMIT, 101));
        assert_eq!(report.cases[0].name, "bad");
    }

    #[test]
    fn what_is_no_plain_file_of_bounded_size_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real.xml");
        fs::write(&real, suite("")).unwrap();
        assert_eq!(read_file(&real, "test_a.py"), Ok(TestReport::default()));
        let link = folder.path().join("link.xml");
        symlink(&real, &link).unwrap();
        let pipe = folder.path().join("pipe.xml");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        let large = folder.path().join("large.xml");
        fs::File::create(&large)
            .unwrap()
            .set_len(SIZE_LIMIT + 1)
            .unwrap();
        for path in [&link, &pipe, &large, &folder.path().join("absent.xml")] {
            assert!(read_file(path, "test_a.py").is_err(), "{}", path.display());
        }
    }

    #[test]
    fn half_a_report_and_one_with_entities_of_its_own_are_none() {
        for text in [
            "",
            "text",
            "<html></html>",
            "<testsuites>",
            "<testsuites><testsuite></testsuites>",
            "<testsuites><testsuite><testcase name=\"a\"><failure>",
            "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><testsuite><testcase name=\"&a;\"/></testsuite>",
        ] {
            assert!(read_text(text, "test_a.py").is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[<>/&;\"='a-e \\n!\\[\\]#x0-9]{0,60}", cut in 0..PYTEST.len()) {
            drop(read_text(&text, "test_a.py"));
            let begin = String::from_utf8_lossy(&PYTEST.as_bytes()[..cut]).into_owned();
            drop(read_text(&format!("{begin}{text}"), "test_a.py"));
        }
    }
}

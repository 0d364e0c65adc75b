//! Compares an answer with what was expected of it; never asks anything itself.

use std::time::Duration;

use serde_json::Value;

use super::Response;
use crate::model::{
    check::{HttpCheck, Statuses},
    html,
};

/// What is not as expected; the first of all that is not.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// The status.
    #[error("expected status {expected}, got {actual}")]
    Status {
        /// What was expected.
        expected: String,
        /// What was answered.
        actual: u16,
    },
    /// The redirect.
    #[error("expected a redirect to `{expected}`, got {actual}")]
    Redirect {
        /// What was expected.
        expected: String,
        /// What was answered.
        actual: String,
    },
    /// The time.
    #[error("expected an answer within {limit:?}, got it after {actual:?}")]
    Slow {
        /// The longest time allowed.
        limit: Duration,
        /// The time taken.
        actual: Duration,
    },
    /// Something in the body.
    #[error("expected {expected}, got {actual}")]
    Content {
        /// What was expected.
        expected: String,
        /// What was answered.
        actual: String,
    },
    /// The body is too large to say.
    #[error("the body has more than {} MiB, so what it holds cannot be said", super::BODY_LIMIT >> 20)]
    Unknown,
}

/// Compares an answer with what a check declares.
pub(crate) fn judge(expected: &HttpCheck, response: &Response) -> Result<(), Mismatch> {
    judge_status(&expected.status, response.status)?;
    if let Some(wanted) = &expected.redirect {
        judge_redirect(wanted, response)?;
    }
    let text = response.text();
    for wanted in &expected.contains {
        if !text.contains(wanted.as_str()) {
            return Err(unknown_if_cut(
                response,
                content(&format!("`{wanted}` in the body"), "a body without it"),
            ));
        }
    }
    for unwanted in &expected.not_contains {
        if text.contains(unwanted.as_str()) {
            return Err(content(
                &format!("no `{unwanted}` in the body"),
                "a body with it",
            ));
        }
        if response.cut {
            return Err(Mismatch::Unknown);
        }
    }
    if let Some(wanted) = &expected.title {
        judge_title(wanted, &text).map_err(|mismatch| unknown_if_cut(response, mismatch))?;
    }
    for (pointer, wanted) in &expected.json {
        judge_json(pointer, wanted, response)
            .map_err(|mismatch| unknown_if_cut(response, mismatch))?;
    }
    match expected.max_time {
        Some(limit) if response.took > limit => Err(Mismatch::Slow {
            limit,
            actual: response.took,
        }),
        _ => Ok(()),
    }
}

/// Compares the status.
fn judge_status(wanted: &Statuses, actual: u16) -> Result<(), Mismatch> {
    if wanted.accept(actual) {
        return Ok(());
    }
    let expected = wanted.to_string();
    Err(Mismatch::Status { expected, actual })
}

/// Compares where a redirect leads.
fn judge_redirect(wanted: &str, response: &Response) -> Result<(), Mismatch> {
    let actual = response.location();
    let on_host = wanted.starts_with('/') && !wanted.starts_with("//");
    let matches = |location: &str| {
        if !on_host {
            return location == wanted;
        }
        // The scheme is not compared: without a proxy the app is asked by HTTP and names its address by HTTPS.
        location == wanted
            || host_and_path(location)
                == host_and_path(&format!("{}{wanted}", origin(&response.url)))
    };
    if actual.is_some_and(matches) {
        return Ok(());
    }
    Err(Mismatch::Redirect {
        expected: wanted.to_owned(),
        actual: actual.map_or_else(
            || format!("status {} and none", response.status),
            |location| format!("`{}`", excerpt(location)),
        ),
    })
}

/// Returns a URL up to its path.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url[host..].find('/').map(|at| host + at);
    &url[..path.unwrap_or(url.len())]
}

/// Returns a URL without its scheme, or nothing when it has none.
fn host_and_path(url: &str) -> Option<&str> {
    url.split_once("://").map(|(_, rest)| rest)
}

/// Compares the page's title.
fn judge_title(wanted: &str, text: &str) -> Result<(), Mismatch> {
    let expected = format!("the title `{wanted}`");
    match html::title(text) {
        Some(title) if title.contains(wanted) => Ok(()),
        Some(title) => Err(content(&expected, &format!("`{}`", excerpt(&title)))),
        None => Err(content(&expected, "a page without a title")),
    }
}

/// Compares a value in a JSON body.
fn judge_json(pointer: &str, wanted: &Value, response: &Response) -> Result<(), Mismatch> {
    let expected = format!("`{wanted}` at `{pointer}`");
    let Ok(body) = serde_json::from_slice::<Value>(&response.body) else {
        return Err(content(&expected, "a body that is not JSON"));
    };
    match body.pointer(pointer) {
        Some(actual) if actual == wanted => Ok(()),
        Some(actual) => {
            let actual = format!("`{}`", excerpt(&actual.to_string()));
            Err(content(&expected, &actual))
        }
        None => Err(content(&expected, "nothing there")),
    }
}

/// Builds the mismatch of something in the body.
fn content(expected: &str, actual: &str) -> Mismatch {
    Mismatch::Content {
        expected: expected.to_owned(),
        actual: actual.to_owned(),
    }
}

/// Turns a mismatch that the missing rest of a body may explain into one that says so.
fn unknown_if_cut(response: &Response, mismatch: Mismatch) -> Mismatch {
    if response.cut {
        Mismatch::Unknown
    } else {
        mismatch
    }
}

/// Returns the first 120 characters of outside text, escaped.
fn excerpt(text: &str) -> String {
    let shown = text.chars().take(120);
    shown
        .flat_map(|c| {
            if c.is_control() {
                c.escape_unicode().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::check::{Method, UrlPath};

    /// Builds a check that accepts every answer.
    fn check() -> HttpCheck {
        HttpCheck {
            path: UrlPath::root(),
            method: Method::Get,
            headers: Vec::new(),
            status: "100-599".parse().unwrap(),
            title: None,
            contains: Vec::new(),
            not_contains: Vec::new(),
            json: Vec::new(),
            redirect: None,
            max_time: None,
        }
    }

    /// Builds an answer of the app.
    fn answer(status: u16, location: Option<&str>, body: &str) -> Response {
        let location = location.map(|to| ("location".to_owned(), to.to_owned()));
        Response {
            url: "https://app.example/start".to_owned(),
            status,
            headers: location.into_iter().collect(),
            body: body.as_bytes().to_vec(),
            cut: false,
            took: Duration::from_millis(300),
            address: None,
        }
    }

    /// Judges and returns the message.
    fn message(expected: &HttpCheck, response: &Response) -> String {
        judge(expected, response).map_or_else(|error| error.to_string(), |()| "right".to_owned())
    }

    #[test]
    fn a_status_is_compared_with_every_range() {
        let mut expected = check();
        assert_eq!(message(&expected, &answer(500, None, "")), "right");
        expected.status = "200-399, 401".parse().unwrap();
        assert_eq!(message(&expected, &answer(401, None, "")), "right");
        assert_eq!(
            message(&expected, &answer(404, None, "")),
            "expected status 200-399, 401, got 404"
        );
    }

    #[test]
    fn a_redirect_is_a_path_on_the_host_or_a_whole_url() {
        let mut expected = check();
        expected.redirect = Some("/login".to_owned());
        for good in ["/login", "https://app.example/login"] {
            assert_eq!(message(&expected, &answer(302, Some(good), "")), "right");
        }
        let elsewhere = answer(302, Some("https://evil.example/login"), "");
        assert_eq!(
            message(&expected, &elsewhere),
            "expected a redirect to `/login`, got `https://evil.example/login`"
        );
        assert_eq!(
            message(&expected, &answer(200, Some("/login"), "")),
            "expected a redirect to `/login`, got status 200 and none"
        );
        expected.redirect = Some("https://sso.example/auth".to_owned());
        let to_sso = answer(307, Some("https://sso.example/auth"), "");
        assert_eq!(message(&expected, &to_sso), "right");
    }

    #[test]
    fn texts_and_title_are_looked_for_in_the_body() {
        let mut expected = check();
        expected.title = Some("Wiki".to_owned());
        expected.contains = vec!["Sign in".to_owned()];
        expected.not_contains = vec!["Fatal error".to_owned()];
        for (page, text) in [
            ("<title>My Wiki</title>Sign in", "right"),
            (
                "<title>My Wiki</title>",
                "expected `Sign in` in the body, got a body without it",
            ),
            (
                "<title>Other</title>Sign in",
                "expected the title `Wiki`, got `Other`",
            ),
            (
                "Sign in",
                "expected the title `Wiki`, got a page without a title",
            ),
            (
                "<title>Wiki</title>Sign in Fatal error",
                "expected no `Fatal error` in the body, got a body with it",
            ),
        ] {
            assert_eq!(message(&expected, &answer(200, None, page)), text);
        }
    }

    #[test]
    fn a_json_value_is_found_by_its_pointer() {
        let mut expected = check();
        expected.json = vec![("/status/0".to_owned(), Value::from("up"))];
        for (body, text) in [
            (r#"{"status":["up"]}"#, "right"),
            (
                r#"{"status":["down"]}"#,
                "expected `\"up\"` at `/status/0`, got `\"down\"`",
            ),
            ("{}", "expected `\"up\"` at `/status/0`, got nothing there"),
            (
                "<html>",
                "expected `\"up\"` at `/status/0`, got a body that is not JSON",
            ),
        ] {
            assert_eq!(message(&expected, &answer(200, None, body)), text);
        }
    }

    #[test]
    fn an_answer_may_be_too_slow() {
        let mut expected = check();
        expected.max_time = Some(Duration::from_millis(200));
        assert_eq!(
            message(&expected, &answer(200, None, "")),
            "expected an answer within 200ms, got it after 300ms"
        );
    }

    #[test]
    fn a_body_that_was_cut_never_passes_by_what_it_lacks() {
        let mut page = answer(200, None, "fine so far");
        page.cut = true;
        let texts = vec!["Fatal error".to_owned()];
        let mut expected = check();
        expected.not_contains.clone_from(&texts);
        assert_eq!(judge(&expected, &page), Err(Mismatch::Unknown));
        expected = check();
        expected.contains = texts;
        assert_eq!(judge(&expected, &page), Err(Mismatch::Unknown));
    }
}

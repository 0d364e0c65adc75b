//! One exchange as evidence, and whose answer it is.
//!
//! It never shows what a cookie or a credential holds.

use std::fmt::Write;

use super::{Error, Request, Response, Target};

/// How much of a body evidence shows.
const SHOWN_BODY: usize = 4096;

/// Returns an exchange as text: request, headers, first part of the body; values of cookies and credentials left out.
pub(crate) fn render_exchange(
    target: &Target,
    request: &Request,
    result: &Result<Response, Error>,
) -> String {
    let mut text = format!("> {} {}\n", request.method, target.url(&request.path));
    if let Some(address) = target.connect_to {
        push_line(&mut text, format_args!("> (connected to {address})"));
    }
    if let Some(scheme) = target.forwarded_proto {
        push_line(
            &mut text,
            format_args!("> x-forwarded-proto: {}", scheme.as_str()),
        );
    }
    for (name, value) in &request.headers {
        push_line(
            &mut text,
            format_args!("> {name}: {}", shown_value(name, value)),
        );
    }
    match result {
        Ok(response) => render_response(&mut text, response),
        Err(error) => push_line(&mut text, format_args!("! {}", visible(&error.to_string()))),
    }
    text
}

/// Writes the answer's part of an exchange.
fn render_response(text: &mut String, response: &Response) {
    let from = response
        .address
        .map(|address| format!(" from {address}"))
        .unwrap_or_default();
    let took = response.took.as_millis();
    push_line(
        text,
        format_args!("< {}{from} after {took} ms", response.status),
    );
    for (name, value) in &response.headers {
        push_line(text, format_args!("< {name}: {}", shown_value(name, value)));
    }
    let shown = &response.body[..response.body.len().min(SHOWN_BODY)];
    text.push('\n');
    text.push_str(&visible(&String::from_utf8_lossy(shown)));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let more = response.body.len() - shown.len();
    if more > 0 || response.cut {
        let least = if response.cut { "at least " } else { "" };
        push_line(text, format_args!("({least}{more} more bytes)"));
    }
}

/// Appends one line.
fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes all that is written");
}

/// Returns a header's value, or its length where it may open a door.
fn shown_value(name: &str, value: &str) -> String {
    let name = name.to_ascii_lowercase();
    let secret = [
        "cookie",
        "authorization",
        "token",
        "secret",
        "api-key",
        "password",
    ];
    if secret.iter().any(|part| name.contains(part)) {
        format!("({} bytes, not shown)", value.len())
    } else {
        visible(value)
    }
}

/// Escapes what a terminal would act on; line ends and tabs stay.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        let marks = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (c.is_control() && c != '\n' && c != '\t') || marks {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Tells whether an answer is the proxy's own, because no app stands behind it.
///
/// Traefik says `404 page not found` for a host it has no route for, and names a gateway error in plain text; Caddy answers with nothing but its name.
pub(crate) fn is_proxy_error_page(response: &Response) -> bool {
    let error = matches!(response.status, 404 | 502..=504);
    error && (is_traefik_page(response) || is_caddy_page(response))
}

/// Tells whether an error is Traefik's.
fn is_traefik_page(response: &Response) -> bool {
    let plain = response
        .header("content-type")
        .is_none_or(|kind| kind.starts_with("text/plain"));
    // An app's own server would name itself; Traefik never does.
    let nameless = response.header("server").is_none();
    let text = response.text();
    let body = match response.status {
        404 => text == "404 page not found\n",
        502 => text.trim_end() == "Bad Gateway",
        503 => matches!(
            text.trim_end(),
            "Service Unavailable" | "no available server"
        ),
        504 => text.trim_end() == "Gateway Timeout",
        _ => false,
    };
    plain && nameless && body
}

/// Tells whether an error is Caddy's.
fn is_caddy_page(response: &Response) -> bool {
    let servers: Vec<_> = response
        .headers
        .iter()
        .filter(|(name, _)| name == "server")
        .collect();
    let caddy_alone = matches!(servers[..], [(_, name)] if name == "Caddy");
    caddy_alone && response.body.is_empty()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::{Roots, Scheme},
        *,
    };

    /// Builds an answer.
    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Response {
            url: "https://app.example/".to_owned(),
            status,
            headers: headers.iter().map(owned).collect(),
            body: body.as_bytes().to_vec(),
            cut: false,
            took: Duration::from_millis(7),
            address: None,
        }
    }

    #[test]
    fn a_proxy_error_page_is_told_from_an_apps() {
        let plain = [("content-type", "text/plain; charset=utf-8")];
        let html = [("content-type", "text/html")];
        let caddy = [("server", "Caddy")];
        let nginx = [("content-type", "text/plain"), ("server", "nginx")];
        let behind = [("server", "Caddy"), ("server", "nginx")];
        for (status, headers, body, expected) in [
            (404, &plain[..], "404 page not found\n", true),
            (404, &nginx[..], "404 page not found\n", false),
            (404, &html[..], "<h1>not found</h1>", false),
            (200, &plain[..], "404 page not found\n", false),
            (502, &plain[..], "Bad Gateway", true),
            (503, &plain[..], "no available server\n", true),
            (504, &[][..], "Gateway Timeout", true),
            (502, &caddy[..], "", true),
            (404, &caddy[..], "", true),
            (404, &caddy[..], "the app's", false),
            (502, &behind[..], "", false),
            (500, &caddy[..], "", false),
        ] {
            let page = answer(status, headers, body);
            assert_eq!(is_proxy_error_page(&page), expected, "{status} {body}");
        }
    }

    #[test]
    fn evidence_shows_no_cookie_and_no_terminal_code() {
        let target = Target {
            scheme: Scheme::Http,
            host: "app.example".to_owned(),
            port: None,
            connect_to: Some("10.0.0.2:8080".parse().unwrap()),
            forwarded_proto: Some(Scheme::Https),
            roots: Roots::System,
            limit: Duration::from_secs(1),
        };
        let request = Request {
            headers: vec![("Authorization".to_owned(), "Bearer s3cret".to_owned())],
            ..Request::get("/login?next=1")
        };
        let headers = [("set-cookie", "id=s3cret"), ("server", "x\u{1b}[31m")];
        let body = format!("<p>\u{1b}]0;title\u{7}\r\n{}", "x".repeat(5000));
        let text = render_exchange(&target, &request, &Ok(answer(500, &headers, &body)));
        assert!(text.starts_with("> GET http://app.example/login?next=1\n> (connected to 10.0.0.2:8080)\n> x-forwarded-proto: https\n> Authorization: (13 bytes, not shown)\n< 500 after 7 ms\n< set-cookie: (9 bytes, not shown)\n< server: x\\u{1b}[31m\n\n<p>"), "{text}");
        assert!(text.ends_with("more bytes)\n"));
        assert!(!text.contains("s3cret") && !text.contains('\u{1b}') && !text.contains('\u{7}'));
    }

    #[test]
    fn evidence_of_no_answer_names_the_cause() {
        let target = Target {
            scheme: Scheme::Https,
            host: "app.example".to_owned(),
            port: Some(8443),
            connect_to: None,
            forwarded_proto: None,
            roots: Roots::System,
            limit: Duration::from_secs(1),
        };
        let error = Error::Reset("app.example".to_owned());
        assert_eq!(
            render_exchange(&target, &Request::get("/"), &Err(error)),
            "> GET https://app.example:8443/\n! `app.example` closed the connection before its answer was whole\n"
        );
    }
}

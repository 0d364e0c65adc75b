//! A registry that refuses: the engine speaks to it as to any other, unencrypted as it is on the loopback.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
};

/// A registry on a port of its own, as long as the tests run.
pub(crate) struct Registry {
    /// Where it listens.
    address: String,
}

impl Registry {
    /// Starts a registry.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let mut stalled = Vec::new();
            for connection in listener.incoming().map_while(Result::ok) {
                stalled.extend(answer(connection));
            }
        });
        Self { address }
    }

    /// Returns host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// Answers one request; a connection that is to stall is handed back instead.
fn answer(mut connection: TcpStream) -> Option<TcpStream> {
    let mut request = BufReader::new(connection.try_clone().ok()?);
    let mut line = Vec::new();
    request.read_until(b'\n', &mut line).ok()?;
    let line = String::from_utf8_lossy(&line).into_owned();
    // The engine tries TLS first; what is no request of HTTP is hung up on.
    let path = line.split(' ').nth(1).filter(|_| line.contains("HTTP/1"))?;
    if path.contains("/stalled/") {
        return Some(connection);
    }
    let mut header = String::new();
    while request.read_line(&mut header).ok()? > 2 {
        header.clear();
    }
    let (status, body) = match path {
        "/v2/" => ("200 OK", "{}".to_owned()),
        path if path.contains("/limited/") => (
            "429 Too Many Requests",
            error("TOOMANYREQUESTS", "You have reached your pull rate limit"),
        ),
        _ => (
            "404 Not Found",
            error("MANIFEST_UNKNOWN", "manifest unknown"),
        ),
    };
    let head = "Docker-Distribution-Api-Version: registry/2.0\r\nContent-Type: application/json";
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    connection.write_all(text.as_bytes()).ok()?;
    None
}

/// Returns an error as a registry words it.
fn error(code: &str, message: &str) -> String {
    format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the engine is the client")]
    fn the_engine_takes_it_for_a_registry_that_refuses() {
        let registry = Registry::start();
        for (image, said) in [
            ("nosuch", "manifest unknown"),
            ("limited", "toomanyrequests"),
        ] {
            let image = format!("{}/{image}:1", registry.address());
            let output = Command::new("docker")
                .args(["pull", &image])
                .output()
                .unwrap();
            let error = String::from_utf8(output.stderr).unwrap();
            assert!(error.contains(said), "{image}: {error}");
        }
    }
}

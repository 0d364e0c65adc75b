//! Requests against small servers of std's sockets.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use super::transport::RootsError;
use super::*;

/// A server whose answer to each connection is written by a function; it tells what was asked.
struct Server {
    /// Where it listens.
    address: SocketAddr,
    /// The head of each request, in order.
    asked: mpsc::Receiver<String>,
}

/// Starts a server that lives until the test ends.
fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, asked) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
            answer(&head, &mut stream);
            if sender.send(head).is_err() {
                break;
            }
        }
    });
    Server { address, asked }
}

/// Starts a server that gives one whole answer.
fn fixed(answer: &'static str) -> Server {
    serve(move |_, stream| drop(stream.write_all(answer.as_bytes())))
}

/// Returns a probe of a server under the name `app.example`.
fn probe(server: &Server) -> Probe {
    Probe::new(target(server.address))
}

/// Returns a target at an address, under the name `app.example`.
fn target(address: SocketAddr) -> Target {
    Target {
        scheme: Scheme::Http,
        host: "app.example".to_owned(),
        port: None,
        connect_to: Some(address),
        forwarded_proto: Some(Scheme::Https),
        roots: Roots::System,
        limit: Duration::from_secs(5),
    }
}

/// Returns an address where nothing listens, and which no test can be given.
fn closed() -> SocketAddr {
    "127.7.7.7:1".parse().unwrap()
}

#[test]
fn a_request_names_the_app_and_connects_where_it_was_told() {
    let server = fixed("HTTP/1.1 503 Busy\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi");
    let response = probe(&server).request(&Request::get("/x?y=1")).unwrap();
    assert_eq!((response.status, response.header("x-a")), (503, Some("b")));
    assert_eq!((&*response.text(), response.cut), ("hi", false));
    assert_eq!(response.address, Some(server.address));
    assert_eq!(response.url, "http://app.example/x?y=1");
    let asked = server.asked.recv().unwrap().to_lowercase();
    assert!(asked.starts_with("get /x?y=1 http/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\nhost: app.example\r\n"), "{asked}");
    assert!(
        asked.contains("\r\nx-forwarded-proto: https\r\n"),
        "{asked}"
    );
}

#[test]
fn a_slow_drip_ends_at_the_time_limit() {
    let server = serve(|_, stream| {
        let mut going = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        let (_never, gap) = mpsc::channel::<()>();
        while going.is_ok() {
            going = stream.write_all(b".");
            gap.recv_timeout(Duration::from_millis(50)).unwrap_err();
        }
    });
    let mut target = target(server.address);
    target.limit = Duration::from_millis(400);
    let started = Instant::now();
    let error = Probe::new(target).request(&Request::get("/")).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_huge_body_is_cut() {
    let server = serve(|_, stream| {
        let chunk = vec![b'x'; 65536];
        let mut going = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while going.is_ok() {
            going = stream.write_all(&chunk);
        }
    });
    let response = probe(&server).request(&Request::get("/")).unwrap();
    assert_eq!((response.body.len(), response.cut), (BODY_LIMIT, true));
}

#[test]
fn a_redirect_is_shown_and_not_followed() {
    let other = fixed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let location = format!("http://{}/stolen", other.address);
    let server = serve(move |_, stream| {
        let answer =
            format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        drop(stream.write_all(answer.as_bytes()));
    });
    let response = probe(&server).request(&Request::get("/")).unwrap();
    assert_eq!(response.status, 302);
    assert!(response.location().unwrap().ends_with("/stolen"));
    assert!(other.asked.try_recv().is_err());
}

#[test]
fn a_path_cannot_name_another_host() {
    let probe = Probe::new(target("127.0.0.1:1".parse().unwrap()));
    for path in ["@evil.example/", ".evil.example/", ":81/", "a b", "/a\nb"] {
        let error = probe.request(&Request::get(path)).unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{path}: {error}");
    }
}

#[test]
fn each_way_of_not_answering_has_its_error() {
    let closed = closed();
    let refused = Probe::new(target(closed)).request(&Request::get("/"));
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    let reset = probe(&fixed("")).request(&Request::get("/"));
    assert!(matches!(reset, Err(Error::Reset(_))), "{reset:?}");
    let short = fixed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi");
    let short = probe(&short).request(&Request::get("/"));
    assert!(matches!(short, Err(Error::Reset(_))), "{short:?}");
    let garbage = probe(&fixed("SSH-2.0-x\r\n\r\n")).request(&Request::get("/"));
    assert!(
        matches!(garbage, Err(Error::Protocol { .. })),
        "{garbage:?}"
    );
    let mut unknown = target(closed);
    unknown.connect_to = None;
    unknown.host = "no-such-host.invalid".to_owned();
    let unknown = Probe::new(unknown).request(&Request::get("/"));
    assert!(matches!(unknown, Err(Error::Dns(_))), "{unknown:?}");
}

#[test]
fn a_connection_is_probed_without_sending_anything() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    Probe::new(target(address)).connect().unwrap();
    let mut head = String::new();
    let (stream, _) = listener.accept().unwrap();
    BufReader::new(stream).read_line(&mut head).unwrap();
    assert_eq!(head, "");
    let error = Probe::new(target(closed())).connect().unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
}

#[test]
fn a_server_without_tls_is_no_https() {
    let server = fixed("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let mut target = target(server.address);
    target.scheme = Scheme::Https;
    target.roots = Roots::Also(Vec::new());
    let error = Probe::new(target.clone()).connect().unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
    target.limit = Duration::from_millis(300);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    target.connect_to = Some(silent.local_addr().unwrap());
    let error = Probe::new(target).connect().unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
}

#[test]
fn authorities_come_from_a_file_that_holds_some() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    assert!(matches!(
        Roots::read(&file),
        Err(RootsError::Unreadable { .. })
    ));
    std::fs::write(&file, "no certificate").unwrap();
    assert!(matches!(Roots::read(&file), Err(RootsError::Empty(_))));
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    std::fs::write(&file, pem).unwrap();
    assert!(matches!(Roots::read(&file), Ok(Roots::Also(found)) if found.len() == 1));
}

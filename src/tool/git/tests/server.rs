//! Fetching from a server that git's own program answers for.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use super::*;

/// Serves the repositories of a directory by git's own program, and tells each request's head.
fn serve(root: &Path) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let heads = Arc::new(Mutex::new(Vec::new()));
    let (root, seen) = (root.to_owned(), Arc::clone(&heads));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
            let header = |name: &str| {
                let found = head.lines().find_map(|line| {
                    let (key, value) = line.split_once(": ")?;
                    key.eq_ignore_ascii_case(name).then(|| value.to_owned())
                });
                found.unwrap_or_default()
            };
            let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            let mut words = head.split(' ');
            let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let output = Cmd::new("git", LIMIT)
                .arg("http-backend")
                .env("GIT_PROJECT_ROOT", &root)
                .env("GIT_HTTP_EXPORT_ALL", "1")
                .env("REQUEST_METHOD", method)
                .env("PATH_INFO", path)
                .env("QUERY_STRING", query)
                .env("CONTENT_TYPE", header("content-type"))
                .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
                .env("GIT_PROTOCOL", header("git-protocol"))
                .stdin_bytes(body)
                .run(&host())
                .unwrap();
            seen.lock().unwrap().push(head);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
                .unwrap();
            stream.write_all(&output.stdout).unwrap();
        }
    });
    (base, heads)
}

#[test]
fn one_commit_and_all_tags_are_fetched_from_a_server() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    by_hand(
        &place.recipe,
        &["tag", "--annotate", "1.0.0+1", "--message", "m"],
    );
    by_hand(&place.recipe, &["checkout", "--quiet", "-b", "change"]);
    write(&place.recipe.join("new"), "x");
    let second = commit(&place.recipe, "second");
    by_hand(&place.recipe, &["update-ref", "refs/pull/7/head", "HEAD"]);
    by_hand(&place.recipe, &["checkout", "--quiet", "main"]);
    let (base, heads) = serve(place.root.path());
    let url = url(&format!("{base}/recipe/.git"));
    for (name, expected) in [
        (None, &place.first),
        (Some("change"), &second),
        (Some("1.0.0+1"), &place.first),
        (Some("refs/pull/7/head"), &second),
        (Some(second.as_str()), &second),
        (Some(second.short()), &second),
    ] {
        let dest = place.path(&format!(
            "copy-{}",
            name.unwrap_or("none").replace('/', "-")
        ));
        let fetched = git.fetch_remote(&url, name, None, &dest);
        assert_eq!(&fetched.unwrap(), expected, "{name:?}");
        assert_eq!(git.tags(&dest).unwrap().len(), 1);
        git.checkout(&dest, expected).unwrap();
    }
    let gone = "7777777777777777777777777777777777777777";
    for name in ["missing", gone] {
        let missing = git.fetch_remote(&url, Some(name), None, &place.path(name));
        assert!(matches!(missing, Err(Error::Unknown { .. })), "{missing:?}");
    }
    let lists = |head: &&String| head.starts_with("GET ");
    assert!(heads.lock().unwrap().iter().filter(lists).count() >= 8);
    assert!(
        heads
            .lock()
            .unwrap()
            .iter()
            .all(|head| !head.contains("uthorization"))
    );
}

#[test]
fn a_token_goes_to_its_host_alone_and_never_into_an_argument() {
    let place = Place::new();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("http://{}/a/b", elsewhere.local_addr().unwrap());
    let first = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = url(&format!("http://{}/a/b", first.local_addr().unwrap()));
    let asked = thread::spawn(move || {
        let (mut stream, _) = first.accept().unwrap();
        let mut head = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: {target}/info/refs?service=git-upload-pack\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).unwrap();
        head
    });
    let commands = Arc::new(Mutex::new(String::new()));
    let shown = Arc::clone(&commands);
    let mut host = host();
    host.redactor = Redactor::default();
    host.echo = Some(Arc::new(move |line| shown.lock().unwrap().push_str(line)));
    let token = host.redactor.register("t0p-s3cret-token");
    let result = git(&host).fetch_remote(&source, Some("main"), Some(&token), &place.path("copy"));
    assert!(matches!(result, Err(Error::Failed { .. })), "{result:?}");
    let pair = "Basic eC1hY2Nlc3MtdG9rZW46dDBwLXMzY3JldC10b2tlbg==";
    assert!(asked.join().unwrap().contains(pair));
    elsewhere.set_nonblocking(true).unwrap();
    assert!(elsewhere.accept().is_err());
    let commands = commands.lock().unwrap();
    assert!(commands.contains("ls-remote") && !commands.contains("xtraHeader"));
    let config = fs::read_to_string(place.path("copy/.git/config")).unwrap();
    assert!(!config.contains("t0p") && !config.contains("eC1hY2"));
}

#[test]
fn a_server_is_listed_by_one_child_and_without_a_repository() {
    let (place, mut host) = (Place::new(), host());
    by_hand(&place.recipe, &["branch", "--move", "trunk"]);
    by_hand(
        &place.recipe,
        &["tag", "--annotate", "1.0.0+1", "--message", "m"],
    );
    by_hand(&place.recipe, &["tag", "light"]);
    by_hand(&place.recipe, &["update-ref", "refs/pull/7/head", "HEAD"]);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let shown = Arc::clone(&calls);
    host.echo = Some(Arc::new(move |line| {
        shown.lock().unwrap().push(line.to_owned());
    }));
    let (base, _) = serve(place.root.path());
    let url = url(&format!("{base}/recipe/.git"));
    let refs = git(&host).remote_refs(&url, None).unwrap();
    assert_eq!(calls.lock().unwrap().len(), 1);
    assert_eq!(refs.head, Some(("trunk".to_owned(), place.first.clone())));
    let tag = |name: &str, annotated| Tag {
        name: name.to_owned(),
        commit: place.first.clone(),
        annotated,
    };
    assert_eq!(refs.tags, [tag("1.0.0+1", true), tag("light", false)]);
    let own = by_hand(&place.recipe, &["rev-parse", "refs/tags/1.0.0+1"]);
    assert_eq!(refs.tag_ids["1.0.0+1"].as_str(), own);
    assert_eq!(refs.pulls[&7], place.first);
}

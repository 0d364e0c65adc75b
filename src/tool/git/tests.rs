//! Real repositories, plain and hostile ones, in temporary directories.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    sync::{Arc, Mutex},
    thread,
};

use tempfile::TempDir;

use super::*;
use crate::{
    model::source::{PlainHttp, RemoteUrl, Source},
    sys::{interrupt::Interrupt, redact::Redactor},
};

/// The time limit of a call.
const LIMIT: Duration = Duration::from_secs(30);

/// Returns what children get here.
fn host() -> Host {
    Host {
        redactor: Redactor::default(),
        interrupt: Interrupt::never(),
        base_env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
        inherit: None,
        echo: None,
    }
}

/// Returns git as the program has it.
fn git(host: &Host) -> Git<'_> {
    Git::new(host, Path::new("git"), LIMIT).unwrap()
}

/// Runs git as a person would, and returns what it printed.
fn by_hand(dir: &Path, args: &[&str]) -> String {
    let output = Cmd::new("git", LIMIT)
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=x", "-c", "user.email=x@y"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .run(&host())
        .unwrap();
    assert!(output.ok(), "{args:?}: {}", output.tail(20));
    output.stdout_text().trim().to_owned()
}

/// Writes a file with its directories.
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Writes a program that leaves a trace.
fn write_canary(path: &Path, trace: &Path) {
    write(
        path,
        &format!("#!/bin/sh\necho ran >> '{}'\ncat\n", trace.display()),
    );
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Adds all and commits, and returns the commit.
fn commit(repository: &Path, message: &str) -> CommitSha {
    by_hand(repository, &["add", "--all"]);
    by_hand(repository, &["commit", "--quiet", "--message", message]);
    by_hand(repository, &["rev-parse", "HEAD"]).parse().unwrap()
}

/// A place for repositories, with one recipe in `recipe`.
struct Place {
    /// Removed in the end.
    root: TempDir,
    /// The recipe.
    recipe: PathBuf,
    /// Its first commit.
    first: CommitSha,
}

impl Place {
    /// Makes a recipe with one commit on `main`.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let recipe = root.path().join("recipe");
        write(&recipe.join("compose.yml"), "services: {}\n");
        write(&recipe.join(".gitignore"), "*.log\n");
        by_hand(&recipe, &["init", "--quiet", "--initial-branch=main"]);
        let first = commit(&recipe, "first");
        Self {
            root,
            recipe,
            first,
        }
    }

    /// Returns a path in the place.
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

#[test]
fn a_repository_is_the_directory_itself_and_none_above_it() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    let inner = place.recipe.join("tests");
    fs::create_dir(&inner).unwrap();
    assert!(git.is_repository(&place.recipe).unwrap());
    assert!(!git.is_repository(&inner).unwrap());
    assert!(!git.is_repository(place.root.path()).unwrap());
    assert!(!git.is_repository(&place.path("missing")).unwrap());
    assert_eq!(git.head(&place.recipe).unwrap(), place.first);
    assert_eq!(git.branch(&place.recipe).unwrap().as_deref(), Some("main"));
    by_hand(&place.recipe, &["checkout", "--quiet", "--detach"]);
    assert_eq!(git.branch(&place.recipe).unwrap(), None);
}

#[test]
fn changes_and_new_files_are_counted_and_ignored_ones_are_not() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    assert!(!git.changes(&place.recipe).unwrap().any());
    write(&place.recipe.join("compose.yml"), "services: {a: {}}\n");
    write(&place.recipe.join("new/a"), "");
    write(&place.recipe.join("new/b\n?? c"), "");
    write(&place.recipe.join("x.log"), "");
    let expected = Changes {
        changed: 1,
        untracked: 2,
    };
    assert_eq!(git.changes(&place.recipe).unwrap(), expected);
}

#[test]
fn tags_tell_whether_they_carry_a_message() {
    let (place, host) = (Place::new(), host());
    by_hand(&place.recipe, &["tag", "1.0.0+1"]);
    by_hand(
        &place.recipe,
        &["tag", "--annotate", "1.1.0+1", "--message", "m"],
    );
    let tree = by_hand(&place.recipe, &["rev-parse", "HEAD^{tree}"]);
    by_hand(&place.recipe, &["tag", "of-a-tree", &tree]);
    let tag = |name: &str, annotated| Tag {
        name: name.to_owned(),
        commit: place.first.clone(),
        annotated,
    };
    let tags = git(&host).tags(&place.recipe).unwrap();
    assert_eq!(tags, [tag("1.0.0+1", false), tag("1.1.0+1", true)]);
}

#[test]
fn a_name_is_resolved_to_one_commit_or_refused() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    let resolve = |name: &str| git.resolve(&place.recipe, name);
    by_hand(&place.recipe, &["branch", "both"]);
    by_hand(&place.recipe, &["tag", "both"]);
    by_hand(
        &place.recipe,
        &["update-ref", "refs/remotes/origin/theirs", "HEAD"],
    );
    for name in [
        "main",
        "HEAD",
        "refs/tags/both",
        "theirs",
        place.first.as_str(),
        place.first.short(),
    ] {
        assert_eq!(resolve(name).unwrap(), place.first, "{name}");
    }
    let Err(Error::Ambiguous { candidates, .. }) = resolve("both") else {
        panic!("a branch and a tag");
    };
    assert_eq!(candidates, ["refs/heads/both", "refs/tags/both"]);
    let tree = by_hand(&place.recipe, &["rev-parse", "HEAD^{tree}"]);
    for name in [
        "missing",
        "abcdef0",
        tree.as_str(),
        "refs/heads/none",
        "--all",
    ] {
        let refused = matches!(resolve(name), Err(Error::Unknown(_) | Error::Refused(_)));
        assert!(refused, "{name}");
    }
}

#[test]
fn the_beginning_of_several_commits_lists_them() {
    let (place, host) = (Place::new(), host());
    let mut first_digits = std::collections::HashMap::new();
    // Dates and content are fixed, so the ids are too: among 1,500 some share four digits.
    let tree = by_hand(&place.recipe, &["rev-parse", "HEAD^{tree}"]);
    let mut script = Vec::new();
    for number in 0..1500 {
        let stamp = 1_700_000_000 + number;
        let head = "commit refs/heads/many\ncommitter x <x@y>";
        let tail = format!("data 1\nx\nM 040000 {tree} \n");
        writeln!(script, "{head} {stamp} +0000\n{tail}").unwrap();
    }
    let import = Cmd::new("git", LIMIT).arg("-C").arg(&place.recipe);
    let import = import.args(["fast-import", "--quiet"]).stdin_bytes(script);
    assert!(import.run(&host).unwrap().ok());
    let ids = by_hand(&place.recipe, &["rev-list", "many"]);
    let shared = ids.lines().find_map(|id| {
        let earlier = first_digits.insert(id[..4].to_owned(), id.to_owned())?;
        Some((id[..4].to_owned(), earlier, id.to_owned()))
    });
    let (begin, one, other) = shared.expect("1,500 ids of which no two share four digits");
    let Err(Error::Ambiguous { candidates, .. }) = git(&host).resolve(&place.recipe, &begin) else {
        panic!("{begin}");
    };
    assert!(candidates.contains(&one) && candidates.contains(&other));
}

#[test]
fn a_copy_has_every_ref_and_the_files_of_one_commit() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    by_hand(
        &place.recipe,
        &["tag", "--annotate", "1.0.0+1", "--message", "m"],
    );
    write(&place.recipe.join("new.yml"), "x");
    fs::remove_file(place.recipe.join("compose.yml")).unwrap();
    let second = commit(&place.recipe, "second");
    let copy = place.path("copy");
    assert_eq!(git.clone_local(&place.recipe, &copy).unwrap(), second);
    assert_eq!(git.tags(&copy).unwrap(), git.tags(&place.recipe).unwrap());
    git.checkout(&copy, &second).unwrap();
    assert!(copy.join("new.yml").exists() && !copy.join("compose.yml").exists());
    write(&copy.join("left.log"), "");
    git.checkout(&copy, &place.first).unwrap();
    assert!(copy.join("compose.yml").exists());
    assert!(!copy.join("new.yml").exists() && !copy.join("left.log").exists());
    assert_eq!(git.head(&copy).unwrap(), place.first);
    let changed = git.changed_files(&copy, &place.first, &second).unwrap();
    assert_eq!(changed, [Path::new("compose.yml"), Path::new("new.yml")]);
    let show = |commit, file| git.show(&copy, commit, file).unwrap();
    assert_eq!(show(&second, "new.yml").as_deref(), Some(&b"x"[..]));
    assert_eq!(show(&place.first, "new.yml"), None);
    assert_eq!(show(&second, "*.yml"), None);
    assert!(fs::read_dir(copy.join(".git/hooks")).is_err());
}

#[test]
fn uncommitted_changes_are_copied_and_removals_too() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    write(&place.recipe.join("gone"), "x");
    write(&place.recipe.join("folder/file"), "x");
    commit(&place.recipe, "second");
    let copy = place.path("copy");
    let head = git.clone_local(&place.recipe, &copy).unwrap();
    git.checkout(&copy, &head).unwrap();
    fs::remove_file(place.recipe.join("gone")).unwrap();
    fs::remove_dir_all(place.recipe.join("folder")).unwrap();
    symlink("compose.yml", place.recipe.join("folder")).unwrap();
    write(&place.recipe.join("compose.yml"), "changed");
    write(&place.recipe.join("new/entry.sh"), "new");
    fs::set_permissions(
        place.recipe.join("new/entry.sh"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    write(&place.recipe.join("secret.log"), "ignored");
    git.copy_worktree(&place.recipe, &copy).unwrap();
    assert_eq!(
        fs::read_to_string(copy.join("compose.yml")).unwrap(),
        "changed"
    );
    assert_eq!(
        fs::read_link(copy.join("folder")).unwrap(),
        Path::new("compose.yml")
    );
    let mode = fs::metadata(copy.join("new/entry.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o755);
    assert!(!copy.join("gone").exists() && !copy.join("secret.log").exists());
    assert_eq!(
        git.changes(&copy).unwrap(),
        git.changes(&place.recipe).unwrap()
    );
    let snapshot = git.snapshot(&copy).unwrap();
    assert!(snapshot != head && !git.changes(&copy).unwrap().any());
}

#[test]
fn a_directory_that_is_no_copy_of_ours_is_never_changed() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    write(&place.recipe.join("precious"), "x");
    assert!(matches!(
        git.checkout(&place.recipe, &place.first),
        Err(Error::Refused(_))
    ));
    assert!(matches!(
        git.copy_worktree(&place.recipe, &place.recipe),
        Err(Error::Refused(_))
    ));
    assert!(matches!(
        git.snapshot(&place.recipe),
        Err(Error::Refused(_))
    ));
    assert!(place.recipe.join("precious").exists());
}

#[test]
fn a_link_out_of_the_recipe_is_refused() {
    for (target, inside) in [
        ("compose.yml", true),
        ("folder/../compose.yml", true),
        ("/etc/passwd", false),
        ("../outside", false),
        ("folder/up/../../outside", false),
        ("missing", true),
        ("../missing", false),
        ("folder/../../missing", false),
    ] {
        let (place, host) = (Place::new(), host());
        let git = git(&host);
        write(&place.path("outside"), "x");
        write(&place.recipe.join("folder/file"), "x");
        symlink("..", place.recipe.join("folder/up")).unwrap();
        symlink(target, place.recipe.join("link")).unwrap();
        let commit = commit(&place.recipe, "links");
        let copy = place.path("copy");
        git.clone_local(&place.recipe, &copy).unwrap();
        assert_eq!(git.checkout(&copy, &commit).is_ok(), inside, "{target}");
        assert_eq!(
            git.copy_worktree(&place.recipe, &copy).is_ok(),
            inside,
            "{target}"
        );
    }
}

#[test]
fn a_repository_of_another_kind_has_nothing_to_copy() {
    let (place, host) = (Place::new(), host());
    let empty = place.path("empty");
    fs::create_dir(&empty).unwrap();
    by_hand(&empty, &["init", "--quiet"]);
    let error = git(&host)
        .clone_local(&empty, &place.path("copy"))
        .unwrap_err();
    assert!(matches!(error, Error::Unknown(_)), "{error}");
}

#[test]
fn what_a_hostile_repository_brings_is_not_run() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    let trace = place.path("trace");
    let program = place.path("canary");
    write_canary(&program, &trace);
    let program = program.to_str().unwrap().to_owned();
    for hook in [
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-commit",
        "post-commit",
        "fsmonitor-watchman",
    ] {
        write_canary(&place.recipe.join(".git/hooks").join(hook), &trace);
    }
    write(
        &place.recipe.join(".gitattributes"),
        "* filter=evil diff=evil\n",
    );
    write(&place.recipe.join("filtered"), "x\n");
    commit(&place.recipe, "attributes");
    fs::remove_file(&trace).unwrap();
    for (key, value) in [
        ("core.fsmonitor", program.as_str()),
        ("filter.evil.clean", &program),
        ("filter.evil.smudge", &program),
        ("diff.evil.textconv", &program),
        ("diff.external", &program),
        ("core.pager", &program),
        ("core.sshCommand", &program),
        ("core.alternateRefsCommand", &program),
        ("uploadpack.packObjectsHook", &program),
        ("credential.helper", &program),
        ("gpg.program", &program),
        ("commit.gpgSign", "true"),
    ] {
        by_hand(&place.recipe, &["config", key, value]);
    }
    write(&place.recipe.join("filtered"), "changed\n");
    by_hand(&place.recipe, &["status"]);
    fs::remove_file(&trace).unwrap();
    by_hand(&place.recipe, &["config", "filter.evil.process", &program]);
    git.changes(&place.recipe).unwrap();
    git.tags(&place.recipe).unwrap();
    let copy = place.path("copy");
    let head = git.clone_local(&place.recipe, &copy).unwrap();
    for hook in ["post-checkout", "pre-commit"] {
        write_canary(&copy.join(".git/hooks").join(hook), &trace);
    }
    git.changed_files(&place.recipe, &place.first, &head)
        .unwrap();
    git.checkout(&copy, &head).unwrap();
    git.copy_worktree(&place.recipe, &copy).unwrap();
    git.snapshot(&copy).unwrap();
    assert!(!trace.exists(), "{}", fs::read_to_string(&trace).unwrap());
}

#[test]
fn a_bare_repository_hidden_in_a_recipe_is_not_entered() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    let (trace, program) = (place.path("trace"), place.path("canary"));
    write_canary(&program, &trace);
    let hidden = place.recipe.join("hidden");
    fs::create_dir(&hidden).unwrap();
    by_hand(&hidden, &["init", "--quiet", "--bare"]);
    let worktree = format!(
        "[core]\n\tbare = false\n\tworktree = .\n\tfsmonitor = {}\n",
        program.display()
    );
    write(&hidden.join("config"), &worktree);
    assert!(!git.is_repository(&hidden).unwrap());
    assert!(git.changes(&hidden).is_err());
    assert!(git.clone_local(&hidden, &place.path("copy")).is_err());
    assert!(!trace.exists());
}

#[test]
fn a_submodule_is_not_fetched() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    let other = Place::new();
    let url = other.recipe.to_str().unwrap();
    by_hand(
        &place.recipe,
        &[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            url,
            "sub",
        ],
    );
    let head = commit(&place.recipe, "submodule");
    let copy = place.path("copy");
    git.clone_local(&place.recipe, &copy).unwrap();
    git.checkout(&copy, &head).unwrap();
    assert_eq!(fs::read_dir(copy.join("sub")).unwrap().count(), 0);
}

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

/// Reads a URL of a test's server.
fn url(text: &str) -> RemoteUrl {
    match Source::parse(text, PlainHttp::Allowed) {
        Ok(Source::Remote(url)) => url,
        other => panic!("{other:?}"),
    }
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
        assert!(matches!(missing, Err(Error::Unknown(_))), "{missing:?}");
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
fn a_branch_that_looks_like_an_option_is_only_a_name() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    let trace = place.path("trace");
    let name = format!("--upload-pack=touch {}", trace.display());
    for name in [
        name.as_str(),
        "--upload-pack=x",
        "-x",
        "a..b",
        "refs/heads/",
        "",
    ] {
        assert!(
            matches!(git.resolve(&place.recipe, name), Err(Error::Refused(_))),
            "{name}"
        );
        let fetched = git.fetch_remote(
            &url("http://127.0.0.1:9/a/b"),
            Some(name),
            None,
            &place.path("copy"),
        );
        assert!(matches!(fetched, Err(Error::Refused(_))), "{name}");
    }
    assert!(!trace.exists() && !place.path("copy").exists());
    // Such a ref may well be there, and is copied by name.
    by_hand(
        &place.recipe,
        &["update-ref", "refs/heads/--upload-pack=x", "HEAD"],
    );
    by_hand(
        &place.recipe,
        &["update-ref", "refs/heads/$(id);'<", "HEAD"],
    );
    git.clone_local(&place.recipe, &place.path("copy")).unwrap();
    let full = git.resolve(&place.path("copy"), "refs/heads/--upload-pack=x");
    assert_eq!(full.unwrap(), place.first);
}

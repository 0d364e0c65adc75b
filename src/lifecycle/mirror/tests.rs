//! Mirrors on a forge made up for tests, over real repositories.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::*;
use crate::{
    config::{sample, settings::Settings},
    model::outcome::Fault,
    sys::{
        interrupt::{Interrupt, Signal},
        process::{Cmd, Host},
        redact::Redactor,
    },
};

#[path = "../../../tests/programs/gitea.rs"]
mod gitea;
mod refused;

use gitea::{Changed, Gitea, Quirk};

/// The time limit of a call.
const LIMIT: Duration = Duration::from_secs(60);
/// What opens the mirrors.
const TOKEN: &str = "t0p-s3cret-mirror-token";
/// What opens private upstreams.
const GIT_TOKEN: &str = "an0ther-s3cret-git-token";

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

/// Runs git as a person would, and returns what it printed.
fn git(dir: &Path, args: &[&str]) -> String {
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

/// A recipe `wiki` upstream with its mirror.
struct World {
    /// Removed in the end.
    root: TempDir,
    /// Serves upstream.
    upstream: Gitea,
    /// Serves the mirror.
    forge: Gitea,
    /// What acts.
    ctx: Context,
}

impl World {
    /// Makes upstream on a branch with one commit and one release, and an empty mirror on another branch.
    fn new(theirs: &str, ours: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for (folder, branch) in [("theirs", theirs), ("ours", ours)] {
            let bare = at(folder).join("mirrors/wiki.git");
            fs::create_dir_all(&bare).unwrap();
            let branch = format!("--initial-branch={branch}");
            git(
                &bare,
                &["init", "--quiet", "--bare", "--template=", &branch],
            );
        }
        fs::create_dir(at("tree")).unwrap();
        let branch = format!("--initial-branch={theirs}");
        git(&at("tree"), &["init", "--quiet", "--template=", &branch]);
        let upstream = Gitea::start(&at("theirs"), None);
        let forge = Gitea::start(&at("ours"), Some(TOKEN));
        let ctx = context(root.path(), &upstream.url, &forge.url);
        let world = Self {
            root,
            upstream,
            forge,
            ctx,
        };
        world.commit("compose.yml", "services: {}\n");
        world.tree(&["tag", "--annotate", "1.0.0+1", "--message", "first"]);
        world.publish();
        world
    }

    /// Returns a world whose mirror is equal to upstream.
    fn equal() -> Self {
        let world = Self::new("main", "main");
        world.sync().unwrap();
        world.forget();
        world
    }

    /// Runs git in the work tree of upstream's maintainer.
    fn tree(&self, args: &[&str]) -> String {
        git(&self.root.path().join("tree"), args)
    }

    /// Commits a file in that work tree.
    fn commit(&self, name: &str, text: &str) -> String {
        fs::write(self.root.path().join("tree").join(name), text).unwrap();
        self.tree(&["add", "--all"]);
        self.tree(&["commit", "--quiet", "--message", name]);
        self.tree(&["rev-parse", "HEAD"])
    }

    /// Makes upstream what the work tree has, without what begins with `pr`.
    fn publish(&self) {
        let bare = self.repository(&self.upstream).display().to_string();
        let all = [
            "+refs/heads/*:refs/heads/*",
            "+refs/tags/*:refs/tags/*",
            "^refs/heads/pr*",
        ];
        self.tree(&[&["push", "--quiet", "--prune", &bare][..], &all].concat());
    }

    /// Opens a pull request of the mirror, whose head is a branch of the work tree.
    fn propose(&self, number: u64, (branch, base): (&str, &str)) {
        let bare = self.repository(&self.forge).display().to_string();
        let refspec = format!("+refs/heads/{branch}:refs/pull/{number}/head");
        self.tree(&["push", "--quiet", &bare, &refspec]);
        self.forge.open(number, base);
    }

    /// Returns the bare repository behind a forge.
    fn repository(&self, forge: &Gitea) -> PathBuf {
        let folder = if forge.url == self.forge.url {
            "ours"
        } else {
            "theirs"
        };
        self.root.path().join(folder).join("mirrors/wiki.git")
    }

    /// Returns what a ref of the mirror has.
    fn mirrored(&self, name: &str) -> Option<String> {
        Gitea::refs(&self.repository(&self.forge)).remove(name)
    }

    /// Returns what upstream has at a name.
    fn theirs(&self, name: &str) -> Option<String> {
        Gitea::refs(&self.repository(&self.upstream)).remove(name)
    }

    /// Returns the place where the work is done.
    fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// Makes the mirror equal to upstream; nothing of the work may be left.
    fn sync(&self) -> Result<Synced, Trouble> {
        let synced = sync(&self.ctx, &"wiki".parse().unwrap(), &self.work());
        self.assert_clean();
        synced
    }

    /// Says what would be done; nothing of the work may be left.
    fn plan(&self) -> Result<Synced, Trouble> {
        let planned = plan(&self.ctx, &"wiki".parse().unwrap(), &self.work());
        self.assert_clean();
        planned
    }

    /// Checks that nothing of the work is left.
    fn assert_clean(&self) {
        let left = fs::read_dir(self.work()).into_iter().flatten().count();
        assert_eq!(left, 0);
    }

    /// Forgets what both servers saw.
    fn forget(&self) {
        for forge in [&self.upstream, &self.forge] {
            forge.state().seen.clear();
            forge.state().changed.clear();
        }
    }

    /// Returns the names of the mirror's refs that pushes changed.
    fn changed(&self) -> Vec<String> {
        let changed = &self.forge.state().changed;
        changed
            .iter()
            .map(|change: &Changed| change.name.clone())
            .collect()
    }

    /// Returns the requests to the forge of a method.
    fn sent(&self, method: &str) -> Vec<String> {
        let state = self.forge.state();
        let seen = state.seen.iter().filter(|seen| seen.method == method);
        seen.map(|seen| seen.target.clone()).collect()
    }

    /// Returns the requests by which the forge was to change something, those of git apart.
    fn written(&self) -> Vec<String> {
        let all = ["POST", "PATCH", "PUT", "DELETE"].map(|method| self.sent(method));
        let all = all.into_iter().flatten();
        all.filter(|target| target.starts_with("/api/")).collect()
    }

    /// Tells whether git asked a server for objects, not only for a list.
    fn fetches(forge: &Gitea) -> bool {
        let asks =
            |seen: &gitea::Seen| String::from_utf8_lossy(&seen.body).contains("command=fetch");
        forge.state().seen.iter().any(asks)
    }

    /// Tells whether a pull request is open.
    fn is_open(&self, number: u64) -> bool {
        self.forge.state().pulls[&number].is_open
    }
}

/// Returns what acts here.
fn context(root: &Path, upstream: &str, forge: &str) -> Context {
    let url = format!("{upstream}/mirrors/{{recipe}}.git");
    let settings = settings(
        root,
        &[
            ("CCCI_RECIPE_URL", &url),
            ("CCCI_MIRROR_FORGE", forge),
            ("CCCI_MIRROR_OWNER", "mirrors"),
        ],
    );
    let host = host();
    Context {
        git_token: Some(host.redactor.register(GIT_TOKEN)),
        mirror_token: Some(host.redactor.register(TOKEN)),
        settings,
        host,
        docker: "docker".into(),
        git: "git".into(),
        own_folder: None,
        hostname: String::new(),
        boot_id: String::new(),
        argv: Vec::new(),
    }
}

/// Returns the settings of a host that has nothing but these.
fn settings(root: &Path, pairs: &[(&str, &str)]) -> Settings {
    let tests = root.join("recipes-tests").display().to_string();
    let common = [
        ("CCCI_ALLOW_HTTP", "true"),
        ("CCCI_TESTS_DIR", tests.as_str()),
    ];
    sample::settings_in(root, &[], &[common.as_slice(), pairs].concat())
}

#[test]
fn a_default_branch_of_any_name_becomes_that_of_the_mirror() {
    for (theirs, ours) in [
        ("main", "main"),
        ("master", "master"),
        ("master", "main"),
        ("next/stable", "trunk"),
    ] {
        let world = World::new(theirs, ours);
        let synced = world.sync().unwrap();
        let expected = Synced {
            branch: ours.to_owned(),
            branch_moved: true,
            tags_set: vec!["1.0.0+1".to_owned()],
            ..Synced::default()
        };
        assert_eq!(synced, expected);
        let branch = format!("refs/heads/{ours}");
        let names: Vec<_> = Gitea::refs(&world.repository(&world.forge))
            .into_keys()
            .collect();
        assert_eq!(names, [branch.as_str(), "refs/tags/1.0.0+1"]);
        assert_eq!(
            world.mirrored(&branch),
            world.theirs(&format!("refs/heads/{theirs}"))
        );
        // The tag itself, not only its commit: it has a message.
        assert_eq!(
            world.mirrored("refs/tags/1.0.0+1"),
            world.theirs("refs/tags/1.0.0+1")
        );
    }
}

#[test]
fn a_second_time_there_is_nothing_to_do() {
    let world = World::equal();
    world.tree(&["checkout", "--quiet", "-b", "pr"]);
    world.commit("new", "x");
    world.propose(7, ("pr", "main"));
    let synced = world.sync().unwrap();
    let expected = Synced {
        branch: "main".to_owned(),
        left_open: 1,
        ..Synced::default()
    };
    assert_eq!(synced, expected);
    assert_eq!(world.changed(), Vec::<String>::new());
    assert!(world.written().is_empty());
    assert!(!World::fetches(&world.upstream) && !World::fetches(&world.forge));
    let pushes = |target: &String| target.contains("receive-pack");
    assert!(!world.sent("GET").iter().any(pushes) && !world.sent("POST").iter().any(pushes));
}

#[test]
fn tags_are_added_moved_and_removed() {
    let world = World::equal();
    let bare = world.repository(&world.forge);
    let head = world.mirrored("refs/heads/main").unwrap();
    git(&bare, &["update-ref", "refs/tags/ours-alone", &head]);
    world.commit("new", "x");
    world.tree(&[
        "tag",
        "--annotate",
        "--force",
        "1.0.0+1",
        "--message",
        "again",
        "HEAD~1",
    ]);
    world.tree(&["tag", "1.1.0+1"]);
    world.publish();
    let synced = world.sync().unwrap();
    assert_eq!(synced.tags_set, ["1.0.0+1", "1.1.0+1"]);
    assert_eq!(synced.tags_removed, ["ours-alone"]);
    assert!(synced.branch_moved);
    for name in ["refs/tags/1.0.0+1", "refs/tags/1.1.0+1", "refs/heads/main"] {
        assert_eq!(world.mirrored(name), world.theirs(name), "{name}");
    }
    assert_eq!(world.mirrored("refs/tags/ours-alone"), None);
    assert!(World::fetches(&world.upstream));
}

#[test]
fn history_that_was_rewritten_upstream_is_followed_backwards() {
    let world = World::equal();
    world.commit("new", "x");
    world.publish();
    world.sync().unwrap();
    world.tree(&["reset", "--quiet", "--hard", "HEAD~1"]);
    world.commit("other", "y");
    world.publish();
    world.forget();
    assert!(world.sync().unwrap().branch_moved);
    assert_eq!(world.changed(), ["refs/heads/main"]);
    assert_eq!(
        world.mirrored("refs/heads/main"),
        world.theirs("refs/heads/main")
    );
}

#[test]
fn no_other_ref_of_the_mirror_is_touched() {
    let world = World::equal();
    let bare = world.repository(&world.forge);
    let head = world.mirrored("refs/heads/main").unwrap();
    for name in [
        "refs/heads/fix",
        "refs/heads/release/1",
        "refs/pull/3/head",
        "refs/notes/x",
    ] {
        git(&bare, &["update-ref", name, &head]);
    }
    world.tree(&["branch", "fix"]);
    world.commit("new", "x");
    world.tree(&["branch", "--force", "fix", "HEAD"]);
    world.tree(&["branch", "theirs-alone"]);
    world.publish();
    let mut before = Gitea::refs(&bare);
    world.sync().unwrap();
    let mut after = Gitea::refs(&bare);
    assert_ne!(
        before.remove("refs/heads/main"),
        after.remove("refs/heads/main")
    );
    assert_eq!(before, after);
    assert_eq!(world.changed(), ["refs/heads/main"]);
}

#[test]
fn what_is_in_upstream_is_closed_with_one_comment_and_all_else_stays_open() {
    let world = World::equal();
    for (number, name) in [
        (1, "pr-merged"),
        (2, "pr-picked"),
        (3, "pr-open"),
        (4, "pr-half"),
    ] {
        world.tree(&["checkout", "--quiet", "-b", name, "main"]);
        world.commit(name, "x\n");
        world.commit(&format!("{name}-2"), "y\n");
        world.propose(number, (name, "main"));
    }
    world.tree(&["checkout", "--quiet", "main"]);
    world.propose(5, ("pr-merged", "stable"));
    world.commit("between", "z\n");
    world.tree(&["merge", "--quiet", "--no-edit", "pr-merged"]);
    world.tree(&["cherry-pick", "pr-picked~1", "pr-picked", "pr-half~1"]);
    world.publish();
    let planned = world.plan().unwrap();
    assert_eq!(world.changed(), Vec::<String>::new());
    assert!(world.written().is_empty() && world.is_open(1));
    let synced = world.sync().unwrap();
    assert_eq!(synced, planned);
    assert_eq!((&synced.closed[..], synced.left_open), (&[1, 2][..], 3));
    let open = (1..=5).filter(|number| world.is_open(*number));
    assert_eq!(open.collect::<Vec<_>>(), [3, 4, 5]);
    let comments = |number| world.forge.state().pulls[&number].comments.clone();
    assert_eq!(
        (1..=5)
            .map(|number| comments(number).len())
            .collect::<Vec<_>>(),
        [1, 1, 0, 0, 0]
    );
    let head = world.theirs("refs/heads/main").unwrap();
    assert!(comments(2)[0].contains(&head) && comments(2)[0].contains("`main`"));
    assert_eq!(world.sent("PATCH").len(), 2);
}

#[test]
fn a_pull_request_that_is_pushed_to_meanwhile_stays_open() {
    let world = World::equal();
    world.tree(&["checkout", "--quiet", "-b", "pr"]);
    world.commit("new", "x\n");
    world.propose(1, ("pr", "main"));
    world.tree(&["checkout", "--quiet", "main"]);
    world.tree(&["merge", "--quiet", "--ff-only", "pr"]);
    world.publish();
    world.tree(&["checkout", "--quiet", "pr"]);
    let later = world.commit("later", "y\n");
    let bare = world.repository(&world.forge);
    let pack = world.root.path().join("tree").display().to_string();
    let pushes = move |seen: &gitea::Seen| {
        // The last look before it would be closed.
        if seen.target.ends_with("/pulls/1") {
            git(
                &bare,
                &["fetch", "--quiet", &pack, "+refs/heads/pr:refs/pull/1/head"],
            );
        }
    };
    world.forge.state().before = Some(Box::new(pushes));
    let synced = world.sync().unwrap();
    assert_eq!(world.mirrored("refs/pull/1/head"), Some(later));
    assert_eq!((synced.closed, synced.left_open), (vec![], 1));
    assert!(world.is_open(1) && world.written().is_empty());
}

#[test]
fn upstream_that_goes_on_after_it_was_listed_is_mirrored_as_it_was_fetched() {
    let world = World::equal();
    world.commit("new", "x\n");
    world.publish();
    let newer = world.commit("newer", "y\n");
    let bare = world.repository(&world.upstream);
    let tree = world.root.path().join("tree").display().to_string();
    let goes_on = move |_: &gitea::Seen| {
        git(
            &bare,
            &[
                "fetch",
                "--quiet",
                &tree,
                "+refs/heads/main:refs/heads/main",
            ],
        );
    };
    let goes_on = Box::new(goes_on);
    // The mirror is listed after upstream, and before anything is fetched.
    let upstream = world.upstream.clone();
    let mut once = Some(goes_on);
    world.forge.state().before = Some(Box::new(move |seen| {
        if seen.target.contains("/pulls?") {
            upstream.state().before = once.take().map(|hook| hook as _);
        }
    }));
    assert!(world.sync().unwrap().branch_moved);
    assert_eq!(world.mirrored("refs/heads/main"), Some(newer));
    world.forge.state().before = None;
    world.upstream.state().before = None;
    world.forget();
    assert!(!world.sync().unwrap().branch_moved);
}

#[test]
fn each_token_goes_to_its_own_host_and_is_written_nowhere() {
    let world = World::equal();
    world.tree(&["checkout", "--quiet", "-b", "pr"]);
    world.commit("new", "x\n");
    world.propose(1, ("pr", "main"));
    world.tree(&["checkout", "--quiet", "main"]);
    world.tree(&["merge", "--quiet", "--ff-only", "pr"]);
    world.publish();
    assert_eq!(world.sync().unwrap().closed, [1]);
    let encoded = |token: &str| {
        use base64::{Engine, engine::general_purpose::STANDARD};
        STANDARD.encode(format!("x-access-token:{token}"))
    };
    let carries = |forge: &Gitea, token: &str| {
        let state = forge.state();
        let texts = state.seen.iter().map(|seen| format!("{seen:?}"));
        let forms = [token.to_owned(), encoded(token)];
        texts
            .into_iter()
            .any(|text| forms.iter().any(|form| text.contains(form)))
    };
    assert!(carries(&world.forge, TOKEN) && carries(&world.upstream, GIT_TOKEN));
    assert!(!carries(&world.upstream, TOKEN) && !carries(&world.forge, GIT_TOKEN));
}

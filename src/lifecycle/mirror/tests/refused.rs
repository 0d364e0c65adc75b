//! Mirrors that cannot be made equal to upstream: nothing is changed, and it is said why.

use super::*;

/// Gives upstream something new, so that there is something to do.
fn behind() -> World {
    let world = World::equal();
    world.commit("new", "x\n");
    world.publish();
    world
}

/// Syncs without success, and returns what is said of it.
fn refusal(world: &World) -> Trouble {
    let trouble = world.sync().unwrap_err();
    assert_eq!(world.changed(), Vec::<String>::new());
    assert!(world.written().is_empty());
    let shown = format!("{trouble:?}");
    assert!(!shown.contains(TOKEN), "{shown}");
    trouble
}

#[test]
fn settings_that_lack_something_are_named_before_anything_is_asked() {
    let mut world = World::equal();
    world.ctx.mirror_token = None;
    let trouble = refusal(&world);
    assert_eq!(
        (trouble.fault, &*trouble.code),
        (Fault::Config, "mirror-token")
    );
    assert!(trouble.message.contains(&world.forge.url));
    assert!(trouble.hint.unwrap().contains("CCCI_MIRROR_TOKEN"));
    world.ctx.settings.mirror.as_mut().unwrap().owner = None;
    assert!(refusal(&world).message.contains("`mirror.owner` is empty"));
    world.ctx.settings.mirror = None;
    assert_eq!(refusal(&world).code, "mirror-unset");
    assert!(world.forge.state().seen.is_empty());
}

#[test]
fn plain_http_is_for_those_who_allow_it() {
    let mut world = World::equal();
    world.ctx.settings.recipes.allow_http = false;
    let kept = world.root.path().join("recipes-tests/wiki");
    fs::create_dir_all(&kept).unwrap();
    fs::write(
        kept.join("recipe.toml"),
        "upstream = \"https://git.example.org/a/b\"\n",
    )
    .unwrap();
    let trouble = refusal(&world);
    assert_eq!(trouble.code, "mirror-unset");
    assert!(
        trouble.causes[0].contains("anyone on the way"),
        "{trouble:?}"
    );
    assert!(world.forge.state().seen.is_empty());
}

#[test]
fn a_wrong_token_a_missing_mirror_and_a_missing_right_are_told_apart() {
    let mut world = behind();
    world.forge.state().can_push = false;
    let trouble = refusal(&world);
    assert_eq!(
        (trouble.fault, &*trouble.code),
        (Fault::Config, "mirror-rights")
    );
    assert!(trouble.message.contains("`mirrors/wiki`"));
    assert!(trouble.hint.unwrap().contains("write:repository"));
    fs::rename(
        world.repository(&world.forge),
        world.root.path().join("gone"),
    )
    .unwrap();
    let trouble = refusal(&world);
    assert_eq!(
        (trouble.fault, &*trouble.code),
        (Fault::Config, "mirror-missing")
    );
    assert!(trouble.hint.unwrap().contains("`mirrors/wiki`"));
    world.ctx.mirror_token = Some(world.ctx.host.redactor.register("an-old-and-wrong-token"));
    let trouble = refusal(&world);
    assert_eq!(
        (trouble.fault, &*trouble.code),
        (Fault::Config, "mirror-token")
    );
    assert!(trouble.hint.unwrap().contains("mirror.token-file"));
}

#[test]
fn an_answer_that_is_none_of_the_api_changes_nothing() {
    for (quirk, code) in [
        (Quirk::Html, "forge-garbled"),
        (Quirk::Foreign, "forge-garbled"),
        (Quirk::Broken, "forge-failed"),
    ] {
        let world = behind();
        world.forge.state().quirk = Some(quirk);
        let trouble = refusal(&world);
        assert_eq!((trouble.fault, &*trouble.code), (Fault::Broken, code));
        assert!(trouble.message.contains(&world.forge.url));
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let world = behind();
    let elsewhere = Gitea::start(world.root.path(), Some(TOKEN));
    world.forge.state().elsewhere.clone_from(&elsewhere.url);
    world.forge.state().quirk = Some(Quirk::Moved);
    assert_eq!(refusal(&world).code, "mirror-moved");
    assert!(elsewhere.state().seen.is_empty());
}

#[test]
fn a_busy_forge_is_asked_again_and_given_up_in_the_end() {
    let world = behind();
    world.forge.state().quirk = Some(Quirk::Busy(2));
    assert!(world.sync().unwrap().branch_moved);
    let world = behind();
    world.forge.state().quirk = Some(Quirk::Busy(1000));
    assert_eq!(refusal(&world).code, "forge-rate-limit");
    assert!(world.forge.state().seen.len() < 10);
}

#[test]
fn an_answer_that_never_ends_is_cut_off() {
    let mut world = behind();
    world.forge.state().quirk = Some(Quirk::Drip);
    world.ctx.settings.limits.http.default = Duration::from_millis(500);
    let started = Instant::now();
    let trouble = refusal(&world);
    assert_eq!(
        (trouble.fault, &*trouble.code),
        (Fault::Broken, "forge-unreachable")
    );
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn pages_that_are_ignored_end_the_list_and_others_are_all_read() {
    let world = World::equal();
    for number in 1..=5 {
        world.propose(number, ("main", "stable"));
    }
    assert_eq!(world.sync().unwrap().left_open, 5);
    world.forget();
    world.forge.state().quirk = Some(Quirk::PageIgnored);
    assert_eq!(world.sync().unwrap().left_open, 2);
    let lists = world
        .sent("GET")
        .into_iter()
        .filter(|target| target.contains("/pulls?"));
    assert_eq!(lists.count(), 2);
}

#[test]
fn an_upstream_that_cannot_be_read_or_is_empty_leaves_the_mirror_as_it_is() {
    let world = behind();
    let (theirs, gone) = (
        world.repository(&world.upstream),
        world.root.path().join("gone"),
    );
    fs::rename(&theirs, &gone).unwrap();
    let trouble = refusal(&world);
    assert_eq!(
        (trouble.fault, &*trouble.code),
        (Fault::Broken, "upstream-unreadable")
    );
    assert!(trouble.message.contains(&world.upstream.url), "{trouble:?}");
    fs::create_dir(&theirs).unwrap();
    git(
        &theirs,
        &[
            "init",
            "--quiet",
            "--bare",
            "--template=",
            "--initial-branch=main",
        ],
    );
    assert_eq!(refusal(&world).code, "upstream-empty");
}

#[test]
fn a_push_that_the_mirror_refuses_is_named_by_its_ref() {
    let world = behind();
    let bare = world.repository(&world.forge);
    git(&bare, &["config", "receive.denyNonFastForwards", "true"]);
    world.tree(&["commit", "--quiet", "--amend", "--message", "again"]);
    world.tree(&["reset", "--quiet", "--hard", "HEAD~1"]);
    world.tree(&["commit", "--quiet", "--amend", "--message", "rewritten"]);
    world.publish();
    let trouble = refusal(&world);
    assert_eq!(
        (trouble.fault, &*trouble.code),
        (Fault::Config, "mirror-rejected")
    );
    assert!(
        trouble.causes[0].starts_with("`refs/heads/main`: "),
        "{trouble:?}"
    );
}

#[test]
fn an_interrupt_ends_it_as_an_interrupt() {
    let world = behind();
    world.ctx.host.interrupt.raise(Signal::Int);
    let trouble = refusal(&world);
    assert_eq!(
        (trouble.fault, &*trouble.code),
        (Fault::User, "interrupted")
    );
}

//! Repositories and names that try to make git do something else.

use super::*;

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

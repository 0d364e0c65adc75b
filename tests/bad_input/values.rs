//! Values of flags that mean nothing, and flags that do not exist.

use crate::world::World;

#[test]
fn a_ref_that_git_could_misread_never_reaches_git() {
    let world = World::new();
    let long = "a".repeat(41);
    for bad in ["", "--upload-pack=x", "-x", "a..b", "refs/heads/", &long] {
        let said = world.refused(&["test", "tiny", &format!("--ref={bad}")], 2);
        assert!(said.contains(&format!("ref `{bad}`")), "{said}");
        assert!(said.contains("as in `main` or `8f3c1d2`"), "{said}");
    }
    for bad in ["--upload-pack=x", "-x"] {
        world.refused(&["test", "tiny", "--ref", bad], 2);
    }
}

#[test]
fn a_source_is_a_plain_url_and_no_program() {
    let world = World::new();
    for (bad, rule) in [
        ("", "at least one character"),
        ("ext::sh -c x", "as in `recipes/wiki`"),
        ("EXT::sh -c x", "as in `recipes/wiki`"),
        ("eXt::sh", "as in `recipes/wiki`"),
        ("file:///etc", "as in `./wiki`"),
        ("FILE:///etc", "as in `"),
        ("ssh://-oProxyCommand=x/y", "not beginning with `-`"),
        (
            "http://example.org/wiki",
            "`https://` in place of `http://`",
        ),
        ("https://example.org/../..", "as in `/recipes/wiki.git`"),
        ("https://example.org:99999/wiki", "a port from 1 to 65535"),
    ] {
        let said = world.refused(&["test", "tiny", "--src", bad], 2);
        assert!(said.contains(rule), "{bad:?}: {said}");
    }
}

#[test]
fn a_password_in_a_source_is_masked_and_its_place_named() {
    let world = World::new();
    let bad = "https://user:t0ps3cret@example.org/wiki";
    let said = world.refused(&["test", "tiny", "--src", bad], 2);
    assert!(
        !said.contains("t0ps3cret") && said.contains("`git-token-file`"),
        "{said}"
    );
}

#[test]
fn a_source_belongs_to_one_recipe_by_name() {
    let world = World::new();
    let said = world.refused(&["test", "tiny", "other", "--src", "a/b"], 2);
    assert!(said.contains("several are given"), "{said}");
    let said = world.refused(&["test", "./tiny", "--src", "a/b"], 2);
    assert!(said.contains("two sources"), "{said}");
    let said = world.refused(&["test", "tiny", "--ref", "a", "--version", "1.0.0+1"], 2);
    assert!(said.contains("cannot be used with"), "{said}");
}

#[test]
fn a_number_out_of_its_range_is_told_the_range() {
    let world = World::new();
    for bad in ["0", "-1", "18446744073709551616", "x"] {
        let said = world.refused(&["test", "tiny", "--pr", bad], 2);
        assert!(
            said.contains("from 1 to 18446744073709551615, as in `12`"),
            "{said}"
        );
    }
    for bad in ["0", "-1", "10000", "x"] {
        let said = world.refused(&["test", "tiny", "-j", bad], 2);
        assert!(said.contains(&format!("`{bad}`")), "{said}");
        assert!(said.contains("a number from 1 to 64, as in `4`"), "{said}");
    }
    for bad in ["", ",", "a,,b", "::", "test_a.py::"] {
        let said = world.refused(&["test", "tiny", &format!("--test={bad}")], 2);
        assert!(said.contains("pattern of tests"), "{said}");
    }
    for bad in ["0", "1", "1001", "-2", "x"] {
        let said = world.refused(&["test", "tiny", "--repeat", bad], 2);
        assert!(
            said.contains("a number from 2 to 1000, as in `20`"),
            "{said}"
        );
    }
    for bad in ["11", "-1", "x"] {
        let said = world.refused(&["test", "tiny", &format!("--retries={bad}")], 2);
        assert!(said.contains("a number from 0 to 10, as in `2`"), "{said}");
    }
}

#[test]
fn tries_are_either_asked_for_or_made_after_a_failure() {
    let mut world = World::new();
    let said = world.refused(&["test", "tiny", "--repeat=5", "--retries=1"], 2);
    assert!(
        said.contains("'--repeat <N>' cannot be used with '--retries <N>'"),
        "{said}"
    );
    world.set("CCCI_RETRIES", "1");
    let said = world.refused(&["test", "tiny", "--repeat=5"], 2);
    assert!(said.contains("cannot be used with"), "{said}");
}

#[test]
fn a_duration_that_is_none_is_told_the_forms() {
    let world = World::new();
    for bad in ["-1", "0", "5 bananas", "1e999", ""] {
        for (command, flag) in [
            ("test", "timeout"),
            ("test", "wait"),
            ("janitor", "max-age"),
        ] {
            let said = world.refused(&[command, &format!("--{flag}={bad}")], 2);
            assert!(said.contains("as in `90s`, `10m`, `2h`"), "{said}");
        }
    }
}

#[test]
fn a_base_domain_keeps_to_the_limits_of_dns() {
    let world = World::new();
    let (long, wide) = ("a.".repeat(126) + "org", "a".repeat(64) + ".org");
    for (bad, length) in [
        ("", ""),
        ("a_b.org", ""),
        ("-a.org", ""),
        ("*", ""),
        (&long, "it has 255 bytes"),
        (&wide, "its longest label has 64 bytes"),
    ] {
        let said = world.refused(&["test", "tiny", &format!("--base-domain={bad}")], 2);
        assert!(
            said.contains("labels of 1 to 63 ") && said.contains("253 bytes"),
            "{said}"
        );
        assert!(said.contains(length), "{said}");
    }
}

#[test]
fn a_version_and_a_list_of_stages_show_their_forms() {
    let world = World::new();
    for bad in ["", "1.0", "1.0.0+", "-x", "1.0.0+a b"] {
        let said = world.refused(&["test", "tiny", &format!("--version={bad}")], 2);
        assert!(said.contains("as in `1.2.0+6.4.1`"), "{said}");
    }
    for bad in ["", "x", "install,deploy"] {
        let said = world.refused(&["test", "tiny", "--stages", bad], 2);
        assert!(
            said.contains("install, upgrade, backup, restore, custom"),
            "{said}"
        );
    }
}

#[test]
fn a_misspelled_word_gets_a_suggestion() {
    let world = World::new();
    for (args, like) in [
        (&["test", "tiny", "--keeep"][..], "'--keep'"),
        (&["--confgi", "x", "test"], "'--config'"),
        (&["janitor", "--dry-rum"], "'--dry-run'"),
        (&["tset"], "'test'"),
        (&["teardwon", "k7m2q"], "'teardown'"),
        (&["test", "tiny", "--keep", "allways"], "'always'"),
        (&["test", "tiny", "--deployer", "dcoker"], "'docker'"),
        (&["completions", "zsch"], "'zsh'"),
        (&["help", "tset"], "'test'"),
        (&["config", "run-timeout"], "`limits.run-timeout`"),
        (&["config", "limits.josb"], "`limits.jobs`"),
    ] {
        let said = world.refused(args, 2);
        assert!(said.contains(like), "{said}");
    }
}

#[test]
fn an_unknown_word_gets_the_list() {
    let world = World::new();
    for (flag, words) in [
        ("--keep=sometimes", "never, failed, always"),
        ("--deployer=podman", "auto, abra, docker"),
        ("--ingress=x", "auto, proxy, direct"),
        ("--message-format=xml", "human, json"),
    ] {
        let said = world.refused(&["test", "tiny", flag], 2);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn programs_get_one_whole_message() {
    let mut world = World::new();
    for args in [
        &[
            "test",
            "tiny",
            "--src",
            "http://example.org/a",
            "--message-format",
            "json",
        ][..],
        &["test", "--message-format", "json", "./tiny", "./tiny"],
        // What is no command line has not been read to its end, and says so to programs all the same.
        &["test", "--message-format", "json", "*"],
        &["test", "*", "--message-format=json"],
        &["test", "--keeep", "--message-format", "json"],
        &["tset", "--json"],
        &["teardown", "--json", "*"],
        &["config", "--json", "limits.josb"],
    ] {
        assert_eq!(world.refused_in_json(args, 2).0, "usage", "{args:?}");
    }
    let (_, message) = world.refused_in_json(&["test", "--json", "--keeep"], 2);
    assert!(
        message.contains("unexpected argument '--json'"),
        "{message}"
    );
    world.refused(&["exec", "", "--", "ls", "--json"], 2);
    world.configure("[limits]\njosb = 2\n", 0o644);
    for args in [
        &["test", "tiny", "--message-format", "json"][..],
        &["teardown", "a.example.org", "--json"],
        &["janitor", "--json"],
        &["config", "--json"],
    ] {
        assert_eq!(world.refused_in_json(args, 102).0, "configuration");
    }
    world.set("CCCI_MESSAGE_FORMAT", "json");
    assert_eq!(world.refused_in_json(&["test", "*"], 2).0, "usage");
    world.set("CCCI_JOBS", "0");
    let (_, message) = world.refused_in_json(&["test", "tiny"], 2);
    assert!(message.contains("from 1 to 64"), "{message}");
    world.set("CCCI_JOBS", "");
    let (_, message) = world.refused_in_json(&["test", "tiny"], 2);
    assert!(message.contains("`CCCI_JOBS`"), "{message}");
}

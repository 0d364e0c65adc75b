//! What tests need, by the tests that are kept.

use super::{
    super::world::{settings, told},
    *,
};

#[test]
fn what_only_some_tests_need_is_a_note_unless_such_tests_are_kept() {
    let trouble = Trouble::broken("program-missing", "found no program `hurl`")
        .because("cannot find binary path")
        .hint("install hurl, or set `programs.hurl` to where it is");
    let names = ["gitea", "n8n", "wiki"].map(str::to_owned);
    let findings = [0, 1, 2, 3].map(|count| {
        let recipes = names.iter().take(count).cloned().collect();
        needed(Check::Hurl, &trouble, &recipes)
    });
    insta::assert_snapshot!(told(&findings), @"
    note hurl: found no program `hurl`; no test kept here needs it => install hurl, or set `programs.hurl` to where it is
    warning hurl: found no program `hurl`; tests of gitea need it => install hurl, or set `programs.hurl` to where it is
    warning hurl: found no program `hurl`; tests of gitea and 1 more recipe need it => install hurl, or set `programs.hurl` to where it is
    warning hurl: found no program `hurl`; tests of gitea and 2 more recipes need it => install hurl, or set `programs.hurl` to where it is
    ");
}

#[test]
fn the_tests_that_are_kept_say_what_they_need() {
    let dir = tempfile::tempdir().unwrap();
    for path in [
        "wiki/test_install.hurl",
        "wiki/playwright/test_login.py",
        "n8n/functional/test_flow.py",
        "n8n/test_install.sh",
        "ccci_plugin.py",
    ] {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let kept = Kept::list(&settings(&[(
        "CCCI_TESTS_DIR",
        dir.path().to_str().unwrap(),
    )]));
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let wanted: [BTreeSet<String>; 3] =
        [names(&["n8n", "wiki"]), names(&["wiki"]), names(&["wiki"])];
    assert_eq!([kept.pytest, kept.browser, kept.hurl], wanted);
    let nowhere = Kept::list(&settings(&[("CCCI_TESTS_DIR", "/no/such/folder")]));
    assert!(nowhere.pytest.is_empty());
}

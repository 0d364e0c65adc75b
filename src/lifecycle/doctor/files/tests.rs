//! State directories and files of authorities as they may be.

use std::{fs, os::unix::fs::PermissionsExt};

use super::{super::world::told, *};
use crate::lifecycle::doctor::world::settings;

/// Tells what is found in a state directory, and of the authorities in a file.
fn judged(root: &Path, pairs: &[(&str, &str)]) -> String {
    let state = root.join("a/state").display().to_string();
    let pairs: Vec<_> = [("CCCI_STATE_DIR", state.as_str())]
        .into_iter()
        .chain(pairs.iter().copied())
        .collect();
    let findings = look(&settings(&pairs));
    let text: Vec<_> = told(&findings).lines().map(str::to_owned).collect();
    let shown = root.display().to_string();
    let lines = text.iter().filter(|line| !line.contains("state disk"));
    lines
        .map(|line| line.replace(&shown, "$ROOT") + "\n")
        .collect()
}

#[test]
fn a_state_directory_that_is_not_there_yet_is_a_note() {
    let root = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(judged(root.path(), &[]), @"note state: $ROOT/a/state: the first run makes it [State]");
    assert!(!root.path().join("a").exists());
}

#[test]
fn a_state_directory_that_is_there_is_tried() {
    let root = tempfile::tempdir().unwrap();
    let state = root.path().join("a/state");
    fs::create_dir_all(&state).unwrap();
    insta::assert_snapshot!(judged(root.path(), &[]), @"ok state: $ROOT/a/state, locks hold there");
    assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
    insta::assert_snapshot!(judged(root.path(), &[]), @"fail state: everybody can write to the state directory `$ROOT/a/state` => run `chmod o-w $ROOT/a/state`");
}

#[test]
fn a_place_where_nothing_can_be_made_is_a_failure() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("a"), "").unwrap();
    let findings = look(&settings(&[(
        "CCCI_STATE_DIR",
        root.path().join("a/state").to_str().unwrap(),
    )]));
    let finding = &findings[0];
    assert_eq!((finding.state, finding.fix), (State::Fail, None));
    assert!(finding.is_of_settings);
    let command = finding.command.as_deref().unwrap();
    assert!(command.starts_with("sudo install -d -m 700 "));
}

#[test]
fn a_file_of_authorities_has_to_hold_one() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("ca.pem");
    let pair = [("CCCI_CA_FILE", path.to_str().unwrap())];
    let told = || {
        let text = judged(root.path(), &pair);
        text.lines().last().unwrap().to_owned()
    };
    insta::assert_snapshot!(told(), @"fail authorities: failed to read the certificates in `$ROOT/ca.pem`: No such file or directory (os error 2) => set `server.ca-file` to a file in PEM form, or to nothing");
    fs::write(&path, "no certificate").unwrap();
    insta::assert_snapshot!(told(), @"fail authorities: `$ROOT/ca.pem` holds no certificate in PEM form => set `server.ca-file` to a file in PEM form, or to nothing");
}

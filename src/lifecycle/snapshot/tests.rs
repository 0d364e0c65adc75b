//! Snapshots on disk, without Docker: made whole or not at all, and refused when they are not what they were.

use super::*;

/// The stack of all tests.
const STACK: &str = "a_example_org";

/// Makes a snapshot of one volume with a file in it.
fn snapshot(root: &Path) -> std::path::PathBuf {
    let tree = root.join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), "content").unwrap();
    let dest = root.join("snapshot");
    let folder = NewFolder::make(&dest).unwrap();
    let file = File::create(folder.path().join("data.tar")).unwrap();
    let (tally, _) = tree::pack(&tree, file, &mut |_| true).unwrap();
    let volume = VolumeArchive {
        name: format!("{STACK}_data"),
        driver: "local".into(),
        options: std::collections::BTreeMap::new(),
        labels: std::collections::BTreeMap::new(),
        archive: "data.tar".into(),
        bytes: tally.bytes,
        content: tally.content,
        entries: tally.entries,
        sockets: 0,
        sha256: tally.sha256,
    };
    let manifest = Manifest {
        version: VERSION,
        stack: STACK.into(),
        taken: Timestamp::UNIX_EPOCH,
        volumes: vec![volume],
    };
    folder.finish(&manifest).unwrap();
    assert_eq!(read(&dest).unwrap(), manifest);
    dest
}

/// Returns the names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_snapshot_is_there_when_it_is_whole_and_never_replaced() {
    let root = tempfile::tempdir().unwrap();
    let dest = snapshot(root.path());
    assert_eq!(names(&dest), ["data.tar", MANIFEST]);
    assert_eq!(names(root.path()), ["snapshot", "tree"]);
    let trouble = NewFolder::make(&dest).err().unwrap();
    assert_eq!(trouble.code, "snapshot-unwritten");
    verify(&dest).unwrap();
}

#[test]
fn a_half_is_removed_with_its_work_and_that_of_a_killed_one_by_the_next() {
    let root = tempfile::tempdir().unwrap();
    let dest = root.path().join("deeper/snapshot");
    let folder = NewFolder::make(&dest).unwrap();
    let half = folder.path().to_owned();
    fs::write(half.join("data.tar"), "half").unwrap();
    assert!(read(&dest).is_err() && !dest.exists());
    drop(folder);
    assert!(!half.exists());
    let parent = root.path().join("deeper");
    fs::create_dir(parent.join(".snapshot.0123abcd")).unwrap();
    fs::create_dir(parent.join(".snapshot.other")).unwrap();
    fs::create_dir(parent.join(".snapshot2.0123abcd")).unwrap();
    drop(NewFolder::make(&dest).unwrap());
    assert_eq!(names(&parent), [".snapshot.other", ".snapshot2.0123abcd"]);
}

#[test]
fn damage_of_each_kind_is_found() {
    let root = tempfile::tempdir().unwrap();
    let dest = snapshot(root.path());
    let archive = dest.join("data.tar");
    let good = fs::read(&archive).unwrap();
    let why = |result: Result<Manifest, Trouble>| {
        let trouble = result.unwrap_err();
        assert_eq!(trouble.code, "snapshot-damaged");
        trouble.causes.join(": ")
    };
    let mut flipped = good.clone();
    // The content of the file, which no header covers.
    let at = good
        .windows(7)
        .position(|bytes| bytes == b"content")
        .unwrap();
    flipped[at] ^= 1;
    fs::write(&archive, &flipped).unwrap();
    assert!(read(&dest).is_ok(), "the length is what it was");
    assert_eq!(why(verify(&dest)), "the checksum of `data.tar` is another");
    fs::write(&archive, &good[..good.len() - 1]).unwrap();
    let length = good.len();
    let cut = format!("`data.tar` has {} bytes in place of {length}", length - 1);
    assert_eq!(why(read(&dest)), cut);
    fs::remove_file(&archive).unwrap();
    assert!(why(read(&dest)).starts_with("failed to read `data.tar`"));
    fs::write(root.path().join("elsewhere"), &good).unwrap();
    std::os::unix::fs::symlink("../elsewhere", &archive).unwrap();
    assert!(
        why(read(&dest)).contains("in place of"),
        "an archive is no link"
    );
    fs::write(dest.join(MANIFEST), "{}").unwrap();
    assert!(why(read(&dest)).starts_with("the manifest cannot be read"));
    fs::remove_file(dest.join(MANIFEST)).unwrap();
    assert!(why(read(&dest)).starts_with("failed to read"));
}

//! Trees of every kind, packed and unpacked, compared by what the system says of them, and by GNU tar.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    io::Write,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, MetadataExt, PermissionsExt, chown, lchown, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use proptest::prelude::*;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, makedev, mknodat, setxattr,
    utimensat,
};
use tempfile::TempDir;

use super::{
    attributes::Of,
    entry::{Entry, Kind},
    *,
};

/// Everything that is to come back of one entry.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// Mode with type, owner, group, device, size.
    plain: (u32, u32, u32, u64, u64),
    /// Seconds and nanoseconds.
    mtime: (i64, i64),
    /// How many names it has.
    names: u64,
    /// Content, or the target of a link.
    content: Vec<u8>,
    /// Extended attributes.
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Looks at a whole tree.
fn look(root: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let stat = path.symlink_metadata().unwrap();
        let kind = stat.file_type();
        if kind.is_dir() {
            waiting.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|inner| inner.unwrap().path()),
            );
        }
        let content = if kind.is_file() {
            fs::read(&path).unwrap()
        } else if kind.is_symlink() {
            fs::read_link(&path)
                .unwrap()
                .into_os_string()
                .into_encoded_bytes()
        } else {
            Vec::new()
        };
        let attributes = if kind.is_symlink() {
            Vec::new()
        } else {
            let flags = OFlags::PATH | OFlags::NOFOLLOW;
            let named = openat(CWD, &path, flags, Mode::empty()).unwrap();
            Of::Named(&named).read().unwrap()
        };
        let size = if kind.is_dir() { 0 } else { stat.size() };
        let seen = Seen {
            plain: (stat.mode(), stat.uid(), stat.gid(), stat.rdev(), size),
            mtime: (stat.mtime(), stat.mtime_nsec()),
            names: if kind.is_dir() { 0 } else { stat.nlink() },
            content,
            attributes,
        };
        found.insert(path.strip_prefix(root).unwrap().to_owned(), seen);
    }
    found
}

/// Sets when something was changed.
fn set_mtime(path: &Path, seconds: i64, nanos: i64) {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanos,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// Sets an attribute.
fn set_attribute(path: &Path, name: &str, value: &[u8]) {
    setxattr(path, name, value, XattrFlags::empty()).unwrap();
}

/// An access list, as the kernel takes it: owner, user 1234, group, mask, others.
fn access_list() -> Vec<u8> {
    let none = u32::MAX;
    let entries = [
        (1u16, 7u16, none),
        (2, 5, 1234),
        (4, 5, none),
        (0x10, 7, none),
        (0x20, 4, none),
    ];
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// Makes a tree with every kind of entry.
fn make_all(root: &Path) {
    let at = |path: &str| root.join(path);
    for folder in ["a/deep/er", "b", "empty", "default"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    set_attribute(&at("default"), "system.posix_acl_default", &access_list());
    fs::write(at("default/inherits"), "x").unwrap();
    rustix::fs::removexattr(at("default/inherits"), "system.posix_acl_access").unwrap();
    fs::write(at("a/file"), b"content").unwrap();
    fs::write(at("a/nothing"), b"").unwrap();
    fs::write(at("a/block"), vec![7; 512]).unwrap();
    fs::write(at("a/large"), vec![0x5a; 3 * 1024 * 1024 + 1]).unwrap();
    fs::hard_link(at("a/file"), at("b/same file")).unwrap();
    fs::hard_link(at("a/file"), at("zz")).unwrap();
    symlink("../nowhere/\u{fc}", at("a/link")).unwrap();
    fs::hard_link(at("a/link"), at("b/same link")).unwrap();
    symlink("x".repeat(300), at("b/long link")).unwrap();
    mknodat(CWD, at("a/pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    mknodat(
        CWD,
        at("a/null"),
        FileType::CharacterDevice,
        Mode::RWXU,
        makedev(1, 3),
    )
    .unwrap();
    mknodat(
        CWD,
        at("a/disk"),
        FileType::BlockDevice,
        Mode::RWXU,
        makedev(259, 1_000_000),
    )
    .unwrap();
    fs::write(
        root.join(OsStr::from_bytes(b"not utf-8 \xff\xfe\nline")),
        b"n",
    )
    .unwrap();
    let long = format!("{}/{}", "l".repeat(200), "m".repeat(98));
    fs::create_dir_all(at(&long)).unwrap();
    fs::write(at(&long).join("300 bytes"), b"long").unwrap();
    fs::write(at(&format!("b/{}", "n".repeat(96))), b"99 bytes").unwrap();
    fs::write(at(&format!("b/{}", "n".repeat(97))), b"100 bytes").unwrap();
    UnixListener::bind(at("b/socket")).unwrap();
    let sparse = File::create(at("a/sparse")).unwrap();
    sparse.set_len(64 * 1024 * 1024).unwrap();
    sparse
        .write_all_at(b"in the middle", 10 * 1024 * 1024 + 5)
        .unwrap();
    File::create(at("a/hole"))
        .unwrap()
        .set_len(1024 * 1024 + 3)
        .unwrap();
    let ends = File::create(at("a/ends with content")).unwrap();
    ends.write_all_at(b"end", 5 * 1024 * 1024).unwrap();
    set_all(root);
}

/// Sets owners, modes, attributes and times, the innermost first.
fn set_all(root: &Path) {
    let at = |path: &str| root.join(path);
    chown(at("a/file"), Some(33), Some(4_000_000_000)).unwrap();
    chown(at("a/deep"), Some(4_294_967_294), Some(65534)).unwrap();
    lchown(at("a/link"), Some(7), Some(8)).unwrap();
    chown(at("a/pipe"), Some(1), Some(2)).unwrap();
    chown(at("a/null"), Some(3), Some(4)).unwrap();
    let mode =
        |path: &str, mode| fs::set_permissions(at(path), fs::Permissions::from_mode(mode)).unwrap();
    for (path, bits) in [
        ("a/file", 0o6755),
        ("a/nothing", 0),
        ("a/pipe", 0o622),
        ("a/null", 0o666),
        ("b", 0o3777),
        ("a/deep", 0o500),
    ] {
        mode(path, bits);
    }
    set_attribute(&at("a/file"), "user.a=b%", b"v\0\n=");
    set_attribute(&at("a/file"), "user.empty", b"");
    set_attribute(&at("b"), "user.folder", &[9; 2000]);
    // The effective bit, and the permission to bind low ports, in version 2 of the format.
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    set_attribute(&at("a/block"), "security.capability", &capability);
    set_attribute(&at("a/large"), "system.posix_acl_access", &access_list());
    set_attribute(&at("a/pipe"), "system.posix_acl_access", &access_list());
    set_mtime(&at("a/file"), 1_600_000_000, 123_456_789);
    set_mtime(&at("a/link"), -1, 500_000_000);
    set_mtime(&at("a/pipe"), 0, 0);
    set_mtime(&at("a/null"), 5_000_000_000, 1);
    set_mtime(&at("empty"), 1_500_000_000, 999_999_999);
    set_mtime(&at("a/deep"), 1, 1);
    chown(root, Some(70), Some(71)).unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o2750)).unwrap();
    set_attribute(root, "user.root", b"r");
    set_mtime(root, 1_234_567_890, 987_654_321);
}

/// Packs a tree into memory.
fn packed(root: &Path) -> (Vec<u8>, Tally) {
    let (tally, bytes) = pack(root, Vec::new(), &mut |_| true).unwrap();
    (bytes, tally)
}

/// Unpacks bytes into a new folder.
fn unpacked(bytes: &[u8]) -> Result<TempDir, Error> {
    let folder = tempfile::tempdir().unwrap();
    unpack(folder.path(), bytes, 1_000_000, &mut |_| true)?;
    Ok(folder)
}

#[test]
fn everything_comes_back_as_it_was() {
    let from = tempfile::tempdir().unwrap();
    make_all(from.path());
    let (bytes, tally) = packed(from.path());
    let to = tempfile::tempdir().unwrap();
    fs::write(to.path().join("was there before"), b"x").unwrap();
    set_attribute(to.path(), "user.before", b"x");
    let again = unpack(to.path(), bytes.as_slice(), tally.entries, &mut |_| true).unwrap();
    assert_eq!(
        again,
        Tally {
            sockets: 0,
            ..tally.clone()
        }
    );
    let mut wanted = look(from.path());
    assert!(wanted.remove(Path::new("b/socket")).is_some());
    let (wanted, found) = (wanted, look(to.path()));
    for (path, seen) in &wanted {
        assert!(
            found.get(path) == Some(seen),
            "{path:?}: {:?}",
            found.get(path).map(|found| (
                &found.plain,
                found.mtime,
                found.names,
                &found.attributes
            ))
        );
    }
    assert_eq!(found.len(), wanted.len());
    assert_eq!((tally.sockets, tally.entries), (1, wanted.len() as u64));
    let sparse = |root: &Path, name: &str| root.join(name).metadata().unwrap().blocks();
    for name in ["a/sparse", "a/hole", "a/ends with content"] {
        assert!(
            sparse(to.path(), name) <= sparse(from.path(), name),
            "{name}"
        );
    }
    assert!(
        bytes.len() < 8 * 1024 * 1024,
        "{} bytes hold the holes too",
        bytes.len()
    );
    let inode = |path: &str| to.path().join(path).symlink_metadata().unwrap().ino();
    assert_eq!(
        (inode("a/file"), inode("a/link")),
        (inode("b/same file"), inode("b/same link"))
    );
}

#[test]
fn equal_trees_give_equal_archives_and_a_measure_is_near() {
    let from = tempfile::tempdir().unwrap();
    make_all(from.path());
    let (bytes, tally) = packed(from.path());
    let copy = unpacked(&bytes).unwrap();
    assert!(packed(copy.path()).0 == bytes);
    let measured = measure(from.path(), &mut |_| true).unwrap();
    assert_eq!(
        (measured.entries, measured.content, measured.sockets),
        (tally.entries, tally.content, 1)
    );
    let about = tally.bytes..tally.bytes + 200_000;
    assert!(
        about.contains(&measured.bytes),
        "{} {about:?}",
        measured.bytes
    );
}

/// Returns arguments.
fn words_of<'a>(words: &'a [&'a str]) -> Vec<&'a OsStr> {
    words.iter().map(OsStr::new).collect()
}

/// Runs GNU tar and returns what it printed; it must not complain.
fn gnu_tar(args: &[&OsStr]) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the judge of our archives is another program"
    )]
    let output = std::process::Command::new("tar")
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.is_empty(),
        "{args:?}: {said}"
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn gnu_tar_lists_and_extracts_the_same() {
    let from = tempfile::tempdir().unwrap();
    make_all(from.path());
    let (bytes, tally) = packed(from.path());
    let work = tempfile::tempdir().unwrap();
    let archive = work.path().join("x.tar");
    fs::write(&archive, &bytes).unwrap();
    let to = work.path().join("out");
    fs::create_dir(&to).unwrap();
    let listed = gnu_tar(&[words_of(&["--list", "--file"]), vec![archive.as_os_str()]].concat());
    assert_eq!(listed.lines().count() as u64, tally.entries);
    let options = [
        "--extract",
        "--numeric-owner",
        "--same-owner",
        "--preserve-permissions",
        "--xattrs",
        "--xattrs-include=*",
        "--warning=no-timestamp",
        "--file",
    ];
    let into = [OsStr::new("--directory"), to.as_os_str()];
    gnu_tar(&[words_of(&options), vec![archive.as_os_str()], into.to_vec()].concat());
    let (mut wanted, mut found) = (look(from.path()), look(&to));
    wanted.remove(Path::new("b/socket"));
    // GNU tar sets access lists by records of its own only, and not the attributes of pipes.
    let acl = |seen: &mut Seen| {
        seen.attributes
            .retain(|(name, _)| !name.starts_with(b"system."));
    };
    wanted.values_mut().chain(found.values_mut()).for_each(acl);
    assert_eq!(found.len(), wanted.len());
    for (path, seen) in &wanted {
        assert!(
            found.get(path) == Some(seen),
            "{path:?}: {:?} {:?}",
            found
                .get(path)
                .map(|found| (&found.plain, found.mtime, &found.attributes)),
            (&seen.plain, seen.mtime, &seen.attributes)
        );
    }
}

/// Makes an entry of little.
fn entry(path: &str, kind: Kind) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: (0, 0),
        attributes: Vec::new(),
        stored: 0,
    }
}

/// Makes an archive of entries, with its folder before them and its end after them.
fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = entry("", Kind::Folder).encode().unwrap();
    for entry in entries {
        bytes.extend(entry.encode().unwrap());
        bytes.resize(
            bytes.len() + usize::try_from(entry.stored).unwrap().next_multiple_of(512),
            b'.',
        );
        let over = usize::try_from(entry.stored).unwrap().next_multiple_of(512)
            - usize::try_from(entry.stored).unwrap();
        let end = bytes.len();
        bytes[end - over..].fill(0);
    }
    bytes.extend([0; 1024]);
    bytes
}

/// Demands that an archive is refused, and that nothing came to lie beside its folder.
fn demand_refusal(name: &str, bytes: &[u8]) {
    let around = tempfile::tempdir().unwrap();
    fs::write(around.path().join("secret"), "s").unwrap();
    let folder = around.path().join("in");
    fs::create_dir(&folder).unwrap();
    let ended = unpack(&folder, bytes, 1_000, &mut |_| true);
    assert!(matches!(ended, Err(Error::Refused(_))), "{name}: {ended:?}");
    let mut beside: Vec<_> = fs::read_dir(around.path())
        .unwrap()
        .map(|inner| inner.unwrap().file_name())
        .collect();
    beside.sort();
    assert_eq!(beside, ["in", "secret"], "{name}");
    assert_eq!(
        fs::read_to_string(around.path().join("secret")).unwrap(),
        "s",
        "{name}"
    );
}

/// Changes the header that begins here, and sets its checksum anew.
fn altered(mut bytes: Vec<u8>, at: usize, change: impl Fn(&mut tar::Header)) -> Vec<u8> {
    let mut block = [0; 512];
    block.copy_from_slice(&bytes[at..at + 512]);
    let mut header = tar::Header::from_byte_slice(&block).clone();
    change(&mut header);
    header.set_cksum();
    bytes[at..at + 512].copy_from_slice(header.as_bytes());
    bytes
}

#[test]
fn hostile_names_are_refused() {
    let file = || Kind::File(None);
    let fine = archive(&[entry("a", Kind::Folder), entry("a/b", file())]);
    assert!(unpacked(&fine).is_ok());
    let names = [
        "../x",
        "a/../x",
        "..",
        "/etc/x",
        ".",
        "./x",
        "a//b",
        "a/",
        "a/.",
        "a/..",
        "a/../../secret",
        "",
    ];
    for name in names {
        demand_refusal(
            name,
            &archive(&[entry("a", Kind::Folder), entry(name, file())]),
        );
        demand_refusal(name, &archive(&[entry("l", Kind::Link(name.into()))]));
    }
    // Names as other programs write them, without the dot in front.
    for name in ["x", "/x", "../x", ".x", "./../x"] {
        let rename = |header: &mut tar::Header| {
            let field = &mut header.as_old_mut().name;
            *field = [0; 100];
            field[..name.len()].copy_from_slice(name.as_bytes());
        };
        demand_refusal(name, &altered(archive(&[entry("y", file())]), 512, rename));
    }
    demand_refusal(
        "long",
        &archive(&[entry(&format!("a/{}", "x/".repeat(200)), file())]),
    );
}

#[test]
fn nothing_is_unpacked_through_links_or_in_folders_that_are_not_there() {
    let file = |path| entry(path, Kind::File(None));
    let link = |path, to: &str| entry(path, Kind::Symlink(to.into()));
    let folder = |path| entry(path, Kind::Folder);
    let hard = |path, to: &str| entry(path, Kind::Link(to.into()));
    for (name, entries) in [
        ("through a link", vec![link("a", ".."), file("a/secret")]),
        ("over a link", vec![link("a", "../secret"), file("a")]),
        (
            "through a link to a folder",
            vec![folder("b"), link("a", "b"), file("a/x")],
        ),
        (
            "a folder over a link",
            vec![link("a", ".."), folder("a"), file("a/secret")],
        ),
        (
            "hard link through a link",
            vec![link("a", ".."), hard("h", "a/secret")],
        ),
        ("hard link to nothing", vec![hard("h", "nothing")]),
        ("hard link to a folder", vec![folder("a"), hard("h", "a")]),
        ("a folder of a file", vec![file("a"), file("a/b")]),
        ("twice", vec![file("a"), file("a")]),
        ("folder twice", vec![folder("a"), folder("a")]),
        ("its own folder again", vec![folder("")]),
        ("no folder", vec![file("a/b")]),
        (
            "a folder that is finished",
            vec![folder("a"), folder("b"), file("a/x")],
        ),
    ] {
        demand_refusal(name, &archive(&entries));
    }
    // A hard link to a link is a second name of the link, and leads nowhere.
    let twin = unpacked(&archive(&[link("a", "/etc"), hard("h", "a")])).unwrap();
    assert!(
        twin.path()
            .join("h")
            .symlink_metadata()
            .unwrap()
            .is_symlink()
    );
}

#[test]
fn bombs_and_damage_are_refused() {
    let mut large = entry("a", Kind::File(None));
    large.stored = 700;
    let good = archive(std::slice::from_ref(&large));
    assert!(unpacked(&good).is_ok());
    for cut in (0..good.len()).step_by(61) {
        demand_refusal(&format!("cut at {cut}"), &good[..cut]);
    }
    demand_refusal("more after its end", &[&good[..], &[0; 512]].concat());
    for at in [0, 100, 156, 512 + 3, 512 + 130] {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        demand_refusal(&format!("flipped at {at}"), &flipped);
    }
    let many: Vec<Entry> = (0..1_000)
        .map(|at| entry(&format!("f{at}"), Kind::Fifo))
        .collect();
    demand_refusal("more entries than are allowed", &archive(&many));
    let deep: Vec<Entry> = (1..=DEPTH + 2)
        .map(|depth| entry(&vec!["d"; depth].join("/"), Kind::Folder))
        .collect();
    demand_refusal("too deep", &archive(&deep));
    let with_size = |size| {
        altered(good.clone(), 512, move |header: &mut tar::Header| {
            header.set_size(size);
        })
    };
    demand_refusal("a size beyond its end", &with_size(u64::MAX / 2));
    let kinds = [b'L', b'K', b'S', b'g', b'7', b'D', b'M', b'V', b'N', b'?'];
    for kind in kinds {
        let change = |header: &mut tar::Header| header.set_entry_type(tar::EntryType::new(kind));
        demand_refusal(&format!("kind {kind}"), &altered(good.clone(), 512, change));
    }
    let folder = |header: &mut tar::Header| header.set_entry_type(tar::EntryType::Directory);
    demand_refusal("a folder with content", &altered(good.clone(), 512, folder));
    let records = |header: &mut tar::Header| {
        header.set_entry_type(tar::EntryType::XHeader);
        header.set_size(1 << 40);
    };
    demand_refusal("endless records", &altered(good, 512, records));
}

#[test]
fn records_and_maps_of_others_are_refused() {
    let with = |records: &[(&str, &str)]| {
        let mut bytes = Vec::new();
        for (key, value) in records {
            pax::add(&mut bytes, key.as_bytes(), value.as_bytes());
        }
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::XHeader);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        let mut whole = entry("", Kind::Folder).encode().unwrap();
        whole.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        whole.extend(bytes);
        whole.extend(entry("a", Kind::File(None)).encode().unwrap());
        whole.extend([0; 1024]);
        whole
    };
    assert!(unpacked(&with(&[("mtime", "5.5")])).is_ok());
    for record in [
        ("size", "5"),
        ("uid", "1"),
        ("path", "../x"),
        ("path", "/x"),
        ("mtime", "x"),
        ("GNU.sparse.realsize", "-1"),
        ("GNU.sparse.realsize", "9"),
        ("GNU.sparse.major", "0"),
        ("comment", "x"),
    ] {
        demand_refusal(&format!("{record:?}"), &with(&[record]));
    }
    // Attributes that would mean something to the host are never set.
    let trusted = unpacked(&with(&[("SCHILY.xattr.trusted.overlay.opaque", "y")]));
    assert!(trusted.is_err());
}

#[test]
fn whoever_listens_can_end_both_ways() {
    let from = tempfile::tempdir().unwrap();
    make_all(from.path());
    let mut beats = 0;
    let mut until = |_| {
        beats += 1;
        beats < 5
    };
    assert!(matches!(
        pack(from.path(), Vec::new(), &mut until),
        Err(Error::Interrupted)
    ));
    let (bytes, _) = packed(from.path());
    let to = tempfile::tempdir().unwrap();
    let ended = unpack(to.path(), bytes.as_slice(), 1_000, &mut |_| false);
    assert!(matches!(ended, Err(Error::Interrupted)));
}

#[test]
fn a_full_disk_is_told_from_other_trouble() {
    let from = tempfile::tempdir().unwrap();
    fs::write(from.path().join("a"), vec![1; 2 << 20]).unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let error = pack(from.path(), full, &mut |_| true).unwrap_err();
    assert!(error.is_full_disk(), "{error:?}");
    let error = pack(Path::new("/nowhere"), Vec::new(), &mut |_| true).unwrap_err();
    assert!(!error.is_full_disk() && error.to_string() == "failed to open `/nowhere`");
}

#[test]
fn what_changes_meanwhile_is_an_error() {
    let from = tempfile::tempdir().unwrap();
    let path = from.path().join("a");
    fs::write(&path, vec![1; 4 << 20]).unwrap();
    let mut writes = |done| {
        if done > 1 << 20 {
            let mut file = File::options().append(true).open(&path).unwrap();
            file.write_all(b"more").unwrap();
        }
        true
    };
    let error = pack(from.path(), Vec::new(), &mut writes).unwrap_err();
    assert_eq!(error.to_string(), "`a` changed while it was read");
}

/// What a random file is made of: pieces of content with holes between them.
fn pieces() -> impl Strategy<Value = Vec<(u32, Vec<u8>)>> {
    prop::collection::vec(
        (
            0..3_000_000u32,
            prop::collection::vec(any::<u8>(), 0..9_000),
        ),
        0..5,
    )
}

/// The name of a file: any bytes that may stand in one.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("stands in no name", |byte| *byte != 0 && *byte != b'/');
    prop::collection::vec(byte, 1..200).prop_filter("has a meaning of its own", |name| {
        name != b"." && name != b".."
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_files_come_back(
        files in prop::collection::btree_map(name(), (pieces(), 0u32..0o10000, any::<u32>(), -5_000_000_000i64..5_000_000_000, 0i64..1_000_000_000), 0..6),
        folders in prop::collection::vec(name(), 0..4),
    ) {
        let from = tempfile::tempdir().unwrap();
        let mut folder = from.path().to_owned();
        for name in &folders {
            folder.push(OsStr::from_bytes(name));
        }
        fs::create_dir_all(&folder).unwrap();
        for (name, (pieces, mode, owner, seconds, nanos)) in &files {
            let path = folder.join(OsStr::from_bytes(name));
            let file = File::create(&path).unwrap();
            let mut end = 0;
            for (gap, content) in pieces {
                file.write_all_at(content, end + u64::from(*gap)).unwrap();
                end += u64::from(*gap) + content.len() as u64;
            }
            // The highest number means "leave it as it is".
            chown(&path, Some(owner % u32::MAX), Some(owner / 2)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
            set_mtime(&path, *seconds, *nanos);
        }
        let (bytes, tally) = packed(from.path());
        let to = unpacked(&bytes).unwrap();
        prop_assert!(look(from.path()) == look(to.path()));
        prop_assert_eq!(tally.bytes, bytes.len() as u64);
    }

    #[test]
    fn no_bytes_at_all_lead_out_or_panic(
        at in 0usize..4096, byte in any::<u8>(), cut in 0usize..8192,
    ) {
        let mut bytes = archive(&[entry("a", Kind::Folder), entry("a/l", Kind::Symlink(b"..".to_vec())), entry("a/f", Kind::Fifo), entry("z", Kind::Link(b"a/l".to_vec()))]);
        let end = bytes.len();
        bytes[at % end] = byte;
        bytes.truncate(cut.max(512));
        drop(unpacked(&bytes));
    }
}

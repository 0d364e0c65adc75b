//! Archives that ccci never writes, made to lead out of their folder, to fill memory, or merely damaged: all are refused.

use super::*;
use crate::sys::tree::entry::{Entry, Kind};

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

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

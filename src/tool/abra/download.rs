//! What a snapshot holds: abra downloads a part of it, which is searched without being unpacked.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::bufread::MultiGzDecoder;

use super::{
    SNAPSHOT,
    answer::Answer,
    call::{Call, broken},
};
use crate::tool::{
    app::App,
    archive,
    deployer::{Error, Held, Snapshot, Wanted},
};

/// How long a download may take.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(1800);
/// R: limits a download to what lies below a path.
const PATH: &str = "--path";
/// Where the backup bot sees volumes.
const VOLUMES: &str = "/var/lib/docker/volumes";
/// The folder of a volume in which its files are.
const DATA: &str = "_data";

/// Looks for a path in a snapshot.
pub(super) fn look_into(
    program: &Path,
    app: &App,
    snapshot: &Snapshot,
    wanted: &Wanted<'_>,
) -> Result<Option<Held>, Error> {
    let failed = |source: io::Error| Error::File {
        path: app.backups.clone(),
        source,
    };
    fs::create_dir_all(&app.backups).map_err(failed)?;
    // abra writes to the current folder, under a name of its own.
    let folder = tempfile::Builder::new()
        .prefix("download-")
        .tempdir_in(&app.backups)
        .map_err(failed)?;
    let volume = app.stack.object(wanted.volume);
    let path = format!("{VOLUMES}/{volume}/{DATA}/{}", wanted.path);
    let call = Call::new(app, &["app", "backup", "download"], DOWNLOAD_LIMIT)
        .on_terminal()
        .in_folder(folder.path())
        .arg(format!("{SNAPSHOT}={}", snapshot.id))
        .arg(format!("{PATH}={}", path.trim_end_matches('/')))
        .arg(app.domain.as_str());
    let output = call.finish(program)?;
    if Answer::of(&output).is_not_in_snapshot() {
        return Ok(None);
    }
    call.check(program, &output)?;
    let Some(file) = only_file(folder.path()).map_err(failed)? else {
        let said = "`app backup download` left no single file in the current folder";
        return Err(broken(program, said));
    };
    search(&file, &volume, wanted).map_err(|source| Error::File { path: file, source })
}

/// Returns the file in a folder that has one.
fn only_file(folder: &Path) -> io::Result<Option<PathBuf>> {
    let entries: Vec<_> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    Ok(match entries.as_slice() {
        [one] => Some(one.path()),
        _ => None,
    })
}

/// Searches a downloaded archive, compressed or not.
fn search(file: &Path, volume: &str, wanted: &Wanted<'_>) -> io::Result<Option<Held>> {
    let mut raw = BufReader::new(File::open(file)?);
    let is_gzip = raw.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let mut stream: Box<dyn Read> = if is_gzip {
        Box::new(MultiGzDecoder::new(raw))
    } else {
        Box::new(raw)
    };
    let is_wanted = |path: &str, kind: tar::EntryType| is_wanted(path, kind, (volume, wanted.path));
    archive::find(&mut stream, wanted.token, is_wanted)
}

/// Tells whether an entry is the path in a volume that was asked for, or lies below it.
///
/// Its place is known by the volume's name. Where no volume is named (R), a file is there because it was asked for.
fn is_wanted(path: &str, kind: tar::EntryType, (volume, wanted): (&str, &str)) -> bool {
    let mut parts = path.split('/');
    if !parts.any(|part| part == volume) {
        return kind.is_file() && path.split('/').all(|part| part != DATA);
    }
    let mut parts = parts.skip_while(|part| *part == DATA);
    wanted
        .split('/')
        .filter(|part| !part.is_empty())
        .all(|part| parts.next() == Some(part))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const HELD: Option<Held> = Some(Held {
        size: 12,
        has_token: true,
    });

    fn archive_of(paths: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in paths {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            if path.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
            }
            let content = content.as_bytes();
            builder.append_data(&mut header, path, content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn found(archive: &[u8], path: &str) -> Option<Held> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.tar.gz");
        fs::write(&file, archive).unwrap();
        let wanted = Wanted {
            volume: "data",
            path,
            token: "canary-token",
        };
        search(&file, "a_test_data", &wanted).unwrap()
    }

    #[test]
    fn a_file_is_found_at_its_place_in_the_volume() {
        let archive = archive_of(&[
            ("var/lib/docker/volumes/", ""),
            (
                "var/lib/docker/volumes/a_test_data/_data/dump.sql",
                "canary-token",
            ),
            (
                "var/lib/docker/volumes/a_test_data/_data/dump.sql.old",
                "xx",
            ),
            ("var/lib/docker/volumes/a_test_other/_data/dump.sql", "xx"),
        ]);
        assert_eq!(found(&archive, "dump.sql"), HELD);
        assert_eq!(found(&archive, "dump"), None);
    }

    #[test]
    fn a_compressed_archive_is_searched_too() {
        let archive = archive_of(&[("volumes/a_test_data/_data/in/dump.sql", "canary-token")]);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&archive).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(found(&gzip, "in/dump.sql"), HELD);
        assert_eq!(found(&gzip, "in"), HELD);
        assert_eq!(found(&gzip, ""), HELD);
    }

    #[test]
    fn a_file_without_its_volume_is_what_was_asked_for_and_a_folder_is_not() {
        assert_eq!(
            found(&archive_of(&[("dump.sql", "canary-token")]), "in/dump.sql"),
            HELD
        );
        assert_eq!(
            found(&archive_of(&[("var/", ""), ("var/lib/", "")]), "dump.sql"),
            None
        );
    }

    #[test]
    fn an_archive_that_is_cut_short_is_an_error_and_never_a_missing_file() {
        let archive = archive_of(&[("dump.sql", "canary-token")]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.tar.gz");
        fs::write(&file, &archive[..300]).unwrap();
        let wanted = Wanted {
            volume: "data",
            path: "dump.sql",
            token: "canary-token",
        };
        assert!(search(&file, "a_test_data", &wanted).is_err());
    }
}

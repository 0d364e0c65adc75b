//! Empties a folder, so that what is unpacked there is all that it holds.

use std::{
    ffi::OsStr,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
};

use rustix::{
    fs::{AtFlags, unlinkat},
    io::Errno,
};

use super::{
    Error,
    attributes::remove_all,
    open_folder,
    pack::{check_depth, join, names},
};

/// Removes all that is in a folder, and its own attributes.
pub(super) fn empty(folder: &OwnedFd) -> Result<(), Error> {
    remove_all(folder).map_err(|said| Error::io("remove attributes of", b"", said))?;
    remove_members(folder, &mut Vec::new(), 0)
}

/// Removes all that is in a folder.
fn remove_members(folder: &OwnedFd, path: &mut Vec<u8>, depth: usize) -> Result<(), Error> {
    check_depth(path, depth)?;
    let length = path.len();
    for name in names(folder, path)? {
        join(path, &name);
        let remove = |flags| unlinkat(folder, OsStr::from_bytes(&name), flags);
        let removed = match remove(AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => {
                let inner =
                    open_folder(folder, &name).map_err(|said| Error::io("open", path, said))?;
                remove_members(&inner, path, depth + 1)?;
                remove(AtFlags::REMOVEDIR)
            }
            removed => removed,
        };
        removed.map_err(|said| Error::io("remove", path, said))?;
        path.truncate(length);
    }
    Ok(())
}

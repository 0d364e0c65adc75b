//! The extended attributes that are kept: those of users, capabilities of programs, and access lists.

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::{
    fs::{
        XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr, getxattr, listxattr, setxattr,
    },
    io::Errno,
};

/// What stands before the names of those that people and programs set.
const USER: &[u8] = b"user.";

/// The others that are kept; labels of security modules belong to the host and not to the data.
const OTHERS: [&[u8]; 3] = [
    b"security.capability",
    b"system.posix_acl_access",
    b"system.posix_acl_default",
];

/// An attribute with its value.
pub(super) type Attribute = (Vec<u8>, Vec<u8>);

/// What the attributes are of.
pub(super) enum Of<'a> {
    /// An open file or folder.
    Open(&'a OwnedFd),
    /// Something that must not be opened, by a descriptor that only names it.
    Named(&'a OwnedFd),
}

impl Of<'_> {
    /// Lists the names into a buffer, each with a zero at its end.
    fn list(&self, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        match self {
            Self::Open(fd) => flistxattr(fd, buffer),
            Self::Named(fd) => listxattr(path_of(fd), buffer),
        }
    }

    /// Reads a value into a buffer.
    fn get(&self, name: &[u8], buffer: &mut [u8]) -> rustix::io::Result<usize> {
        match self {
            Self::Open(fd) => fgetxattr(fd, name, buffer),
            Self::Named(fd) => getxattr(path_of(fd), name, buffer),
        }
    }

    /// Returns those that are kept, in the order of their names.
    pub(super) fn read(&self) -> rustix::io::Result<Vec<Attribute>> {
        let names = match sized(|buffer| self.list(buffer)) {
            Ok(names) => names,
            // A file system without attributes has none to keep.
            Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names: Vec<&[u8]> = names
            .split(|byte| *byte == 0)
            .filter(|name| is_kept(name))
            .collect();
        names.sort_unstable();
        let read = |name: &[u8]| Ok((name.to_vec(), sized(|buffer| self.get(name, buffer))?));
        names.into_iter().map(read).collect()
    }

    /// Sets an attribute.
    pub(super) fn set(&self, (name, value): &Attribute) -> rustix::io::Result<()> {
        if !is_kept(name) {
            return Err(Errno::PERM);
        }
        match self {
            Self::Open(fd) => fsetxattr(fd, name.as_slice(), value, XattrFlags::empty()),
            Self::Named(fd) => setxattr(path_of(fd), name.as_slice(), value, XattrFlags::empty()),
        }
    }
}

/// Removes all that are kept from an open folder.
pub(super) fn remove_all(folder: &OwnedFd) -> rustix::io::Result<()> {
    for (name, _) in Of::Open(folder).read()? {
        fremovexattr(folder, name.as_slice())?;
    }
    Ok(())
}

/// Returns the path of what is only named: calls that change it take no such descriptor.
pub(super) fn path_of(named: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", named.as_raw_fd())
}

/// Tells whether an attribute is kept.
fn is_kept(name: &[u8]) -> bool {
    name.starts_with(USER) || OTHERS.contains(&name)
}

/// Reads something whose size is not known: first into little room, then into as much as is needed.
fn sized(read: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        match read(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) => {
                let needed = read(&mut [])?;
                buffer.resize(needed.max(buffer.len() * 2), 0);
            }
            Err(error) => return Err(error),
        }
    }
}

//! A pair of pseudo-terminal ends, for programs that behave otherwise on a pipe; it starts nothing.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{
    LocalModes, OptionalActions, OutputModes, Winsize, tcgetattr, tcsetattr, tcsetwinsize,
};

/// The size that programs see; wide enough that tables keep to one line.
const SIZE: Winsize = Winsize {
    ws_row: 50,
    ws_col: 200,
    ws_xpixel: 0,
    ws_ypixel: 0,
};

/// The two ends of a pseudo-terminal.
pub(crate) struct Pty {
    /// Our end.
    pub(crate) master: PtyReader,
    /// The child's end: a terminal.
    pub(crate) slave: OwnedFd,
}

/// Opens a pseudo-terminal of 50 rows and 200 columns that neither echoes nor rewrites line ends.
pub(crate) fn open() -> io::Result<Pty> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let slave = ioctl_tiocgptpeer(&master, flags)?;
    let mut modes = tcgetattr(&slave)?;
    modes.local_modes &= !LocalModes::ECHO;
    modes.output_modes &= !OutputModes::OPOST;
    tcsetattr(&slave, OptionalActions::Now, &modes)?;
    tcsetwinsize(&slave, SIZE)?;
    Ok(Pty {
        master: PtyReader(File::from(master)),
        slave,
    })
}

/// Reads what programs write to the terminal, until the last of them has closed it.
pub(crate) struct PtyReader(File);

impl Read for PtyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            // Linux says so when no process holds the other end any more.
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => Ok(0),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_written_to_one_end_is_read_at_the_other_until_it_closes() {
        let mut pty = open().unwrap();
        let mut slave = File::from(pty.slave);
        assert!(rustix::termios::isatty(&slave));
        slave.write_all(b"one\ntwo\n").unwrap();
        drop(slave);
        let mut text = String::new();
        pty.master.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }
}

"""Starts a browser that does not hear of the network interfaces of this host: `ccci_browser.py PROGRAM ARGUMENT...`.

Chromium gives up what it is about to load when an interface comes or goes, as those of containers do all the time, and
no flag keeps it from that. Where the kernel gives it no socket by which to hear of interfaces, it takes the network for
unchanging (`AddressTrackerLinux::Init` in Chromium's `net/base/address_tracker_linux.cc`).
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys

#: By machine: its name in `linux/audit.h`, and the number of the system call `socket`.
MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198), "riscv64": (0xC00000F3, 198)}
#: Where `struct seccomp_data` has the number of the call, the machine, and the first and third argument.
NUMBER, MACHINE, FAMILY, PROTOCOL = 0, 4, 16, 32
#: The instructions of such a filter: to load a word, to jump unless it is equal, to return.
LOAD, UNLESS, RETURN = 0x20, 0x15, 0x06
#: What a filter returns: that the call is made, or that it fails with an error.
ALLOW, FAIL = 0x7FFF0000, 0x00050000
#: The options of prctl.
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2


class Program(ctypes.Structure):
    """A filter as the kernel takes it, `struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def seccomp_filter(machine: int, number: int) -> bytes:
    """Makes the filter by which sockets that tell of interfaces cannot be had."""
    compared = [(MACHINE, machine), (NUMBER, number), (FAMILY, socket.AF_NETLINK), (PROTOCOL, socket.NETLINK_ROUTE)]
    made: list[tuple[int, int, int, int]] = []
    for place, value in compared:
        # Whatever differs leads to the last instruction.
        after = 2 * len(compared) - len(made) - 1
        made += [(LOAD, 0, 0, place), (UNLESS, 0, after, value)]
    made += [(RETURN, 0, 0, FAIL | errno.EPERM), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in made)


def be_deaf() -> None:
    """Takes from this process, and from all that it starts, the means to hear of interfaces; elsewhere nothing changes."""
    known = MACHINES.get(os.uname().machine)
    if known is None:
        return
    instructions = seccomp_filter(*known)
    program = Program(len(instructions) // 8, instructions)
    kernel = ctypes.CDLL(None)
    # Only who can get no further rights may set a filter. A kernel without filters refuses, and is asked no more.
    kernel.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    kernel.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))


if __name__ == "__main__":
    be_deaf()
    os.execv(sys.argv[1], sys.argv[1:])

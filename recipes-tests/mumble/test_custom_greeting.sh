#!/bin/sh
# The server speaks Mumble's protocol: a client that sends its version is told the server's.
set -eu
. ./identity.sh

address=$(voice_address)
python3 - "$address" <<'END'
import socket
import ssl
import struct
import sys

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
VERSION = 0
# Field 1, version 1.3.0, as one varint.
body = b"\x08\x80\x86\x04"
with socket.create_connection((sys.argv[1], 64738), timeout=30) as plain:
    with context.wrap_socket(plain) as server:
        server.sendall(struct.pack(">HI", VERSION, len(body)) + body)
        head = b""
        while len(head) < 6:
            more = server.recv(6 - len(head))
            if not more:
                sys.exit("the server closed the connection without a word")
            head += more
kind, _ = struct.unpack(">HI", head)
if kind != VERSION:
    sys.exit(f"the server's first message is of the kind {kind}, wanted was its version, kind {VERSION}")
END

"""A client of Mumble's protocol; called by the tests of this folder with a word, named by no test."""

import os
import socket
import ssl
import struct
import sys

PORT = 64738
# Kinds of messages, by their numbers in the protocol.
VERSION, AUTHENTICATE, REJECT, SYNC, USER, DENIED = 0, 2, 4, 5, 9, 12
# Fields of a user's state, likewise.
SESSION, NAME, USER_ID, COMMENT = 1, 3, 4, 14


def varint(number):
    """Writes a number as seven bits a byte, the lowest first."""
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def pack(fields):
    """Writes the fields of a message: numbers and texts, by their numbers."""
    out = b""
    for field, value in fields.items():
        if isinstance(value, int):
            out += varint(field << 3) + varint(value)
        else:
            out += varint(field << 3 | 2) + varint(len(value.encode())) + value.encode()
    return out


def take_varint(data):
    """Reads a number, and returns it with what is left."""
    number = shift = 0
    for at, byte in enumerate(data):
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, data[at + 1 :]
        shift += 7
    raise AssertionError("a message of the server ends within a number")


def unpack(data):
    """Reads the fields of a message; of one that is there several times the last counts."""
    fields = {}
    while data:
        key, data = take_varint(data)
        kind = key & 7
        if kind == 0:
            fields[key >> 3], data = take_varint(data)
        elif kind == 2:
            length, data = take_varint(data)
            fields[key >> 3], data = data[:length], data[length:]
        else:
            size = {1: 8, 5: 4}[kind]
            fields[key >> 3], data = data[:size], data[size:]
    return fields


class Client:
    """Somebody who has a connection to the server, and a certificate where one is given."""

    def __init__(self, address, certificate=None):
        context = ssl.create_default_context()
        # The server's certificate is its own; the tests compare it by its fingerprint.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate)
        plain = socket.create_connection((address, PORT), timeout=30)
        self.server = context.wrap_socket(plain)
        # Field 1, version 1.3.0.
        self.send(VERSION, {1: 0x10300})

    def send(self, kind, fields):
        """Sends a message."""
        body = pack(fields)
        self.server.sendall(struct.pack(">HI", kind, len(body)) + body)

    def read(self, length):
        """Reads so many bytes."""
        data = b""
        while len(data) < length:
            more = self.server.recv(length - len(data))
            assert more, "the server closed the connection"
            data += more
        return data

    def receive(self):
        """Reads a message: its kind and its fields."""
        kind, length = struct.unpack(">HI", self.read(6))
        body = self.read(length)
        # Sound, which nobody makes here, is the one kind that has no fields.
        return kind, {} if kind == 1 else unpack(body)

    def enter(self, name):
        """Enters under a name, and returns the state of oneself as the server knows it."""
        self.send(AUTHENTICATE, {1: name, 5: 1})
        users = {}
        while True:
            kind, fields = self.receive()
            assert kind != REJECT, f"the server lets nobody in: {fields.get(2)}"
            if kind == USER:
                users.setdefault(fields[SESSION], {}).update(fields)
            if kind == SYNC:
                self.session = fields[1]
                return users[self.session]

    def change(self, field, value):
        """Changes a field of one's own state, and waits until the server tells of it."""
        self.send(USER, {SESSION: self.session, field: value})
        while True:
            kind, fields = self.receive()
            assert kind != DENIED, f"the server denies it: {fields}"
            if kind == USER and fields.get(SESSION) == self.session and field in fields:
                return fields[field]


def greet(address):
    """Asserts that a client that tells its version is told the server's."""
    kind, _ = Client(address).receive()
    assert kind == VERSION, f"the server's first message is of the kind {kind}, wanted was {VERSION}"


def name():
    """Returns the name of the user that is kept."""
    return f"ccci-{os.environ['CCCI_RUN_ID']}"


def keep(address, certificate, comment):
    """Registers the user by its certificate where the server does not know it yet, and changes its comment."""
    client = Client(address, certificate)
    if USER_ID not in client.enter(name()):
        client.change(USER_ID, 0)
    client.change(COMMENT, comment)


def expect(address, certificate, comment):
    """Asserts that the server knows the user by its certificate, whatever it calls itself, with this comment."""
    state = Client(address, certificate).enter("somebody")
    assert USER_ID in state, "the server does not know the user any more"
    found = state[NAME].decode()
    assert found == name(), f"the server calls the user `{found}`, registered was `{name()}`"
    found = state.get(COMMENT, b"").decode()
    assert found == comment, f"the user's comment is `{found}`, wanted was `{comment}`"


WORDS = {"expect": expect, "greet": greet, "keep": keep}

if __name__ == "__main__":
    try:
        WORDS[sys.argv[1]](*sys.argv[2:])
    except AssertionError as error:
        sys.exit(f"{sys.argv[1]}: {error}")

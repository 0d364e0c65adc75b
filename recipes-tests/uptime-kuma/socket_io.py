"""Sends one event to Uptime Kuma over Socket.IO's long polling, and prints the answer; run by account.sh alone."""

import json
import os
import sys
import urllib.request

# No file is to be left beside the tests.
sys.dont_write_bytecode = True
sys.path.insert(0, "..")
from way_in import open_app  # noqa: E402

SEPARATOR = "\x1e"
"""Stands between packets, in version 4 of the protocol."""


def exchange(query, body=None):
    """Asks for packets, or sends one."""
    request = urllib.request.Request(
        os.environ["CCCI_BASE_URL"] + "/socket.io/?EIO=4&transport=polling" + query,
        data=None if body is None else body.encode(),
        headers={
            "Host": os.environ["CCCI_HOST_HEADER"],
            "Content-Type": "text/plain;charset=UTF-8",
        },
    )
    with open_app(request, timeout=60) as answer:
        return answer.read().decode().split(SEPARATOR)


def wait(session, begin):
    """Waits for the packet that begins so, and answers the server's pings meanwhile."""
    for _ in range(100):
        for packet in exchange(session):
            if packet.startswith(begin):
                return packet
            if packet == "2":
                exchange(session, "3")
            if packet.startswith(("1", "41", "44")):
                sys.exit("the server ended the session")
    sys.exit("there was no answer among a hundred")


def main():
    """Opens a session, sends the event with the id 0, and prints the answer that has this id."""
    event, *arguments = sys.argv[1:]
    password = os.environ["PASSWORD"]
    arguments = [json.loads(text.replace("$PASSWORD", password)) for text in arguments]
    opened = exchange("")[0]
    session = "&sid=" + json.loads(opened[1:])["sid"]
    exchange(session, "40")
    wait(session, "40")
    exchange(session, "420" + json.dumps([event, *arguments]))
    print(json.dumps(json.loads(wait(session, "430")[3:])[0]))


main()

"""A browser and network interfaces that come and go, in a network of this test's own (`unshare --net`)."""

from __future__ import annotations

import errno
import itertools
import os
import pathlib
import queue
import socket
import subprocess
import sys
import threading
import time
from typing import Iterator

import ccci_plugin
import pytest
from playwright.sync_api import Browser, Error

DOMAIN = "app.t.example"
#: The longest that a browser may take to hang up, in seconds; it waits about two for more changes before it acts on one.
LONGEST = 60.0
STARTER = pathlib.Path(ccci_plugin.__file__).with_name("ccci_browser.py")


def ip(*words: str) -> None:
    """Changes the interfaces of this network."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Dawdler:
    """A server that lets an interface come up while a browser waits for it to shake hands, and never does."""

    #: How long a browser is kept waiting, in seconds.
    patience = LONGEST

    def __init__(self) -> None:
        #: How long each one waited.
        self.waited: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for number in itertools.count():
            connection, _ = self._socket.accept()
            threading.Thread(target=self._dawdle, args=(connection, number), daemon=True).start()

    def _dawdle(self, connection: socket.socket, number: int) -> None:
        with connection:
            assert connection.recv(1), "a browser greets first"
            ip("link", "add", f"a{number}", "type", "veth", "peer", "name", f"b{number}")
            ip("address", "add", f"10.99.{number}.1/24", "dev", f"a{number}")
            ip("link", "set", f"a{number}", "up")
            ip("link", "set", f"b{number}", "up")
            begun = time.monotonic()
            connection.settimeout(self.patience)
            try:
                while connection.recv(4096):
                    pass
            except TimeoutError:
                pass
            self.waited.put(time.monotonic() - begun)


@pytest.fixture(scope="session", autouse=True)
def dawdler() -> Iterator[Dawdler]:
    """The app; set before the browser is started, which asks where it is."""
    ip("link", "set", "lo", "up")
    server = Dawdler()
    told = {
        "CCCI_BASE_URL": f"https://{DOMAIN}",
        "CCCI_HOST_HEADER": DOMAIN,
        "CCCI_INGRESS": "proxy",
        "CCCI_RESOLVE_TO": f"127.0.0.1:{server.port}",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        yield server


def why_not_loaded(browser: Browser) -> str:
    """Asks for a page that never comes, and returns what the browser says of it."""
    page = browser.new_page()
    with pytest.raises(Error) as caught:
        page.goto(f"https://{DOMAIN}/")
    page.close()
    return caught.value.message


def test_an_interface_that_comes_up_ends_no_connection(ccci_browser: Browser, dawdler: Dawdler) -> None:
    # Started by itself Chromium hangs up, so the interface is one that it would hear of.
    flags = ccci_plugin.browser_flags(ccci_plugin.Place.of_environment())
    with_ears = ccci_browser.browser_type.launch(executable_path=ccci_plugin.chromium(), args=flags)
    said = why_not_loaded(with_ears)
    with_ears.close()
    assert "net::ERR_NETWORK_CHANGED" in said or "chrome-error:" in said, said
    dawdler.patience = 2 * dawdler.waited.get(timeout=LONGEST) + 1
    assert "net::ERR_CONNECTION_CLOSED" in why_not_loaded(ccci_browser)


def test_only_what_tells_of_interfaces_is_kept_from_the_browser() -> None:
    asks = """import socket
def can(family, kind, protocol):
    try:
        socket.socket(family, kind, protocol).close()
    except OSError as error:
        return error.errno
print(can(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE),
      can(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE),
      can(socket.AF_NETLINK, socket.SOCK_RAW, 4), can(socket.AF_INET, socket.SOCK_STREAM, 0),
      can(socket.AF_UNIX, socket.SOCK_STREAM, 0))
"""
    call = [sys.executable, "-I", STARTER, sys.executable, "-c", asks]
    refused = errno.EPERM
    assert subprocess.check_output(call, text=True).split() == [str(refused), str(refused), "None", "None", "None"]


def test_a_browser_is_started_as_it_is_where_no_program_can_be_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    browser = ccci_plugin.started_deaf("/opt/some browser", tmp_path)
    assert browser == str(tmp_path / "browser") and "'/opt/some browser'" in pathlib.Path(browser).read_text()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert ccci_plugin.started_deaf("/opt/some browser", tmp_path) == "/opt/some browser"

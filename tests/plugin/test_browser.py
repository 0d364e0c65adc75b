"""The fixture `page`, with a real browser and a server of this test."""

from __future__ import annotations

import http.server
import os
import pathlib
import threading
from typing import Any, Iterator

import pytest
from playwright.sync_api import Page

DOMAIN = "app.t.example"
#: What each request said, by its path.
SEEN: dict[str, dict[str, str]] = {}


class App(http.server.BaseHTTPRequestHandler):
    """A page that asks for a picture and, by a script, for a text."""

    def do_GET(self) -> None:
        """Answers with the page, whatever is asked for."""
        SEEN[self.path] = {name.lower(): value for name, value in self.headers.items()}
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>drawn</title><img src='/picture'><script>fetch('/text')</script>")

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="session", autouse=True)
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What ccci tells the tests of a run without a proxy; set before the browser is started, which asks for it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    told = {
        "CCCI_BASE_URL": f"http://127.0.0.1:{server.server_address[1]}",
        "CCCI_HOST_HEADER": DOMAIN,
        "CCCI_INGRESS": "direct",
        "CCCI_ARTIFACTS": str(tmp_path_factory.mktemp("artifacts")),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_request_says_what_a_proxy_would_say(page: Page) -> None:
    page.goto("/", wait_until="networkidle")
    assert page.title() == "drawn"
    for path in ("/", "/picture", "/text"):
        assert SEEN[path]["host"] == DOMAIN, path
        assert SEEN[path]["x-forwarded-proto"] == "https", path


def test_nothing_is_kept_of_a_test_that_passes(page: Page) -> None:
    page.goto("/")
    assert list(pathlib.Path(os.environ["CCCI_ARTIFACTS"]).iterdir()) == []

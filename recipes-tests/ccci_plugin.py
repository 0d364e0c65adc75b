"""Fixtures for the pytest files that ccci runs: what a test asks of the app under test.

ccci carries this file inside it and loads it for each file that it runs by pytest.
It needs nothing but the standard library, and Playwright and Chromium for the fixture `page` alone. `docs/testing-recipes.md` tells how to use it.
"""

from __future__ import annotations

import importlib.util
import json as json_format
import os
import pathlib
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Collection, Iterator, Mapping, Protocol

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

#: How long one request may take, in seconds.
REQUEST_LIMIT = 10.0
#: How long is waited between two tries, in seconds.
PAUSE = 0.25
#: How long taking a screenshot may take, in milliseconds.
SCREENSHOT_LIMIT = 10_000
#: The option that ccci asks with, before anything is deployed, whether a browser can be had.
NEEDS_BROWSER = "--ccci-needs-browser"
#: The option by which ccci chooses among the tests of a file.
ONLY = "--ccci-only"
#: Whether some part of a test failed.
FAILED = pytest.StashKey[bool]()
#: How much of an answer is shown when it is not what was expected.
SHOWN = 500


class NotAsExpected(AssertionError):
    """The app did not answer as a test expects."""


class CommandFailed(Exception):
    """A command in a service ended with an error."""


def variable(name: str) -> str:
    """Returns a variable that ccci sets for each test."""
    value = os.environ.get(name)
    if value is None:
        pytest.fail(f"{name} is not set: this fixture is for tests that ccci runs", pytrace=False)
    return value


@dataclass(frozen=True)
class Place:
    """Where the app answers."""

    #: The scheme, `http` or `https`.
    scheme: str
    #: The name that the app is asked for.
    domain: str
    #: What is connected to: a name or an address, and a port.
    connect_to: tuple[str, int]
    #: What vouches for certificates beside the system's authorities.
    ca_file: str | None = None
    #: Whether no proxy stands before the app, so that the one who asks has to say what a proxy says.
    direct: bool = False

    @classmethod
    def of_environment(cls) -> Place:
        """Reads from ccci's variables where the app answers."""
        base = variable("CCCI_BASE_URL")
        if not base:
            pytest.fail("the app has no address: it is not deployed, or has no web page", pytrace=False)
        url = urllib.parse.urlsplit(base)
        port = url.port or (443 if url.scheme == "https" else 80)
        connect_to = (url.hostname or "", port)
        direct = variable("CCCI_INGRESS") == "direct"
        # An address that is set instead of what DNS says is the proxy's.
        resolve_to = os.environ.get("CCCI_RESOLVE_TO")
        if resolve_to and not direct:
            connect_to = address(resolve_to, port)
        ca_file = None if direct else os.environ.get("CCCI_CA_FILE")
        return cls(url.scheme, variable("CCCI_HOST_HEADER"), connect_to, ca_file or None, direct)

    def said_by_proxies(self) -> dict[str, str]:
        """The headers that a proxy would add, where none is there to do so."""
        return {"X-Forwarded-Proto": "https"} if self.direct else {}

    def url(self, path: str) -> str:
        """Makes the URL of a path as the app knows it; a URL of the app itself stands for its path."""
        url = urllib.parse.urlsplit(urllib.parse.urljoin(f"{self.scheme}://{self.domain}/", path))
        if url.hostname != self.domain.lower():
            raise ValueError(f"`{path}` is not a path of {self.domain}")
        # Without a proxy there is one scheme, whatever the app says of itself.
        return url._replace(scheme=self.scheme, netloc=self.domain, fragment="").geturl()


def address(text: str, default_port: int) -> tuple[str, int]:
    """Reads an IP address that may have a port, as in `203.0.113.7:8443` or `[2001:db8::7]:8443`."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]:")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    return host, int(port or default_port)


@dataclass(frozen=True)
class Answer:
    """What the app answered."""

    #: The status, as 200.
    status: int
    #: The headers; their names may be written in either case.
    headers: HTTPMessage
    #: The body.
    content: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        charset = self.headers.get_content_charset() or "utf-8"
        try:
            return self.content.decode(charset, "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body read as JSON."""
        return json_format.loads(self.content)


class Connection(HTTPConnection):
    """A connection to the app's place, whatever DNS says of the app's name."""

    def __init__(self, place: Place, timeout: float) -> None:
        super().__init__(place.domain, timeout=timeout)
        self._place = place

    def connect(self) -> None:
        """Connects, over TLS where the place asks for it; the certificate has to be the app's."""
        self.sock = socket.create_connection(self._place.connect_to, self.timeout)
        if self._place.scheme == "https":
            context = ssl.create_default_context()
            if self._place.ca_file:
                context.load_verify_locations(cafile=self._place.ca_file)
            self.sock = context.wrap_socket(self.sock, server_hostname=self._place.domain)


class Http:
    """Asks the app, and keeps its cookies. Redirects are not followed: they are answers too."""

    def __init__(self, place: Place) -> None:
        self._place = place
        # Over a direct connection the app is told that it is reached by HTTPS, so its cookies may be bound to that.
        policy = DefaultCookiePolicy(secure_protocols=("http", "https"))
        #: The cookies that the app has set.
        self.cookies = CookieJar(policy)

    def get(
        self,
        path: str,
        status: int | Collection[int] = 200,
        within: float = 30,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Asks until the status is as expected, or one of several; fails when it is not so within that many seconds."""
        wanted = [status] if isinstance(status, int) else status
        until = time.monotonic() + within
        while True:
            left = max(until - time.monotonic(), PAUSE)
            try:
                answer = self._ask("GET", path, None, headers, min(left, REQUEST_LIMIT))
                if answer.status in wanted:
                    return answer
                got = described(answer)
            except ssl.SSLCertVerificationError:
                # It does not become right by waiting.
                raise
            except (OSError, HTTPException) as error:
                got = f"{type(error).__name__}: {error}"
            if time.monotonic() + PAUSE >= until:
                raise NotAsExpected(f"GET {path}: expected {either(wanted)} within {within:g}s, got {got}")
            time.sleep(PAUSE)

    def post(
        self,
        path: str,
        data: bytes | str | Mapping[str, str] | None = None,
        json: Any = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends a form, a text or JSON, once; fails when a status is expected and another comes."""
        return self._send("POST", path, data, json, status, headers)

    def put(
        self,
        path: str,
        data: bytes | str | Mapping[str, str] | None = None,
        json: Any = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends as `post` does, with the method PUT."""
        return self._send("PUT", path, data, json, status, headers)

    def delete(
        self, path: str, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Deletes, once; fails when a status is expected and another comes."""
        return self._send("DELETE", path, None, None, status, headers)

    def _send(
        self,
        method: str,
        path: str,
        data: bytes | str | Mapping[str, str] | None,
        json: Any,
        status: int | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        """Sends once."""
        body, kind = encoded(data, json)
        headers = {**({"Content-Type": kind} if kind else {}), **(headers or {})}
        answer = self._ask(method, path, body, headers, REQUEST_LIMIT)
        if status not in (None, answer.status):
            raise NotAsExpected(f"{method} {path}: expected {status}, got {described(answer)}")
        return answer

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        limit: float,
    ) -> Answer:
        """Makes one request over a connection of its own."""
        url = self._place.url(path)
        request = urllib.request.Request(url, method=method)
        self.cookies.add_cookie_header(request)
        sent = {"Host": self._place.domain, "Connection": "close", **self._place.said_by_proxies()}
        cookie = request.get_header("Cookie")
        if cookie:
            sent["Cookie"] = cookie
        sent.update(headers or {})
        connection = Connection(self._place, limit)
        try:
            connection.request(method, request.selector, body, sent)
            response = connection.getresponse()
            self.cookies.extract_cookies(response, request)
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()


def encoded(data: bytes | str | Mapping[str, str] | None, json: Any) -> tuple[bytes | None, str | None]:
    """Makes the body of a request, and tells its kind."""
    if json is not None:
        if data is not None:
            raise ValueError("either `data` or `json` can be sent")
        return json_format.dumps(json).encode(), "application/json"
    if data is None:
        return b"", None
    if isinstance(data, bytes):
        return data, None
    if isinstance(data, str):
        return data.encode(), None
    return urllib.parse.urlencode(data).encode(), "application/x-www-form-urlencoded"


def either(statuses: Collection[int]) -> str:
    """Names statuses, those that follow one another as a range."""
    runs: list[list[int]] = []
    for status in sorted(statuses):
        if runs and runs[-1][-1] + 1 == status:
            runs[-1][-1:] = [runs[-1][-1], status] if len(runs[-1]) == 1 else [status]
        else:
            runs.append([status])
    return " or ".join("-".join(str(end) for end in run) for run in runs)


def described(answer: Answer) -> str:
    """Says in a few words what was answered."""
    place = answer.headers.get("Location")
    to = f" to {place}" if place else ""
    return f"{answer.status}{to}: {answer.text[:SHOWN]!r}"


class RunIn(Protocol):
    """The type of the fixture `run_in`."""

    def __call__(self, service: str, *command: str, input: str | None = None) -> str: ...


@pytest.fixture
def base_url() -> str:
    """Where the app answers, as in `https://stat-1a2b3c.ci.example.org`."""
    return variable("CCCI_BASE_URL")


@pytest.fixture
def app_domain() -> str:
    """The app's domain."""
    return variable("CCCI_APP_DOMAIN")


@pytest.fixture
def op() -> dict[str, Any]:
    """What ccci tells of the stage's operation: `from` and `to` of an upgrade, `snapshot` of a backup."""
    state: dict[str, Any] = json_format.loads(pathlib.Path(variable("CCCI_OP_STATE_FILE")).read_text("utf-8"))
    return state


@pytest.fixture
def provided() -> dict[str, Any]:
    """What the required recipes gave, by recipe: `domain`, `url`, `values` and `secrets` of each."""
    path = os.environ.get("CCCI_PROVIDED_FILE")
    if path is None:
        pytest.fail("nothing is provided: `recipe.toml` names no recipe in `requires`", pytrace=False)
    given: dict[str, Any] = json_format.loads(pathlib.Path(path).read_text("utf-8"))
    return given


@pytest.fixture
def artifacts() -> pathlib.Path:
    """The directory of what is kept with the run."""
    return pathlib.Path(variable("CCCI_ARTIFACTS"))


@pytest.fixture(name="http")
def asks() -> Http:
    """Asks the app over HTTP, with cookies of its own for each test."""
    return Http(Place.of_environment())


@pytest.fixture
def run_in() -> RunIn:
    """Runs a command in a service of the app and returns what it prints."""

    def run(service: str, *command: str, input: str | None = None) -> str:
        call = ["ccci", "exec", service, "--", *command]
        given = b"" if input is None else input.encode()
        ended = subprocess.run(call, input=given, capture_output=True, check=False)
        if ended.returncode != 0:
            said = ended.stderr.decode("utf-8", "replace").strip()
            raise CommandFailed(f"`{' '.join(command)}` in `{service}` ended with {ended.returncode}: {said}")
        return ended.stdout.decode("utf-8", "replace")

    return run


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the question of ccci, and its choice among the tests of a file."""
    parser.addoption(NEEDS_BROWSER, action="store_true", help="say what the fixture `page` lacks, and end")
    parser.addoption(ONLY, action="append", default=[], metavar="PATTERN", help="run these tests of the file only")


def is_chosen(pattern: str, name: str) -> bool:
    """Tells whether a pattern is of a test: with `*` or `?` of its whole name, without of any part."""
    if not set("*?") & set(pattern):
        return pattern in name
    parts = [{"*": ".*", "?": "."}.get(part, re.escape(part)) for part in pattern]
    return re.fullmatch("".join(parts), name, re.DOTALL) is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests that no pattern of ccci is of."""
    patterns = config.getoption(ONLY)
    if not patterns:
        return
    chosen: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        name = item.nodeid.partition("::")[2]
        (chosen if any(is_chosen(pattern, name) for pattern in patterns) else left_out).append(item)
    items[:] = chosen
    if left_out:
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answers the question of ccci instead of running tests."""
    if not config.getoption(NEEDS_BROWSER):
        return None
    lacking = browser_lacks()
    print(lacking or "nothing is lacking")
    return 1 if lacking else 0


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Takes note of a failure, for those who keep evidence of it."""
    made: Any = yield
    if made.get_result().failed:
        item.stash[FAILED] = True


def chromium() -> str | None:
    """Finds the browser."""
    return shutil.which(os.environ.get("CCCI_CHROMIUM") or "chromium")


def browser_lacks() -> str | None:
    """Says what has to be installed before there is a browser."""
    if importlib.util.find_spec("playwright") is None:
        return "the Python of pytest has no `playwright`"
    if chromium() is None:
        return f"`{os.environ.get('CCCI_CHROMIUM') or 'chromium'}` was not found"
    if os.environ.get("CCCI_CA_FILE") and shutil.which("certutil") is None:
        return "`certutil` was not found, by which Chromium is told of the authorities in `server.ca-file`"
    return None


def browser_flags(place: Place) -> list[str]:
    """Returns Chromium's flags: it asks for the app by its name, and reaches it where ccci does."""
    flags = ["--disable-gpu", "--disable-background-networking"]
    host, port = place.connect_to
    if host != place.domain:
        host = f"[{host}]" if ":" in host else host
        names = [place.domain]
        if not place.direct:
            # The proxy has the app's further names as well, each beside the app's own.
            names.append(f"*-{place.domain}")
        rules = ",".join(f"MAP {name} {host}:{port}" for name in names)
        flags.append(f"--host-resolver-rules={rules}")
    if os.geteuid() == 0:
        # Chromium refuses to run as root with its sandbox.
        flags.append("--no-sandbox")
    return flags


def started_deaf(browser: str, folder: pathlib.Path) -> str:
    """Makes the program that starts a browser as `ccci_browser.py` does: it loads on while interfaces come and go."""
    starter = pathlib.Path(__file__).with_name("ccci_browser.py")
    # Isolated, since a test's own modules are no business of a browser.
    words = [sys.executable, "-I", str(starter), os.path.abspath(browser)]
    program = folder / "browser"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', "utf-8")
    program.chmod(0o755)
    # On a disk whose programs cannot be run, such as a `/tmp` that is `noexec`, the browser is started as it is.
    return str(program) if os.access(program, os.X_OK) else browser


def trust(ca_file: str, home: pathlib.Path) -> None:
    """Makes a home in which Chromium trusts the authorities of a PEM file too."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    call = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*call, "-N", "--empty-password"], check=True, capture_output=True)
    text = pathlib.Path(ca_file).read_text("ascii", "replace")
    found = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    for number, certificate in enumerate(found):
        add = ["-A", "-a", "-t", "C,,", "-n", f"ccci {number}"]
        subprocess.run([*call, *add], input=certificate.encode(), check=True, capture_output=True)


@pytest.fixture(scope="session")
def ccci_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium without a window, for all tests of a file."""
    lacking = browser_lacks()
    if lacking:
        pytest.fail(f"there is no browser: {lacking}", pytrace=False)
    from playwright.sync_api import sync_playwright

    place = Place.of_environment()
    home = tmp_path_factory.mktemp("chromium")
    if place.ca_file:
        trust(place.ca_file, home)
    program = started_deaf(str(chromium()), home)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=browser_flags(place), env={**os.environ, "HOME": str(home)}
        )
        yield browser
        browser.close()


@pytest.fixture
def page(ccci_browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of Playwright that opens the app's paths; what it shows is kept when the test fails."""
    place = Place.of_environment()
    context = ccci_browser.new_context(
        base_url=f"{place.scheme}://{place.domain}", extra_http_headers=place.said_by_proxies()
    )
    opened = context.new_page()
    lines: list[str] = []

    def console(message: ConsoleMessage) -> None:
        lines.append(f"console {message.type}: {message.text}")

    def not_loaded(failed: Request) -> None:
        lines.append(f"not loaded: {failed.url}: {failed.failure}")

    opened.on("console", console)
    opened.on("pageerror", lambda error: lines.append(f"error: {error}"))
    opened.on("requestfailed", not_loaded)
    yield opened
    if request.node.stash.get(FAILED, False):
        keep_evidence(opened, lines, request.node.nodeid)
    context.close()


def keep_evidence(page: Page, lines: list[str], test: str) -> None:
    """Writes a screenshot and the browser's console into the artifacts, named by the test and the try."""
    attempt = os.environ.get("CCCI_ATTEMPT", "1")
    name = re.sub(r"[^\w.-]+", "-", test).strip("-")[:150] + ("" if attempt == "1" else f"-{attempt}")
    folder = pathlib.Path(variable("CCCI_ARTIFACTS"))
    # What it is evidence of must not be hidden by evidence that cannot be had.
    try:
        page.screenshot(path=folder / f"{name}.png", full_page=True, timeout=SCREENSHOT_LIMIT)
    except Exception as error:
        lines.append(f"no screenshot: {error}")
    text = "".join(f"{line}\n" for line in [f"page {page.url}", *lines])
    (folder / f"{name}.console.txt").write_text(text, "utf-8")

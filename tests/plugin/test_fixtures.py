"""The fixtures that ask the app, against a server of this test."""

from __future__ import annotations

import http.server
import json
import pathlib
import socket
import subprocess
import sys
import threading
import urllib.parse
from typing import Any, Iterator

import ccci_plugin
import pytest
from ccci_plugin import Http, NotAsExpected, Place, RunIn

DOMAIN = "app.t.example"


class App(http.server.BaseHTTPRequestHandler):
    """An app that is down for its first requests of `/late`, and shows what it was sent."""

    #: How often each path was asked for.
    asked: dict[str, int] = {}

    def answer(self, status: int, text: str, *headers: tuple[str, str]) -> None:
        """Sends an answer."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def handle_any(self) -> None:
        """Answers by path."""
        self.asked[self.path] = self.asked.get(self.path, 0) + 1
        path = urllib.parse.urlsplit(self.path).path
        if path == "/late":
            self.answer(503 if self.asked[self.path] < 3 else 200, "here")
        elif path == "/login":
            cookie = f"session=s1; Path=/; Domain={DOMAIN}; Secure; HttpOnly"
            self.answer(302, "", ("Location", f"https://{DOMAIN}/echo"), ("Set-Cookie", cookie))
        elif path == "/latin":
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=latin-1")
            self.end_headers()
            self.wfile.write("é".encode("latin-1"))
        elif path == "/echo":
            length = int(self.headers.get("Content-Length") or 0)
            seen = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length).decode()
            text = json.dumps({"method": self.command, "path": self.path, "headers": seen, "body": body})
            self.answer(200, text, ("Content-Type", "application/json"))
        else:
            self.answer(404, "no such page")

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """The port of an app that runs."""
    App.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def run(port: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ccci tells a test of the run."""
    state = tmp_path / "op-state.json"
    state.write_text('{"from": "0.1.0+1", "to": "0.2.0+2"}')
    for name, value in {
        "CCCI_BASE_URL": f"http://127.0.0.1:{port}",
        "CCCI_HOST_HEADER": DOMAIN,
        "CCCI_APP_DOMAIN": DOMAIN,
        "CCCI_INGRESS": "direct",
        "CCCI_OP_STATE_FILE": str(state),
        "CCCI_ARTIFACTS": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("CCCI_RESOLVE_TO", "CCCI_CA_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ask() -> Http:
    """The fixture `http`, made when this test's variables are set."""
    return Http(Place.of_environment())


def test_a_request_names_the_app_and_goes_to_its_address(ask: Http) -> None:
    answer = ask.get("/echo?a=1", headers={"X-Mine": "yes"})
    seen = answer.json()
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert seen["path"] == "/echo?a=1"
    assert seen["headers"]["host"] == DOMAIN
    assert seen["headers"]["x-forwarded-proto"] == "https"
    assert seen["headers"]["x-mine"] == "yes"


def test_what_required_recipes_gave_is_read(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    given = {"keycloak": {"domain": "k.example", "values": {"issuer": "x"}, "secrets": {}}}
    path = tmp_path / "provided.json"
    path.write_text(json.dumps(given))
    monkeypatch.setenv("CCCI_PROVIDED_FILE", str(path))
    assert request.getfixturevalue("provided") == given


def test_a_test_of_a_recipe_that_requires_nothing_is_told_so(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CCCI_PROVIDED_FILE", raising=False)
    with pytest.raises(pytest.fail.Exception, match="names no recipe in `requires`"):
        request.getfixturevalue("provided")


def test_get_asks_again_until_the_status_is_right(ask: Http) -> None:
    assert ask.get("/late").text == "here"
    assert App.asked["/late"] == 3


def test_get_takes_one_of_several_statuses(ask: Http) -> None:
    assert ask.get("/late", status=[*range(500, 600), 404]).status == 503
    with pytest.raises(NotAsExpected, match="expected 200-399 or 401 or 503 within 0s, got 404"):
        ask.get("/nowhere", status=[*range(200, 400), 401, 503], within=0)


def test_get_says_what_came_when_the_time_is_over(ask: Http) -> None:
    with pytest.raises(NotAsExpected, match=r"GET /nowhere: expected 200 within 0s, got 404: 'no such page'"):
        ask.get("/nowhere", within=0)
    assert App.asked["/nowhere"] == 1


def test_get_says_that_nobody_answers() -> None:
    with socket.socket() as closed:
        # Bound and not listening, so that nobody else can have the port.
        closed.bind(("127.0.0.1", 0))
        place = Place("http", DOMAIN, closed.getsockname())
        with pytest.raises(NotAsExpected, match="ConnectionRefusedError"):
            Http(place).get("/", within=0)


def test_other_methods_ask_once_and_take_any_status_unless_told(ask: Http) -> None:
    assert ask.post("/late").status == 503
    with pytest.raises(NotAsExpected, match="PUT /late: expected 200, got 503"):
        ask.put("/late", status=200)
    assert App.asked["/late"] == 2
    assert ask.delete("/echo", status=200).json()["method"] == "DELETE"


@pytest.mark.parametrize(
    ("sent", "body", "kind"),
    [
        ({"data": {"a": "1 2"}}, "a=1+2", "application/x-www-form-urlencoded"),
        ({"json": {"a": 1}}, '{"a": 1}', "application/json"),
        ({"data": "plain"}, "plain", None),
        ({"data": b"bytes"}, "bytes", None),
    ],
)
def test_a_body_is_sent_as_what_it_is(ask: Http, sent: dict[str, Any], body: str, kind: str | None) -> None:
    seen = ask.post("/echo", **sent).json()
    assert (seen["body"], seen["headers"].get("content-type")) == (body, kind)


def test_cookies_are_kept_and_redirects_are_answers(ask: Http) -> None:
    answer = ask.post("/login", status=302)
    there = ask.get(answer.headers["Location"])
    assert there.json()["headers"]["cookie"] == "session=s1"
    assert "cookie" not in Http(Place.of_environment()).get("/echo").json()["headers"]


def test_a_url_of_another_host_is_refused(ask: Http) -> None:
    for url in ("https://elsewhere.example/", "//elsewhere.example/"):
        with pytest.raises(ValueError, match="is not a path of app.t.example"):
            ask.get(url)


def test_text_is_read_in_its_own_charset(ask: Http) -> None:
    assert ask.get("/latin").text == "é"


def test_a_proxy_is_asked_at_the_address_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCCI_BASE_URL", f"https://{DOMAIN}")
    monkeypatch.setenv("CCCI_INGRESS", "proxy")
    assert Place.of_environment() == Place("https", DOMAIN, (DOMAIN, 443))
    monkeypatch.setenv("CCCI_CA_FILE", "/ca.pem")
    for text, expected in {
        "203.0.113.7": ("203.0.113.7", 443),
        "203.0.113.7:8443": ("203.0.113.7", 8443),
        "2001:db8::7": ("2001:db8::7", 443),
        "[2001:db8::7]:8443": ("2001:db8::7", 8443),
    }.items():
        monkeypatch.setenv("CCCI_RESOLVE_TO", text)
        assert Place.of_environment() == Place("https", DOMAIN, expected, "/ca.pem")


def test_the_browser_asks_for_the_app_at_the_place_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def rules(connect_to: tuple[str, int], direct: bool = False) -> list[str]:
        flags = ccci_plugin.browser_flags(Place("https", DOMAIN, connect_to, direct=direct))
        return [flag for flag in flags if "resolver" in flag]

    proxied = "--host-resolver-rules=MAP {0} {1},MAP *-{0} {1}"
    assert rules(("203.0.113.7", 8443)) == [proxied.format(DOMAIN, "203.0.113.7:8443")]
    assert rules(("2001:db8::7", 443)) == [proxied.format(DOMAIN, "[2001:db8::7]:443")]
    assert rules(("172.18.0.3", 80), direct=True) == [f"--host-resolver-rules=MAP {DOMAIN} 172.18.0.3:80"]
    assert rules((DOMAIN, 443)) == []
    for user, without_sandbox in {0: True, 1000: False}.items():
        monkeypatch.setattr("os.geteuid", lambda: user)
        flags = ccci_plugin.browser_flags(Place.of_environment())
        assert ("--no-sandbox" in flags) == without_sandbox


def test_what_a_browser_lacks_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    browser = tmp_path / "some-browser"
    browser.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CCCI_CHROMIUM", str(browser))
    assert ccci_plugin.browser_lacks() is None
    monkeypatch.setenv("CCCI_CA_FILE", "/ca.pem")
    assert "`certutil` was not found" in str(ccci_plugin.browser_lacks())
    monkeypatch.delenv("CCCI_CHROMIUM")
    assert ccci_plugin.browser_lacks() == "`chromium` was not found"
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert ccci_plugin.browser_lacks() == "the Python of pytest has no `playwright`"


def test_what_ccci_tells_is_at_hand(
    base_url: str, app_domain: str, op: dict[str, Any], artifacts: pathlib.Path, port: int, tmp_path: pathlib.Path
) -> None:
    assert base_url.endswith(f":{port}") and app_domain == DOMAIN
    assert op == {"from": "0.1.0+1", "to": "0.2.0+2"}
    assert artifacts == tmp_path


def test_outside_of_ccci_the_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CCCI_BASE_URL")
    with pytest.raises(pytest.fail.Exception, match="CCCI_BASE_URL is not set"):
        Place.of_environment()
    monkeypatch.setenv("CCCI_BASE_URL", "")
    with pytest.raises(pytest.fail.Exception, match="the app has no address"):
        Place.of_environment()


def test_a_command_runs_in_a_service(run_in: RunIn, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ccci"
    program.write_text('#!/bin/sh\necho "$@"\ncat\ntest "$2" = app || { echo "no such service" >&2; exit 101; }\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert run_in("app", "sh", "-c", "x y", input="given\n") == "exec app -- sh -c x y\ngiven\n"
    with pytest.raises(ccci_plugin.CommandFailed, match="`ls` in `db` ended with 101: no such service"):
        run_in("db", "ls")


def run_only(tmp_path: pathlib.Path, *patterns: str) -> subprocess.CompletedProcess[str]:
    """Runs a file of four tests with the choice that ccci hands over."""
    text = (
        "import pytest\n\n"
        "@pytest.mark.parametrize('x', ['a.b', 'c'])\ndef test_p(x): pass\n\n"
        "class TestForm:\n    def test_opens(self): pass\n\n"
        "def test_opens(): pass\n"
    )
    (tmp_path / "test_it.py").write_text(text)
    pytest_program = pathlib.Path(sys.executable).with_name("pytest")
    options = [f"--ccci-only={pattern}" for pattern in patterns]
    call = [pytest_program, "-v", "-p", "ccci_plugin", *options, "--rootdir", tmp_path, tmp_path / "test_it.py"]
    return subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["opens"], ["TestForm::test_opens", "test_opens"]),
        (["test_o*"], ["test_opens"]),
        (["TestForm"], ["TestForm::test_opens"]),
        (["test_p[a.b]"], ["test_p[a.b]"]),
        (["test_p[?]", "TestForm::*"], ["test_p[c]", "TestForm::test_opens"]),
    ],
)
def test_a_choice_among_the_tests_of_a_file(patterns: list[str], names: list[str], tmp_path: pathlib.Path) -> None:
    ended = run_only(tmp_path, *patterns)
    passed = [line.split()[0].partition("::")[2] for line in ended.stdout.splitlines() if " PASSED" in line]
    assert ended.returncode == 0 and passed == names, ended.stdout + ended.stderr


def test_a_choice_of_no_test_is_no_pass(tmp_path: pathlib.Path) -> None:
    assert run_only(tmp_path, "test_q").returncode == 5


def test_a_file_beside_the_tests_does_not_take_the_plugins_place(tmp_path: pathlib.Path) -> None:
    for name, text in {
        "ccci_plugin.py": "raise SystemExit('taken')",
        "conftest.py": "import sys\nsys.path.insert(0, '.')\n",
        "test_it.py": "def test_it(app_domain): assert app_domain == 'app.t.example'\n",
    }.items():
        (tmp_path / name).write_text(text)
    pytest_program = pathlib.Path(sys.executable).with_name("pytest")
    call = [pytest_program, "-q", "-p", "ccci_plugin", "--rootdir", tmp_path, tmp_path / "test_it.py"]
    ended = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0 and "1 passed" in ended.stdout, ended.stdout + ended.stderr

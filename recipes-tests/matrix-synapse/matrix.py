"""What the tests of this folder ask of Synapse; called by them with a word, named by no test."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

# No file is to be left beside the tests.
sys.dont_write_bytecode = True
sys.path.insert(0, "..")
from way_in import open_app  # noqa: E402

RUN = os.environ["CCCI_RUN_ID"]
BASE = os.environ["CCCI_BASE_URL"]
HOST = os.environ["CCCI_HOST_HEADER"]
# Good for the life of this app alone, which has one run and one name.
PASSWORD = f"of-{RUN}-at-{os.environ['CCCI_APP_DOMAIN']}"


class Refused(Exception):
    """The server answered a request with an error."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status = status
        self.code = body.get("errcode") if isinstance(body, dict) else None


def ask(method, path, body=None, token=None, raw=None):
    """Makes a request by the name that the app answers to, and returns the bytes of the answer."""
    headers = {"Host": HOST, "X-Forwarded-Proto": "https"}
    data = raw
    if raw is not None:
        headers["Content-Type"] = "application/octet-stream"
    elif body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(BASE + path, data, headers, method=method)
    try:
        with open_app(request, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        try:
            raise Refused(error.code, json.loads(text)) from None
        except json.JSONDecodeError:
            raise Refused(error.code, text) from None


def versions():
    """Returns what the server says that it speaks, as (1, 11) for v1.11; the numbering before 1.0 is left out."""
    said = json.loads(ask("GET", "/_matrix/client/versions"))["versions"]
    found = [re.fullmatch(r"v(\d+)\.(\d+)", version) for version in said]
    return {(int(match[1]), int(match[2])) for match in found if match}


def client(path):
    """Returns where the client API has a path: since 1.1 its third edition, before that the zeroth."""
    edition = "v3" if versions() else "r0"
    return f"/_matrix/client/{edition}/{path}"


def call(method, path, body=None, token=None):
    """Calls the client API and returns the JSON of the answer."""
    return json.loads(ask(method, client(path), body, token))


def quoted(text):
    """Returns a text as one part of a path."""
    return urllib.parse.quote(text, safe="")


def register(name):
    """Makes an account as an administrator would; one that is there stays as it is."""
    script = (
        'exec register_new_matrix_user --config "$SYNAPSE_CONFIG_PATH"'
        ' --exists-ok --no-admin --user "$0" --password "$1"'
    )
    subprocess.run(
        ["ccci", "exec", "app", "--", "sh", "-c", script, name, PASSWORD],
        check=True,
        stdout=sys.stderr,
    )


class User:
    """Somebody who is logged in."""

    def __init__(self, name):
        login = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": name},
            "password": PASSWORD,
        }
        answer = call("POST", "login", login)
        self.id = answer["user_id"]
        self.token = answer["access_token"]

    def call(self, method, path, body=None):
        """Calls the client API as this user."""
        return call(method, path, body, self.token)

    def alias(self):
        """Returns the address of the room that is kept; the server's name is a part of the user's."""
        return "#kept:" + self.id.split(":", 1)[1]

    def room(self):
        """Returns the room that the address leads to."""
        return self.call("GET", f"directory/room/{quoted(self.alias())}")["room_id"]

    def kept_room(self):
        """Returns the room that is kept, and makes it where it is not there yet."""
        try:
            return self.room()
        except Refused as error:
            if error.status != 404:
                raise
        return self.call("POST", "createRoom", {"room_alias_name": "kept"})["room_id"]

    def say(self, room, text):
        """Sends a message once, however often a hook is tried, and returns its id."""
        transaction = quoted(f"{RUN}-{text}")
        path = f"rooms/{quoted(room)}/send/m.room.message/{transaction}"
        return self.call("PUT", path, {"msgtype": "m.text", "body": text})["event_id"]

    def read(self, room):
        """Returns the texts of a room's messages with their ids."""
        found = self.call("GET", f"rooms/{quoted(room)}/messages?dir=b&limit=100")
        texts = [(event["content"].get("body"), event["event_id"]) for event in found["chunk"]]
        return {text: event for text, event in texts if text}


def seed(moment):
    """Makes the keeper and the room where they are missing, and says something there."""
    register("keeper")
    keeper = User("keeper")
    keeper.say(keeper.kept_room(), f"said before the {moment}")


def lose(moment):
    """Takes back what was said before, says something new, and takes the room's address away."""
    keeper = User("keeper")
    room = keeper.room()
    # The server keeps what it has read in memory, so nothing is read again after this.
    said = keeper.read(room)[f"said before the {moment}"]
    keeper.say(room, f"said after the {moment}")
    keeper.call("PUT", f"rooms/{quoted(room)}/redact/{quoted(said)}/{RUN}", {})
    keeper.call("DELETE", f"directory/room/{quoted(keeper.alias())}")


def expect(moment):
    """Asserts that what was said before can be read, and nothing of what came after a backup."""
    keeper = User("keeper")
    said = keeper.read(keeper.room())
    wanted = f"said before the {moment}"
    assert wanted in said, f"nobody can read `{wanted}`, only: {sorted(said)}"
    late = [text for text in said if text.startswith("said after")]
    assert not late, f"the backup cannot know these: {late}"


def converse():
    """Asserts that a user who is invited hears what the other one says."""
    register("host")
    register("guest")
    host, guest = User("host"), User("guest")
    room = host.call("POST", "createRoom", {"invite": [guest.id]})["room_id"]
    joined = guest.call("POST", f"rooms/{quoted(room)}/join", {})["room_id"]
    assert joined == room, f"joined {joined}, was invited to {room}"
    sent = host.say(room, f"welcome to run {RUN}")
    synced = guest.call("GET", "sync?timeout=0")
    timeline = synced["rooms"]["join"][room]["timeline"]["events"]
    heard = [event["event_id"] for event in timeline]
    assert sent in heard, f"the guest has not heard {sent}, only: {heard}"


def upload():
    """Asserts that a file comes back as it was sent, by the way that the server's version has."""
    register("host")
    host = User("host")
    sent = os.urandom(100_000)
    answer = ask("POST", "/_matrix/media/v3/upload", token=host.token, raw=sent)
    place = json.loads(answer)["content_uri"].removeprefix("mxc://")
    # Since 1.11 files are for those who are logged in.
    behind_login = max(versions()) >= (1, 11)
    root = "/_matrix/client/v1/media" if behind_login else "/_matrix/media/v3"
    got = ask("GET", f"{root}/download/{place}", token=host.token)
    assert got == sent, f"{len(sent)} bytes were sent, {len(got)} other ones came back"


def version(image):
    """Asserts that the server says the version that its image is named for."""
    said = json.loads(ask("GET", "/_matrix/federation/v1/version"))["server"]["version"]
    tag = image.split("@")[0].rsplit(":", 1)[1]
    assert said == tag.removeprefix("v"), f"the server says {said}, its image is {image}"


def strangers():
    """Asserts that nobody makes an account without being asked."""
    try:
        call("POST", "register", {"username": "stranger", "password": PASSWORD, "auth": {"type": "m.login.dummy"}})
    except Refused as error:
        assert error.code == "M_FORBIDDEN", f"refused for another reason: {error}"
    else:
        raise AssertionError("a stranger could make an account")


WORDS = {
    "converse": converse,
    "expect": expect,
    "lose": lose,
    "seed": seed,
    "strangers": strangers,
    "upload": upload,
    "version": version,
}

if __name__ == "__main__":
    try:
        WORDS[sys.argv[1]](*sys.argv[2:])
    except (AssertionError, Refused) as error:
        sys.exit(f"{sys.argv[1]}: {error}")

"""Gives each value in a folder away, in all the ways in which a test can; `@OUT@` is the folder."""

import base64
import json
import os
import pathlib
import sys
import urllib.parse

import pytest

VALUES = [path.read_bytes() for path in sorted(pathlib.Path("@OUT@").iterdir())]
TEXTS = [value.decode() for value in VALUES]


def forms(value):
    """Returns the spellings of a value."""
    text = value.decode()
    yield text
    for before in (b"", b"x", b"xy"):
        yield base64.b64encode(before + value + b"-").decode()
        yield base64.urlsafe_b64encode(before + value + b"-").decode()
    yield value.hex()
    yield value.hex().upper()
    yield urllib.parse.quote(text, safe="")
    yield urllib.parse.quote_plus(text)
    yield json.dumps(text)
    yield json.dumps(json.dumps(text))


@pytest.mark.parametrize("value", VALUES, ids=TEXTS)
def test_prints(value):
    for form in forms(value):
        print(form)
        print(form, file=sys.stderr)
    print("::error title=" + value.decode() + "::" + value.decode())
    # pytest captures what Python prints; this goes past it.
    for stream in (1, 2):
        os.write(stream, b"\n")
        for byte in value:
            os.write(stream, bytes([byte]))
        os.write(stream, b"\n")
        for byte in value:
            os.write(stream, bytes([byte]) + b"\x1b[0m")
        os.write(stream, b"\n")
    half = len(value) // 2
    os.write(1, value[:half])
    os.write(2, value[half:])
    raise AssertionError(value.decode())


@pytest.mark.parametrize("text", TEXTS)
def test_compares(text):
    assert {"password": text, "as bytes": text.encode()} == {"password": "x"}


def test_keeps():
    artifacts = pathlib.Path(os.environ["CCCI_ARTIFACTS"])
    for value, text in zip(VALUES, TEXTS):
        name = urllib.parse.quote(text, safe="")
        (artifacts / f"of-{name}").mkdir(exist_ok=True)
        (artifacts / f"of-{name}" / f"{name}.txt").write_text("\n".join(forms(value)))
        (artifacts / f"{value.hex()}.bin").write_bytes(b"\0" * 70_000 + value + b"\0\xff")
    raise RuntimeError(TEXTS)

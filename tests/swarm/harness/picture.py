"""Prints the size of a PNG of 8 bits a colour, then the colours of the points given as X,Y."""

import struct
import sys
import zlib


def chunks(data):
    """Goes through the chunks: their names and contents."""
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += length + 12


def nearest(left, above, corner):
    """Returns which of the three is nearest to what they foretell, as the fifth filter wants."""
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))


def rows(data):
    """Reads the size, and the rows as bytes with how many of them a point has."""
    parts = list(chunks(data))
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", parts[0][1])
    step = {2: 3, 6: 4}[kind]
    assert (depth, interlaced) == (8, 0), "a picture of another form"
    raw = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    found, before, size = [], bytes(width * step), width * step
    for begin in range(0, height * (size + 1), size + 1):
        how, row = raw[begin], bytearray(raw[begin + 1 : begin + 1 + size])
        for at in range(size):
            left = row[at - step] if at >= step else 0
            corner = before[at - step] if at >= step else 0
            above = before[at]
            row[at] = (row[at] + (0, left, above, (left + above) // 2, nearest(left, above, corner))[how]) & 255
        found.append(bytes(row))
        before = row
    return width, height, step, found


with open(sys.argv[1], "rb") as file:
    width, height, step, found = rows(file.read())
told = [f"{width}x{height}"]
for point in sys.argv[2:]:
    x, y = map(int, point.split(","))
    told.append(found[y][x * step : x * step + 3].hex())
print(" ".join(told))

"""Files that nobody expects, and the bodies in which browsers send files: whole, cut off and put together wrongly."""

import io
import random
import struct
import zipfile
import zlib
from functools import cache

from openpyxl import Workbook
from PIL import Image

from bookings.services.imports import COLUMNS
from tests.fuzz.values import changed, nasty

BOUNDARY = "----fuzz7MA4YWxkTrZu0gW"
_NAMES = ["me.png", "list.csv", "list.xlsx", "", ".", "../../etc/passwd", "a" * 400 + ".png", "x\x00.png", "ä🙂.csv"]
_TYPES = ["image/png", "text/csv", "", "text/html", "multipart/mixed; boundary=x", "x" * 300]
_KINDS = [("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("JPEG", "CMYK"), ("JPEG", "L"), ("WEBP", "RGB")]


def nasty_file(dice: random.Random, *, is_picture: bool) -> bytes:
    """What a picture or a table could be, and often is not."""
    content = dice.choice(_pictures()) if is_picture else _table(dice)
    for _change in range(dice.choice([0, 0, 1, 1, 3])):
        content = _broken(dice, content)
    return content


def multipart(dice: random.Random, fields: list[tuple[str, str]], files: list[tuple[str, bytes]]) -> tuple[bytes, str]:
    """Return a body with these fields and files, and its content type. One in ten is put together wrongly."""
    parts = []
    for name, value in fields:
        head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
        parts.append(head.encode() + b"\r\n\r\n" + value.encode(errors="replace"))
    for name, content in files:
        file_name, kind = _quoted(dice.choice(_NAMES)), dice.choice(_TYPES)
        head = f'Content-Disposition: form-data; name="{_quoted(name)}"; filename="{file_name}"\r\nContent-Type: {kind}'
        if dice.random() < 0.05:
            encoding = dice.choice(["base64", "quoted-printable", nasty(dice)[:50]])
            head += "\r\nContent-Transfer-Encoding: " + _quoted(encoding)
        parts.append(head.encode(errors="replace") + b"\r\n\r\n" + content)
    between = f"--{BOUNDARY}\r\n".encode()
    body = b"".join(between + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()
    if dice.random() < 0.1:
        body = _broken(dice, body)
    boundary = BOUNDARY if dice.random() < 0.97 else _quoted(nasty(dice)[:100])
    return body, f"multipart/form-data; boundary={boundary}"


def _quoted(text: str) -> str:
    return text.encode(errors="replace").decode().replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _broken(dice: random.Random, content: bytes) -> bytes:
    at, to = sorted(dice.randrange(len(content) + 1) for _end in range(2))
    signs = bytes(dice.randrange(256) for _sign in range(dice.randrange(1, 9)))
    return dice.choice(
        [
            content[:at],
            content[at:],
            content[:at] + signs + content[at + len(signs) :],
            content[:at] + signs + content[at:],
            content[:at] + content[to:],
            content + content,
            nasty(dice).encode(errors="replace"),
            b"",
        ]
    )


@cache
def _pictures() -> list[bytes]:
    made = []
    for kind, mode in _KINDS:
        drawn, file = Image.new(mode, (120, 130)), io.BytesIO()
        drawn.putpixel((3, 3), 1 if mode in ("P", "L", "I;16") else (9,) * len(mode))
        exif = Image.Exif()
        exif[0x0112] = 6
        drawn.save(file, kind, exif=exif)
        made.append(file.getvalue())
    moving = io.BytesIO()
    frames = [Image.new("RGB", (120, 120), colour) for colour in ("red", "blue")]
    frames[0].save(moving, "WEBP", save_all=True, append_images=frames[1:])
    gif = io.BytesIO()
    frames[0].save(gif, "GIF")
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    return [*made, moving.getvalue(), gif.getvalue(), drawing, _huge_png(60_000, 60_000), _huge_png(4_000, 4_000)]


def _huge_png(width: int, height: int) -> bytes:
    """The head of a picture of so many pixels, with next to nothing behind it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR" + head) + _chunk(b"IDAT" + zlib.compress(bytes(999)))


def _chunk(content: bytes) -> bytes:
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))


def _table(dice: random.Random) -> bytes:
    """A table as imports want it, whose cells are often something else; as CSV, XLSX, or a package of something."""
    columns = COLUMNS[dice.choice(list(COLUMNS))]
    heads = [column.name for column in columns]
    rows = [
        [changed(dice, column.example)[:6000] if dice.random() < 0.08 else column.example for column in columns]
        for _row in range(dice.choice([1, 1, 3, 20]))
    ]
    if dice.random() < 0.15:
        heads[dice.randrange(len(heads))] = nasty(dice)[:200]
    if (what := dice.random()) < 0.2:
        return _sheet([heads, *rows])
    if what < 0.25:
        return _package(dice)
    sign = dice.choice(",,,;\t")
    encoding = dice.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"])
    return "\r\n".join(sign.join(map(_cell, row)) for row in [heads, *rows]).encode(encoding, errors="replace")


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set('",;\t\r\n') else text


def _sheet(rows: list[list[str]]) -> bytes:
    book, file = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(["".join(sign for sign in cell if sign.isprintable()) for cell in row])
    book.save(file)
    return file.getvalue()


def _package(dice: random.Random) -> bytes:
    """Something packed that is no table: very many files, or one that is a thousand times as large unpacked."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        if dice.random() < 0.5:
            package.writestr("xl/worksheets/sheet1.xml", bytes(3_000_000))
        else:
            for number in range(300):
                package.writestr(f"xl/{number}.xml", "<a/>")
        package.writestr("[Content_Types].xml", "<Types/>")
    return file.getvalue()

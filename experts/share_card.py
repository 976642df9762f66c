"""Draw the picture that messengers and other sites show beside a link to an expert's page (Open Graph)."""

import io
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from typing import NamedTuple

from django.conf import settings
from PIL import Image, ImageDraw, ImageFont

from experts.errors import Busy

WIDTH, HEIGHT = 1200, 630  # pixels, as Metadata says
MARGIN = 80
LARGER = 2  # times, while it is drawn
KEPT = 200  # pictures of some 20 kB that a process keeps
MOST_SECONDS = 1.0  # to wait for others that are being drawn
# Colours of static/src/app.css for screens without OKLCH: of the organisation's accent, its lines and its soft ground.
PAGE, SURFACE, INK, MUTED = "#f6fafb", "#ffffff", "#16232d", "#4d5a63"
ACCENTS = {
    "petrol": ("#005f77", "#e2f2f8"),
    "ocean": ("#1b5598", "#e3f0ff"),
    "indigo": ("#49489d", "#eaedff"),
    "plum": ("#7c376f", "#fae8f6"),
    "brick": ("#873b26", "#fee9e3"),
    "olive": ("#545b1c", "#eef0e2"),
    "forest": ("#176449", "#e4f3eb"),
    "graphite": ("#4c575f", "#eceff1"),
}
# Looked for in this order; static/src/fonts.js says which letters are in which.
FONTS = ("inter-latin", "inter-latin-ext")

_drawing = threading.Lock()  # one at a time: a process has other things to do, too


@dataclass(frozen=True)
class ShareCard:
    """What a picture says, in words. ``accent``: one of ACCENTS. A line with letters that no font has is left out."""

    name: str
    headline: str
    organization: str
    initials: str
    next_free: str
    accent: str

    @property
    def etag(self) -> str:
        """The same for as long as the picture is."""
        return f'"{sha256(repr(astuple(self)).encode()).hexdigest()[:32]}"'

    def draw(self) -> bytes:
        """Return the picture as PNG, which takes some 50 ms of CPU unless it was drawn lately.

        Raises Busy where it would have to wait for too many others.
        """
        if not _drawing.acquire(timeout=MOST_SECONDS):
            raise Busy
        try:
            return _draw(self)
        finally:
            _drawing.release()


@lru_cache(maxsize=KEPT)
def _draw(card: ShareCard) -> bytes:
    line, soft = ACCENTS[card.accent]
    picture = Image.new("RGB", (WIDTH * LARGER, HEIGHT * LARGER), PAGE)
    canvas = _Canvas(ImageDraw.Draw(picture))
    canvas.fill((0, 0, WIDTH, 14), 0, line)
    canvas.write((WIDTH - MARGIN, 92), "ExpertBook", _Type(34, 620, INK), anchor="r")
    if card.initials and _is_drawable(card.initials):
        canvas.fill((MARGIN, 72, MARGIN + 136, 208), 68, soft)
        canvas.write((MARGIN + 68, 140), card.initials, _Type(54, 600, line), anchor="m")
    name, *others = [it for it in (card.name, card.headline, card.organization) if it and _is_drawable(it)] or [""]
    size = next((size for size in (76, 66, 56) if _width(name, _Type(size, 620, INK)) <= WIDTH - 2 * MARGIN), 56)
    canvas.write((MARGIN, 288), name, _Type(size, 620, INK))
    for number, text in enumerate(others):
        canvas.write((MARGIN, 362 + 54 * number), text, _Type(37, 400, MUTED))
    if _is_drawable(card.next_free):
        words = _Type(34, 600, SURFACE)
        canvas.fill((MARGIN, 492, MARGIN + _width(card.next_free, words) + 64, 564), 36, line)
        canvas.write((MARGIN + 32, 528), card.next_free, words)
    content = io.BytesIO()
    picture.reduce(LARGER).save(content, "PNG")
    return content.getvalue()


class _Type(NamedTuple):
    """How something is written. ``size``: in pixels of the picture."""

    size: int
    weight: int
    colour: str


class _Canvas:
    """Draws on a picture that is LARGER, which makes edges and the distances of letters even. Takes its pixels."""

    def __init__(self, drawing: ImageDraw.ImageDraw) -> None:
        self._drawing = drawing

    def fill(self, box: tuple[int, int, int, int], radius: int, colour: str) -> None:
        left, top, right, bottom = (it * LARGER for it in box)
        self._drawing.rounded_rectangle((left, top, right - 1, bottom - 1), radius * LARGER, fill=colour)

    def write(self, at: tuple[int, int], text: str, how: _Type, *, anchor: str = "l") -> None:
        """Write a line whose left end, middle or right end ("l", "m", "r") is at a point, in the middle of its height.

        What does not fit between the margins is cut.
        """
        text = _fitting(text, how)
        x, y = (it * LARGER for it in at)
        x -= {"l": 0, "m": _width(text, how) // 2, "r": _width(text, how)}[anchor] * LARGER
        y += round(how.size * 0.36 * LARGER)  # half a capital letter lower is the line that it stands on
        for name, part in _runs(text):
            font = _font(name, how.size * LARGER, how.weight)
            self._drawing.text((x, y), part, fill=how.colour, font=font, anchor="ls")
            x += round(font.getlength(part))


def _fitting(text: str, how: _Type) -> str:
    """Return the text, or as much of its beginning as fits between the margins."""
    most = WIDTH - 2 * MARGIN
    if _width(text, how) <= most:
        return text
    shown = text
    while shown and _width(f"{shown}…", how) > most:
        shown = shown[:-1].rstrip()
    return f"{shown}…"


def _width(text: str, how: _Type) -> int:
    wide = sum(_font(name, how.size * LARGER, how.weight).getlength(part) for name, part in _runs(text))
    return round(wide / LARGER)


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a line with the font that has their letters."""
    for name, letters in groupby(unicodedata.normalize("NFC", text), _font_of):
        yield name or FONTS[0], "".join(letters)


def _is_drawable(text: str) -> bool:
    return all(_font_of(letter) for letter in unicodedata.normalize("NFC", text))


@lru_cache(maxsize=2000)
def _font_of(letter: str) -> str:
    """The font that has a letter, "" if none has: what a font lacks is blank in it."""
    if letter == " ":
        return FONTS[0]
    try:
        return next((name for name in FONTS if _font(name, 20, 400).getmask(letter).getbbox()), "")
    except (RuntimeError, ValueError):  # of Pillow, for letters that are invisible by themselves
        return ""


@lru_cache(maxsize=50)
def _font(name: str, size: int, weight: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(settings.BASE_DIR / "static" / "fonts" / f"{name}.woff2", size)
    font.set_variation_by_axes([min(32, max(14, size // LARGER)), weight])  # optical size, weight
    return font

"""Read pictures that somebody has sent, and make of them those that pages show. Nothing that was sent is kept.

What a file is, is decided by decoding it, never by its name or by what the browser says. What goes out was drawn anew
from the pixels: no metadata (a place, a camera), no profile, nothing that was hidden behind them or appended to them.
"""

import io
import re
import struct
import threading
import zlib
from hashlib import sha256
from typing import BinaryIO

from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from experts.errors import Busy, InvalidPicture

MOST_BYTES = 8 * 1024 * 1024  # of a file; a photo of a phone has 2 to 5 MB
MOST_SIDE = 16_000  # pixels
# Decoding takes memory by the pixel, whatever the file's size. A JPEG is decoded smaller, a PNG or WebP as it is.
MOST_PIXELS = {"JPEG": 50_000_000, "PNG": 20_000_000, "WEBP": 20_000_000}
MOST_SCANS = 24  # of a JPEG, each of which goes over all its pixels; common ones have ten
LEAST_SIDE = 96  # pixels, of a photo; anything smaller was not meant for a page
MOST_SECONDS = 4.0  # to wait for other pictures that are being read

PHOTO_SIZES = (96, 192, 640)  # sides of squares in pixels: avatars, large ones and sharp screens, and to show alone
LOGO_HEIGHT, LOGO_MOST_WIDTH = 96, 480  # pixels; shown at a third or half of it
# Of what is cut off a tall picture of a person, less from above.
_CENTRE = (0.5, 0.4)
_PHOTO_QUALITY = 82
_ORIENTATION = 0x0112  # of EXIF: how the camera was held
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's readers raise for files that are broken or made to break them.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

_SHAPE = re.compile(r"-(\d{1,4})x(\d{1,4})\.png$")
_reading = threading.Lock()  # one at a time: each may take 200 MB


def make_photo(file: BinaryIO) -> dict[str, bytes]:
    """Return the squares that are shown of a photo, by the ends of their names: ``{"…-96.webp": b"…"}``.

    Takes JPEG, PNG and WebP. Raises InvalidPicture, which says why, and Busy.
    """
    with _OneAtATime():
        image = _decode(file, ("JPEG", "PNG", "WEBP"), (2 * PHOTO_SIZES[-1],) * 2)
        if min(image.size) < LEAST_SIDE:
            text = _("This photo is too small. Use one of at least %(side)d pixels.")
            raise InvalidPicture(text % {"side": LEAST_SIDE})
        flat = _on_white(image)
        largest = ImageOps.fit(flat, (PHOTO_SIZES[-1],) * 2, Image.Resampling.LANCZOS, centering=_CENTRE)
        squares = [largest.resize((side, side), Image.Resampling.LANCZOS) for side in PHOTO_SIZES[:-1]] + [largest]
        made = [_encode(square, "WEBP", quality=_PHOTO_QUALITY, method=5) for square in squares]
    return _named({str(side): content for side, content in zip(PHOTO_SIZES, made, strict=True)}, "webp")


def make_logo(file: BinaryIO) -> dict[str, bytes]:
    """Return what is shown of a logo, by the ends of its names. Its shape and what is clear in it stay.

    Takes PNG and WebP; returns PNG, which programs for mail know, too. A drawing (SVG) can hold a script, and is
    refused. Raises InvalidPicture, which says why, and Busy.
    """
    with _OneAtATime():
        image = _decode(file, ("PNG", "WEBP"), None).convert("RGBA")
        box = image.getchannel("A").getbbox()
        if box is None:
            raise InvalidPicture(_("There is nothing to be seen in this picture."))
        image = image.crop(box)
        fitted = ImageOps.contain(image, (LOGO_MOST_WIDTH, LOGO_HEIGHT), Image.Resampling.LANCZOS)
        content = _encode(fitted, "PNG", optimize=True)
    # A page keeps room for it before it has come: its shape is in its name.
    return _named({f"{fitted.width}x{fitted.height}": content}, "png")


def sized_name(name: str, size: int) -> str:
    """Return the name of another size of a stored picture, given that of any."""
    stem, _dash, end = name.rpartition("-")
    return f"{stem}-{size}.{end.rpartition('.')[2]}"


def shape_in(name: str) -> tuple[int, int]:
    """Return width and height in pixels that a logo's name tells; (0, 0) where it tells none."""
    found = _SHAPE.search(name)
    return (int(found[1]), int(found[2])) if found else (0, 0)


class _OneAtATime:
    def __enter__(self) -> None:
        if not _reading.acquire(timeout=MOST_SECONDS):
            raise Busy(_("Many pictures are being read right now. Please try again in a moment."))

    def __exit__(self, *_error: object) -> None:
        _reading.release()


def _decode(file: BinaryIO, formats: tuple[str, ...], wanted: tuple[int, int] | None) -> Image.Image:
    """Return the picture as RGB or RGBA, upright, and smaller where it is much larger than ``wanted``."""
    content = file.read(MOST_BYTES + 1)
    if not content:
        raise InvalidPicture(_("This file is empty."))
    if len(content) > MOST_BYTES:
        raise InvalidPicture(_("This file is too large: at most %(most)d MB.") % {"most": MOST_BYTES // 1024**2})
    try:
        image: Image.Image = Image.open(io.BytesIO(content), formats=formats)
    except UnidentifiedImageError as error:
        raise InvalidPicture(_wrong_kind(formats)) from error
    except Image.DecompressionBombError as error:  # Pillow's own limit, far above ours
        raise InvalidPicture(_("This picture has too many pixels.")) from error
    except _UNREADABLE as error:
        raise InvalidPicture(_broken()) from error
    _must_be_bearable(image, content)
    try:
        if wanted is not None:
            image.draft("RGB", wanted)
        image.load()
        has_gaps = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
        mode = "RGBA" if has_gaps else "RGB"
        turned = image.getexif().get(_ORIENTATION)
        image = image if image.mode == mode else image.convert(mode)
        # Each copy of a large picture takes as much memory again: smaller first, then everything else.
        if wanted is not None and (times := min(image.size) // wanted[0]) > 1:
            image = image.reduce(times)
        return image.transpose(_UPRIGHT[turned]) if turned in _UPRIGHT else image
    except _UNREADABLE as error:
        raise InvalidPicture(_broken()) from error


def _must_be_bearable(image: Image.Image, content: bytes) -> None:
    """Raise InvalidPicture for what would take too much memory or time to decode. Only its head has been read."""
    width, height = image.size
    most = MOST_PIXELS[image.format or "PNG"]
    if max(width, height) > MOST_SIDE or width * height > most:
        text = _("This picture has too many pixels: %(width)d × %(height)d. At most %(most)d million are read.")
        raise InvalidPicture(text % {"width": width, "height": height, "most": most // 1_000_000})
    # In the pixels themselves no such two bytes follow each other.
    if image.format == "JPEG" and content.count(b"\xff\xda") > MOST_SCANS:
        raise InvalidPicture(_broken())
    if getattr(image, "n_frames", 1) > 1:
        raise InvalidPicture(_("This picture moves. Use one that does not."))


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _encode(image: Image.Image, kind: str, **options: object) -> bytes:
    drawn = Image.new(image.mode, image.size)
    drawn.paste(image)  # pixels alone: what Pillow has read besides them stays behind
    content = io.BytesIO()
    drawn.save(content, kind, **options)
    return content.getvalue()


def _named(made: dict[str, bytes], ending: str) -> dict[str, bytes]:
    """By a hash of the content: another picture has another address, so each may be kept for ever."""
    digest = sha256(b"".join(made.values())).hexdigest()[:32]
    return {f"{digest}-{size}.{ending}": content for size, content in made.items()}


def _wrong_kind(formats: tuple[str, ...]) -> str:
    if "JPEG" in formats:
        return _("This is no picture that we can read. Use a JPEG, PNG or WebP file.")
    return _("This is no picture that we can read. Use a PNG or WebP file.")


def _broken() -> str:
    return _("This picture is damaged and cannot be read.")

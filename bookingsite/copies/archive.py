"""A backup as a file: a tar archive, sealed if there is a key, written and read from front to end.

about.json          which version of which site made it, and when
database/00000 …    the dump of pg_dump (custom format), in pieces, whose length a tar must know beforehand
media/…             photos and logos
end.json            how much there is; without it the file is not whole
"""

import contextlib
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from bookingsite.copies import sealing

PIECE = 8 << 20  # bytes of a dump
_BLOCK = 1 << 20
# The names that experts/services/pictures.py gives, and no others: an archive could name any place otherwise.
_PICTURE = re.compile(r"(?:experts|logos)/\d+/[0-9A-Za-z_-]+\.(?:webp|png)")


class BrokenArchiveError(Exception):
    """The file is no backup, not whole, or not to be read with this key. The text is for whoever has it."""


@dataclass
class Totals:
    """What went into an archive, or came out of it."""

    pieces: int = 0
    pictures: int = 0
    dump: str = ""  # SHA-256


class Writer:
    """Write a backup into a file that is open. ``finish`` ends it."""

    def __init__(self, file: BinaryIO, key: str, about: dict[str, Any]) -> None:
        self._sealer = sealing.Sealer(file, key) if key else None
        into = self._sealer or file
        self._tar = tarfile.open(fileobj=into, mode="w|", bufsize=_BLOCK)  # noqa: SIM115 (``finish`` closes it)
        self._digest, self.totals = hashlib.sha256(), Totals()
        self._add("about.json", json.dumps(about).encode())

    def add_dump(self, dump: BinaryIO) -> None:
        """Take the dump, to its end."""
        while piece := dump.read(PIECE):
            self._digest.update(piece)
            self._add(f"database/{self.totals.pieces:05}", piece)
            self.totals.pieces += 1

    def add_picture(self, name: str, content: bytes) -> None:
        self._add(f"media/{name}", content)
        self.totals.pictures += 1

    def finish(self) -> None:
        self.totals.dump = self._digest.hexdigest()
        self._add("end.json", json.dumps(vars(self.totals)).encode())
        self._tar.close()
        if self._sealer is not None:
            self._sealer.close()

    def _add(self, name: str, content: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o600
        self._tar.addfile(entry, io.BytesIO(content))


@dataclass
class Part:
    """One of what an archive holds: ``about`` (its ``content`` is JSON), a ``piece`` of the dump, a ``picture``."""

    kind: str
    content: bytes
    name: str = ""


def parts(path: Path, key: str) -> Iterator[Part]:
    """Yield what is in a backup, in order. Raises BrokenArchiveError, also at the very end: read all of it first."""
    totals, digest, is_whole = Totals(), hashlib.sha256(), False
    with _broken_means(path), path.open("rb") as file:
        source: Any = file
        if sealing.is_sealed(file):
            if not key:
                raise BrokenArchiveError(f"{path} is encrypted. Set BACKUP_KEY to the key with which it was made.")
            source = sealing.Opener(file, key)
        with tarfile.open(fileobj=source, mode="r|", bufsize=_BLOCK) as tar:
            for entry in tar:
                read = tar.extractfile(entry)
                content = b"" if read is None else read.read()
                if len(content) != entry.size:
                    raise tarfile.ReadError
                room, _slash, name = entry.name.partition("/")
                if entry.name == "about.json":
                    yield Part("about", content)
                elif room == "database":
                    digest.update(content)
                    totals.pieces += 1
                    yield Part("piece", content)
                elif room == "media" and _PICTURE.fullmatch(name):
                    totals.pictures += 1
                    yield Part("picture", content, name)
                elif entry.name == "end.json":
                    totals.dump = digest.hexdigest()
                    is_whole = json.loads(content) == vars(totals)
        while source.read(_BLOCK):  # to the end of what is sealed, so that nothing was cut off
            pass
    if not is_whole:
        raise BrokenArchiveError(f"{path} is not whole: its end is missing, or is not that of what comes before.")


@contextlib.contextmanager
def _broken_means(path: Path) -> Iterator[None]:
    try:
        yield
    except sealing.BrokenSealError:
        raise BrokenArchiveError(
            f"{path} was made with another BACKUP_KEY, or is not as it was written (cut off, damaged or changed)."
        ) from None
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BrokenArchiveError(f"{path} is no backup of ExpertBook, or is damaged.") from error
    except OSError as error:
        raise BrokenArchiveError(f"{path} cannot be read: {error.strerror}.") from error

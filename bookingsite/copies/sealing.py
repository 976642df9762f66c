"""Encrypt a stream, so that nobody can read, change, cut, lengthen or reorder it without the key.

In chunks of a megabyte by AES-256-GCM, in the construction that is known as STREAM: the nonce of each chunk is its
number and whether it is the last. The key of each file is made (HKDF) of the one that was given and of a salt of its
own, so that no nonce is ever used twice with a key.
"""

import secrets
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"EXPERTBOOK BACKUP 1\n"
_SALT = 32  # bytes
_CHUNK = 1 << 20  # bytes before they are encrypted
_TAG = 16  # bytes that each chunk grows by


class BrokenSealError(Exception):
    """The key is another one, or the file is not as it was written."""


class Sealer:
    """Write what is encrypted to a file. Only after ``close`` it is whole."""

    def __init__(self, file: BinaryIO, key: str) -> None:
        salt = secrets.token_bytes(_SALT)
        file.write(MAGIC + salt)
        self._file, self._cipher, self._number, self._waiting = file, _cipher(key, salt), 0, bytearray()

    def write(self, data: bytes) -> int:
        self._waiting += data
        while len(self._waiting) > _CHUNK:  # what waits may be the last
            self._seal(bytes(self._waiting[:_CHUNK]), is_last=False)
            del self._waiting[:_CHUNK]
        return len(data)

    def close(self) -> None:
        self._seal(bytes(self._waiting), is_last=True)
        self._waiting.clear()

    def _seal(self, chunk: bytes, *, is_last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, is_last), chunk, None))
        self._number += 1


class Opener:
    """Read what was encrypted. Raises BrokenSealError before it gives out anything that is not as it was written."""

    def __init__(self, file: BinaryIO, key: str) -> None:
        if file.read(len(MAGIC)) != MAGIC or len(salt := file.read(_SALT)) != _SALT:
            raise BrokenSealError
        self._file, self._cipher, self._number = file, _cipher(key, salt), 0
        self._next, self._opened = file.read(_CHUNK + _TAG), b""
        if not self._next:  # there is a last chunk, however little was written
            raise BrokenSealError

    def read(self, size: int) -> bytes:
        """Return so many bytes; fewer only at the end."""
        parts = []
        while size > 0 and (self._opened or self._open_next()):
            parts.append(self._opened[:size])
            self._opened = self._opened[size:]
            size -= len(parts[-1])
        return b"".join(parts)

    def _open_next(self) -> bool:
        if not self._next:
            return False
        chunk, self._next = self._next, self._file.read(_CHUNK + _TAG)
        try:
            self._opened = self._cipher.decrypt(_nonce(self._number, not self._next), chunk, None)
        except InvalidTag:
            raise BrokenSealError from None
        self._number += 1
        return bool(self._opened)


def is_sealed(file: BinaryIO) -> bool:
    """Return whether a file is encrypted, and go back to its beginning."""
    found = file.read(len(MAGIC)) == MAGIC
    file.seek(0)
    return found


def _cipher(key: str, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=MAGIC).derive(key.encode()))


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])

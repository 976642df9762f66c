"""What is sealed can be read with its key, to its end, and in no other way."""

import io

import pytest

from bookingsite.copies.sealing import _CHUNK, _TAG, MAGIC, BrokenSealError, Opener, Sealer

KEY = "a-key-of-the-tests-0123456789-abcdefghijklmnop"
HEAD = len(MAGIC) + 32
WHOLE = _CHUNK + _TAG


def sealed(content: bytes, key: str = KEY) -> bytes:
    file = io.BytesIO()
    sealer = Sealer(file, key)
    for start in range(0, len(content), 700_001):
        sealer.write(content[start : start + 700_001])
    sealer.close()
    return file.getvalue()


def opened(content: bytes, key: str = KEY) -> bytes:
    opener, found = Opener(io.BytesIO(content), key), b""
    while part := opener.read(300_007):
        found += part
    return found


@pytest.mark.parametrize("length", [0, 1, _CHUNK - 1, _CHUNK, _CHUNK + 1, 3 * _CHUNK])
def test_what_was_sealed_is_read_again(length):
    content = bytes(range(251)) * (length // 251 + 1)
    assert opened(sealed(content[:length])) == content[:length]


def test_the_same_sealed_twice_looks_different_and_nothing_of_it_shows():
    one, two = sealed(b"Amara Okafor" * 100), sealed(b"Amara Okafor" * 100)
    assert one[HEAD:] != two[HEAD:]
    assert b"Amara" not in one


CONTENT = b"0123456789abcdef" * (_CHUNK // 16) * 2 + b"the end"
DAMAGE = {
    "another key": lambda it: it,
    "a bit": lambda it: it[:5000] + bytes([it[5000] ^ 1]) + it[5001:],
    "its salt": lambda it: it[: HEAD - 1] + bytes([it[HEAD - 1] ^ 1]) + it[HEAD:],
    "cut within a chunk": lambda it: it[:-3],
    "cut between chunks": lambda it: it[: HEAD + 2 * WHOLE],
    "lengthened": lambda it: it + it[HEAD : HEAD + WHOLE],
    "two chunks in another order": lambda it: (
        it[:HEAD] + it[HEAD + WHOLE : HEAD + 2 * WHOLE] + it[HEAD : HEAD + WHOLE] + it[HEAD + 2 * WHOLE :]
    ),
    "a chunk twice": lambda it: it[: HEAD + WHOLE] + it[HEAD:],
    "a chunk left out": lambda it: it[:HEAD] + it[HEAD + WHOLE :],
    "nothing behind the head": lambda it: it[:HEAD],
    "half a head": lambda it: it[:30],
}


@pytest.mark.parametrize("what", DAMAGE)
def test_what_is_not_as_it_was_written_is_refused(what):
    with pytest.raises(BrokenSealError):
        opened(DAMAGE[what](sealed(CONTENT)), key=KEY[::-1] if what == "another key" else KEY)

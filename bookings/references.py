"""References of bookings: short names such as ``EB-9FD4-K7TQ``, which open nothing by themselves."""

import re
import secrets
from collections.abc import Sequence

# No 0/O, 1/I/L, 5/S, 2/Z, 8/B, U: a reference is read out on the phone.
REFERENCE_ALPHABET = "34679ACDEFGHJKMNPQRTVWXY"


def reference_of(letters: Sequence[str]) -> str:
    """Eight letters in the form of a reference."""
    text = "".join(letters)
    return f"EB-{text[:4]}-{text[4:]}"


def new_reference() -> str:
    """A reference by chance (36 bits)."""
    number, letters = secrets.randbelow(len(REFERENCE_ALPHABET) ** 8), []
    for _letter in range(8):
        number, place = divmod(number, len(REFERENCE_ALPHABET))
        letters.append(REFERENCE_ALPHABET[place])
    return reference_of(letters)


def read_reference(text: str) -> str:
    """A reference as people type it (``eb 9fd4 k7tq``) in its proper form; "" when it cannot be one."""
    letters = re.sub(r"[^0-9A-Z]", "", text.upper()).removeprefix("EB")
    if len(letters) != 8 or not set(letters) <= set(REFERENCE_ALPHABET):
        return ""
    return reference_of(letters)

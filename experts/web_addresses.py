"""Find addresses of the web in what staff typed."""

import re

# Not the full stop or bracket that ends a sentence around it.
_ADDRESS = re.compile(r"(https?://[^\s<>\"]*[^\s<>\".,;:!?)\]'])")


def find_address(text: str) -> str:
    """Return the first address, of http or https; empty without one."""
    found = _ADDRESS.search(text)
    return found[0] if found else ""


def split_addresses(text: str) -> list[str]:
    """Return the text in parts that make it up: words and addresses in turns, beginning with words (maybe none)."""
    return _ADDRESS.split(text)

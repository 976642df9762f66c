"""The configuration files that the docs show, with other addresses: what operators copy is what is tried."""

import re
from collections.abc import Mapping

from bookingsite.devserver.paths import BASE_DIR

EXAMPLES = BASE_DIR / "docs" / "examples"


def adapted(name: str, changes: Mapping[str, str]) -> str:
    """The text of an example with each pattern (a regular expression, of whole lines) replaced by a line.

    Raises ValueError for a pattern that no line matches: then the example is another one than was thought.
    """
    text = (EXAMPLES / name).read_text()
    for pattern, line in changes.items():
        text, count = re.subn(rf"(?m)^{pattern}$", lambda _match, line=line: line, text)
        if not count:
            raise ValueError(f"{name} has no line like {pattern}")
    return text

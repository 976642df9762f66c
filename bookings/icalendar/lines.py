"""Write the lines of a calendar (RFC 5545 3.1), as the library icalendar does, in a tenth of the time.

For what is written thousands of times, one entry to a file: tests/bookings/icalendar/test_lines.py holds each line
against the library's.
"""

_MOST = 74  # bytes of a line, without its end


def content_line(name: str, value: str) -> str:
    """Return a line, folded where it is too long, with its end. ``name`` may bring its parameters along."""
    line = f"{name}:{value}"
    rest = line.encode()
    if len(rest) <= _MOST:
        return f"{line}\r\n"
    parts = []
    while len(rest) > _MOST:
        part = rest[:_MOST].decode(errors="ignore")  # not in the middle of a character
        if part[-1] in "\\^":
            part = part[:-1]  # nor of what it escapes
        parts.append(part)
        rest = rest[len(part.encode()) :]
    return "\r\n ".join([*parts, rest.decode()]) + "\r\n"


def text(value: str) -> str:
    """Return a text as the value of a line (3.3.11)."""
    value = value.replace("\\N", "\n").replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return value.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\n")


def parameter(value: str) -> str:
    """Return a text as the value of a parameter (3.2, RFC 6868), without what cannot be one."""
    printable = "".join(c for c in value if c.isprintable() and c != '"')
    return f'"{printable.replace("^", "^^")}"'

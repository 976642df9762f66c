"""Values that nobody expects: what breaks numbers, dates, texts, encodings, and whatever is put together from them."""

import random
import string

NASTY = [
    "",
    " ",
    "0",
    "-1",
    "1e309",
    "NaN",
    "٣",
    "1.5",
    "2147483648",
    "9223372036854775808",
    "9" * 400,
    "9" * 5000,
    "None",
    "null",
    "true",
    "[]",
    "{}",
    "\x00",
    "a\x00b",
    "\ud7ff\ue000",
    "\ufffe",
    "\u202eabc",
    "é" * 300,
    "🙂" * 600,
    "a" * 3000,
    "\r\nX-Broken: 1",
    "'; DROP TABLE bookings_booking; --",
    "%",
    "%s %(x)s {0} {name} {{ name }} {% now %}",
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "https://evil.example.com/",
    "//evil.example.com",
    "javascript:alert(1)",
    "lena@example.com",
    "lena@example.com\nBcc: x@example.com",
    "0000-00-00",
    "0001-01-01",
    "2024-02-30",
    "9999-12-31",
    "10000-01-01",
    "2026-11-23T25:61",
    "24:00",
    "00:00",
    "-0",
    "Europe/Nowhere",
    "../Europe/London",
    "EB-2222-2222",
    "eb-",
    "on",
    "a=b&c=d",
    "a,b,,c",
    "1,2,x",
    "\t",
    "İ",
    "ß" * 200,
    "a" * 70_000,
]
JSON = [None, True, 0, -1, 2**31, 2**63, 1.5, 1e308, "", [], {}, [[]], [None], {"a": {"b": []}}, ["a"] * 2000]
METHODS = ["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
HEADERS = [
    *("Accept", "Accept-Language", "Accept-Encoding", "Authorization", "Content-Type", "Cookie", "Host", "Origin"),
    *("Referer", "Range", "If-None-Match", "If-Match", "If-Modified-Since", "X-Forwarded-For", "X-Forwarded-Proto"),
    *("X-Forwarded-Host", "HX-Request", "HX-Request-Type", "HX-Target", "HX-Current-URL", "Idempotency-Key", "Work"),
    *("User-Agent", "Content-Length", "Transfer-Encoding", "Upgrade", "Sec-Fetch-Site", "X-CSRFToken", "Expect"),
    *("X-Request-ID", "Forwarded", "Purpose", "Cache-Control"),
]
PARAMETERS = [
    *("day", "type", "page", "search", "category", "organization", "next", "booking", "again", "correct", "shown", "p"),
    *("q", "o", "e", "all", "_popup", "_to_field", "_changelist_filters", "date__gte", "status__exact", "from", "to"),
    *(
        "expert",
        "experts",
        "slot",
        "moving",
        "zone",
        "theme",
        "month",
        "week",
        "seats",
        "kind",
        "format",
        "after",
        "at",
    ),
    *("token", "key", "bar", "extensions", "sort", "tag", "language", "period", "group", "offset", "limit", "id__in"),
]


def nasty(dice: random.Random) -> str:
    """A value from the list, or some signs put together."""
    if dice.random() < 0.8:
        return dice.choice(NASTY)
    signs = string.printable + "äß€\x00\u202e🙂\u0130"
    return "".join(dice.choice(signs) for _ in range(dice.randrange(1, 40)))


def changed(dice: random.Random, value: str) -> str:
    """The value with a small change, or another one."""
    if not value or dice.random() < 0.5:
        return nasty(dice)
    at = dice.randrange(len(value))
    return dice.choice(
        [
            value[:at] + value[at + 1 :],
            value[:at] + nasty(dice)[:20] + value[at:],
            value + value,
            value[::-1],
            value.upper(),
            value[:at],
        ]
    )


def json_value(dice: random.Random, depth: int = 0):
    """Something that is JSON, of any type."""
    if depth < 2 and dice.random() < 0.2:
        return {nasty(dice)[:50]: json_value(dice, depth + 1) for _ in range(dice.randrange(4))}
    return dice.choice([dice.choice(JSON), nasty(dice)])

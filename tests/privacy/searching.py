"""Look for a pattern everywhere: in every row of every table, in every key of Valkey, in the pages that are kept.

Patterns are regular expressions that Python and PostgreSQL read alike; case does not matter.
"""

import os
import re

from django.db import connection
from psycopg import sql

from experts.page_cache import PAGES


def tables_with(pattern: str) -> dict[str, int]:
    """How many rows of which table hold it in any of their columns."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        for (table,) in cursor.fetchall():
            query = sql.SQL("SELECT count(*) FROM {} AS it WHERE it::text ~* %s").format(sql.Identifier(table))
            cursor.execute(query, [pattern])
            if count := cursor.fetchone()[0]:
                found[table] = count
    return found


def columns_with(pattern: str) -> set[str]:
    """Which columns hold it, as ``table.column``."""
    found = set()
    for table in tables_with(pattern):
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("SELECT * FROM {} AS it WHERE it::text ~* %s").format(sql.Identifier(table)), [pattern]
            )
            names = [column.name for column in cursor.description]
            for row in cursor.fetchall():
                values = zip(names, row, strict=True)
                found |= {f"{table}.{name}" for name, value in values if re.search(pattern, str(value), re.IGNORECASE)}
    return found


def keys_with(valkey, pattern: str) -> list[bytes]:
    """Which keys hold it, in their name or value."""
    wanted = re.compile(pattern.encode(), re.IGNORECASE)
    keys = list(valkey.scan_iter(f"{os.environ['REDIS_KEY_PREFIX']}*", count=1000))
    # DUMP is the value as it is stored, whatever its type; short texts are in it as they are.
    return [key for key in keys if wanted.search(key) or wanted.search(_value(valkey, key))]


def _value(valkey, key: bytes) -> bytes:
    match valkey.type(key):
        case b"string":
            return valkey.get(key) or b""
        case b"hash":
            return repr(valkey.hgetall(key)).encode()
        case b"list":
            return repr(valkey.lrange(key, 0, -1)).encode()
        case b"set":
            return repr(valkey.smembers(key)).encode()
        case b"zset":
            return repr(valkey.zrange(key, 0, -1, withscores=True)).encode()
        case b"stream":
            return repr(valkey.xrange(key)).encode()
        case kind:
            raise AssertionError(f"A key of a type that nobody has told this about: {kind!r}")


def kept_pages_with(pattern: str) -> int:
    """How many of the pages that this process keeps hold it."""
    return sum(bool(re.search(pattern, repr(vars(page)), re.IGNORECASE)) for page in PAGES._pages.values())

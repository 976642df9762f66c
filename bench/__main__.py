"""`make bench`: the product and its peers in turns, on one machine, with one client.

    make bench                       all parts (bench/README.md says what each measures)
    make bench ONLY=bookings         one of them, or some: ONLY="bookings alone"
    make bench RUNS=2                fewer runs than the usual 7, for a first look

Prints a table for each part and keeps all of it, every run too, in bench/results/.
"""

import json
import os
import platform
import signal
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench import report
from bench.contenders import RUNS, SECONDS
from bench.parts import PARTS
from bench.report import Comparison
from bench.scene import opened
from bookingsite import startup

RESULTS, README = Path(__file__).parent / "results", Path(__file__).parent / "README.md"


def main() -> None:
    wanted = os.environ.get("ONLY", "").replace(",", " ").split() or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"ONLY knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}.")
    began = time.monotonic()
    RESULTS.mkdir(exist_ok=True)
    with opened(RESULTS, say) as scene:
        for name in wanted:
            say(f"\n{name} …")
            started = time.monotonic()
            found = PARTS[name](scene)
            checked = [who.check() for who in scene.contenders]
            names = dict.fromkeys(who for comparison in found for who in comparison.runs)
            told = [report.markdown(found), *report.peers_in(README.read_text(), names), *checked]
            told.append(scene.let_mails_leave())
            say("\n\n".join([*told, f"{time.monotonic() - started:.0f} s"]))
            keep(name, found, told)
    say(f"\nAll of it: {time.monotonic() - began:.0f} s, kept in {RESULTS}/")


def keep(name: str, found: list[Comparison], told: list[str]) -> None:
    """Write a part's runs, what was told of it, and its drawing; and what was told last of all parts to latest.md."""
    about = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": RUNS,
        "seconds of a run": SECONDS,
        "processors": os.cpu_count(),
        "python": platform.python_version(),
    }
    machine = f"{about['when']}, {about['processors']} processors, Python {about['python']}"
    what = (PARTS[name].__doc__ or "").partition("\n\n")[0]
    parts = [f"## {name}", what, machine, *told, f"![{name}]({name}.svg)"]
    (RESULTS / f"{name}.md").write_text("\n\n".join(parts) + "\n")
    (RESULTS / f"{name}.svg").write_text(report.svg(name, found))
    everything = {"about": about, "comparisons": [asdict(comparison) for comparison in found]}
    (RESULTS / f"{name}.json").write_text(json.dumps(everything, indent=1) + "\n")
    tables = [file.read_text() for part in PARTS if (file := RESULTS / f"{part}.md").exists()]
    (RESULTS / "latest.md").write_text("\n".join(["# Results\n", *tables]))


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    # Leave the `with` blocks, which end everything that was started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, lambda *_: sys.exit("Ended."))
    with startup.one_line_errors():
        try:
            main()
        except KeyboardInterrupt:
            sys.exit("Interrupted.")

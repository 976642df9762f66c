"""`make weight`: how heavy pages are for somebody who has never been there, on a slow phone. Measures a site that runs.

    make run                                   in one terminal, and in another
    make weight                                the list of experts and the page of the first of them
    make weight URL=https://book.example.org   another site than that of `make run` on port 8000
    make weight PAGES="/ /experts/amara/"      other pages

Each page is opened RUNS times (5) by a new browser without cache and cookies, 390 px wide, with a processor 4 times
slower than this one, on two networks that are called slow 4G, both of 1.6 Mbit/s down and 0.75 up: with 150 ms from a
request to its answer, as on a connection that is there already; and with 562.5 ms and 0.9 of that, as Chromium's
developer tools have it, which make each request as late as if it had to open a connection first. Prints medians, and
the files of the last run:

- requests and kB (1,000 bytes) as they came over the wire with their headers, without photos; what the page asks for
  by itself within two seconds of its `load` event counts, messages of its socket do not;
- LCP, when the largest text or picture was painted; TBT, by how much tasks after the first paint were longer than
  50 ms, summed up; CLS, by how much content moved by itself (no unit).

Other work on this machine makes times longer: LCP and TBT of a machine that does nothing else count.
"""

import os
import statistics
import sys
from urllib.parse import urljoin

from playwright.sync_api import Browser, Error, sync_playwright

from tests.browser import chromium

URL = os.environ.get("URL") or "http://127.0.0.1:8000"
PAGES = (os.environ.get("PAGES") or "").split()
RUNS = int(os.environ.get("RUNS") or 5)
ARGUMENTS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
NETWORKS = {  # ms from a request to its answer, bytes a second down and up
    "150 ms": (150, 1.6e6 / 8, 750e3 / 8),
    "562.5 ms": (150 * 3.75, 1.6e6 / 8 * 0.9, 750e3 / 8 * 0.9),
}
SLOWER = 4  # times
LOADED_SECONDS = 2
COLUMNS = {"requests": 8, "kB": 120, "LCP ms": 1500, "TBT ms": 150, "CLS": None}  # and the most that we want
DIGITS = {"kB": 1, "CLS": 3}

OBSERVE = """
    window.seen = { lcp: 0, cls: 0, tasks: [] };
    const watch = (type, callback) =>
        new PerformanceObserver((list) => list.getEntries().forEach(callback)).observe({ type, buffered: true });
    watch("largest-contentful-paint", (entry) => { seen.lcp = entry.startTime; });
    watch("layout-shift", (entry) => { if (!entry.hadRecentInput) seen.cls += entry.value; });
    watch("longtask", (entry) => seen.tasks.push([entry.startTime, entry.duration]));
"""
TOTAL_BLOCKING_TIME = """
    () => {
        const painted = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0;
        const blocked = ([start, duration]) => Math.max(0, duration - 50 - Math.max(0, painted - start));
        return seen.tasks.map(blocked).reduce((sum, one) => sum + one, 0);
    }
"""


Look = dict[str, float]  # what one look at a page took, by the names of the columns


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=ARGUMENTS)
        try:
            pages = PAGES or ["/", first_expert(browser)]
        except Error as error:
            sys.exit(f"{URL} does not answer: {error.message.splitlines()[0]}. `make run` starts a site.")
        looks, files = {}, {}
        for path in pages:
            for network in NETWORKS:
                runs = [look(browser, urljoin(URL, path), network) for _ in range(RUNS)]
                looks[path, network] = [run for run, _files in runs]
                files[path] = runs[-1][1]
    show(looks, files)


def first_expert(browser: Browser) -> str:
    """Return the path of the expert who stands first in the list."""
    page = browser.new_page()
    page.goto(urljoin(URL, "/"))
    links = page.locator("main a[href^='/experts/']").evaluate_all("all => all.map(link => link.pathname)")
    page.context.close()
    return next((path for path in links if path != "/experts/"), "/experts/")


def look(browser: Browser, url: str, network: str) -> tuple[Look, list[tuple[str, int]]]:
    """Open a page as somebody new. Returns what it took, and the addresses with their bytes in the order of arrival."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True)
    page = context.new_page()
    page.add_init_script(OBSERVE)
    devtools = context.new_cdp_session(page)
    asked: dict[str, str] = {}
    files: list[tuple[str, int]] = []

    def ask(event: dict) -> None:
        asked[event["requestId"]] = event["request"]["url"]

    def arrive(event: dict) -> None:
        address = asked.get(event["requestId"], "data:")
        if not address.startswith("data:") and "/media/" not in address:
            files.append((address.removeprefix(URL), event["encodedDataLength"]))

    devtools.on("Network.requestWillBeSent", ask)
    devtools.on("Network.loadingFinished", arrive)
    devtools.send("Network.enable")
    latency, down, up = NETWORKS[network]
    conditions = {"offline": False, "latency": latency, "downloadThroughput": down, "uploadThroughput": up}
    devtools.send("Network.emulateNetworkConditions", conditions)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(url, wait_until="load")
    page.wait_for_timeout(LOADED_SECONDS * 1000)
    seen, blocked = page.evaluate("seen"), page.evaluate(TOTAL_BLOCKING_TIME)
    context.close()
    size = sum(size for _address, size in files) / 1000
    took = {"requests": len(files), "kB": size, "LCP ms": seen["lcp"], "TBT ms": blocked, "CLS": seen["cls"]}
    return took, files


def show(looks: dict[tuple[str, str], list[Look]], files: dict[str, list[tuple[str, int]]]) -> None:
    width = max(len(path) for path in files)
    say(f"{'':{width}}  network   " + "".join(f"{name:>10}" for name in COLUMNS))
    say(f"{'goal':{width}}            " + "".join(f"{f'<= {goal}' if goal else '':>10}" for goal in COLUMNS.values()))
    for (path, network), runs in looks.items():
        middle = {name: statistics.median(run[name] for run in runs) for name in COLUMNS}
        values = "".join(f"{value:10.{DIGITS.get(name, 0)}f}" for name, value in middle.items())
        say(f"{path:{width}}  {network:8}  {values}")
    for path, arrived in files.items():
        say(f"\n{path}")
        for address, size in arrived:
            say(f"{size / 1000:8.1f} kB  {address}")


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

"""The estimate for a day on which a country books, from results whose medians are known."""

import json

from bench import estimate


def test_it_shows_its_arithmetic(tmp_path, monkeypatch):
    def result(part, work, who):
        runs = [{"done": 100, "cpu": ms / 10, "postgres": 0.1, "wal": 400_000} for ms in (1, 2, 9)]
        comparison = {"work": f"{work}, at a time", "runs": {who: runs}}
        (tmp_path / f"{part}.json").write_text(json.dumps({"comparisons": [comparison]}))

    for part, work, who in (
        ("html", "whole flow", "product"),
        ("contested", "one contested seat", "product"),
        ("mails", "mails of one worker", "product"),
    ):
        result(part, work, who)
    result("looks", "expert page", "expert page")
    looks = json.loads((tmp_path / "looks.json").read_text())["comparisons"]
    result("looks", "discovery", "discovery")
    listed = json.loads((tmp_path / "looks.json").read_text())["comparisons"]
    (tmp_path / "looks.json").write_text(json.dumps({"comparisons": looks + listed}))
    monkeypatch.setattr(estimate, "RESULTS", tmp_path)

    rows = {what: (arithmetic, needed) for what, arithmetic, needed in estimate.estimate()}
    assert rows["bookings"] == ("4,000,000 × 25% ÷ 3,600 s × 2", "556 a second")
    web = "556 × (2.0 + 10 × 2.00 + 5 × 2.00 + 0.5 × 2.00) ms = 18, at 50% load"
    assert rows["`web`"] == (web, "37 processors")
    assert rows["WAL to each replica"] == ("556 × 4.0 kB", "2.2 MB a second")

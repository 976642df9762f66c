"""The dashboard and the alerts ask for figures that there are."""

import json
import re

import pytest
import yaml

from bookingsite.devserver.paths import BASE_DIR
from bookingsite.probes import _Found
from experts import metrics

DASHBOARD = BASE_DIR / "deploy/grafana/expertbook.json"
ALERTS = BASE_DIR / "deploy/prometheus/expertbook.rules.yml"


def questions() -> dict[str, str]:
    """What each panel and alert asks Prometheus, by its title."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {f"{panel['title']} {target['refId']}": target["expr"] for panel in panels for target in panel["targets"]}
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    return asked | {rule["alert"]: rule["expr"] for rule in group["rules"]}


@pytest.mark.django_db(transaction=True)
def test_everything_that_is_asked_for_is_there():
    counted = {sample for family in metrics.registry.collect() for sample in _names(family)}
    found = {sample for family in _Found().collect() for sample in _names(family)}
    for title, expression in questions().items():
        names = set(re.findall(r"\bexpertbook_\w+", expression))
        assert names or "up{" in expression, title
        assert names <= counted | found | {"expertbook_pool"}, title


def _names(family) -> set[str]:
    ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
    return {family.name + end for end in ends}


def test_every_alert_is_explained():
    text = (BASE_DIR / "docs/operations.md").read_text()
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    for rule in group["rules"]:
        assert rule["alert"] in text
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("page", "ticket")

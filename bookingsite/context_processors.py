from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

from experts.timezones import city, zone_names


@dataclass(frozen=True)
class Preferences:
    """What the header shows of a person's choices."""

    zone: ZoneInfo | None

    @property
    def zone_city(self) -> str:
        return city(self.zone) if self.zone else ""

    @property
    def zones(self) -> list[tuple[str, list[tuple[str, str]]]]:
        return grouped_zones()


@cache
def grouped_zones() -> list[tuple[str, list[tuple[str, str]]]]:
    """All zones as (region, [(name, label), …]), for a <select> with groups."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(zone_names()):
        region, _, place = name.partition("/")
        groups.setdefault(region, []).append((name, (place or name).replace("_", " ").replace("/", ", ")))
    return list(groups.items())


def preferences(request):
    """``preferences`` for the header and the default accent of a page that belongs to no organisation."""
    return {
        "preferences": Preferences(getattr(request, "zone", None)),
        "accent": "petrol",
    }

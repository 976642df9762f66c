"""Pages of the admin that load parts of themselves again when something changes (static/js/staff-live.js).

A page puts ``staff_live(organization, day, experts)`` into its context as ``staff_live``, before it reads what it
shows; if it shows requests or lists alone, what the others here return. It includes ``admin/_staff_live.html``, and
marks the parts: ``<section id="…" data-staff-live="<url>">``.
"""

import json
from collections.abc import Iterable
from datetime import date
from urllib.parse import urlencode

from django.http import HttpRequest

from bookings.admin.staff_choice import chosen_organization
from bookings.selectors.staff_version import (
    MOST_LISTENED_TO,
    StaffKey,
    read_requests_version,
    read_staff_versions,
)
from experts.models import Expert, Organization


def staff_live(organization: Organization, day: date, experts: Iterable[Expert]) -> dict[str, str]:
    """Return what admin/_staff_live.html shows: where to listen, and the keys of what is shown by now. Two queries.

    Call it before what is shown is read: what changes in between is loaded again then. ``day`` and ``experts``: which
    are shown.
    """
    key = StaffKey(organization.pk, day, tuple(sorted(expert.pk for expert in experts)))
    version = read_staff_versions([key])[key]
    query = {"day": day.isoformat()}
    if len(version.experts) > MOST_LISTENED_TO:
        query["experts"] = ",".join(map(str, key.experts))
    return _told(organization, version.keys, query)


def live_of_requests(organization: Organization) -> dict[str, str]:
    """As ``staff_live``, of a page that shows requests alone. One query."""
    return _told(organization, {"requests": read_requests_version(organization.pk)})


def live_of_organization(organization: Organization) -> dict[str, str]:
    """As ``staff_live``, of a page whose parts are about whatever there is (``data-staff-on="any"``). No query.

    Before the first message nobody knows a key of that.
    """
    return _told(organization, {})


def live_of_lists(request: HttpRequest) -> dict[str, str] | None:
    """As ``live_of_organization``, for a list: of the one that they chose last, where they see several, if of any."""
    organization = chosen_organization(request)
    return live_of_organization(organization) if organization is not None else None


def _told(organization: Organization, keys: dict[str, str], query: dict[str, str] | None = None) -> dict[str, str]:
    address = f"/ws/staff/{organization.slug}/"
    return {"socket": f"{address}?{urlencode(query)}" if query else address, "keys": json.dumps(keys)}

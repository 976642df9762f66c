"""Pages of the admin that load parts of themselves again when something changes (static/js/staff-live.js).

A page puts ``staff_live(organization, day)`` into its context as ``staff_live``, before it reads what it shows. It
includes ``admin/_staff_live.html``, and marks the parts: ``<section id="…" data-staff-live="<url>">``.
"""

import json
from datetime import date
from urllib.parse import urlencode

from django.http import HttpRequest

from bookings.admin.staff_choice import chosen_organization
from bookings.selectors.staff_version import StaffKey, read_staff_versions
from experts.models import Organization


def staff_live(organization: Organization, day: date | None = None) -> dict[str, str]:
    """Return what admin/_staff_live.html shows: where to listen, and the keys of what is shown by now. Two queries.

    Call it before what is shown is read: what changes in between is loaded again then. ``day``: which one is shown,
    today without.
    """
    version = read_staff_versions([StaffKey(organization.pk, day)])[StaffKey(organization.pk, day)]
    query = f"?{urlencode({'day': day.isoformat()})}" if day else ""
    return {"socket": f"/ws/staff/{organization.slug}/{query}", "keys": json.dumps(version.keys)}


def live_of_lists(request: HttpRequest) -> dict[str, str] | None:
    """As ``staff_live``, for a list: of the organisation that they chose last, where they see several, if of any."""
    organization = chosen_organization(request)
    return staff_live(organization) if organization is not None else None

"""What somebody has chosen to work with, for all pages of the staff's day: the organisation, its experts, a day.

It comes from the address, else it is what was chosen last, which their session remembers. An organisation is asked for
only where there are several.
"""

from collections.abc import Collection
from datetime import date, datetime

from django.http import Http404, HttpRequest

from bookings.selectors.staff_experts import organizations_seen
from experts.admin.base import read_key
from experts.admin.scoping import reach
from experts.models import Organization, Role

_KEY = "staff_choice"
MOST_LISTED = 100


def organizations_to_choose(request: HttpRequest, chosen: Organization) -> list[Organization]:
    """Those to choose from, the chosen one among them; empty where there is nothing to choose."""
    rows = list(organizations_seen(reach(request))[:MOST_LISTED])
    if chosen not in rows:
        rows.insert(0, chosen)
    return rows if len(rows) > 1 else []


def named_in_addresses(organization: Organization, organizations: list[Organization]) -> dict[str, str]:
    """What the addresses of a page name where there are several to choose from.

    What was chosen last may have been chosen in another tab: this page is about its own.
    """
    return {"organization": str(organization.pk)} if organizations else {}


def chosen_organization(request: HttpRequest) -> Organization | None:
    """The organisation that the address names (``?organization=<id>``), else the last one, else the own or the first.

    None where there is none at all. Raises Http404 for one that they do not see.
    """
    rows = organizations_seen(reach(request))
    asked = request.GET.get("organization", "")
    if asked:
        found = rows.filter(pk=read_key(asked)).first()
        if found is None:
            raise Http404
        _remember(request, "organization", found.pk)
        return found
    last = _remembered(request).get("organization")
    found = rows.filter(pk=last).first() if last else None
    if found is None:
        mine = reach(request).organizations
        own = mine.get(Role.OWNER) or mine.get(Role.SCHEDULER) or mine.get(Role.EXPERT)
        found = (rows.filter(pk__in=own).first() if own else None) or rows.first()
    return found


def organization_of(request: HttpRequest, expert: int) -> Organization:
    """The organisation of an expert whom the address names. Raises Http404 for one whose they do not see."""
    found = organizations_seen(reach(request)).filter(experts=expert).first()
    if found is None:
        raise Http404
    _remember(request, "organization", found.pk)
    return found


def remembered_organization(request: HttpRequest) -> int | None:
    """The key of the organisation that was chosen last, without a query: they may not see it any more."""
    key = _remembered(request).get("organization")
    return key if isinstance(key, int) else None


def wanted_experts(request: HttpRequest, organization: Organization) -> Collection[int]:
    """The keys of the experts who are to be shown (``?experts=3&experts=5``, or ``?experts=3,5``), else the last ones.

    Nobody's: whoever works. ``?experts=`` forgets the choice.
    """
    name = f"experts-{organization.pk}"
    if "experts" in request.GET:
        texts = ",".join(request.GET.getlist("experts")[:MOST_LISTED]).split(",")
        wanted = [key for key in map(read_key, texts[:MOST_LISTED]) if key]
        _remember(request, name, wanted)
        return wanted
    return _remembered(request).get(name, [])


def wanted_day(request: HttpRequest, organization: Organization, now: datetime) -> date:
    """The day that the address names (``?day=2027-03-10``), else today by the organisation's clock."""
    today = now.astimezone(organization.zone).date()
    try:
        day = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return today
    # Far from the ends of the calendar, which weeks before and after would run over.
    return day if abs((day - today).days) < 3660 else today


def _remembered(request: HttpRequest) -> dict:
    found = request.session.get(_KEY)
    return found if isinstance(found, dict) else {}


def _remember(request: HttpRequest, name: str, value) -> None:
    """Only what has changed: a session that is written costs a statement. Not what a page asks for by itself."""
    if request.headers.get("X-By-Itself"):
        return
    if _remembered(request).get(name) != value:
        request.session[_KEY] = _remembered(request) | {name: value}

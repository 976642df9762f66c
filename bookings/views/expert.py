"""Show an expert's calendar, on its own page or in a frame on another site.

What everybody sees of it is rendered once and kept (experts/page_cache.py); what is the viewer's own is laid over it.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import Http404, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bookings.access.visitor import ensure_visitor
from bookings.addresses import LONGEST_SLUG, day_url, resync_url
from bookings.policy import policy_text
from bookings.selectors.calendar_version import CalendarVersion, read_calendar_version
from bookings.selectors.expert_calendar import Calendar
from bookings.selectors.month import length_of_month, read_month
from bookings.selectors.offered_types import TypeChoice, not_offered
from bookings.selectors.own_slots import Mark, marks_on, own_slots
from bookings.selectors.structured_data import describe_expert
from bookings.selectors.week import is_within_reach, read_day
from bookings.views.hold_bar import find_hold_bar
from bookings.views.responses import not_found
from experts.clocks import DAYS_BETWEEN_CLOCKS
from experts.embedding import frame_query, let_frame
from experts.htmx import is_partial
from experts.metadata import of_expert
from experts.models import Audience, Expert, OfferedType
from experts.page_cache import PAGES, Page, hole, render_shared
from experts.replicas import may_read_replica
from experts.scheduling.sessions import offered_by


@dataclass(frozen=True)
class ExpertPageQuery:
    """What an address asks for. ``month``: its first day, where the days of a month are shown.

    ``folded``: of a page that looks again, up to which slot it has folded past times. ``frame``: as ``frame_query``.
    ``session_type``: the slug of the type whose times are shown, "" where the address names none.
    """

    day: date | None
    month: date | None
    folded: int | None
    frame: tuple[tuple[str, str], ...] | None
    session_type: str = ""

    @property
    def shown(self) -> tuple[date, date] | None:
        """The first and last day of the month."""
        return (self.month, self.month + timedelta(days=length_of_month(self.month) - 1)) if self.month else None

    @property
    def frame_query(self) -> dict[str, str] | None:
        """What addresses carry in a frame on another site (experts/embedding.py); None on a page of our own."""
        return None if self.frame is None else dict(self.frame)


def _read_address(request, frame_query: dict[str, str] | None) -> ExpertPageQuery | None:
    """Return what the address asks for; None where it names a day or a month that is none."""
    day_text, month_text = request.GET.get("day") or "", request.GET.get("month") or ""
    day, month = read_day(day_text), read_month(month_text)
    if (day_text and day is None) or (month_text and month is None):
        return None
    if month and day and day.replace(day=1) != month:
        day = None
    folded = request.GET.get("folded", "")
    return ExpertPageQuery(
        day,
        month,
        int(folded) if folded.isascii() and folded.isdigit() and len(folded) < 19 else None,
        None if frame_query is None else tuple(frame_query.items()),
        request.GET.get("type", "")[:LONGEST_SLUG],
    )


@require_safe
@may_read_replica
def expert(request, slug):
    visitor = request.visitor
    response = _show(request, slug, "bookings/expert.html", _read_address(request, None), visitor)
    if response is None:
        if _find(slug) is None:
            return not_found(request, _("We don't know this expert."), reverse("discover"), _("See all experts"))
        return not_found(request, _("There is no such day."), reverse("expert", args=[slug]), _("See open times"))
    # The browser gets its identity now, so that the page's socket is told of a booking that another tab makes.
    ensure_visitor(request)
    return response


@require_safe
def embed_expert(request, slug):
    """Show the calendar alone, for a frame on the organisation's site. Sets no cookie: frames do not send them."""
    asked = _read_address(request, frame_query(request))
    response = _show(request, slug, "embed/expert.html", asked, request.visitor)
    if response is None:
        raise Http404
    return response


def _show(request, slug: str, template: str, asked: ExpertPageQuery | None, visitor: str) -> HttpResponse | None:
    """Return the page; None when there is no such expert, or no such day."""
    if asked is None:
        return None
    # Beside a month, what leads on is what comes after it.
    day = asked.shown[1] if asked.shown else asked.day
    found = read_calendar_version(slug, day, request.zone, visitor, shown=asked.shown, session_type=asked.session_type)
    if found is None:
        return None
    template = "bookings/_day.html" if is_partial(request) else template
    key = (template, slug, found.day, asked, request.zone, get_language())
    try:
        page = PAGES.get(key, found.version, lambda: _make(request, template, slug, found, asked))
    except Expert.DoesNotExist:
        return None
    with timezone.override(found.clocks.leading):
        response = _with_own(request, page, found, asked, visitor)
    if asked.session_type and found.chosen is None:
        response.status_code = 404  # the page says what there is instead
    return response if asked.frame is None else let_frame(response, found.embed_origins)


def _make(request, template: str, slug: str, found: CalendarVersion, asked: ExpertPageQuery) -> Page:
    """Render the page as everybody sees it. Raises Expert.DoesNotExist, also for a day that no page shows."""
    expert = Expert.objects.active().select_related("organization", "category").get(slug=slug)
    offered = list(offered_by(expert.pk)) if found.types else []
    chosen = next((it for it in offered if found.chosen and it.session_type_id == found.chosen.pk), None)
    # A type changes how far ahead can be booked, but not by more than pages show.
    if not is_within_reach(asked.month or found.day, expert):
        raise Expert.DoesNotExist
    is_listed = chosen is not None and chosen.session_type.audience != Audience.LINK
    clocks, metadata = found.clocks, of_expert(expert, asked.session_type if is_listed else "")
    choice = _choice(expert, offered, chosen, asked) if offered or asked.session_type else None
    context = {
        "accent": expert.organization.accent,
        "organization": expert.organization,
        "embedded": asked.frame is not None,
        "frame_query": asked.frame_query or {},
        "expert": expert,
        "metadata": metadata,
        "choice": choice,
        "zone": clocks.leading,
        "policy_text": policy_text(expert, chosen.session_type if chosen else None),
        "hold_bar": hole("hold_bar"),
    }
    if offered and chosen is None:
        # No times before it is said what for; nothing of this changes with the time of day.
        since, until = timezone.now(), timezone.now() + timedelta(days=1)
        url = day_url(expert, None, frame_query=asked.frame_query, session_type=asked.session_type)
        context |= {
            "resync_url": resync_url(url, folded=0),
            "structured_data": lambda: describe_expert(expert, metadata, (), has_types=True),
        }
    else:
        calendar = Calendar(
            expert,
            asked.day if asked.month else found.day,
            clocks,
            month=asked.month,
            next_free_day=found.next_free_day,
            frame_query=asked.frame_query,
            folded=asked.folded,
            offered=chosen,
        )
        since, until = calendar.now, calendar.changes_at
        context |= _times(calendar) | {
            # For whole pages of our own.
            "structured_data": lambda: describe_expert(
                expert, metadata, calendar.free, has_types=bool(offered), offered=chosen
            ),
        }
    with timezone.override(clocks.leading):
        html = render_shared(template, context, request.zone)
    return Page.of(html, found.version, since, until)


def _times(calendar: Calendar) -> dict[str, Any]:
    """Return what a page shows of the times."""
    return {
        "has_times": True,
        "session_type": calendar.session_type,
        "day": calendar.day,
        "resync_url": calendar.resync_url,
        "socket_url": calendar.socket_url,
        "clock_line": calendar.clock_line,
        "week_url": calendar.week_url,
        "month_url": calendar.month_url,
        "strip": calendar.strip,
        "month": calendar.month,
        "next_free_url": calendar.next_free_url,
        "earlier_tiles": calendar.earlier_tiles,
        "earlier_label": calendar.earlier_label,
        "parts": calendar.parts,
        "opens": calendar.opens,
        "open_count": calendar.open_count,
        "grid_key": calendar.grid_key,
    }


def _choice(
    expert: Expert, offered: list[OfferedType], chosen: OfferedType | None, asked: ExpertPageQuery
) -> TypeChoice:
    """Return what there is to choose from, with what was chosen. Each type's times begin with its first free day."""
    action = reverse("expert" if asked.frame is None else "embed_expert", args=[expert.slug])
    problem = not_offered(expert) if asked.session_type and chosen is None else ""
    return TypeChoice.of(expert, offered, chosen, action, problem=problem)


def _with_own(request, page: Page, found: CalendarVersion, asked: ExpertPageQuery, visitor: str) -> HttpResponse:
    """Lay over the page what is the viewer's own: the marks on tiles, and the bar of a hold."""
    if not found.has_own:
        return page.response(request, {"hold_bar": ""})
    html = page.filled(request, {"hold_bar": find_hold_bar(request, visitor, [found.expert_id])})
    beyond = timedelta(days=DAYS_BETWEEN_CLOCKS)  # slots that the page does not show, too
    first, last = asked.shown or (found.day, found.day)
    own = own_slots([visitor], expert_ids=[found.expert_id], first=first - beyond, last=last + beyond)[visitor]
    for slot_id, mark in marks_on(own, found.chosen.pk if found.chosen else None).items():
        html = html.replace(_mark(slot_id).encode(), _mark(slot_id, mark).encode(), 1)
    return HttpResponse(html)


def _mark(slot_id: int, mark: Mark | None = None) -> str:
    return render_to_string("bookings/_mark.html", {"slot_id": slot_id, "mark": mark})


def _find(slug: str) -> Expert | None:
    return Expert.objects.active().filter(slug=slug).first()

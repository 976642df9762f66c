"""One expert, seven days: choose a stretch, see what blocking or opening it means, and do it.

A stretch is chosen by lists, or on the grid by mouse and keyboard (static/js/admin-week.js), which loads the same
address. What is shown in the panel is what is written: its key goes with the form.
"""

from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.admin.day_address import DayAddress
from bookings.admin.day_drawing import draw_column
from bookings.admin.staff_choice import chosen_organization, organization_of, wanted_day
from bookings.admin.staff_live import staff_live
from bookings.admin.staff_page import StaffPage, render_page
from bookings.policy import UNDO_SECONDS
from bookings.selectors.staff_columns import StaffDay
from bookings.selectors.staff_day import read_week
from bookings.selectors.staff_experts import MOST_TO_CHOOSE, experts_seen
from experts import formatting, services
from experts.admin.base import read_key
from experts.admin.preview import sections_of
from experts.admin.preview_sections import Row, Section
from experts.admin.scoping import reach
from experts.errors import PreviewNeeded, Refused, StretchPreviewNeeded
from experts.models import Expert, Organization, Slot, TimeOff
from experts.models.hours import MIDNIGHT
from experts.permissions import ADD
from experts.services import Stretch, StretchPlan
from experts.timezones import minutes_in, offset_label

FARTHEST = 3660  # days
_WAY_BACK = "week_way_back"  # in the session: what takes the last block back
STEP = 15  # minutes between the times that can be chosen


class StretchForm(forms.Form):
    """A stretch that is asked about. ``until`` is 00:00 for the end of the day."""

    on = forms.DateField()
    since = forms.TimeField()
    until = forms.TimeField()

    def clean_on(self) -> date:
        day = self.cleaned_data["on"]
        if abs((day - timezone.now().date()).days) > FARTHEST:
            raise forms.ValidationError(_("That day is too far away."))
        return day

    def stretch(self) -> Stretch | None:
        """The stretch, None where none is asked for or it is none."""
        if not self.is_valid():
            return None
        values = self.cleaned_data
        try:
            return Stretch(values["on"], values["since"], values["until"])
        except Refused as refusal:
            self.add_error("until", str(refusal))
            return None


class OpeningForm(forms.Form):
    """With what a stretch is filled."""

    minutes = forms.IntegerField(min_value=1, max_value=services.LONGEST_MINUTES, label=gettext_lazy("Minutes each"))
    capacity = forms.IntegerField(min_value=1, max_value=32767, label=gettext_lazy("Seats"))


def week_page(request: HttpRequest) -> HttpResponse:
    # Whose week it is says which organisation's: another may have been chosen in another tab meanwhile.
    asked = request.POST.get("expert") or request.GET.get("expert", "")
    organization = organization_of(request, read_key(asked)) if asked else chosen_organization(request)
    if organization is None:
        return render_page(request, "admin/day/nobody.html", _("Week"), {})
    experts = _experts(request, organization)
    expert = _chosen(request, experts, asked)
    if expert is None:
        return render_page(request, "admin/day/nobody.html", _("Week"), {})
    if request.method == "POST":
        return _write(request, organization, experts, expert)
    return _page(request, organization, experts, expert)


def _experts(request: HttpRequest, organization: Organization) -> list[Expert]:
    seen = experts_seen(reach(request), organization).defer("bio", "search_text")
    rows = list(seen.order_by("name", "pk")[:MOST_TO_CHOOSE])
    asked = read_key(request.POST.get("expert") or request.GET.get("expert", ""))
    if len(rows) == MOST_TO_CHOOSE and asked and all(expert.pk != asked for expert in rows):
        rows += seen.filter(pk=asked)  # whoever is asked for is there, however many there are
    for expert in rows:
        expert.organization = organization
    return rows


def _chosen(request: HttpRequest, experts: list[Expert], asked: str) -> Expert | None:
    """The expert whom the address names, else the own, else the first. Raises Http404 for one whom they do not see."""
    if asked:
        found = next((expert for expert in experts if expert.pk == read_key(asked)), None)
        if found is None:
            raise Http404
        return found
    own = next((expert for expert in experts if expert.user_id == request.user.pk), None)
    return own or next(iter(experts), None)


def _page(
    request: HttpRequest,
    organization: Organization,
    experts: list[Expert],
    expert: Expert,
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    now = timezone.now()
    given = request.POST if request.method == "POST" else request.GET
    asked = StretchForm(given if "on" in given else None)
    stretch = asked.stretch()
    shown = stretch.day if stretch else wanted_day(request, organization, now)
    first = formatting.week_start(shown)
    live = staff_live(organization, first + timedelta(days=3), [expert])
    week = read_week(organization=organization, expert=expert, first=first, now=now)
    today = now.astimezone(expert.zone).date()
    opens_at = week[0].opens_at
    if asked.is_bound and stretch is None:
        problem = problem or _("Choose a day, and an end that is after the start.")
        status = 422
    title = _("Week of %(expert)s") % {"expert": expert.name}
    context = {
        "organization": organization,
        "expert": expert,
        "experts": experts,
        "staff_live": live,
        "days": [_day(found, today, now) for found in week],
        "hours": _hours(week[0], expert),
        "minutes_shown": minutes_in(week[0].closes_at - opens_at),
        "offset": offset_label(expert.zone, opens_at),
        "zone": formatting.zone_label(expert.zone, opens_at),
        "span": formatting.day_span(first, first + timedelta(days=6)),
        "earlier_url": _url(expert, first - timedelta(days=7)),
        "later_url": _url(expert, first + timedelta(days=7)),
        "today_url": _url(expert, today),
        "here_url": _url(expert, first),
        "is_this_week": first <= today < first + timedelta(days=7),
        "day_url": _day_url(organization, shown),
        "times": _times(),
        "since": given.get("since", "09:00"),
        "until": given.get("until", "10:00"),
        "on": (stretch.day if stretch else shown).isoformat(),
        "picked": shown,
        "kept": {"expert": expert.pk},
        "problem": problem,
        "panel": _panel(request, expert, stretch, given, week) if stretch else None,
        "toast": _toast(request, expert, shown),
    }
    return render_page(request, "admin/week/page.html", title, context, status=status)


def _url(expert: Expert, day: date, **said) -> str:
    return f"{reverse('admin:week')}?{urlencode({'expert': expert.pk, 'day': day} | said)}"


def _day_query(organization: Organization, day: date) -> dict[str, str]:
    return {"organization": str(organization.pk), "day": day.isoformat()}


def _day_url(organization: Organization, day: date) -> str:
    return reverse("admin:day", query=_day_query(organization, day))


def _times() -> list[dict]:
    """All times to choose from, as addresses have them and as people read them."""
    every = (time(minute // 60, minute % 60) for minute in range(0, 24 * 60, STEP))
    return [{"value": at.isoformat("minutes"), "text": formatting.wall_clock(at)} for at in every]


def _hours(found: StaffDay, expert: Expert) -> list[dict]:
    hours, at = [], found.opens_at
    while at <= found.closes_at:
        hours.append({"text": formatting.clock(at, expert.zone), "at": minutes_in(at - found.opens_at)})
        at += timedelta(hours=1)
    return hours


def _day(found: StaffDay, today: date, now: datetime) -> dict:
    column = found.columns[0]
    opens = found.opens_at.astimezone(column.expert.zone)
    return {
        **draw_column(found, column, DayAddress(QueryDict(), _day_query(found.organization, found.day))),
        "day": found.day,
        "name": formatting.day_name(found.day, today),
        "short": date_format(found.day, "SHORT_DAY_FORMAT"),
        "is_today": found.day == today,
        "is_over": found.day < today,
        "url": _day_url(found.organization, found.day),
        "opens": opens.hour * 60 + opens.minute,
        "load": _("%(taken)d of %(seats)d") % {"taken": column.seats_taken, "seats": column.seats},
        "now_at": minutes_in(now - found.opens_at) if found.opens_at <= now < found.closes_at else None,
    }


# What a stretch means


def _panel(request: HttpRequest, expert: Expert, stretch: Stretch, given: QueryDict, week: list[StaffDay]) -> dict:
    defaults = {"minutes": expert.session_minutes, "capacity": expert.default_capacity}
    opening = OpeningForm({name: given.get(name) or value for name, value in defaults.items()})
    block = services.plan_block(expert, stretch)
    opened = None
    if opening.is_valid():
        opened = services.plan_opening(expert, stretch, **opening.cleaned_data)
    until = formatting.wall_clock(stretch.end) if stretch.end != MIDNIGHT else _("the end of the day")
    starts_at, _ends_at = stretch.instants(expert)
    return {
        "title": formatting.day_name(stretch.day, timezone.now().astimezone(expert.zone).date()),
        "times": _("%(start)s to %(end)s") % {"start": formatting.wall_clock(stretch.start), "end": until},
        "zone": formatting.zone_label(expert.zone, starts_at),
        "there": _there(expert, stretch, week),
        "block": {"key": block.key, "sections": _sections(request, block), "is_empty": block.is_empty},
        "open": {"key": opened.key, "sections": _sections(request, opened), "is_empty": opened.is_empty}
        if opened
        else None,
        "opening": opening,
        "since": stretch.start.isoformat("minutes"),
        "until": stretch.end.isoformat("minutes"),
        "on": stretch.day.isoformat(),
    }


def _there(expert: Expert, stretch: Stretch, week: list[StaffDay]) -> str:
    """What is in the stretch today, in one sentence."""
    starts_at, ends_at = stretch.instants(expert)
    found = next(found for found in week if found.day == stretch.day)
    entries = [it for it in found.columns[0].entries if it.starts_at < ends_at and starts_at < it.ends_at]
    booked = sum(bool(it.seats_taken) for it in entries)
    free = sum(it.is_bookable for it in entries)
    if not entries:
        return _("There is nothing in it.")
    booked_words = ngettext("%(count)d session is booked", "%(count)d sessions are booked", booked) % {"count": booked}
    free_words = ngettext("%(count)d time is free", "%(count)d times are free", free) % {"count": free}
    return _("%(booked)s, %(free)s.") % {"booked": booked_words, "free": free_words}


def _sections(request: HttpRequest, found: StretchPlan) -> list[Section]:
    slots = admin.site.get_model_admin(Slot)
    sections = sections_of([found.hours], lambda slot: slots.bookings_url(request, slot))
    for title, note, rows in (
        (_("Closed"), _("Made by hand. Who has booked one keeps it."), found.closed),
        (_("Opened again"), "", found.reopened),
        (_("Added"), _("They stay when weekly hours change."), found.added),
    ):
        if rows:
            times = ", ".join(formatting.wall_clock(slot.time) for slot in rows)
            sections.append(Section(title, note, len(rows), [Row(times, "")]))
    if found.ended:
        sections.append(Section(_("Time off that ends"), "", len(found.ended), []))
    return sections


# What comes of it


def _toast(request: HttpRequest, expert: Expert, day: date) -> dict | None:
    """What was blocked or taken back a moment ago. By the address, as the live page reads this page, too."""
    if left := request.GET.get("undone", ""):
        count = read_key(left)
        text = _("Taken back: it is as before.")
        if count:
            text = ngettext(
                "Taken back. %(count)d slot stays as it is: it was changed meanwhile, or has begun.",
                "Taken back. %(count)d slots stay as they are: they were changed meanwhile, or have begun.",
                count,
            ) % {"count": count}
        return {"text": text, "icon": "undo-2", "seconds": UNDO_SECONDS, "is_patient": True}
    kept = request.session.get(_WAY_BACK)
    if not kept or request.GET.get("blocked", "") != str(kept["time_off"]):
        return None
    return {
        "text": _("Blocked. Whoever is booked in it stays, and is to be told."),
        "icon": "ban",
        "seconds": UNDO_SECONDS,
        "is_patient": True,  # it is taken back as long as the log-in knows of it
        "undo_url": reverse("admin:week"),
        "fields": {"do": "undo", "expert": expert.pk, "day": day.isoformat(), "time_off": kept["time_off"]},
    }


def _undo(request: HttpRequest, organization: Organization, experts: list[Expert], expert: Expert) -> HttpResponse:
    """Take the last block back that this session made. What nobody has changed since is as before."""
    request.GET = request.POST  # which week is shown
    kept = request.session.get(_WAY_BACK)
    if not kept or request.POST.get("time_off", "") != str(kept["time_off"]):
        problem = _("This cannot be undone any more.")
        return _page(request, organization, experts, expert, problem=problem, status=409)
    try:
        left = services.unblock_stretch(expert_id=expert.pk, way_back=services.WayBack(**kept))
    except Refused as refusal:
        return _page(request, organization, experts, expert, problem=str(refusal), status=refusal.status)
    del request.session[_WAY_BACK]
    return HttpResponseRedirect(_url(expert, wanted_day(request, organization, timezone.now()), undone=left))


def _write(request: HttpRequest, organization: Organization, experts: list[Expert], expert: Expert) -> HttpResponse:
    if request.POST.get("do") == "undo":
        return _undo(request, organization, experts, expert)
    stretch = StretchForm(request.POST).stretch()
    opening = OpeningForm(request.POST)
    does_open = request.POST.get("do") == "open"
    if stretch is None or (does_open and not opening.is_valid()):
        return _page(request, organization, experts, expert, problem=_("Please check the values."), status=422)
    seen = request.POST.get("seen", "")
    try:
        if does_open:
            services.open_stretch(expert_id=expert.pk, stretch=stretch, seen=seen, **opening.cleaned_data)
            messages.success(request, _("Opened."))
            said = {}
        else:
            reason = "".join(letter for letter in request.POST.get("reason", "") if letter.isprintable())
            way_back = services.block_stretch(expert_id=expert.pk, stretch=stretch, reason=reason, seen=seen).way_back
            assert way_back is not None, "it was written"
            request.session[_WAY_BACK] = asdict(way_back)
            said = {"blocked": way_back.time_off}
    except (StretchPreviewNeeded, PreviewNeeded):
        again = _("Something changed in the meantime. Please look again.")
        return _page(request, organization, experts, expert, problem=again, status=409)
    except Refused as refusal:
        return _page(request, organization, experts, expert, problem=str(refusal), status=refusal.status)
    return HttpResponseRedirect(_url(expert, stretch.day, **said))


PAGE = StaffPage(
    name="week",
    route="week/",
    view=week_page,
    title=gettext_lazy("Week"),
    icon="calendar_view_week",
    model=TimeOff._meta.label_lower,
    right=ADD,
)

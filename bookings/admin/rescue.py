"""Rescue in the admin: a row for each session that cannot take place, with the best other time, and one click for all.

One form holds all rows, so that the page works without scripts; each button says what to do with which row.
static/js/admin-rescue.js sends the same form and puts the answer in place.
"""

from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.admin.decision_forms import who_hears_nothing
from bookings.admin.offers import takers
from bookings.admin.rescue_acts import Acts, Done
from bookings.admin.rescue_drawing import Drawing
from bookings.admin.rescue_message import MESSAGE_LASTS, MessageForm
from bookings.admin.staff_choice import chosen_organization, organizations_to_choose, remembered_organization
from bookings.admin.staff_live import live_of_organization
from bookings.admin.staff_page import StaffPage, render_page
from bookings.models import Booking, Rescue
from bookings.selectors.rescue_rows import MOST_ROWS, RescueBoard, Stage, count_to_do, read_board
from bookings.selectors.staff_experts import experts_seen
from experts import formatting
from experts.admin.base import read_key
from experts.admin.scoping import reach
from experts.models import Expert, Organization
from experts.permissions import CHANGE

SHOWN_MOVED = 4  # of what is in hand; the rest is folded


class RescuePage:
    """One look at the page: what this person may see and do of one organisation, or of one expert."""

    def __init__(self, request: HttpRequest, organization: Organization) -> None:
        self.request, self.organization, self.now = request, organization, timezone.now()
        self.zone = organization.zone
        self._page = admin.site.get_model_admin(Booking)
        self.experts = experts_seen(reach(request), organization)
        self.expert = self.experts.filter(pk=read_key(request.GET.get("expert", ""))).first()
        if self.expert is not None:
            self.experts = self.experts.filter(pk=self.expert.pk)

    @property
    def url(self) -> str:
        return f"{reverse('admin:rescue')}?{self._query()}"

    def _query(self, **more: str) -> str:
        values = {"organization": str(self.organization.pk)} | more
        return urlencode(values | ({"expert": str(self.expert.pk)} if self.expert else {}))

    def bookings(self) -> QuerySet[Booking]:
        rows = Booking.objects.filter(of_organization=self.organization)
        return self._page.within(self.request, rows, CHANGE)

    def takers(self) -> QuerySet[Expert]:
        return takers(self.request, self.organization.pk)

    def board(self) -> RescueBoard:
        rescues = Rescue.objects.filter(booking__in=self.bookings().order_by().values("pk"))
        return read_board(self.bookings(), rescues, experts=self.experts, takers=self.takers(), now=self.now)

    def form(self, data=None) -> MessageForm:
        mine = Rescue.objects.filter(
            created_by=self.request.user,
            expert__organization=self.organization,
            created_at__gt=self.now - MESSAGE_LASTS,
        )
        last = "" if data else mine.order_by("-pk").values_list("message", flat=True).first() or ""
        return MessageForm(data, zone=self.zone, now=self.now, last=last)

    def act(self, form: MessageForm) -> Done:
        return Acts(self.request, self.bookings(), self.takers(), self.zone, self.now).act(form)

    def context(self, form: MessageForm | None = None, done: Done | None = None) -> dict:
        live = live_of_organization(self.organization)
        board, drawing = self.board(), Drawing(self.zone, self.now)
        rows = [drawing.row(row) for row in board.rows]
        moved = [row for row in rows if row.row.stage == Stage.MOVED]
        counts, total = board.counts, len(rows)
        ended = counts[Stage.MOVED] - board.moved
        selects_all = self.request.GET.get("selected") == "all"
        refused = form is not None and not form.is_valid()
        to_do = [row for row in rows if row.row.stage == Stage.TODO]
        return {
            "staff_live": live,
            "organization": self.organization,
            "organizations": organizations_to_choose(self.request, self.organization),
            "expert": self.expert,
            "away": board.experts,
            "headline": drawing.headline(board),
            "subline": drawing.subline(board),
            "is_cut": board.is_cut,
            "most": MOST_ROWS,
            "rows": [row for row in rows if row.row.stage != Stage.MOVED],
            "moved": moved[:SHOWN_MOVED],
            "more_moved": moved[SHOWN_MOVED:],
            "numbers": [
                ("moved", "circle-check", board.moved, _("moved")),
                *([("moved", "check", ended, _("cancelled or settled"))] if ended else []),
                ("waiting", "hourglass", counts[Stage.WAITING], _("waiting")),
                ("phone", "phone", counts[Stage.PHONE], _("to phone")),
                ("todo", "circle-dashed", counts[Stage.TODO], _("to do")),
            ],
            "total": total,
            "in_hand": _("%(count)d of %(total)d in hand") % {"count": board.in_hand, "total": total},
            "form": form or self.form(),
            "done": done,
            "selects_all": selects_all,
            "selected": {read_key(key) for key in self.request.POST.getlist("row")} if refused else (),
            "selectable": len(to_do),
            "clock": formatting.zone_name(self.zone),
            "url": self.url,
            "rows_url": f"{reverse('admin:rescue_rows')}?{self._query()}",
            "all_url": f"{self.url}&selected=all",
            "everybody_url": f"{reverse('admin:rescue')}?{urlencode({'organization': self.organization.pk})}",
        }


def rescue_page(request: HttpRequest) -> HttpResponse:
    page = _page_of(request)
    if page is None:
        return render_page(request, "admin/day/nobody.html", _("Rescue"), {})
    if request.method != "POST":
        return render_page(request, "admin/rescue/page.html", _("Rescue"), page.context())
    form = page.form(request.POST)
    by_script = request.headers.get("X-By-Script") == "1"
    if not form.is_valid():
        if by_script:
            return TemplateResponse(request, "admin/rescue/_answer.html", page.context(form), status=422)
        return render_page(request, "admin/rescue/page.html", _("Rescue"), page.context(form), status=422)
    if request.POST.get("act", "").startswith("cancel") and "sure" not in request.POST:
        return _ask(request, page, form)
    done = page.act(form)
    if by_script:
        page.now = timezone.now()
        return TemplateResponse(request, "admin/rescue/_answer.html", page.context(form, done))
    if done.text:
        messages.success(request, done.text)
    for text in done.refused:
        messages.warning(request, text)
    return HttpResponseRedirect(page.url)


def rows_part(request: HttpRequest) -> HttpResponse:
    """The numbers and the rows, for a page that is open."""
    page = _page_of(request)
    if page is None:
        raise Http404
    return TemplateResponse(request, "admin/rescue/_live.html", page.context())


def _page_of(request: HttpRequest) -> RescuePage | None:
    organization = chosen_organization(request)
    if organization is None:
        return None
    if request.method not in ("GET", "HEAD", "POST"):
        raise PermissionDenied
    return RescuePage(request, organization)


def _ask(request: HttpRequest, page: RescuePage, form: MessageForm) -> HttpResponse:
    """Ask before anybody's booking is cancelled, by name."""
    _what, _colon, key = request.POST["act"].partition(":")
    keys = [key] if key else request.POST.getlist("row")[:MOST_ROWS]
    rows = page.bookings().with_slot().filter(pk__in=[read_key(each) for each in keys])
    bookings = list(rows.order_by("slot__starts_at", "pk"))
    if not bookings:
        messages.warning(request, _("Choose some people first."))
        return HttpResponseRedirect(page.url)
    number = len(bookings)
    context = {
        "question": ngettext("Cancel this booking?", "Cancel these %(count)d bookings?", number) % {"count": number},
        "bookings": bookings,
        "hidden": [("row", booking.pk) for booking in bookings]
        + [(f"seq-{booking.pk}", booking.sequence) for booking in bookings],
        "unheard": who_hears_nothing(bookings),
        "form": form,
        "url": page.url,
    }
    return render_page(request, "admin/rescue/cancel.html", _("Rescue"), context)


def to_do(request: HttpRequest) -> int | None:
    """The badge of the menu: for how many nobody has done anything. One query.

    Whoever sees every organisation gets the count of the one that they chose last, if they chose any.
    """
    mine = reach(request)
    everywhere, own = mine.with_right("bookings.booking", CHANGE)
    if mine.everything:
        chosen = remembered_organization(request)
        if chosen is None:
            return None
        everywhere = frozenset([chosen])
    return count_to_do(everywhere=everywhere, own=own, user_id=mine.user_id, now=timezone.now()) or None


PAGE = StaffPage(
    name="rescue",
    route="rescue/",
    view=rescue_page,
    title=gettext_lazy("Rescue"),
    icon="support",
    right=CHANGE,
    badge=to_do,
    parts=(("rescue_rows", "rescue/rows/", rows_part),),
)


def rescue_url(*, organization: int, expert: int | None = None, selects_all: bool = False) -> str:
    """Return where the sessions of an organisation, or of one expert, are rescued."""
    query = {"organization": organization} | ({"expert": expert} if expert else {})
    return f"{reverse('admin:rescue')}?{urlencode(query | ({'selected': 'all'} if selects_all else {}))}"

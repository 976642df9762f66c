"""The page of requests: the one that runs out first on top, answered in the row or several at once, taken back."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache

from bookings import services
from bookings.admin.decision_forms import DECISIONS, DecisionForm
from bookings.admin.people_read import read_words
from bookings.admin.request_offers import AskedOffer, ask_offer, offer_form, offer_instead, offers_of
from bookings.admin.staff_choice import chosen_organization, named_in_addresses, organizations_to_choose
from bookings.admin.staff_live import live_of_requests
from bookings.admin.staff_page import StaffPage, render_page
from bookings.errors import Refused, SlotTaken
from bookings.models import Booking, Status
from bookings.selectors.requests import (
    MOST_COUNTED,
    MOST_SHOWN,
    Undoable,
    experts_asked,
    undoable,
    waiting_requests,
    with_answers,
)
from bookings.selectors.visits import Visits, visits_of
from bookings.views.responses import see_other
from experts import formatting
from experts.admin.base import read_key
from experts.admin.scoping import reach
from experts.models import Expert, Organization
from experts.permissions import CHANGE

SOON = timedelta(hours=2)
MOST_IN_BADGE = 99
ALL_SELECTED = "selected"


@never_cache
def requests_view(request):
    """Show the requests that may be answered; a POST answers, asks why, or takes back what was answered."""
    if request.method == "POST":
        return _answer(request)
    return _page(request)


def _may_answer(request) -> QuerySet[Booking]:
    page = admin.site.get_model_admin(Booking)
    return page.within(request, page.get_queryset(request), CHANGE)


def _waiting(request, now: datetime) -> QuerySet[Booking]:
    """The requests that they may answer, the one that runs out first on top.

    An expert's by the requests of the organisation, which has an index of them: of the expert's own bookings they are
    very few.
    """
    mine, rows = reach(request), Booking.objects.with_slot()
    if not mine.everything:
        everywhere, own = mine.with_right("bookings.booking", CHANGE)
        reached = Q(of_organization__in=everywhere)
        if own:  # else slots and experts would be looked up for nothing
            is_own = Q(slot__expert__user=mine.user_id) | Q(second_expert__user=mine.user_id)
            reached |= Q(of_organization__in=own) & is_own
        rows = rows.filter(reached)
    return waiting_requests(rows, now)


def _page(
    request,
    *,
    asks: list[Booking] | None = None,
    form: DecisionForm | None = None,
    offer: AskedOffer | None = None,
    status: int = 200,
):
    organization = chosen_organization(request)
    if organization is None:
        return render_page(request, "admin/day/nobody.html", str(_TITLE), {})
    live = live_of_requests(organization)  # before what is shown is read
    now = timezone.now()
    mine = _may_answer(request)
    organizations = organizations_to_choose(request, organization)
    named = named_in_addresses(organization, organizations)
    every = _waiting(request, now).filter(of_organization=organization)
    chosen = read_key(request.GET.get("expert", ""))
    if chosen and not Expert.objects.filter(pk=chosen, organization=organization).exists():
        chosen = 0  # of the organisation that was chosen before
    text = request.GET.get("q", "").strip()[:100]
    shown = every.filter(slot__expert=chosen) if chosen else every
    shown = list(with_answers(shown.called(text) if text else shown)[: MOST_SHOWN + 1])
    has_more, shown = len(shown) > MOST_SHOWN, shown[:MOST_SHOWN]
    visits = visits_of(admin.site.get_model_admin(Booking).get_queryset(request), [row.pk for row in shown])
    offers = offers_of(shown, now)
    opened = next((row for row in shown if row.pk == read_key(request.GET.get("note", ""))), None)
    here = _address(request, **named)
    context = {
        "rows": [
            _row(row, visits.get(row.pk), now, here, is_open=row is opened) | {"offered": offers.get(row.pk, "")}
            for row in shown
        ],
        "read": read_words(request, opened) if opened is not None else None,
        "has_more": has_more,
        "most_shown": MOST_SHOWN,
        "count": _counted(every),
        "experts": experts_asked(every),
        "organization": organization,
        "organizations": organizations,
        "elsewhere": _elsewhere(_waiting(request, now), organization) if organizations else "",
        "all_url": reverse("admin:requests", query=named),
        "chosen": chosen,
        "text": text,
        "is_filtered": bool(chosen or text),
        "here": here,
        "live_url": _address(request, part="list", **named, **({"note": str(opened.pk)} if opened else {})),
        "staff_live": live,
        "asks": [_named(booking) for booking in asks] if asks else None,
        "reason": form["reason"] if form else None,
        "offer": offer,
        "undo": _undo(undoable(mine, _numbers(request.GET.get("undo", "").split(",")), now)),
    }
    if request.GET.get("part") == "list":  # something has changed: what is asked and said meanwhile stays
        return TemplateResponse(request, "admin/_requests_list.html", context)
    if request.headers.get("X-Part") == "requests":
        return TemplateResponse(request, "admin/_requests.html", context, status=status)
    return render_page(request, "admin/requests.html", str(_TITLE), context, status=status)


def _row(booking: Booking, visits: Visits | None, now: datetime, here: str, *, is_open: bool) -> dict:
    left = booking.runs_out_at - now
    whole = max(booking.runs_out_at - booking.created_at, timedelta(minutes=1))
    slot = booking.slot
    return {
        "pk": booking.pk,
        "name": booking.name,
        "left": formatting.duration(max(left, timedelta(minutes=1))),
        "is_soon": left < SOON,
        "ring": 100 - min(100, max(4, round(100 * (left / whole)))),
        "visits": visits_in_words(visits) if visits else "",
        "has_missed": bool(visits and visits.missed),
        "when": formatting.soon(slot.starts_at, slot.expert.zone, now),
        "city": slot.expert.zone_city,
        "expert": booking.with_whom,
        "what": booking.title_and_length,
        "seats": booking.seats if booking.seats > 1 else 0,
        "has_address": bool(booking.email),
        "has_note": bool(booking.notes) or booking.has_answers,
        "is_open": is_open,
        "note_url": f"{here}{'&' if '?' in here else '?'}{urlencode({'note': booking.pk})}#request-{booking.pk}",
        "url": reverse("admin:bookings_booking_change", args=[booking.pk]),
    }


def visits_in_words(visits: Visits) -> str:
    """``First visit``, ``3 visits``, ``1 no-show, 2 visits``: what there was before."""
    missed = ngettext("%(count)d no-show", "%(count)d no-shows", visits.missed) % {"count": visits.missed}
    if not visits.came:
        return missed if visits.missed else _("First visit")
    came = ngettext("%(count)d visit", "%(count)d visits", visits.came) % {"count": visits.came}
    return _("%(missed)s, %(came)s") % {"missed": missed, "came": came} if visits.missed else came


def _named(booking: Booking) -> dict:
    return {"pk": booking.pk, "name": booking.name, "has_address": bool(booking.email)}


def _undo(found: Undoable | None) -> dict | None:
    if found is None:
        return None
    approved, number = found.status == Status.CONFIRMED, len(found.bookings)
    if number == 1:
        said = _("%(name)s approved.") if approved else _("%(name)s rejected.")
        said %= {"name": found.bookings[0].name}
    else:
        said = (
            ngettext("%(count)d request approved.", "%(count)d requests approved.", number)
            if approved
            else ngettext("%(count)d request rejected.", "%(count)d requests rejected.", number)
        ) % {"count": number}
    writes = sum(bool(booking.email) for booking in found.bookings)
    return {
        "said": said,
        "leaves": ngettext("The e-mail leaves in %(seconds)d s.", "The e-mails leave in %(seconds)d s.", writes)
        % {"seconds": found.seconds}
        if writes
        else "",
        "seconds": found.seconds,
        "keys": [booking.pk for booking in found.bookings],
    }


# Answers


def _answer(request):
    mine = _may_answer(request)
    if "undo" in request.POST:
        rows = list(mine.filter(pk__in=_numbers(request.POST.getlist("undo"))).order_by("pk"))
        done, refused = _each(rows, lambda booking: services.undo_decision(booking_id=booking.pk))
        said = ngettext("%(count)d request waits again.", "%(count)d requests wait again.", len(done))
        _say(request, said % {"count": len(done)} if done else "", refused)
        return see_other(_address(request))
    if "offer" in request.POST or "back" in request.POST:
        return _offer(request, mine)
    name = "approve" if "approve" in request.POST else "reject"
    wanted = request.POST.getlist(name)
    keys = _numbers(request.POST.getlist("booking") if ALL_SELECTED in wanted else wanted)
    rows = list(mine.filter(pk__in=keys).order_by("expires_at", "pk"))
    if not rows:
        messages.warning(request, _("Choose a request first."))
        return see_other(_address(request))
    if name == "approve":
        done, refused = _each(rows, lambda booking: services.approve(booking_id=booking.pk, can_undo=True))
    else:
        form = DecisionForm(DECISIONS["reject"], request.POST if "reason" in request.POST else None)
        if not form.is_valid():
            return _page(request, asks=rows, form=form, status=422 if form.is_bound else 200)
        reason = form.cleaned_data["reason"]
        done, refused = _each(
            rows, lambda booking: services.reject(booking_id=booking.pk, reason=reason, can_undo=True)
        )
    _say(request, "", refused)
    return see_other(_address(request, undo=",".join(str(booking.pk) for booking in done)))


def _offer(request, mine: QuerySet[Booking]):
    """Ask which times are offered instead of a request; with the answer offer them, or take back what was offered."""
    name = "back" if "back" in request.POST else "offer"
    rows = list(mine.with_slot().filter(pk=read_key(request.POST[name]), status=Status.PENDING))
    if not rows:
        messages.warning(request, _("This is no request any more."))
        return see_other(_address(request))
    if name == "back":
        done, refused = _each(rows, lambda booking: services.take_back_offer(booking_id=booking.pk))
        said = _("The times are not kept for %(name)s any more.")
        _say(request, said % {"name": done[0].name} if done else "", refused)
        return see_other(_address(request))
    [booking], now = rows, timezone.now()
    if "until" not in request.POST:
        return _page(request, offer=ask_offer(request, booking, now))
    form = offer_form(booking, now, request.POST)
    if form.is_valid() and "time" not in request.POST:
        form.add_error(None, _("Choose at least one time."))
    if not form.is_valid():
        return _page(request, offer=ask_offer(request, booking, now, form), status=422)
    done, refused = _each(rows, lambda each: offer_instead(request, each, form))
    said = _("Other times are kept for %(name)s, and an e-mail is on its way. The request stays open meanwhile.")
    _say(request, said % {"name": booking.name} if done else "", refused)
    return see_other(_address(request))


def _each(rows: list[Booking], act) -> tuple[list[Booking], list[str]]:
    done, refused = [], []
    for booking in rows:
        try:
            act(booking)
        except Refused as refusal:
            why = _("That time was just taken.") if isinstance(refusal, SlotTaken) else refusal
            refused.append(_("%(name)s: %(why)s") % {"name": booking.name, "why": why})
        else:
            done.append(booking)
    return done, refused


def _say(request, said: str, refused: list[str]) -> None:
    if said:
        messages.success(request, said)
    for text in refused[:10]:
        messages.warning(request, text)


def _address(request, **more: str) -> str:
    """This page as it is filtered."""
    query = QueryDict(mutable=True)
    query.update({name: request.GET[name] for name in ("organization", "q", "expert") if request.GET.get(name)} | more)
    asked = query.urlencode(safe=",")
    return reverse("admin:requests") + (f"?{asked}" if asked else "")


def _counted(rows: QuerySet[Booking]) -> str:
    number = rows.order_by()[: MOST_COUNTED + 1].count()
    return formatting.count_label(min(number, MOST_COUNTED), number > MOST_COUNTED)


def _elsewhere(every: QuerySet[Booking], organization: Organization) -> str:
    """How many wait in the other organisations, which the number in the menu counts, too."""
    others = every.exclude(of_organization=organization)
    number = len(others.order_by().values_list("pk")[: MOST_IN_BADGE + 1])
    if not number:
        return ""
    words = {"count": formatting.count_label(min(number, MOST_IN_BADGE), number > MOST_IN_BADGE)}
    return ngettext("%(count)s more waits elsewhere.", "%(count)s more wait elsewhere.", number) % words


def _numbers(texts: list[str]) -> list[int]:
    return [number for text in texts[:MOST_SHOWN] if (number := read_key(text))]


def badge(request) -> str | None:
    """How many wait, beside the entry of the menu."""
    waiting = _waiting(request, timezone.now()).order_by()
    number = len(waiting.values_list("pk")[: MOST_IN_BADGE + 1])
    return formatting.count_label(min(number, MOST_IN_BADGE), number > MOST_IN_BADGE) if number else None


_TITLE = gettext_lazy("Requests")
PAGE = StaffPage("requests", "requests/", requests_view, _TITLE, "hourglass_top", right=CHANGE, badge=badge)

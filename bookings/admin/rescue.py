"""Rescue in the admin: a row for each session that cannot take place, with the best other time, and one click for all.

One form holds all rows, so that the page works without scripts; each button says what to do with which row.
static/js/admin-rescue.js sends the same form and puts the answer in place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminSelectWidget

from bookings import services
from bookings.admin.decision_forms import who_hears_nothing
from bookings.admin.offers import OfferForm, ends_to_choose, takers
from bookings.admin.staff_choice import chosen_organization, organizations_to_choose, remembered_organization
from bookings.admin.staff_live import staff_live
from bookings.admin.staff_page import StaffPage, render_page
from bookings.errors import NotFound, Refused, SlotTaken
from bookings.models import Booking, Rescue, RescueReason
from bookings.models.rescue import RescueState
from bookings.selectors.rescue_rows import MOST_ROWS, RescueBoard, RescueRow, Stage, count_to_do, read_board
from bookings.selectors.rescue_times import Proposal, propose
from bookings.selectors.staff_day import experts_seen, organization_zone
from bookings.services.rescue import MOST_TIMES, UNDO_FOR
from experts import formatting
from experts.admin.base import read_key
from experts.admin.scoping import reach
from experts.models import Expert, Organization
from experts.permissions import CHANGE

SHOWN_MOVED = 4  # of what is in hand; the rest is folded
MESSAGE_LASTS = timedelta(hours=4)  # the last message is there again for so long


class MessageForm(OfferForm):
    """What goes along with whatever is done: a message for all, why, and until when times are kept."""

    why = forms.ChoiceField(
        label=gettext_lazy("Tell why"),
        required=False,
        choices=[("", gettext_lazy("No, only that it cannot take place")), *RescueReason.choices],
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = _("Message for all")
        self.fields["reason"].help_text = _(
            "Everybody reads it in the e-mail: with new times, a move, or when you cancel."
        )


@dataclass(frozen=True)
class Choice:
    """A time in the list of a row."""

    slot: int
    text: str


@dataclass(frozen=True)
class Shown:
    """A row as the template draws it."""

    row: RescueRow
    was: str
    proposal: str = ""
    note: str = ""
    choices: Sequence[Choice] = ()
    hand_over: int = 0
    state: str = ""
    can_undo: bool = False
    phone: str = ""
    call: str = ""

    @property
    def booking(self) -> Booking:
        return self.row.booking

    @property
    def stage(self) -> str:
        return self.row.stage.value


@dataclass
class Done:
    """What became of what was asked for: how many of which kind, and who could not be helped."""

    counts: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    undo: int = 0

    def add(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    @property
    def text(self) -> str:
        return " ".join(_IN_WORDS[what](count) for what, count in self.counts.items())


_IN_WORDS: dict[str, Callable[[int], str]] = {
    "move": lambda n: ngettext("%(count)d booking moved.", "%(count)d bookings moved.", n) % {"count": n},
    "offer": lambda n: (
        ngettext("Times kept for %(count)d person.", "Times kept for %(count)d people.", n) % {"count": n}
    ),
    "cancel": lambda n: ngettext("%(count)d booking cancelled.", "%(count)d bookings cancelled.", n) % {"count": n},
    "done": lambda n: ngettext("%(count)d person is done.", "%(count)d people are done.", n) % {"count": n},
    "back": lambda n: ngettext("%(count)d offer taken back.", "%(count)d offers taken back.", n) % {"count": n},
    "undo": lambda n: ngettext("%(count)d move undone.", "%(count)d moves undone.", n) % {"count": n},
}


class RescuePage:
    """One look at the page: what this person may see and do of one organisation, or of one expert."""

    def __init__(self, request: HttpRequest, organization: Organization) -> None:
        self.request, self.organization, self.now = request, organization, timezone.now()
        self.zone = organization_zone(organization)
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
        rows = Booking.objects.filter(slot__expert__organization=self.organization)
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

    def context(self, form: MessageForm | None = None, done: Done | None = None) -> dict:
        live = staff_live(self.organization)
        board = self.board()
        rows = [self._shown(row) for row in board.rows]
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
            "headline": self._headline(board),
            "subline": self._subline(board),
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

    # What stands above the rows

    def _headline(self, board: RescueBoard) -> str:
        experts = board.experts
        if not experts:
            return _("Every session can take place")
        if len(experts) == 1:
            return _("%(name)s cannot keep all sessions") % {"name": experts[0].name}
        return ngettext(
            "%(count)d expert cannot keep all sessions", "%(count)d experts cannot keep all sessions", len(experts)
        ) % {"count": len(experts)}

    def _subline(self, board: RescueBoard) -> str:
        if not board.rows:
            return _("Where time off or a closed slot hits somebody’s booking, it is listed here.")
        first, last = min(row.was_at for row in board.rows), max(row.was_at for row in board.rows)
        number = len(board.rows)
        words = {
            "first": formatting.soon(first, self.zone, self.now),
            "last": formatting.soon(last, self.zone, self.now),
            "count": number,
        }
        return (
            ngettext(
                "%(count)d session that cannot take place: %(first)s.",
                "%(count)d sessions that cannot take place: %(first)s – %(last)s.",
                number,
            )
            % words
        )

    # A row

    def _shown(self, row: RescueRow) -> Shown:
        booking, zone = row.booking, row.expert.zone
        common = {
            "row": row,
            "was": formatting.soon(row.was_at, zone, self.now),
            "phone": booking.phone_shown,
            "call": f"tel:{booking.phone}" if booking.phone else "",
        }
        if row.stage == Stage.MOVED or (row.stage == Stage.PHONE and not row.is_lost):
            return Shown(**common, **self._in_hand(row))
        if row.kept:
            ends = row.rescue.until if row.rescue else None
            kept = [Choice(it.slot.pk, self._named(it)) for it in row.kept]
            note = ngettext("Kept until %(when)s", "%(count)d times are kept until %(when)s", len(kept))
            return Shown(
                **common,
                proposal=self._times(row.kept),
                note=note % {"count": len(kept), "when": formatting.lately(ends, zone, self.now) if ends else ""},
                choices=kept,
                state=_("%(span)s left") % {"span": formatting.duration(_whole_minutes(ends - self.now))}
                if ends
                else "",
            )
        choices = [Choice(it.slot.pk, self._named(it)) for it in row.proposals]
        same_time = next((it for it in row.proposals if it.is_same_time), None)
        return Shown(
            **common,
            proposal=choices[0].text if choices else "",
            note=self._note(row),
            choices=choices,
            hand_over=same_time.slot.pk if same_time else 0,
        )

    def _note(self, row: RescueRow) -> str:
        rescue = row.rescue
        is_about_it = rescue is not None and rescue.is_about(row.booking)
        if is_about_it and rescue.state == RescueState.DECLINED:
            return _("None of the offered times suited them")
        if is_about_it and rescue.state == RescueState.OFFERED:
            return _("No answer in time")
        if row.proposals:
            return row.proposals[0].why
        if row.booking.second_expert_id is not None:
            return _("It needs two people, and no time was found at which both are free. Choose one by hand.")
        return _("No free time was found. Choose one by hand.")

    def _in_hand(self, row: RescueRow) -> dict:
        rescue, booking = row.rescue, row.booking
        assert rescue is not None, "it is in hand because something was done"
        at = formatting.lately(rescue.changed_at, self.zone, self.now)
        if rescue.state == RescueState.CANCELLED:
            told = _("Cancelled, with a link to book again")
            return {"proposal": _("Cancelled"), "note": told, "state": _("Cancelled, %(when)s") % {"when": at}}
        if rescue.state == RescueState.SETTLED:
            return {"proposal": _("Settled"), "note": "", "state": _("Done, %(when)s") % {"when": at}}
        session = booking.session
        proposal = Proposal(booking, session)
        note = (
            _("Picked from the offered times")
            if rescue.state == RescueState.CHOSEN
            else _("Moved by you or a colleague")
        )
        can_undo = (
            rescue.state == RescueState.MOVED
            and rescue.is_about(booking)
            and rescue.was_slot_id is not None
            and self.now < rescue.created_at + UNDO_FOR
        )
        state = _("Moved, just now") if can_undo else _("Moved, %(when)s") % {"when": at}
        return {"proposal": self._named(proposal), "note": note, "state": state, "can_undo": can_undo}

    def _named(self, proposal: Proposal) -> str:
        slot = proposal.slot
        words = {"when": formatting.soon(slot.starts_at, slot.expert.zone, self.now), "name": proposal.with_whom}
        return _("%(when)s, %(name)s") % words

    def _times(self, kept: Sequence[Proposal]) -> str:
        return ", ".join(formatting.soon(it.slot.starts_at, it.slot.expert.zone, self.now) for it in kept)

    # What is done

    def act(self, form: MessageForm) -> Done:
        """Do what the pressed button says: with one row (``move:17``), or with all that are selected (``move``)."""
        data, done = self.request.POST, Done()
        what, _colon, rest = data.get("act", "").partition(":")
        if what == "undo":
            rescue = Rescue.objects.filter(pk=read_key(rest), booking__in=self.bookings().values("pk")).first()
            if rescue is None:
                raise Http404
            self._each(done, what, rescue.booking, lambda: services.undo_move(rescue_id=rescue.pk))
            return done
        key, _colon, slot = rest.partition(":")
        wanted = [key] if key else data.getlist("row")[:MOST_ROWS]
        rows = self.bookings().with_slot().filter(pk__in=[read_key(each) for each in wanted])
        bookings = list(rows.order_by("slot__starts_at", "pk"))
        if key and not bookings:
            raise Http404
        actions = {
            "move": self._move,
            "offer": self._offer,
            "cancel": self._cancel,
            "done": self._reach,
            "back": self._back,
        }
        if what not in actions:
            raise Http404
        if not bookings:
            done.refused.append(_("Choose some people first."))
        actions[what](bookings, form.cleaned_data, done, read_key(slot) if slot else 0)
        return done

    def _move(self, bookings: Sequence[Booking], values: dict, done: Done, slot: int) -> None:
        takers = self.takers()
        for booking in bookings:
            to = slot or read_key(self.request.POST.get(f"to-{booking.pk}", ""))
            self._each(
                done,
                "move",
                booking,
                lambda booking=booking, to=to: services.move_lost(
                    booking_id=booking.pk,
                    slot_id=self._allowed(to, takers),
                    by=self.request.user,
                    message=values["reason"],
                    seen_sequence=self._seen(booking),
                ),
            )

    def _offer(self, bookings: Sequence[Booking], values: dict, done: Done, slot: int) -> None:
        """Offer what was chosen in the row, and the two best besides: to nobody what is offered to somebody else."""
        takers = self.takers()
        found = propose(bookings, takers, self.now, each=MOST_TIMES)
        chosen = {booking.pk: read_key(self.request.POST.get(f"to-{booking.pk}", "")) for booking in bookings}
        taken = {slot_id for slot_id in chosen.values() if slot_id}
        for booking in bookings:
            others = [it.slot.pk for it in found.get(booking.pk, ()) if it.slot.pk not in taken]
            first = [self._allowed(chosen[booking.pk], takers)] if chosen[booking.pk] else []
            self._each(
                done,
                "offer",
                booking,
                lambda booking=booking, times=[*first, *others][:MOST_TIMES]: services.offer_times(
                    booking_id=booking.pk,
                    slot_ids=times,
                    until=values["until"] or ends_to_choose(self.zone, self.now)[0],
                    by=self.request.user,
                    message=values["reason"],
                    why=values["why"],
                    seen_sequence=self._seen(booking),
                ),
            )

    def _cancel(self, bookings: Sequence[Booking], values: dict, done: Done, slot: int) -> None:
        for booking in bookings:
            self._each(
                done,
                "cancel",
                booking,
                lambda booking=booking: services.cancel_lost(
                    booking_id=booking.pk,
                    by=self.request.user,
                    message=values["reason"],
                    seen_sequence=self._seen(booking),
                ),
            )

    def _reach(self, bookings: Sequence[Booking], values: dict, done: Done, slot: int) -> None:
        for booking in bookings:
            self._each(
                done,
                "done",
                booking,
                lambda booking=booking: services.mark_reached(booking_id=booking.pk, by=self.request.user),
            )

    def _back(self, bookings: Sequence[Booking], values: dict, done: Done, slot: int) -> None:
        for booking in bookings:
            self._each(done, "back", booking, lambda booking=booking: services.take_back_offer(booking_id=booking.pk))

    def _seen(self, booking: Booking) -> int | None:
        text = self.request.POST.get(f"seq-{booking.pk}", "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None

    def _allowed(self, slot_id: int, takers: QuerySet[Expert]) -> int:
        """A slot into which they may book nobody is to look like one that does not exist."""
        if not takers.filter(slots=slot_id).exists():
            raise NotFound(_("Choose another time."))
        return slot_id

    def _each(self, done: Done, what: str, booking: Booking, act: Callable[[], object]) -> None:
        try:
            act()
        except Refused as refusal:
            text = _("That time was just taken.") if isinstance(refusal, SlotTaken) else str(refusal)
            done.refused.append(_("%(name)s: %(why)s") % {"name": booking.name or booking.reference, "why": text})
        else:
            done.add(what)


def _whole_minutes(span: timedelta) -> timedelta:
    return max(timedelta(minutes=span.total_seconds() // 60), timedelta(minutes=1))


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
    mine, bookings, experts = reach(request), Booking.objects.all(), Expert.objects.all()
    if mine.everything:
        chosen = remembered_organization(request)
        if chosen is None:
            return None
        bookings = bookings.filter(slot__expert__organization=chosen)
        experts = experts.filter(organization=chosen)
    else:
        everywhere, own = mine.with_right("bookings.booking", CHANGE)
        experts = experts.filter(Q(organization__in=everywhere) | Q(organization__in=own, user=mine.user_id))
        bookings = admin.site.get_model_admin(Booking).within(request, bookings, CHANGE)
    return count_to_do(bookings, experts, timezone.now()) or None


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

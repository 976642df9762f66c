"""What the buttons of the rescue page do, with one row or with all that are selected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings import services
from bookings.admin.offers import ends_to_choose
from bookings.admin.rescue_message import MessageForm
from bookings.errors import NotFound, Refused, SlotTaken
from bookings.models import Booking, Rescue
from bookings.selectors.rescue_rows import MOST_ROWS
from bookings.selectors.rescue_times import propose
from bookings.services.rescue import MOST_TIMES
from experts.admin.base import read_key
from experts.models import Expert


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


@dataclass(frozen=True)
class Acts:
    """What one form asks for: of ``bookings`` that they may change, and ``takers`` to whom they may give them."""

    request: HttpRequest
    bookings: QuerySet[Booking]
    takers: QuerySet[Expert]
    zone: ZoneInfo
    now: datetime

    def act(self, form: MessageForm) -> Done:
        """Do what the pressed button says: with one row (``move:17``), or with all that are selected (``move``)."""
        data, done = self.request.POST, Done()
        what, _colon, rest = data.get("act", "").partition(":")
        if what == "undo":
            rescue = Rescue.objects.filter(pk=read_key(rest), booking__in=self.bookings.values("pk")).first()
            if rescue is None:
                raise Http404
            self._each(done, what, rescue.booking, lambda: services.undo_move(rescue_id=rescue.pk))
            return done
        key, _colon, slot = rest.partition(":")
        wanted = [key] if key else data.getlist("row")[:MOST_ROWS]
        rows = self.bookings.with_slot().filter(pk__in=[read_key(each) for each in wanted])
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
        for booking in bookings:
            to = slot or read_key(self.request.POST.get(f"to-{booking.pk}", ""))
            self._each(
                done,
                "move",
                booking,
                lambda booking=booking, to=to: services.move_lost(
                    booking_id=booking.pk,
                    slot_id=self._allowed(to),
                    by=self.request.user,
                    message=values["reason"],
                    seen_sequence=self._seen(booking),
                ),
            )

    def _offer(self, bookings: Sequence[Booking], values: dict, done: Done, slot: int) -> None:
        """Offer what was chosen in the row, and the two best besides: to nobody what is offered to somebody else."""
        found = propose(bookings, self.takers, self.now, each=MOST_TIMES)
        chosen = {booking.pk: read_key(self.request.POST.get(f"to-{booking.pk}", "")) for booking in bookings}
        taken = {slot_id for slot_id in chosen.values() if slot_id}
        for booking in bookings:
            others = [it.slot.pk for it in found.get(booking.pk, ()) if it.slot.pk not in taken]
            first = [self._allowed(chosen[booking.pk])] if chosen[booking.pk] else []
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

    def _allowed(self, slot_id: int) -> int:
        """A slot into which they may book nobody is to look like one that does not exist."""
        if not self.takers.filter(slots=slot_id).exists():
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

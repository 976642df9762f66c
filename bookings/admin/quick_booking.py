"""Quick booking: who, what and when on one page, which the key N opens as a dialog over any page of the admin.

Everything that was typed and chosen travels in one form, sent by POST: whom staff look for stands in no address. A time
that is pressed is held for this form, by an identity that its random ``desk`` and the account make.
"""

from django.contrib import admin
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache

from bookings.admin.quick_booking_asked import NEW
from bookings.admin.quick_booking_desk import Desk
from bookings.admin.staff_page import StaffPage, render_page
from bookings.models import Booking, Source
from bookings.policy import BrokenRule, broken_rule
from bookings.selectors.countdown import Countdown
from bookings.selectors.people import MOST_PEOPLE, Person, Standing
from bookings.selectors.times_for_staff import AS_IT_IS, session_of_pick
from experts import formatting
from experts.admin.base import read_key
from experts.models import Slot
from experts.permissions import ADD


@never_cache
def quick_booking(request) -> HttpResponse:
    """Show the form; by POST also hold, release, wait or book, as the button says that was pressed."""
    desk = Desk(request)
    shown = ShownForm(desk)
    if request.method == "POST":
        booking = desk.act()
        return shown.show() if booking is None else redirect(f"{reverse('admin:book')}?done={booking.pk}")
    if done := request.GET.get("done"):
        return shown.show_done(read_key(done))
    desk.begin()
    return shown.show()


class ShownForm:
    """What is shown of a form, by what its desk knows."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def show(self) -> HttpResponse:
        if self.desk.organization is None:
            raise Http404
        return self._answer("admin/_quick_booking.html", self.context())

    def show_done(self, booking_id: int) -> HttpResponse:
        rows = admin.site.get_model_admin(Booking).get_queryset(self.desk.request)
        booking = rows.filter(pk=booking_id, source=Source.STAFF).first()
        if booking is None:
            raise Http404
        zone = booking.slot.expert.zone
        words = {
            "name": booking.name,
            "when": formatting.session_in_words(booking.slot.starts_at, booking.ends_at, zone, self.desk.now),
            "what": booking.session_name,
        }
        context = {
            "booking": booking,
            "said": _("%(name)s, %(when)s. %(what)s.") % words,
            "zone": booking.slot.expert.zone_city,
            "url": reverse("admin:bookings_booking_change", args=[booking.pk]),
            "again_url": reverse("admin:book"),
        }
        return self._answer("admin/_quick_booking_done.html", context)

    def _answer(self, part: str, context: dict) -> HttpResponse:
        """The part alone for the script, which puts it into the page that is open; else a whole page."""
        if self.desk.request.headers.get("X-Part") == "quick-booking":
            answer = HttpResponse(render_to_string(part, context, self.desk.request), status=self.desk.status)
        else:
            page = {**context, "part": part}
            answer = render_page(
                self.desk.request, "admin/quick_booking.html", _("New booking"), page, status=self.desk.status
            )
        answer["Vary"] = "X-Part"
        return answer

    def context(self) -> dict:
        person, asked, times = self.desk.person, self.desk.asked, self.desk.times
        people = self.desk.people[:MOST_PEOPLE]
        if person is not None and person.pk not in [it.pk for it in people]:
            people = [person, *people]
        if self.desk.full is not None and not self.desk.instead:
            self.desk.offer_instead_of_full()
        summary = self._summary()
        return {
            "asked": asked,
            "person": person,
            "new": NEW,
            "people_count": self._people_in_words(),
            "groups": [
                {"title": title, "rows": rows}
                for title, standing in (
                    (_("Visited before"), Standing.BEEN),
                    (_("Coming for the first time"), Standing.COMING),
                    (_("Asked, never came"), Standing.ASKED),
                )
                if (rows := [self._row(it) for it in people if it.standing == standing])
            ],
            "wish": self.desk.wish,
            "times": times,
            "kinds": self._kinds(),
            "ideas": self._ideas(),
            "shows_rule": any(tile.state == "outside" for strip in times.strips for tile in strip.tiles),
            "own": self.desk.own,
            "answers": self.desk.answers,
            "countdown": Countdown(self.desk.own.runs_out_at) if self.desk.own else None,
            "summary": summary,
            "full": self.desk.full,
            "instead": self.desk.instead,
            "problem": self.desk.problem,
            "errors": self.desk.errors,
            "note": self.desk.note,
            "organizations": self.desk.organizations if len(self.desk.organizations) > 1 else [],
            "organization": self.desk.organization,
            "may_book": bool(asked.pick and (person or asked.person == NEW)),
        }

    def _row(self, person: Person) -> dict:
        return {"person": person, "is_chosen": person == self.desk.person, "about": self._last(person)}

    def _last(self, person: Person) -> str:
        """``last 8 Dec`` or ``next: Tomorrow 10:00``, whichever says more."""
        zone = person.newest.slot.expert.zone
        if person.next_at is not None:
            return _("next: %(when)s") % {"when": formatting.soon(person.next_at, zone, self.desk.now)}
        if person.last_visit_at is not None:
            day, today = person.last_visit_at.astimezone(zone).date(), self.desk.now.astimezone(zone).date()
            return _("last %(day)s") % {"day": formatting.day_name(day, today)}
        return ""

    def _people_in_words(self) -> str:
        if not self.desk.asked.who:
            return ""
        if not self.desk.people:
            return _("Nobody yet")
        count, is_least = min(len(self.desk.people), MOST_PEOPLE), len(self.desk.people) > MOST_PEOPLE
        text = ngettext("%(count)s person", "%(count)s people", count)
        return text % {"count": formatting.count_label(count, is_least)}

    def _kinds(self) -> list[dict]:
        """The types to choose from; the first is what each expert usually does."""
        offers = self.desk.times.offers
        if not offers:
            return []
        shown = {strip.kind.session_type_id if strip.kind else AS_IT_IS for strip in self.desk.times.strips}
        chosen = self.desk.asked.kind or (str(shown.pop()) if len(shown) == 1 else "")
        kinds = [{"value": str(it.pk), "name": it.name} for it in offers]
        kinds.append({"value": str(AS_IT_IS), "name": _("The slot as it is")})
        return [kind | {"is_chosen": kind["value"] == chosen} for kind in kinds]

    def _ideas(self) -> list[tuple[str, str]]:
        """Words to begin with: (what is shown, what is typed)."""
        if self.desk.asked.what:
            return []
        ideas = [(_("first free today"), _("first free today")), (_("tomorrow morning"), _("tomorrow morning"))]
        if self.desk.person is not None and (expert := self.desk.expert(self.desk.person.newest.slot.expert_id)):
            ideas.insert(0, (_("as last time, %(expert)s") % {"expert": expert.name}, expert.name))
        return ideas

    def _summary(self) -> dict | None:
        """What would be booked, in words: for whom and when, what and with whom, and the rule that it breaks."""
        pick = self.desk.asked.pick
        if self.desk.own is not None:
            session, expert = self.desk.own.session, self.desk.own.slot.expert
            with_whom, name = self.desk.own.with_whom, self.desk.own.session_name
        elif pick is not None:
            slot = Slot.objects.with_expert().filter(pk=pick.slot_id).first()
            if slot is None or self.desk.expert(slot.expert_id) is None:
                return None
            session, expert = session_of_pick(pick, slot), slot.expert
            kind = next((it.name for it in self.desk.types if it.pk == pick.type_id), "")
            with_whom = expert.name
            name = _("%(session)s with %(name)s") % {"session": kind, "name": with_whom} if kind else with_whom
        else:
            return None
        rule = broken_rule(session, self.desk.now)
        who = self.desk.person.name if self.desk.person else self.desk.asked.name
        return {
            "who": who or (_("Somebody new") if self.desk.asked.person == NEW else _("Nobody chosen yet")),
            "when": formatting.session_in_words(session.starts_at, session.ends_at, expert.zone, self.desk.now),
            "zone": expert.zone_city,
            "what": name,
            "rule": BrokenRule(rule).label if rule else "",
            "most_seats": session.capacity if session.capacity > 1 else 0,
            "email": self.desk.person.email if self.desk.person else self.desk.asked.email,
        }


PAGE = StaffPage("book", "book/", quick_booking, gettext_lazy("New booking"), icon="add_circle", right=ADD)

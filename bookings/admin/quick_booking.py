"""Quick booking: who, what and when on one page, which the key N opens as a dialog over any page of the admin.

Everything that was typed and chosen travels in one form, sent by POST: whom staff look for stands in no address. A time
that is pressed is held for this form, by an identity that its random ``desk`` and the account make.
"""

import re
import secrets
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from bookings import services
from bookings.admin.caller_answers import CallerAnswers
from bookings.admin.staff_choice import chosen_organization
from bookings.admin.staff_page import StaffPage, render_page
from bookings.errors import InvalidDetails, Refused, SlotTaken
from bookings.forms import new_key
from bookings.models import Booking, Source
from bookings.permissions import experts_with, may_break_rules
from bookings.phones import digits_to_find
from bookings.policy import BrokenRule, broken_rule
from bookings.selectors.alternatives import Conflict, alternatives_to
from bookings.selectors.countdown import Countdown
from bookings.selectors.people import MOST_PEOPLE, Person, Standing, find_people, person_of
from bookings.selectors.staff_words import Known, Wish, read_wish
from bookings.selectors.times_for_staff import AS_IT_IS, Pick, Times, find_times, session_of_pick
from bookings.services.idempotency import sha256
from experts import formatting
from experts.admin.base import read_key
from experts.admin.scoping import reach
from experts.models import Expert, Organization, SessionType, Slot
from experts.permissions import ADD

NEW = "new"  # instead of the booking of a person
MOST_EXPERTS, MOST_ORGANIZATIONS, LONGEST = 500, 50, 200
_DESK = re.compile(r"[0-9a-f]{16}")


@dataclass
class Asked:
    """What the form holds: see templates/admin/_quick_booking.html."""

    organization: int = 0
    who: str = ""
    sought: str = ""  # the words for which the person was chosen
    person: str = ""
    name: str = ""
    phone: str = ""
    email: str = ""
    what: str = ""
    kind: str = ""
    pick: Pick | None = None
    seats: int = 1
    desk: str = ""
    key: str = ""
    tell: bool = True

    @classmethod
    def read(cls, data) -> "Asked":
        texts = ("who", "sought", "person", "name", "phone", "email", "what", "kind", "desk", "key")
        asked = cls(**{name: data.get(name, "").strip()[:LONGEST] for name in texts})
        asked.organization, asked.seats = read_key(data.get("organization", "")), read_key(data.get("seats", "")) or 1
        asked.pick = Pick.read(data.get("pick", ""))
        asked.tell = "tell" in data or "tells" not in data  # the box is there only where somebody has an address
        if not _DESK.fullmatch(asked.desk):
            asked.desk = secrets.token_hex(8)
        if not asked.key:
            asked.key = new_key()
        return asked


@never_cache
def quick_booking(request) -> HttpResponse:
    """Show the form; by POST also hold, release, wait or book, as the button says that was pressed."""
    desk = QuickBooking(request)
    if request.method == "POST":
        return desk.act()
    if done := request.GET.get("done"):
        return desk.show_done(read_key(done))
    desk.begin()
    return desk.show()


class QuickBooking:
    """One look at the form: what was asked, whom and what they may see of it, and what there is."""

    def __init__(self, request) -> None:
        self.request, self.now = request, timezone.now()
        self.asked = Asked.read(request.POST if request.method == "POST" else {})
        self.problem = ""
        self.errors: dict[str, list[str]] = {}
        self.instead: list[dict] = []
        self.full: Pick | None = None
        self.status = 200
        self.note = ""

    # Whose

    @cached_property
    def organizations(self) -> list[Organization]:
        """Those for which they may book, by name."""
        experts = experts_with(reach(self.request), ADD, Expert.objects.active())
        if reach(self.request).everything:
            return list(Organization.objects.filter(is_active=True).order_by("name")[:MOST_ORGANIZATIONS])
        keys = experts.order_by().values("organization")
        return list(Organization.objects.filter(pk__in=keys).order_by("name")[:MOST_ORGANIZATIONS])

    @cached_property
    def organization(self) -> Organization | None:
        """The one that the form is about: what was chosen, else that of the other pages of the day, else the first."""
        rows = {it.pk: it for it in self.organizations}
        if self.asked.organization in rows:
            return rows[self.asked.organization]
        last = chosen_organization(self.request)
        return rows.get(last.pk if last else 0) or next(iter(self.organizations), None)

    @cached_property
    def experts(self) -> list[Expert]:
        rows = experts_with(reach(self.request), ADD, Expert.objects.active()).filter(organization=self.organization)
        return list(
            rows.select_related("organization", "category").defer("bio", "search_text").order_by("name")[:MOST_EXPERTS]
        )

    def expert(self, pk: int) -> Expert | None:
        return next((expert for expert in self.experts if expert.pk == pk), None)

    @cached_property
    def types(self) -> list[SessionType]:
        return list(SessionType.objects.active().filter(organization=self.organization).order_by("position", "name"))

    @cached_property
    def bookings(self):
        """Those that they may see: people are found among them."""
        rows = admin.site.get_model_admin(Booking).get_queryset(self.request)
        return rows.filter(slot__expert__organization=self.organization)

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.organization.timezone) if self.organization else timezone.get_current_timezone()

    @property
    def holder(self) -> str:
        """The identity by which this form holds a time: nobody else's form can have it, and no visitor."""
        return f"desk-{sha256('desk', self.request.user.pk, self.asked.desk)[:27]}"

    # What is asked for

    def begin(self) -> None:
        """Start with the slot or the person that the address names."""
        given = self.request.GET
        self.asked.what = given.get("what", "")[:LONGEST]
        self.asked.organization = read_key(given.get("organization", ""))
        mine = experts_with(reach(self.request), ADD, Expert.objects.active())
        if "person" in given:
            rows = admin.site.get_model_admin(Booking).get_queryset(self.request)
            booking = rows.filter(pk=read_key(given["person"])).select_related("slot__expert").first()
            if booking is not None and (person := person_of(rows, booking.pk)) is not None:
                self.asked.organization, self.asked.person = booking.slot.expert.organization_id, str(person.pk)
        if "slot" in given:
            slot = Slot.objects.filter(pk=read_key(given["slot"]), expert__in=mine).select_related("expert").first()
            if slot is None:
                raise Http404
            self.asked.organization = slot.expert.organization_id
            self.asked.what = f"{slot.expert.name} {slot.date.isoformat()}"
            tiles = [tile for strip in self.times.strips for tile in strip.tiles if tile.pick.slot_id == slot.pk]
            for tile in tiles:
                self.asked.pick, self.full = (tile.pick, None) if tile.can_be_held else (None, tile.pick)

    @cached_property
    def people(self) -> list[Person]:
        return find_people(self.bookings, self.asked.who, MOST_PEOPLE + 1)

    @cached_property
    def person(self) -> Person | None:
        """Who was chosen. A whole number or address that is one person's needs no choosing."""
        asked = self.asked
        if asked.who != asked.sought:
            asked.person = ""
        if not asked.person and asked.who and len(self.people) == 1:
            [only] = self.people
            if digits_to_find(asked.who) or asked.who.lower() == only.email.lower():
                asked.person = str(only.pk)
        asked.sought = asked.who
        if not asked.person or asked.person == NEW:
            return None
        known = next((it for it in self.people if str(it.pk) == asked.person), None)
        found = known or person_of(self.bookings, read_key(asked.person))
        if found is None:
            asked.person = ""
        return found

    @cached_property
    def wish(self) -> Wish:
        experts = [Known(it.pk, it.name, f"{it.headline} {it.category.name}") for it in self.experts]
        types = [Known(it.pk, it.name) for it in self.types]
        return read_wish(self.asked.what, self.now.astimezone(self.zone).date(), experts, types)

    @cached_property
    def own(self) -> Booking | None:
        """What this form keeps at this moment."""
        rows = Booking.objects.running_holds(self.holder).with_slot()
        return rows.order_by("-pk").first() if self.request.method == "POST" else None

    @cached_property
    def times(self) -> Times:
        last = self.person.newest if self.person else None
        return find_times(
            self.experts,
            self.wish,
            self.now,
            type_id=int(self.asked.kind) if self.asked.kind.isdecimal() else None,
            usual_type=last.session_type_id if last else None,
            own=self.own,
            may_break_rules=lambda expert: may_break_rules(reach(self.request), expert),
        )

    @cached_property
    def answers(self) -> CallerAnswers:
        return CallerAnswers.read(self.request.POST, self.organization, self.asked.pick)

    # What is done

    def act(self) -> HttpResponse:
        data = self.request.POST
        if "choose" in data:
            self.choose(data["choose"])
        elif "say" in data:
            self.asked.what = data["say"][:LONGEST]
        elif "of_type" in data:
            self.asked.kind = data["of_type"][:20]
        elif "hold" in data:
            self.hold(Pick.read(data["hold"]))
        elif "full" in data:
            self.full = self.allowed(Pick.read(data["full"]))
        elif "wait" in data:
            self.wait(self.allowed(Pick.read(data["wait"])))
        elif "release" in data:
            self.release()
        elif "book" in data and (booking := self.book()) is not None:
            return redirect(f"{reverse('admin:book')}?done={booking.pk}")
        return self.show()

    def choose(self, text: str) -> None:
        """Choose somebody who was found, or somebody new, whose name or number is what was typed."""
        asked = self.asked
        asked.person, asked.sought = text[:20], asked.who
        if text == NEW and not (asked.name or asked.phone or asked.email):
            field = "email" if "@" in asked.who else "phone" if digits_to_find(asked.who) else "name"
            setattr(asked, field, asked.who)

    def allowed(self, pick: Pick | None) -> Pick | None:
        """The pick, if it is of an expert for whom they may book, outside the rules only with that right. Else 404."""
        slot = Slot.objects.filter(pk=pick.slot_id).only("expert_id").first() if pick else None
        expert = self.expert(slot.expert_id) if slot else None
        second = pick is not None and (not pick.second_id or self.expert(pick.second_id))
        if pick is None or expert is None or not second:
            raise Http404
        if pick.is_beyond and not may_break_rules(reach(self.request), expert):
            raise Http404
        return pick

    def hold(self, pick: Pick | None) -> None:
        """Keep the time for this form, and let go of what it kept before."""
        pick = self.allowed(pick)
        assert pick is not None, "else there is no such page"
        try:
            held = services.hold_slot(
                slot_id=pick.slot_id,
                visitor=self.holder,
                seats=self.asked.seats,
                session_type=pick.type_id or None,
                second_expert=pick.second_id or None,
                source=Source.STAFF,
                beyond_rules=pick.is_beyond,
            )
        except Refused as refusal:
            self.refuse(refusal)
            return
        self.asked.pick = pick
        others = Booking.objects.running_holds(self.holder).exclude(pk=held.pk)
        for slot_id in others.values_list("slot_id", flat=True):
            services.release_hold(slot_id=slot_id, visitor=self.holder)

    def release(self) -> None:
        services.release_holds(visitor=self.holder)
        self.asked.pick = None

    def wait(self, pick: Pick | None) -> None:
        """Put who was chosen on the waitlist: in line once the link is opened that is mailed, as visitors are."""
        assert pick is not None, "else there is no such page"
        if pick.second_id:  # nobody can wait for two experts together
            raise Http404
        who = self.who()
        self.full = pick
        if who is None:
            return
        try:
            services.join_waitlist(
                slot_id=pick.slot_id,
                session_type=pick.type_id or None,
                seats=self.asked.seats,
                name=who["name"],
                email=who["email"],
                language=who["language"],
                timezone=who["timezone"],
            )
        except Refused as refusal:
            self.refuse(refusal)
            return
        self.full = None
        self.note = _("We have mailed %(name)s a link. Whoever opens it is in line for that time.") % who

    def who(self) -> dict[str, str] | None:
        """Say who it is for; None, with the reason, where that is not known yet."""
        person = self.person
        if person is not None:
            last = person.newest
            return {
                "name": person.name,
                "email": person.email,
                "phone": person.phone,
                "language": last.language,
                "timezone": last.timezone,
            }
        if self.asked.person == NEW:
            named = {name: getattr(self.asked, name) for name in ("name", "email", "phone")}
            return {**named, "language": get_language() or "en", "timezone": ""}
        self.problem, self.status = _("Choose who it is for."), 422
        return None

    def book(self) -> Booking | None:
        """Book what was picked; None, with the reason, where that is not possible."""
        if (who := self.who()) is None:
            return None
        if self.asked.pick is None:
            self.problem, self.status = _("Choose a time."), 422
            return None
        pick = self.allowed(self.asked.pick)
        assert pick is not None, "else there is no such page"
        try:
            return services.book(
                slot_id=pick.slot_id,
                session_type=pick.type_id or None,
                second_expert=pick.second_id or None,
                seats=self.asked.seats,
                visitor=self.holder,
                source=Source.STAFF,
                idempotency_key=self.asked.key,
                idempotency_scope=f"admin:{self.request.user.pk}",
                beyond_rules=pick.is_beyond,
                tell=self.asked.tell,
                answers=self.answers.typed_answers(),
                **who,
            ).booking
        except Refused as refusal:
            self.refuse(refusal)
            return None

    def refuse(self, refusal: Refused) -> None:
        """Say why it was refused, with the closest times instead where it was taken; with a key for another try."""
        self.status = refusal.status
        self.asked.key = new_key()
        if isinstance(refusal, InvalidDetails):
            self.errors = refusal.fields
            if self.answers.is_valid() and self.answers.add_answer_refusal(refusal):
                self.problem = self.answers.answers_title
            else:
                self.problem = " ".join(text for texts in refusal.fields.values() for text in texts)
        elif isinstance(refusal, SlotTaken):
            slot = refusal.slot
            conflict = Conflict.on_opening(slot, refusal.reason)
            self.problem = f"{conflict.title}. {conflict.text(slot.expert.zone)}"
            self.instead = self._instead_of(slot, self.asked.pick or self.full)
            self.asked.pick = None
            services.note_opened_full(slot_id=slot.pk, reason=refusal.reason, source=Source.STAFF)
        else:
            self.problem = str(refusal)

    def _instead_of(self, slot: Slot, pick: Pick | None) -> list[dict]:
        if pick is not None and pick.second_id:  # the strip has all times at which both are free
            return []
        kind = pick.type_id if pick else AS_IT_IS
        return [
            {
                "pick": Pick(near.pk, kind),
                "time": formatting.clock(near.starts_at, slot.expert.zone),
                "text": formatting.day_name(near.starts_at.astimezone(slot.expert.zone).date(), slot.expert.today()),
            }
            for near in alternatives_to(slot)
        ]

    # What is shown

    def show(self) -> HttpResponse:
        if self.organization is None:
            raise Http404
        return self._answer("admin/_quick_booking.html", self.context())

    def show_done(self, booking_id: int) -> HttpResponse:
        rows = admin.site.get_model_admin(Booking).get_queryset(self.request)
        booking = rows.filter(pk=booking_id, source=Source.STAFF).first()
        if booking is None:
            raise Http404
        zone = booking.slot.expert.zone
        words = {
            "name": booking.name,
            "when": formatting.session_in_words(booking.slot.starts_at, booking.ends_at, zone, self.now),
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
        if self.request.headers.get("X-Part") == "quick-booking":
            answer = HttpResponse(render_to_string(part, context, self.request), status=self.status)
        else:
            page = {**context, "part": part}
            answer = render_page(self.request, "admin/quick_booking.html", _("New booking"), page, status=self.status)
        answer["Vary"] = "X-Part"
        return answer

    def context(self) -> dict:
        person, asked, times = self.person, self.asked, self.times
        people = self.people[:MOST_PEOPLE]
        if person is not None and person.pk not in [it.pk for it in people]:
            people = [person, *people]
        if self.full is not None and not self.instead:
            self._offer_instead_of_full()
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
            "wish": self.wish,
            "times": times,
            "kinds": self._kinds(),
            "ideas": self._ideas(),
            "shows_rule": any(tile.state == "outside" for strip in times.strips for tile in strip.tiles),
            "own": self.own,
            "answers": self.answers,
            "countdown": Countdown(self.own.runs_out_at) if self.own else None,
            "summary": summary,
            "full": self.full,
            "instead": self.instead,
            "problem": self.problem,
            "errors": self.errors,
            "note": self.note,
            "organizations": self.organizations if len(self.organizations) > 1 else [],
            "organization": self.organization,
            "may_book": bool(asked.pick and (person or asked.person == NEW)),
        }

    def _row(self, person: Person) -> dict:
        return {"person": person, "is_chosen": person == self.person, "about": self._last(person)}

    def _last(self, person: Person) -> str:
        """``last 8 Dec`` or ``next: Tomorrow 10:00``, whichever says more."""
        zone = person.newest.slot.expert.zone
        if person.next_at is not None:
            return _("next: %(when)s") % {"when": formatting.soon(person.next_at, zone, self.now)}
        if person.last_visit_at is not None:
            day, today = person.last_visit_at.astimezone(zone).date(), self.now.astimezone(zone).date()
            return _("last %(day)s") % {"day": formatting.day_name(day, today)}
        return ""

    def _people_in_words(self) -> str:
        if not self.asked.who:
            return ""
        if not self.people:
            return _("Nobody yet")
        count, is_least = min(len(self.people), MOST_PEOPLE), len(self.people) > MOST_PEOPLE
        text = ngettext("%(count)s person", "%(count)s people", count)
        return text % {"count": formatting.count_label(count, is_least)}

    def _kinds(self) -> list[dict]:
        """The types to choose from; the first is what each expert usually does."""
        offers = self.times.offers
        if not offers:
            return []
        shown = {strip.kind.session_type_id if strip.kind else AS_IT_IS for strip in self.times.strips}
        chosen = self.asked.kind or (str(shown.pop()) if len(shown) == 1 else "")
        kinds = [{"value": str(it.pk), "name": it.name} for it in offers]
        kinds.append({"value": str(AS_IT_IS), "name": _("The slot as it is")})
        return [kind | {"is_chosen": kind["value"] == chosen} for kind in kinds]

    def _ideas(self) -> list[tuple[str, str]]:
        """Words to begin with: (what is shown, what is typed)."""
        if self.asked.what:
            return []
        ideas = [(_("first free today"), _("first free today")), (_("tomorrow morning"), _("tomorrow morning"))]
        if self.person is not None and (expert := self.expert(self.person.newest.slot.expert_id)):
            ideas.insert(0, (_("as last time, %(expert)s") % {"expert": expert.name}, expert.name))
        return ideas

    def _offer_instead_of_full(self) -> None:
        pick = self.full
        assert pick is not None, "asked only where something is full"
        slot = Slot.objects.with_expert().filter(pk=pick.slot_id).first()
        if slot is not None:
            self.instead = self._instead_of(session_of_pick(pick, slot), pick)
            clock = formatting.clock(slot.starts_at, slot.expert.zone)
            words = {"time": clock, "expert": slot.expert.name}
            self.problem = self.problem or _("%(time)s with %(expert)s is full.") % words

    def _summary(self) -> dict | None:
        """What would be booked, in words: for whom and when, what and with whom, and the rule that it breaks."""
        pick = self.asked.pick
        if self.own is not None:
            session, expert = self.own.session, self.own.slot.expert
            with_whom, name = self.own.with_whom, self.own.session_name
        elif pick is not None:
            slot = Slot.objects.with_expert().filter(pk=pick.slot_id).first()
            if slot is None or self.expert(slot.expert_id) is None:
                return None
            session, expert = session_of_pick(pick, slot), slot.expert
            kind = next((it.name for it in self.types if it.pk == pick.type_id), "")
            with_whom = expert.name
            name = _("%(session)s with %(name)s") % {"session": kind, "name": with_whom} if kind else with_whom
        else:
            return None
        rule = broken_rule(session, self.now)
        who = self.person.name if self.person else self.asked.name
        return {
            "who": who or (_("Somebody new") if self.asked.person == NEW else _("Nobody chosen yet")),
            "when": formatting.session_in_words(session.starts_at, session.ends_at, expert.zone, self.now),
            "zone": expert.zone_city,
            "what": name,
            "rule": BrokenRule(rule).label if rule else "",
            "most_seats": session.capacity if session.capacity > 1 else 0,
            "email": self.person.email if self.person else self.asked.email,
        }


PAGE = StaffPage("book", "book/", quick_booking, gettext_lazy("New booking"), icon="add_circle", right=ADD)

"""What quick booking knows and does: whom a form is for, what there is for them, and what each of its buttons does."""

from zoneinfo import ZoneInfo

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from bookings import services
from bookings.admin.caller_answers import CallerAnswers
from bookings.admin.quick_booking_asked import LONGEST, NEW, QuickBookingQuery
from bookings.admin.staff_choice import chosen_organization
from bookings.errors import InvalidDetails, Refused, SlotTaken
from bookings.forms import new_key
from bookings.models import Booking, Source
from bookings.permissions import experts_with, may_break_rules
from bookings.phones import digits_to_find
from bookings.selectors.alternatives import Conflict, alternatives_to
from bookings.selectors.people import MOST_PEOPLE, Person, find_people, person_of
from bookings.selectors.staff_words import Known, Wish, read_wish
from bookings.selectors.times_for_staff import AS_IT_IS, Pick, Times, find_times, session_of_pick
from bookings.services.idempotency import sha256
from experts import formatting
from experts.admin.base import read_key
from experts.admin.scoping import reach
from experts.models import Expert, Organization, SessionType, Slot
from experts.permissions import ADD

MOST_EXPERTS, MOST_ORGANIZATIONS = 500, 50


class Desk:
    """One look at the form: what was asked, whom and what they may see of it, what there is, and what is done."""

    def __init__(self, request) -> None:
        self.request, self.now = request, timezone.now()
        self.asked = QuickBookingQuery.read(request.POST if request.method == "POST" else {})
        self.problem = ""
        self.errors: dict[str, list[str]] = {}
        self.instead: list[dict] = []
        self.full: Pick | None = None
        self.status = 200
        self.note = ""

    # Whose

    def _organizations(self) -> QuerySet[Organization]:
        """Those for which they may book, by name."""
        if reach(self.request).everything:
            return Organization.objects.filter(is_active=True).order_by("name")
        experts = experts_with(reach(self.request), ADD, Expert.objects.active())
        return Organization.objects.filter(pk__in=experts.order_by().values("organization")).order_by("name")

    @cached_property
    def _first_organizations(self) -> list[Organization]:
        return list(self._organizations()[:MOST_ORGANIZATIONS])

    @cached_property
    def organizations(self) -> list[Organization]:
        """Those to choose from: the first by name, and the one that was chosen."""
        rows, chosen = self._first_organizations, self.organization
        return rows if chosen is None or chosen in rows else [chosen, *rows]

    @cached_property
    def organization(self) -> Organization | None:
        """The one that the form is about: what was chosen, else that of the other pages of the day, else the first."""
        if found := self._known(self.asked.organization):
            return found
        last = chosen_organization(self.request)
        return self._known(last.pk if last else 0) or next(iter(self._first_organizations), None)

    def _known(self, key: int) -> Organization | None:
        """The one with that key, if they may book for it; it need not be among the first."""
        among = next((it for it in self._first_organizations if it.pk == key), None)
        return among or (self._organizations().filter(pk=key).first() if key else None)

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
        return rows.filter(of_organization=self.organization)

    @cached_property
    def zone(self) -> ZoneInfo:
        return self.organization.zone if self.organization else timezone.get_current_timezone()

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

    def act(self) -> Booking | None:
        """Do what the pressed button says: hold, release, wait or book. Return what was booked."""
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
        elif "book" in data:
            return self.book()
        return None

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
            self.instead = self.instead_of(slot, self.asked.pick or self.full)
            self.asked.pick = None
            services.note_opened_full(slot_id=slot.pk, reason=refusal.reason, source=Source.STAFF)
        else:
            self.problem = str(refusal)

    def instead_of(self, slot: Slot, pick: Pick | None) -> list[dict]:
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

    def offer_instead_of_full(self) -> None:
        pick = self.full
        assert pick is not None, "asked only where something is full"
        slot = Slot.objects.with_expert().filter(pk=pick.slot_id).first()
        if slot is not None:
            self.instead = self.instead_of(session_of_pick(pick, slot), pick)
            clock = formatting.clock(slot.starts_at, slot.expert.zone)
            words = {"time": clock, "expert": slot.expert.name}
            self.problem = self.problem or _("%(time)s with %(expert)s is full.") % words

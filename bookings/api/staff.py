"""Bookings for staff's programs. ``request.auth.organization`` is whose; all others' look unknown."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from ninja import Header, Query, Router

from bookings import services
from bookings.api.authentication import StaffToken
from bookings.api.responses import booked, taken, type_at
from bookings.api.schemas import BookedOut, Keyed, Taken
from bookings.api.staff_schemas import (
    BookingQuery,
    Move,
    PersonChange,
    PersonQuery,
    Reason,
    StaffBookIn,
    StaffBookingOut,
    WhyNotOut,
    WhyQuery,
)
from bookings.errors import NotAllowed, NotFound, SlotTaken
from bookings.models import Booking, Source
from bookings.references import read_reference
from bookings.selectors.answers import answers_of
from bookings.selectors.why_not import why_not
from experts.api.error_schemas import Error, errors
from experts.api.pagination import count_of, following
from experts.api.schemas import Followed
from experts.api.staff import own_expert, own_slot
from experts.errors import Invalid
from experts.models import SessionType

router = Router(tags=["Staff: bookings"])
Page = Followed[StaffBookingOut]
DECIDED = {200: StaffBookingOut, 409: Error, **errors(400, 401, 403, 404, 422)}


def own_bookings(request: HttpRequest) -> QuerySet[Booking]:
    return Booking.objects.shown().with_slot().filter(of_organization=request.auth.organization)


def own_booking(request: HttpRequest, reference: str) -> Booking:
    booking = own_bookings(request).filter(reference=read_reference(reference)).first()
    if booking is None:
        raise NotFound(_("There is no such booking."))
    return booking


def own_type(request: HttpRequest, slug: str) -> SessionType:
    found = SessionType.objects.filter(organization=request.auth.organization, slug=slug).first()
    if found is None:
        raise NotFound(_("There is no such session type."))
    return found


@router.get("/bookings", response={200: Page, **errors(401, 404, 422)}, summary="List bookings")
def list_bookings(request: HttpRequest, query: Query[BookingQuery]):
    """The latest first, by when they were made. Holds are left out."""
    bookings = own_bookings(request)
    if query.status:
        bookings = bookings.filter(status=query.status)
    if query.expert:
        bookings = bookings.with_expert(own_expert(request, query.expert).pk)
    if query.session_type:
        bookings = bookings.filter(session_type=own_type(request, query.session_type))
    if query.from_ or query.to:
        # As the booking's own, but to the slots of those days by way of the experts: others have slots then, too.
        bookings = bookings.filter(slot__expert__organization=request.auth.organization)
    if query.from_:
        bookings = bookings.filter(slot__date__gte=query.from_)
    if query.to:
        bookings = bookings.filter(slot__date__lte=query.to)
    if query.search:
        bookings = bookings.filter(reference=read_reference(query.search))
    return _page(request, bookings, query.after)


@router.get(
    "/experts/{slug:slug}/why-not",
    response={200: WhyNotOut, **errors(401, 404, 422)},
    summary="Why a time is not offered",
)
def why_a_time_is_not_offered(request: HttpRequest, slug: str, query: Query[WhyQuery]):
    """For each session type that the expert has, or for the slot itself: what keeps visitors from booking it now."""
    return WhyNotOut.of(why_not(own_expert(request, slug), query.day, query.at, timezone.now()))


@router.post(
    "/bookings/search",
    response={200: Page, **errors(400, 401, 422)},
    auth=StaffToken(reads=True),
    summary="Find the bookings of a person",
)
def search_bookings(request: HttpRequest, query: PersonQuery):
    """By the whole e-mail address, beginnings of words of the name, or both. A read token may do this, too."""
    bookings = own_bookings(request)
    if not query.email and not query.name:
        raise Invalid(_("Send an e-mail address or a name."), field="email")
    if query.email:
        bookings = bookings.filter(pk__in=Booking.objects.of_address(query.email).values("pk"))
    if query.name:
        bookings = bookings.matching(query.name)
    return _page(request, bookings, query.after)


def _page(request: HttpRequest, bookings: QuerySet[Booking], after: str | None) -> Page:
    count, rows = count_of(bookings), bookings.order_by("-pk")
    if after:
        last = own_bookings(request).filter(reference=read_reference(after)).values_list("pk", flat=True).first()
        if last is None:
            raise Invalid(_("Send the “next” of the page before."), field="after")
        rows = rows.filter(pk__lt=last)
    items, following_page = following(rows, lambda booking: booking.reference)
    return Page(items=_shown(request, items), count=count, next=following_page)


def _shown(request: HttpRequest, bookings: Sequence[Booking]) -> list[StaffBookingOut]:
    """Bookings as the token's program reads them, and the log of it.

    With notes and answers, where an organisation hides these from schedulers, too: only owners make tokens, and a
    token ends with its maker's right (ApiToken).
    """
    answers, now = answers_of(bookings), timezone.now()
    services.log_note_readings(bookings, answered=answers, user=None, who=f"API: {request.auth.name}")
    return [StaffBookingOut.of(booking, now, answers.get(booking.pk, ())) for booking in bookings]


@router.post(
    "/bookings",
    response={201: BookedOut, 409: Taken, **errors(400, 401, 403, 404, 422)},
    summary="Book for somebody",
)
def add_booking(request: HttpRequest, details: StaffBookIn, headers: Header[Keyed]):
    """As visitors book, without their limits. A key belongs to the token: nobody else's requests collide with it."""
    slot = own_slot(request, details.slot)
    try:
        answer = services.book(
            slot_id=slot.pk,
            **details.model_dump(exclude={"slot", "session_type"}),
            session_type=type_at(slot.pk, details.session_type),
            idempotency_key=headers.key or "",
            idempotency_scope=f"token:{request.auth.pk}",
            language=translation.get_language() or "en",
            source=Source.STAFF,
        )
    except SlotTaken as error:
        return taken(error)
    return booked(answer)


@router.get(
    "/bookings/{reference}", response={200: StaffBookingOut, **errors(401, 404)}, summary="One booking, for staff"
)
def get_own_booking(request: HttpRequest, reference: str):
    return _shown(request, [own_booking(request, reference)])[0]


@router.patch(
    "/bookings/{reference}",
    response={200: StaffBookingOut, **errors(400, 401, 403, 404, 422)},
    summary="Correct who it is for",
)
def change_booking(request: HttpRequest, reference: str, details: PersonChange):
    """A new address gets the booking's e-mail; the links in the old one's open nothing any more."""
    booking, changed = own_booking(request, reference), details.model_dump(exclude_unset=True)
    answers = changed.pop("answers", None)
    with transaction.atomic():  # both, or neither
        services.change_details(booking_id=booking.pk, **changed)
        if answers is not None:
            services.change_answers(booking_id=booking.pk, answers=answers, by_customer=False)
    return _as_it_is(request, booking)


@router.post("/bookings/{reference}/approve", response=DECIDED, summary="Approve a request")
def approve_booking(request: HttpRequest, reference: str):
    booking = own_booking(request, reference)
    services.approve(booking_id=booking.pk)
    return _as_it_is(request, booking)


@router.post("/bookings/{reference}/reject", response=DECIDED, summary="Reject a request")
def reject_booking(request: HttpRequest, reference: str, details: Reason | None = None):
    booking = own_booking(request, reference)
    services.reject(booking_id=booking.pk, reason=details.reason if details else "")
    return _as_it_is(request, booking)


@router.post("/bookings/{reference}/cancel", response=DECIDED, summary="Cancel for somebody")
def cancel_own_booking(request: HttpRequest, reference: str, details: Reason | None = None):
    """Also after the deadline that customers have."""
    booking = own_booking(request, reference)
    services.cancel(booking_id=booking.pk, by_customer=False, reason=details.reason if details else "")
    return _as_it_is(request, booking)


@router.post("/bookings/{reference}/complete", response=DECIDED, summary="The session took place")
def complete_booking(request: HttpRequest, reference: str):
    booking = own_booking(request, reference)
    services.complete(booking_id=booking.pk)
    return _as_it_is(request, booking)


@router.post("/bookings/{reference}/no-show", response=DECIDED, summary="Nobody came")
def miss_booking(request: HttpRequest, reference: str):
    booking = own_booking(request, reference)
    services.mark_no_show(booking_id=booking.pk)
    return _as_it_is(request, booking)


@router.post("/bookings/{reference}/undo-attendance", response=DECIDED, summary="Take back who came or did not")
def undo_attendance(request: HttpRequest, reference: str):
    """The booking is confirmed again; nobody is written to. 409 where nothing was said about who came."""
    booking = own_booking(request, reference)
    services.undo_attendance(booking_id=booking.pk)
    return _as_it_is(request, booking)


@router.post(
    "/bookings/{reference}/reschedule",
    response=DECIDED | {409: Error | Taken},
    summary="Move to another slot",
)
def move_booking(request: HttpRequest, reference: str, details: Move):
    """The reference stays. When the slot is taken, the booking stays where it is."""
    booking, slot = own_booking(request, reference), own_slot(request, details.slot)
    if slot.expert_id != booking.slot.expert_id and not details.any_expert:
        raise NotAllowed(_("Choose another time of the same expert, or send “any_expert”."))
    try:
        services.reschedule(booking_id=booking.pk, slot_id=slot.pk, by_customer=False)
    except SlotTaken as error:
        return taken(error)
    return _as_it_is(request, booking)


def _as_it_is(request: HttpRequest, booking: Booking) -> StaffBookingOut:
    return _shown(request, [Booking.objects.with_slot().get(pk=booking.pk)])[0]

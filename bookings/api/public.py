"""Booking without an account, and what can be done with the token that a booking answers with."""

from django.http import HttpRequest
from django.utils import timezone, translation
from ninja import Header, Router, Status

from bookings import services
from bookings.access.rate_limits import check_booking_limits, check_change_limits
from bookings.access.visitor import client_address
from bookings.api.authentication import BookingToken
from bookings.api.responses import booked, taken, type_at
from bookings.api.schemas import (
    AwaitingProofNowOut,
    AwaitingProofOut,
    BookAnyoneIn,
    BookedOut,
    BookIn,
    BookingOut,
    CancelIn,
    ChallengeOut,
    Keyed,
    KeyedAndWorked,
    QuestionOut,
    Taken,
    TakenTime,
)
from bookings.errors import NotFound, SlotTaken
from bookings.models import Booking, Source
from bookings.selectors.answers import answers_to, questions_of, shown_to_customer
from experts.api.error_schemas import Error, errors
from experts.api.public import active_expert
from experts.api.schemas import Listed, Slug, StartOut
from experts.scheduling.anyone import find_experts, find_type, nearest_starts

router = Router(tags=["Public"])
of_booking = Router(tags=["With the token of a booking"], auth=BookingToken())


@router.get(
    "/experts/{slug:slug}/questions",
    response={200: Listed[QuestionOut], **errors(404)},
    summary="What is asked of those who book",
)
def list_questions(request: HttpRequest, slug: str):
    """In order. Those of a session type are asked of who books a session of that type only."""
    expert = active_expert(slug)
    items = [QuestionOut.of(question) for question in questions_of(expert)]
    return Listed[QuestionOut].model_construct(items=items, count=len(items))


@router.post(
    "/slots/{int:slot_id}/book",
    response={201: AwaitingProofOut | BookedOut, 409: Taken, **errors(400, 403, 404, 422, 429)},
    summary="Book a slot",
)
def book(request: HttpRequest, slot_id: int, details: BookIn, headers: Header[KeyedAndWorked]):
    """The e-mail gets a confirmation. With ``proof`` in the answer, its link must be opened before the booking counts.

    Send an ``Idempotency-Key`` to be able to repeat the request safely.
    """
    address = client_address(request)
    check_booking_limits(address=address)
    try:
        answer = services.book(
            slot_id=slot_id,
            **details.model_dump(exclude={"session_type"}),
            session_type=type_at(slot_id, details.session_type),
            idempotency_key=headers.key or "",
            work=headers.work or "",
            client_address=address,
            language=translation.get_language() or "en",
            source=Source.API,
        )
    except SlotTaken as error:
        expert = error.slot.expert
        if not (expert.is_active and expert.organization.is_active):
            raise NotFound from error  # as their page is
        return taken(error)
    return booked(answer)


@router.post(
    "/organizations/{slug}/types/{type_slug}/book",
    response={201: AwaitingProofOut | BookedOut, 409: TakenTime, **errors(400, 403, 404, 422, 429)},
    summary="Book a session with whoever is free",
)
def book_anyone(request: HttpRequest, slug: Slug, type_slug: Slug, details: BookAnyoneIn, headers: Header[Keyed]):
    """Whoever has fewest sessions in that week, or those whom ``experts`` names; types of two experts take two.

    The answer's ``slot`` says with whom. 409 only where nobody is free. Otherwise as the booking of a slot.
    """
    address = client_address(request)
    check_booking_limits(address=address)
    kind = find_type(slug, type_slug)
    values = details.model_dump(exclude={"experts"})
    chosen = find_experts(kind, details.experts) if kind else None
    if kind is None or chosen is None:
        raise NotFound
    try:
        answer = services.book_anyone(
            session_type=kind.pk,
            **values,
            experts=[expert.pk for expert in chosen],
            idempotency_key=headers.key or "",
            client_address=address,
            language=translation.get_language() or "en",
            source=Source.API,
        )
    except SlotTaken as error:
        near = nearest_starts(kind, details.starts_at, [expert.pk for expert in chosen])
        alternatives = [StartOut.of(start) for start in near]
        return Status(
            409, TakenTime(code=error.code, detail=str(error), reason=error.reason, alternatives=alternatives)
        )
    return booked(answer)


@router.get("/slots/{int:slot_id}/challenge", response={200: ChallengeOut}, summary="A challenge, to be kept a seat")
def challenge(request: HttpRequest, slot_id: int):
    """Where a network books a lot with an expert, seats are kept for who has solved this. It lasts 20 minutes."""
    return services.make_challenge(slot_id)


@of_booking.get(
    "/bookings/{reference}", response={200: AwaitingProofNowOut | BookingOut, **errors(404)}, summary="One booking"
)
def get_booking(request: HttpRequest, reference: str):
    """As it is now. A wrong token and an unknown reference look the same: 404."""
    schema = AwaitingProofNowOut if request.auth.awaits_proof else BookingOut
    return schema.of(request.auth, timezone.now(), shown_to_customer(answers_to(request.auth)))


@of_booking.post(
    "/bookings/{reference}/cancel",
    response={200: BookingOut, 409: Error, **errors(400, 404, 422, 429)},
    summary="Cancel a booking",
)
def cancel_booking(request: HttpRequest, reference: str, details: CancelIn | None = None):
    """Up to the deadline of the organisation's policy; after that, and when it is over already, 409."""
    check_change_limits(address=client_address(request), booking_id=request.auth.pk)
    reason = details.reason if details else ""
    services.cancel(booking_id=request.auth.pk, by_customer=True, cancel_reason=reason)
    booking = Booking.objects.with_slot().get(pk=request.auth.pk)
    return BookingOut.of(booking, timezone.now(), shown_to_customer(answers_to(booking)))

"""What staff's programs send and get about bookings."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from bookings.api.schemas import BOOKING, PERSON, STATUSES, Answers, BookingOut, told
from bookings.models import Booking, Source, Status
from bookings.selectors.booking_facts import agreed_facts
from bookings.selectors.place import whole_place
from bookings.selectors.why_not import Reason as WhyNotReason
from bookings.selectors.why_not import WhyNotAnswer
from experts.api.schemas import Clock, Day, Flag, Input, Line, Slug, Text, Whole, example

STAFF_BOOKING = BOOKING | PERSON | {"reason": "", "source": "api", "created_at": "2026-03-10T09:30:00Z"}
SlotId = Annotated[Whole, Field(ge=1, le=2**63 - 1)]


class BookingQuery(Input):
    status: Literal[tuple(STATUSES)] | None = None
    expert: Slug | None = None
    from_: Day | None = Field(None, alias="from", description="The first day of the session, on the expert's calendar.")
    to: Day | None = Field(None, description="The last day.")
    session_type: Slug | None = Field(None, description="The slug of a session type of yours.")
    search: str = Field(
        "", max_length=40, description="A reference, as people say it. To find people: /admin/bookings/search."
    )
    after: str | None = Field(None, max_length=40, description="The ``next`` of the page before.")


class PersonQuery(Input):
    """In the body, as names and addresses do not belong into addresses of pages, which end up in logs."""

    model_config = Input.model_config | example({"email": "lena@example.com"})

    email: Line = Field("", max_length=254, description="The whole address.")
    name: Line = Field("", max_length=120, description="Beginnings of words of the name.")
    after: str | None = Field(None, max_length=40, description="The ``next`` of the page before.")


class StaffBookIn(Input):
    """Staff may book for somebody without an e-mail address or required answers, and for any number of people."""

    model_config = Input.model_config | example({"slot": 4711, "name": "Lena Fischer", "phone": "+44 20 7946 0000"})

    slot: SlotId
    name: str = Field(min_length=1, max_length=120)
    email: str = Field("", max_length=254)
    phone: str = Field("", max_length=40)
    notes: str = Field("", max_length=2000)
    seats: Whole = Field(1, ge=1, le=1000)
    answers: Answers = {}
    session_type: Slug | None = Field(None, description="The slug of a session type that the expert offers.")


class PersonChange(Input):
    """What is left out stays as it is."""

    model_config = Input.model_config | example({"phone": "+44 20 7946 0000"})

    name: str = Field(None, min_length=1, max_length=120)
    email: str = Field(None, max_length=254)
    phone: str = Field(None, max_length=40)
    notes: str = Field(None, max_length=2000)
    answers: Answers = Field(None, description="All of them: what is left out here was not answered.")


class Reason(Input):
    model_config = Input.model_config | example({"reason": "Dr Okafor is ill."})

    reason: Text = Field("", max_length=1000, description="The customer reads it.")


class Move(Input):
    model_config = Input.model_config | example({"slot": 4712})

    slot: SlotId = Field(description="Another slot of the same expert; with `any_expert` of any of yours.")
    any_expert: Flag = Field(
        default=False, description="Whether the slot may be of another expert, who must offer the type of session."
    )


class StaffBookingOut(BookingOut):
    """A booking as it is now, for staff."""

    model_config = example(STAFF_BOOKING)

    source: str = Field(json_schema_extra={"enum": Source.values})
    created_at: datetime

    @classmethod
    def facts(cls, booking: Booking, now: datetime) -> dict:
        """With all that there is to say about the place, as staff see it."""
        agreed = told(agreed_facts(booking, whole_place(booking)))
        return super().facts(booking, now) | agreed | {"source": booking.source, "created_at": booking.created_at}


class WhyQuery(Input):
    day: Day = Field(description="On the expert's calendar.")
    at: Clock = Field(description="On the expert's clock: 14:00.")


class ReasonOut(BaseModel):
    """``code`` stays as it is, ``text`` is for people. ``bookings``: references of those that take the seats."""

    code: str
    text: str
    bookings: list[str] = []


class WhyNotOfType(BaseModel):
    """Of one session type, or of the slot itself (``null``). ``notes`` hide it from some people only."""

    session_type: str | None = Field(description="The slug of the type.")
    is_offered: bool
    reasons: list[ReasonOut]
    notes: list[ReasonOut]


class WhyNotOut(BaseModel):
    """Whether a time is offered, for each session type of the expert."""

    model_config = example(
        {
            "answers": [
                {
                    "session_type": "first-visit",
                    "is_offered": False,
                    "reasons": [
                        {"code": "full", "text": "Taken by a booking: 14:00 to 14:20.", "bookings": ["EB-9FD4-K7TQ"]}
                    ],
                    "notes": [],
                }
            ]
        }
    )

    answers: list[WhyNotOfType]

    @classmethod
    def of(cls, answers: Iterable[WhyNotAnswer]) -> "WhyNotOut":
        return cls(
            answers=[
                WhyNotOfType(
                    session_type=answer.offer.session_type.slug if answer.offer else None,
                    is_offered=answer.is_offered,
                    reasons=[_reason_out(reason) for reason in answer.reasons],
                    notes=[_reason_out(note) for note in answer.notes],
                )
                for answer in answers
            ]
        )


def _reason_out(reason: WhyNotReason) -> ReasonOut:
    references = [booking.reference for booking in reason.bookings if booking.status != Status.HELD]
    return ReasonOut(code=reason.code, text=reason.text, bookings=references)

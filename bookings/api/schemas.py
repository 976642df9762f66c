"""What the API says and takes about bookings."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, model_serializer

from bookings.models import Answer, Booking, CancelReason, Question, QuestionKind, Status
from bookings.models.question import MOST_CHOICES, MOST_QUESTIONS
from bookings.selectors.booking_facts import booking_facts
from experts.api.schemas import SLOT, START, Flag, Input, SlotOut, Slug, StartOut, Whole, example
from experts.models.expert import Venue

TOKEN = "ebb_3rV0eK8cXxFzq1mHn5Yw2uJt7sPbGdLkA9RfQiZoEyM"
BOOKING = {
    "reference": "EB-9FD4-K7TQ",
    "status": "CONFIRMED",
    "seats": 1,
    "expires_at": None,
    "slot": SLOT | {"ends_at": "2026-03-12T17:00:00Z", "seats_left": 0, "state": "full"},
    "session_type": {"slug": "first-visit", "name": "First visit"},
    "experts": ["amara-okafor"],
    "ends_at": "2026-03-12T17:00:00Z",
    "price": "€60",
    "place": {"venue": "in_person", "note": "12 High Street"},
}
PERSON = {"name": "Lena Fischer", "email": "lena@example.com", "phone": "", "notes": ""}
# Those that somebody made: a hold is nobody's booking yet.
STATUSES = [status for status in Status.values if status != Status.HELD]
AWAITING = [Status.HELD.value, Status.EXPIRED.value]


QuestionName = Annotated[str, Field(max_length=60, pattern=r"^[-a-zA-Z0-9_]+$")]
AnswerIn = (
    Annotated[str, Field(max_length=2000)]
    | Flag
    | Whole
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
    | Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=MOST_CHOICES)]
    | None
)
Answers = Annotated[
    dict[QuestionName, AnswerIn],
    Field(
        max_length=MOST_QUESTIONS,
        description="To what the organisation asks, by the names of its questions: see "
        "`/experts/{slug}/questions`. A text, a number, a day as 2027-03-12, one of the choices, a list of choices, "
        "true or false, or of a consent the `version` of its wording that was agreed to.",
    ),
]


class DetailsIn(Input):
    """Who books, and what they say."""

    name: str = Field(min_length=1, max_length=120)
    email: str = Field(min_length=1, max_length=254, json_schema_extra={"format": "email"})
    phone: str = Field(
        "",
        max_length=40,
        description="With its country (+44 …), or as it is dialled where the expert is. Stored as E.164.",
    )
    notes: str = Field("", max_length=2000)
    seats: Whole = Field(1, ge=1, le=1000)
    answers: Answers = {}


class BookIn(DetailsIn):
    model_config = Input.model_config | example(
        {"name": "Lena Fischer", "email": "lena@example.com", "session_type": "first-visit"}
    )

    session_type: Slug | None = Field(
        None,
        description="The slug of a session type that the expert offers: the session begins with the slot and takes as "
        "many of the following ones as it lasts.",
    )


class QuestionOut(BaseModel):
    """Something that an organisation asks whoever books. ``session_type``: only with that type; null: always.

    A ``consent`` says ``label`` and ``wording``, in this ``version``.
    """

    model_config = example(
        {
            "name": "which-side-hurts",
            "kind": "choice",
            "label": "Which side hurts?",
            "help": "",
            "choices": ["Left", "Right", "Both"],
            "required": True,
            "wording": "",
            "version": 1,
            "session_type": None,
        }
    )

    name: str
    kind: str = Field(json_schema_extra={"enum": QuestionKind.values})
    label: str
    help: str
    choices: list[str]
    required: bool
    wording: str
    version: int
    session_type: str | None

    @classmethod
    def of(cls, question: Question) -> "QuestionOut":
        """Needs the session type."""
        names = ("kind", "label", "help", "choices", "wording", "version")
        asked = {name: getattr(question, name) for name in names}
        kind = question.session_type.slug if question.session_type else None
        return cls.model_construct(name=question.slug, required=question.is_required, session_type=kind, **asked)


class AnswerOut(BaseModel):
    """An answer with its question as it was asked. Of a consent ``value`` is true, or false once it was withdrawn."""

    model_config = example(
        {"name": "which-side-hurts", "kind": "choice", "label": "Which side hurts?", "version": 1, "value": "Left"}
    )

    name: str | None
    kind: str = Field(json_schema_extra={"enum": QuestionKind.values})
    label: str
    wording: str
    version: int
    value: bool | int | float | str | list[str]

    @classmethod
    def of(cls, answer: Answer) -> "AnswerOut":
        """Needs the question."""
        names = ("kind", "label", "wording", "version", "value")
        said = {name: getattr(answer, name) for name in names}
        return cls.model_construct(name=answer.question.slug if answer.question else None, **said)


class BookAnyoneIn(DetailsIn):
    model_config = Input.model_config | example(
        {"name": "Lena Fischer", "email": "lena@example.com", "starts_at": "2026-03-12T16:15:00Z"}
    )

    starts_at: AwareDatetime = Field(description="When the session begins: an instant, with its offset from UTC.")
    experts: list[Slug] = Field([], max_length=2, description="Slugs of those whom it has to be with.")


class CancelIn(Input):
    """Staff see the reason. It need not be told."""

    model_config = Input.model_config | example({"reason": "plans"})

    reason: Literal[tuple(CancelReason.values)] | Literal[""] = ""


class Keyed(BaseModel):
    """The header by which a request can be repeated."""

    key: str | None = Field(
        None,
        alias="Idempotency-Key",
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="1 to 200 printable ASCII characters. The same request with the same key gets the same answer.",
    )


class KeyedAndWorked(Keyed):
    """As ``Keyed``, and the header that brings the solution of a challenge along."""

    work: str | None = Field(
        None,
        alias="Proof-Of-Work",
        max_length=2000,
        description="The solution of this slot's challenge, in Base64. Each is good for one booking.",
    )


class ChallengeOut(BaseModel):
    """A challenge of ALTCHA, version 2. Its libraries solve it in about a second.

    The header is Base64 of the JSON `{"challenge": this, "solution": {"counter", "derivedKey"}}`.
    """

    model_config = example(
        {
            "parameters": {
                "algorithm": "PBKDF2/SHA-256",
                "cost": 5000,
                "data": {"slot": 4711},
                "expiresAt": 1804688400,
                "keyLength": 32,
                "keyPrefix": "00",
                "nonce": "2ad7f1a2c4b95a8c8e7d0f3b6c1a9e54",
                "salt": "9b1d5e7c3f0a4682b7c8d9e0f1a2b3c4",
            },
            "signature": "c7e1c0bb2f4fb5fd0a8b5b57a7a2d6a1f6c3c1d8b7e9a0f1e2d3c4b5a6978869",
        }
    )

    parameters: dict[str, Any]
    signature: str


class BookedType(BaseModel):
    """What a session was booked for, by its name at that time."""

    slug: str
    name: str


class PlaceOut(BaseModel):
    """``note``: the address, or for who has a confirmed booking how to join; empty where it is not told."""

    venue: str = Field(json_schema_extra={"enum": Venue.values})
    note: str


class BookingFacts(BaseModel):
    """What became of the seats. ``expires_at`` (UTC) is until when a PENDING one can be approved.

    ``session_type``, ``experts``, ``ends_at`` (UTC), ``price`` and ``place`` are what was agreed about a session of a
    type: where a slot was booked as it is, they are not there. A session begins with ``slot``, which is shown here with
    its end.
    """

    reference: str
    status: str = Field(json_schema_extra={"enum": STATUSES})
    seats: int
    expires_at: datetime | None
    slot: SlotOut
    session_type: BookedType = None
    experts: list[str] = Field(None, description="With whom it is, by their slugs: one, or two together.")
    ends_at: datetime = None
    price: str = Field(None, description="As it is shown, in words; empty without one.")
    place: PlaceOut = None

    @model_serializer(mode="wrap")
    def _what_is_there(self, dump):
        """Programs that were made before there was more to say get what they always got."""
        return {name: value for name, value in dump(self).items() if name in self.model_fields_set}

    @classmethod
    def facts(cls, booking: Booking, now: datetime) -> dict:
        return told(booking_facts(booking, now))


def told(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts of a booking with those in them as the schemas that they have."""
    schemas = {"slot": SlotOut, "session_type": BookedType, "place": PlaceOut}
    inner = {name: schemas[name].model_construct(**facts[name]) for name in schemas if facts.get(name)}
    return facts | inner


class BookedOut(BookingFacts):
    """The answer to a booking. ``token`` opens and cancels this booking: keep it, and keep it secret."""

    model_config = example(BOOKING | {"token": TOKEN})

    token: str


class AwaitingProofOut(BookedOut):
    """The answer where somebody unknown has to open the link of an e-mail before the booking counts.

    HELD: the seats are kept until ``expires_at``. EXPIRED: nothing is kept (any more); opened while the seats are free,
    the link books them all the same. The booking's own address says what became of it.
    """

    model_config = example(
        BOOKING | {"status": "HELD", "expires_at": "2027-03-10T14:12:00Z", "proof": "required", "token": TOKEN}
    )

    status: str = Field(json_schema_extra={"enum": AWAITING})
    proof: Literal["required"]


class BookingOut(BookingFacts):
    """A booking as it is now, for whoever holds its token."""

    model_config = example(BOOKING | PERSON | {"reason": ""})

    name: str
    email: str
    phone: str
    notes: str
    reason: str = Field(description="What staff wrote when they rejected or cancelled it.")
    answers: list[AnswerOut] = Field([], description="To what the organisation asks. Left out where there are none.")

    @classmethod
    def of(cls, booking: Booking, now: datetime, answers: Iterable[Answer]) -> "BookingOut":
        """Needs ``with_slot()``."""
        person = {name: getattr(booking, name) for name in ("name", "email", "phone", "notes", "reason")}
        said = [AnswerOut.of(answer) for answer in answers]
        return cls.model_construct(**cls.facts(booking, now), **person, **({"answers": said} if said else {}))


class AwaitingProofNowOut(BookingOut):
    """As ``AwaitingProofOut``, for whoever holds its token."""

    model_config = example(
        BOOKING | PERSON | {"status": "HELD", "expires_at": "2027-03-10T14:12:00Z", "reason": "", "proof": "required"}
    )

    status: str = Field(json_schema_extra={"enum": AWAITING})
    proof: Literal["required"]


class Taken(BaseModel):
    """The slot cannot be had: ``reason`` is its state, or "party" when too few seats are left.

    ``alternatives`` are the bookable slots of the same expert that start closest, closest first.
    """

    model_config = example(
        {
            "code": "slot_taken",
            "detail": "This slot was just taken.",
            "reason": "full",
            "alternatives": [SLOT | {"id": 4712, "time": "16:45"}],
        }
    )

    code: str
    detail: str
    reason: str = Field(json_schema_extra={"enum": ["held", "full", "closed", "past", "party"]})
    alternatives: list[SlotOut]


class TakenTime(BaseModel):
    """Nobody is free at that time: ``reason`` is the best that is left, or "party" when too few seats are.

    ``alternatives`` are the starts closest to it at which somebody is, closest first.
    """

    model_config = example(
        {"code": "slot_taken", "detail": "This slot was just taken.", "reason": "full", "alternatives": [START]}
    )

    code: str
    detail: str
    reason: str = Field(json_schema_extra={"enum": ["held", "full", "closed", "past", "party"]})
    alternatives: list[StartOut]

"""How the API says what a service did: booked, or taken.

These are what a rush asks for, so they are answers as they leave, and not schemas: ninja would compare each with all
schemas of the call, and take it apart again. That they are as those say, is what the tests of the contract look at.
"""

import json
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja.responses import NinjaJSONEncoder

from bookings.api.authentication import token_of
from bookings.api.schemas import AwaitingProofOut, BookedType, PlaceOut
from bookings.errors import NotFound, SlotTaken
from bookings.selectors.alternatives import alternatives_to
from bookings.services import Booked
from experts import arrivals
from experts.api.schemas import SlotOut
from experts.arrivals import ReadSince
from experts.crowds import SharedRead
from experts.models import Session, SessionType, Slot
from experts.slot_facts import slot_facts
from experts.waiting import in_thread

_ENCODER = NinjaJSONEncoder()
_INNER = {"slot": SlotOut.model_fields, "session_type": BookedType.model_fields, "place": PlaceOut.model_fields}
_TYPE = "application/json; charset=utf-8"


def booked(answer: Booked) -> HttpResponse:
    """The answer to a booking; to a retry word for word the first one, whatever became of the booking since.

    201, an AwaitingProofOut or BookedOut.
    """
    text = _ENCODER.encode(_in_order(answer.facts | {"token": token_of(answer.booking)}))
    return HttpResponse(text, status=201, content_type=_TYPE)


def _in_order(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts in the order of their schemas: what was kept for a retry comes in PostgreSQL's own."""
    inner = {name: {key: facts[name][key] for key in fields} for name, fields in _INNER.items() if name in facts}
    return {name: inner.get(name, facts[name]) for name in AwaitingProofOut.model_fields if name in facts}


def type_at(slot_id: int, slug: str | None) -> int | None:
    """Return the id of the session type that a request to book the slot names. Raises NotFound for an unknown one.

    Whether it can be booked there is for the service to say.
    """
    if slug is None:
        return None
    found = SessionType.objects.filter(organization__experts__slots=slot_id, slug=slug).values_list("pk", flat=True)
    if (pk := in_thread(found.first)) is None:
        raise NotFound(_("There is no such session type."))
    return pk


def taken(error: SlotTaken) -> HttpResponse:
    """The refusal; to a retry the first one, with alternatives as they are now: old ones may be gone. 409, a Taken."""
    slot = error.slot
    alternatives = _alternatives(slot, slot.session_type.pk if isinstance(slot, Session) else None)
    code, detail, reason = map(json.dumps, (error.code, str(error), error.reason))
    text = f'{{"code": {code}, "detail": {detail}, "reason": {reason}, "alternatives": {alternatives}}}'
    return HttpResponse(text, status=409, content_type=_TYPE)


_read_lately: ReadSince[str] = ReadSince()


def _alternatives(slot: Slot, session_type: int | None) -> str:
    """Put them into words for programs once for all who ask at one moment: thousands may lose a slot."""
    if (text := _read_lately.get((slot.pk, session_type))) is None:
        text = _read_alternatives(slot, session_type)
    return text


@SharedRead
def _read_alternatives(slot: Slot, session_type: int | None) -> str:
    began, now = arrivals.now(), timezone.now()
    text = _ENCODER.encode([slot_facts(other, now) for other in alternatives_to(slot)])
    _read_lately.keep((slot.pk, session_type), began, text)
    return text

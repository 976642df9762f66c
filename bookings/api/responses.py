"""How the API says what a service did: booked, or taken."""

from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.api.authentication import token_of
from bookings.api.schemas import AwaitingProofOut, BookedOut, Taken
from bookings.errors import NotFound, SlotTaken
from bookings.selectors.alternatives import alternatives_to
from bookings.services import Booked
from experts.api.schemas import SlotOut
from experts.crowds import SharedRead
from experts.models import Session, SessionType, Slot


def booked(answer: Booked) -> BookedOut:
    """The answer to a booking; to a retry word for word the first one, whatever became of the booking since."""
    schema = AwaitingProofOut if "proof" in answer.facts else BookedOut
    return schema.model_validate(answer.facts | {"token": token_of(answer.booking)})


def type_at(slot_id: int, slug: str | None) -> int | None:
    """Return the id of the session type that a request to book the slot names. Raises NotFound for an unknown one.

    Whether it can be booked there is for the service to say.
    """
    if slug is None:
        return None
    found = SessionType.objects.filter(organization__experts__slots=slot_id, slug=slug).values_list("pk", flat=True)
    if (pk := found.first()) is None:
        raise NotFound(_("There is no such session type."))
    return pk


def taken(error: SlotTaken) -> Taken:
    """The refusal; to a retry the first one, with alternatives as they are now: old ones may be gone."""
    slot = error.slot
    alternatives = _alternatives(slot, slot.session_type.pk if isinstance(slot, Session) else None)
    return Taken.model_construct(code=error.code, detail=str(error), reason=error.reason, alternatives=alternatives)


@SharedRead
def _alternatives(slot: Slot, session_type: int | None) -> list[SlotOut]:
    """Put them into words for programs once for all who ask at one moment: thousands may lose a slot."""
    now = timezone.now()
    return [SlotOut.of(other, now) for other in alternatives_to(slot)]

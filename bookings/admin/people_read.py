"""What staff open about one booking on the pages of their day: the customer's words, and that they were read."""

from bookings import services
from bookings.models import Booking
from bookings.permissions import may_read_notes, readable_answers
from bookings.selectors.answers import answers_to
from experts.admin.scoping import reach


def read_words(request, booking: Booking) -> dict:
    """The notes and answers of a booking as far as they may read them; logs that they did, as its own page does.

    ``is_hidden``: there is something that only the expert and owners read. Needs ``with_slot()``.
    """
    mine, answers = reach(request), answers_to(booking)
    readable = readable_answers(mine, booking, answers)
    may_read = may_read_notes(mine, booking)
    if may_read:
        answered = {booking.pk} if readable else ()
        services.log_note_readings([booking], answered=answered, user=request.user, who=request.user.email)
    return {
        "notes": booking.notes if may_read else "",
        "answers": [(answer.label, answer.text) for answer in readable],
        "is_hidden": bool(booking.notes and not may_read) or len(readable) < len(answers),
    }

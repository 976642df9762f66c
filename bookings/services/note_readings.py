"""Write who has read what customers wrote and answered with their bookings."""

from collections.abc import Collection, Sequence

from django.db import connection

from bookings.models import Booking
from experts.models import User

# One statement for a page of bookings. Looking again within the hour is no further line.
_LOG = """
    INSERT INTO bookings_notereading (organization_id, booking_id, reference, user_id, who)
    SELECT read.organization_id, read.booking_id, read.reference, %s, %s
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS read (organization_id, booking_id, reference)
    WHERE NOT EXISTS (
        SELECT FROM bookings_notereading AS earlier
        WHERE earlier.booking_id = read.booking_id AND earlier.who = %s AND earlier.at > now() - interval '1 hour'
    )
"""


def log_note_readings(
    bookings: Sequence[Booking], *, user: User | None, who: str, answered: Collection[int] = ()
) -> None:
    """Log that somebody was shown the notes of these bookings, as far as there are any. Needs ``with_slot()``.

    ``answered``: the keys of those whose answers they were shown, which are read as notes are. ``who`` is the address
    of an account, or the name of a program's token.
    """
    read = [booking for booking in bookings if booking.notes or booking.pk in answered]
    if not read:
        return
    organizations = [booking.slot.expert.organization_id for booking in read]
    ids, references = [booking.pk for booking in read], [booking.reference for booking in read]
    with connection.cursor() as cursor:
        cursor.execute(_LOG, [user.pk if user else None, who, organizations, ids, references, who])

"""Calendar feeds: made and revoked. Who may do so is asked in the admin (experts/permissions.py)."""

from django.db.models.functions import Now

from bookings.models import CalendarFeed
from bookings.models.hashed_secret import hash_of, random_secret
from experts.models import Expert, Organization, User


def create_feed(*, organization: Organization, expert: Expert | None, created_by: User) -> tuple[CalendarFeed, str]:
    """Make a feed of all bookings of the organisation, or of the expert's. Returns it and its token, kept nowhere."""
    token = random_secret()
    feed = CalendarFeed.objects.create(
        organization=organization, expert=expert, created_by=created_by, token_hash=hash_of(token)
    )
    return feed, token


def revoke_feed(*, feed_id: int) -> bool:
    """Make its address worth nothing from the next request on. False when it was already."""
    return bool(CalendarFeed.objects.filter(pk=feed_id, revoked_at=None).update(revoked_at=Now()))

"""Send staff the mails of their organisation to look at: to the own address, about a booking that does not exist."""

from django.db import transaction
from django.utils import timezone

from bookings.errors import TooMany
from bookings.mail import limits
from bookings.mail.examples import SHOWN
from bookings.models import MailKind
from bookings.queue import defer
from experts.models import Organization, User

_WAIT = 3600  # seconds


def send_test_mail(*, organization: Organization, user: User, kind: MailKind) -> None:
    """Queue a mail of that kind, one of ``SHOWN``, to the user's own address and to no other. Raises TooMany."""
    assert kind in SHOWN, "there is no example of it"
    with transaction.atomic():
        if not limits.may_test(organization, user.email):
            raise TooMany(_WAIT)
        defer(
            "bookings.tasks.send_test_mail",
            organization_id=organization.pk,
            user_id=user.pk,
            kind=kind.value,
            asked_at=timezone.now().isoformat(),
        )

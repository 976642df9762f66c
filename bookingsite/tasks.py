"""Jobs of the worker that belong to the site as a whole. Their arguments are ids only, as in bookings/tasks.py."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from bookings import mail
from experts.models import Invitation


@app.task(queue="mail", retry=RetryStrategy(max_attempts=12, exponential_wait=2))
def send_invitation(*, invitation_id: int) -> None:
    """Send the link of an invitation; nothing if it was withdrawn, accepted or has run out."""
    from bookingsite import joining  # which queues this job

    invitation = Invitation.objects.open().select_related("organization").filter(pk=invitation_id).first()
    if invitation is not None:
        mail.send_invitation(invitation, joining.link_of(invitation))

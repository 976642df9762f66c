"""Jobs of the worker that belong to the site as a whole. Their arguments are ids only, as in bookings/tasks.py."""

from procrastinate.contrib.django import app

from bookings.mail import messages
from bookings.tasks import BackOff
from bookingsite.onboarding.services import link_of
from experts.models import Invitation


@app.task(queue="mail", retry=BackOff())
def send_invitation(*, invitation_id: int) -> None:
    """Send the link of an invitation; nothing if it was withdrawn, accepted or has run out."""
    invitation = Invitation.objects.open().select_related("organization").filter(pk=invitation_id).first()
    if invitation is not None:
        messages.send_invitation(invitation, link_of(invitation))

"""Jobs of the worker that belong to accounts. Their arguments are ids only, as in bookings/tasks.py."""

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from procrastinate.contrib.django import app

from bookings.mail import messages
from bookings.tasks import BackOff
from experts.addresses import absolute_url
from experts.models import User


@app.task(queue="mail", retry=BackOff())
def send_password_link(*, user_id: int | None, asked_at: str = "") -> None:
    """Send the link with which somebody chooses a new password; nothing for nobody, and to nobody who left.

    ``asked_at``: an instant (ISO 8601); "" in jobs that versions of before have queued.
    """
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is not None:
        url = absolute_url(
            "account_reset_password_from_key", user_pk_to_url_str(user), default_token_generator.make_token(user)
        )
        messages.send_password_link(user, url, asked_at)

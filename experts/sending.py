"""The one gate through which everything has to go that is sent to people: mails and webhooks.

It is shut in a restored copy (experts/services/copies.py). Whoever sends asks it at the moment of sending, by the
statement that finds what is due where there is one.
"""

from django.db.models import Exists

from experts.models import SendingHeld

# In SQL, where what is due is read by a statement of our own.
HELD = "EXISTS (SELECT FROM experts_sendingheld)"
WAIT = 300  # seconds, after which whatever was about to be sent looks again


def is_held() -> bool:
    """Return whether nothing may be sent. One statement."""
    return SendingHeld.objects.exists()


def held() -> Exists:
    """As ``is_held``, to be read together with other things."""
    return Exists(SendingHeld.objects.all())

"""Build addresses that work outside of a page: in e-mails, calendars and other sites."""

from django.conf import settings
from django.urls import reverse


def absolute_url(name: str, *args: str | int) -> str:
    """Return the whole address of the page with that URL name, beginning with ``SITE_URL``."""
    return settings.SITE_URL.rstrip("/") + reverse(name, args=args)

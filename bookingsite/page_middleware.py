"""Middleware that pages need and programs do not: addresses of the API pass it by.

A program has no session, no cookie, no form and no time zone of a browser, and shows nothing in a frame. All that is
left out for it is a good part of what an answer of the API would cost.
"""

from django.contrib.messages.middleware import MessageMiddleware as _MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware as _SessionMiddleware
from django_htmx.middleware import HtmxMiddleware as _HtmxMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware as _WhiteNoiseMiddleware

from bookings.access.visitor import VisitorMiddleware as _VisitorMiddleware
from bookingsite.accounts.middleware import AuthenticationMiddleware as _AuthenticationMiddleware
from bookingsite.middleware import API
from bookingsite.middleware import AdminInputMiddleware as _AdminInputMiddleware
from bookingsite.middleware import PreferencesMiddleware as _PreferencesMiddleware


def for_pages(middleware: type) -> type:
    """Return the middleware as one that does nothing at addresses of the API."""

    class ForPages(middleware):  # type: ignore[misc, valid-type]  # a class that is an argument
        def __call__(self, request):
            if request.path.startswith(API):
                return self.get_response(request)
            return super().__call__(request)

    ForPages.__name__ = ForPages.__qualname__ = middleware.__name__
    return ForPages


AdminInputMiddleware = for_pages(_AdminInputMiddleware)
AuthenticationMiddleware = for_pages(_AuthenticationMiddleware)
HtmxMiddleware = for_pages(_HtmxMiddleware)
MessageMiddleware = for_pages(_MessageMiddleware)
PreferencesMiddleware = for_pages(_PreferencesMiddleware)
SessionMiddleware = for_pages(_SessionMiddleware)
VisitorMiddleware = for_pages(_VisitorMiddleware)
WhiteNoiseMiddleware = for_pages(_WhiteNoiseMiddleware)

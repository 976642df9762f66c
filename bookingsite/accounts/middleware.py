"""Who asks, and what staff have to do before they reach the admin."""

import re
from urllib.parse import urlencode

import django.contrib.auth.middleware
from allauth.account.internal.flows.reauthentication import suspend_request
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from bookingsite.accounts import devices, sessions

ADMIN = "/admin/"
# A change on these pages of the admin gives somebody more than they had, or tells somebody outside more.
PROTECTED = tuple(
    f"{ADMIN}{page}/"
    for page in (
        "experts/membership",
        "experts/invitation",
        "experts/organization",
        "experts/user",
        "auth/group",
        "bookings/apitoken",
        "bookings/webhookendpoint",
    )
)
# Below them, what gives nobody anything: a look at what a form would show, and the logo, which is a file.
OPEN = re.compile(rf"{ADMIN}experts/organization/\d+/(preview|picture)/")
# Of these, what was sent may be somebody's new password, which is not to lie in the session meanwhile.
NOT_KEPT = f"{ADMIN}experts/user/"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class AuthenticationMiddleware(django.contrib.auth.middleware.AuthenticationMiddleware):
    """As Django's, for sessions that are still open (bookingsite/accounts/sessions.py)."""

    def process_request(self, request):
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: sessions.current_user(request))


class StaffMiddleware:
    """Before any page of the admin, however its address is put: a second factor where one is needed, and for changes
    of who may do what a password, code or passkey of the last quarter of an hour.

    What was sent is done after that, so that nothing typed is lost; on pages of accounts it is sent again.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        devices.set_cookie(request, response)
        return response

    def process_view(self, request, view, args, kwargs):
        if not request.path.startswith(ADMIN) or not request.user.is_authenticated:
            return None
        if request.path in (reverse("admin:login"), reverse("admin:logout"), reverse("admin:jsi18n")):
            return None
        if sessions.must_set_up(request):
            return HttpResponseRedirect(reverse("mfa_index"))
        is_change = request.method not in SAFE_METHODS and request.path.startswith(PROTECTED)
        is_change = is_change and not OPEN.fullmatch(request.path)
        if is_change and not sessions.is_proven(request):
            again = reverse("account_reauthenticate")
            if request.path.startswith(NOT_KEPT):
                return HttpResponseRedirect(f"{again}?{urlencode({'next': request.path})}")
            return suspend_request(request, again)
        return None

"""How an organisation begins, and how colleagues join it: pages in the site's own look, before anybody is logged in."""

from django import forms
from django.conf import settings
from django.contrib.auth import login, password_validation
from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bookings.access.rate_limits import check_sign_up_limits
from bookings.access.visitor import client_address
from bookings.validators import NAME_VALIDATORS, validate_plain_text
from bookings.views.responses import see_other, with_retry_after
from bookingsite.onboarding import services as onboarding
from experts.addresses import absolute_url
from experts.errors import Refused
from experts.example_types import EXAMPLE_SETS, find_example_set
from experts.metadata import Metadata
from experts.models import User
from experts.timezones import zone_names


class StartForm(forms.Form):
    organization = forms.CharField(label=_("Organisation"), max_length=120, validators=NAME_VALIDATORS)
    email = forms.EmailField(
        label=_("Your email"),
        max_length=254,
        validators=[validate_plain_text],
        widget=forms.EmailInput(attrs={"autocomplete": "email", "placeholder": "name@example.com"}),
    )
    zone = forms.ChoiceField(label=_("Time zone"), choices=[(z, z.replace("_", " ")) for z in sorted(zone_names())])


class AccountForm(forms.Form):
    """Name and password of a new account, by the rules of the settings."""

    name = forms.CharField(label=_("Your name"), max_length=150, validators=NAME_VALIDATORS)
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=200,
        help_text=_("At least 10 characters."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("Password again"),
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args, email: str, **kwargs):
        super().__init__(*args, **kwargs)
        self._email = email

    def clean(self):
        cleaned = super().clean()
        password = cleaned.get("password")
        if password and "again" in cleaned and password != cleaned["again"]:
            self.add_error("again", _("This is not the same password."))
        elif password:
            user = User(email=self._email, name=cleaned.get("name", ""))
            try:
                password_validation.validate_password(password, user)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned


class ExampleForm(forms.Form):
    """What people will book with a new organisation. It can be changed, and nothing need be chosen."""

    example = forms.ChoiceField(
        label=_("What will people book with you?"),
        choices=[
            ("", _("Free times as they are")),
            *((each.slug, format_lazy("{}: {}, …", each.name, each.types[0].name)) for each in EXAMPLE_SETS),
        ],
        required=False,
        help_text=_("An example to start from. You can change it at any time."),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def start(request):
    """Ask for a new organisation. The answer is the same for every address."""
    if not settings.SIGN_UP:
        raise Http404
    if request.method != "POST":
        if "sent" in request.GET:
            return render(request, "start/sent.html", {"shows_mailbox": settings.DEBUG})
        zone = request.zone.key if request.zone else "UTC"
        metadata = Metadata(
            title=_("Take bookings with ExpertBook"),
            description=_("Show your free times, and let people book them by themselves, with name and email."),
            url=absolute_url("start"),
        )
        return render(request, "start/start.html", {"form": StartForm(initial={"zone": zone}), "metadata": metadata})
    form = StartForm(request.POST)
    if not form.is_valid():
        return render(request, "start/start.html", {"form": form}, status=422)
    try:
        check_sign_up_limits(address=client_address(request))
        onboarding.found_by_mail(
            name=form.cleaned_data["organization"], email=form.cleaned_data["email"], zone=form.cleaned_data["zone"]
        )
    except Refused as refusal:
        return _refused(request, "start/start.html", form, refusal)
    return see_other(reverse("start") + "?sent=1")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitation(request, token):
    """The link of an invitation. Opening the page uses nothing up: programs that scan mails send no forms."""
    response = _invitation(request, token)
    # The address is a key: no other page is told it (see bookings/views/link.py).
    response["Referrer-Policy"] = "strict-origin"
    return response


def _invitation(request, token):
    try:
        found = onboarding.read_token(token)
    except onboarding.InvitationOver as error:
        return render(request, "start/over.html", status=error.status)
    user = request.user if request.user.is_authenticated else None
    knows = user is None and onboarding.has_account(found.email)
    form = None if user or knows else AccountForm(request.POST or None, email=found.email)
    context = {"invitation": found, "user_name": user and user.get_username(), "knows": knows, "form": form}
    context["examples"] = None if found.organization else ExampleForm(request.POST or None)
    if request.method != "POST" or knows:
        return render(request, "start/invitation.html", context)
    account = None
    if form is not None:
        if not form.is_valid():
            return render(request, "start/invitation.html", context, status=422)
        account = onboarding.NewAccount(name=form.cleaned_data["name"], password=form.cleaned_data["password"])
    try:
        example = find_example_set(request.POST.get("example", ""))
        membership = onboarding.accept(token=token, user=user, account=account, example=example)
    except onboarding.InvitationOver as error:
        return render(request, "start/over.html", status=error.status)
    except Refused as refusal:
        return render(request, "start/invitation.html", context | {"refusal": str(refusal)}, status=refusal.status)
    if user is None:
        login(request, membership.user, "django.contrib.auth.backends.ModelBackend")
    return see_other(reverse("admin:index"))


def _refused(request, template, form, refusal):
    form.add_error(None, str(refusal))
    return with_retry_after(render(request, template, {"form": form}, status=refusal.status), refusal)

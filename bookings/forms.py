"""Booking and looking up, as forms. The model's validators decide what is acceptable, the same for the API."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core import signing
from django.forms.models import construct_instance
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.errors import InvalidDetails
from bookings.form_renderer import InputRenderer
from bookings.mail_slips import suggest_address
from bookings.models import Answer, Booking, CancelReason, Question, QuestionKind
from bookings.phones import example_phone, read_phone, show_phone
from bookings.question_fields import NUMBER_WORDS, AsksQuestions, answers_to_begin_with
from bookings.references import read_reference
from bookings.validators import validate_plain_text
from experts.models import Organization, Slot

_QUICK = timedelta(seconds=2)  # the signed time has no fractions


def new_key() -> str:
    """A one-time key of a form: it makes sending the form twice one booking."""
    return secrets.token_urlsafe(18)


def opened_now() -> str:
    """The time, signed, for the field ``opened`` of a new form."""
    return _signer().sign("")


def is_filled_in_quickly(opened: str) -> bool:
    """Whether less than two seconds went by since the form was shown, or nobody can say: a person takes longer.

    Also one whose browser fills in the fields: there are a box to tick and two buttons on two pages to press.
    """
    try:
        _signer().unsign(opened)
    except signing.BadSignature:
        return True
    try:
        _signer().unsign(opened, max_age=_QUICK)
    except signing.SignatureExpired:
        return False
    return True


def consent_text(organization: str) -> str:
    """What somebody agrees to who books."""
    return _("I agree that %(organization)s uses these details to arrange my session.") % {"organization": organization}


def most_to_choose(slot: Slot, held: int) -> int:
    """How many seats a new form offers to a visitor who holds so many in the slot already."""
    most: int = slot.expert.policy("max_party")
    return min(most, max(slot.seats_left + held, 1))


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt="bookings.form")


def _changed(data: Any, **values: Any) -> QueryDict:
    changed: QueryDict = data.copy()
    for name, value in values.items():
        changed[name] = value
    return changed


class _EmailField(forms.EmailField):
    """An e-mail address, with a hint about what is wrong with it."""

    def clean(self, value: Any) -> str:
        try:
            return str(super().clean(value))
        except forms.ValidationError as error:
            if "invalid" not in {problem.code for problem in error.error_list}:
                raise
            _local, at, domain = str(value).rpartition("@")
            if at and domain and "." not in domain:
                raise forms.ValidationError(_("Add the ending, like name@example.com."), code="invalid") from error
            raise forms.ValidationError(_("Enter an address like name@example.com."), code="invalid") from error


def _email_field(missing: Any) -> _EmailField:
    """Return a field for an address alone; ``missing``, a lazy text, is said where it is empty."""
    return _EmailField(
        label=gettext_lazy("Email"),
        max_length=254,
        validators=[validate_plain_text],
        widget=forms.EmailInput(attrs={"autocomplete": "email", "placeholder": "name@example.com"}),
        error_messages={"required": missing},
    )


def _as_meant(data: QueryDict | None) -> QueryDict | None:
    """Return what was sent, with the address that was suggested where the answer was yes."""
    return _changed(data, email=data["meant"]) if data and data.get("meant") else data


class _AsksAboutSlips:
    """Part of a form with an ``email`` and a hidden ``asked``: asks once whether an address was mistyped."""

    data: Any
    cleaned_data: dict[str, Any]
    suggestion = ""  # what it was probably meant to be, where the form has to ask

    def has_to_ask(self) -> bool:
        """Whether the address of a valid form may be mistyped, and nobody was asked about it yet: it asks once.

        It has a ``suggestion`` then.
        """
        email = self.cleaned_data["email"]
        if self.cleaned_data["asked"] != email:
            self.suggestion = suggest_address(email)
            self.data = _changed(self.data, asked=email)
        return bool(self.suggestion)


class BookingForm(_AsksAboutSlips, AsksQuestions, forms.ModelForm):  # type: ignore[type-arg]  # Django's takes none when it runs
    """Name, e-mail, phone, notes, seats and consent, with the one-time ``key`` that travels through all steps.

    So do the answers to what the organisation asks, in fields of their own.
    """

    default_renderer = InputRenderer
    agree = forms.BooleanField(error_messages={"required": gettext_lazy("Tick this box to continue.")})
    key = forms.CharField(widget=forms.HiddenInput, max_length=200, required=False)
    # The solution of a challenge, which static/js/work.js fills in where the page has one.
    work = forms.CharField(widget=forms.HiddenInput, max_length=2000, required=False, initial="")
    # When the form was shown first, signed.
    opened = forms.CharField(widget=forms.HiddenInput, max_length=100, required=False, initial="")
    # Text, as a hidden box would say "False" and mean it: whatever is in it says that a second booking is wanted.
    again = forms.CharField(widget=forms.HiddenInput, required=False)
    # The address that was asked about, as it may have been mistyped.
    asked = forms.CharField(widget=forms.HiddenInput, required=False, initial="")

    class Meta:
        model = Booking
        fields = ("name", "email", "phone", "notes", "seats")
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name", "dir": "auto"}),
            "email": forms.EmailInput(attrs={"autocomplete": "email", "placeholder": "name@example.com"}),
            "phone": forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel", "type": "tel"}),
            "notes": forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        }
        field_classes = {"email": _EmailField}
        labels = {
            "name": gettext_lazy("Full name"),
            "email": gettext_lazy("Email"),
            "notes": gettext_lazy("What would you like help with?"),
        }
        error_messages = {
            "name": {"required": gettext_lazy("Enter your name.")},
            "email": {"required": gettext_lazy("Enter your email address.")},
        }

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        slot: Slot,
        zone: ZoneInfo | None = None,
        held: int = 0,
        for_waitlist: bool = False,
        questions: Sequence[Question] = (),
        **kwargs: Any,
    ) -> None:
        """``zone``: the visitor's, where it is known. ``held``: the seats that the visitor holds in the slot already.

        ``for_waitlist``: no seat has to be free.
        """
        super().__init__(_as_meant(data), **kwargs)
        expert = slot.expert
        self._zones = [expert.timezone, *([zone.key] if zone else [])]
        self._asks_phone = not for_waitlist  # whose form only carries on what was typed before
        example = example_phone(self._zones)
        self.fields["phone"].widget.attrs["placeholder"] = example
        self.ask(questions, example)
        self.fields["name"].required = self.fields["email"].required = True
        self.fields["agree"].label = consent_text(expert.organization.name)
        most = expert.policy("max_party")
        if for_waitlist:
            most = min(most, slot.capacity)
        elif not self.is_bound:
            # What was sent is judged by the service: the slot may have become fuller by this very booking, sent twice.
            most = most_to_choose(slot, held)
        elif "seats" not in self.data:
            most = 1  # one seat was left, so there was nothing to choose
        if most > 1:
            self.fields["seats"] = forms.TypedChoiceField(
                label=_("Seats"),
                coerce=int,
                choices=[(n, str(n)) for n in range(1, most + 1)],
                initial=held or 1,
            )
        else:
            del self.fields["seats"]

    def clean_phone(self) -> str:
        typed: str = self.cleaned_data["phone"]
        return read_phone(typed, self._zones) if self._asks_phone else typed

    def _post_clean(self) -> None:
        """As Django's, but for constraints: it would put each together as a query, to find it about other columns."""
        self.instance = construct_instance(self, self.instance, self._meta.fields)
        try:
            self.instance.clean_fields(exclude=self._get_validation_exclusions())  # type: ignore[attr-defined]  # as below
        except forms.ValidationError as error:
            self._update_errors(error)  # type: ignore[attr-defined]  # Django's own, which its types leave out

    def add_refusal(self, refused: InvalidDetails) -> None:
        """Add what the service refused to its fields; to the whole form what belongs to no field of it.

        Of answers: ``add_answer_refusal``.
        """
        for name, messages in refused.fields.items():
            self.add_error(name if name in self.fields else None, messages)

    @property
    def summary_title(self) -> str:
        """``Two things need a fix``"""
        count = len(self.errors)
        return ngettext("One thing needs a fix", "%(count)s things need a fix", count) % {
            "count": NUMBER_WORDS.get(count, count)
        }

    def details(self) -> list[tuple[str, str]]:
        """What was filled in, as (label, text), for the review."""
        labels = {"name": _("Name"), "email": _("Email"), "phone": _("Phone"), "notes": _("Help with")}
        shown = self.cleaned_data | {"phone": show_phone(self.cleaned_data["phone"])}
        rows = [(label, shown[name]) for name, label in labels.items() if shown[name]]
        seats = self.cleaned_data.get("seats", 1)
        return [*rows, (_("Seats"), str(seats))] if seats > 1 else rows


class AnswersForm(AsksQuestions, forms.Form):
    """What was answered when it was booked, to be changed."""

    default_renderer = InputRenderer

    def __init__(
        self, data: QueryDict | None = None, *, questions: Sequence[Question], answers: Sequence[Answer], example: str
    ) -> None:
        """``example``: of a phone number."""
        super().__init__(data, initial=answers_to_begin_with(answers))
        self.ask(questions, example)
        self.agreed = {row.question_id: row for row in answers if row.kind == QuestionKind.CONSENT and row.value}


class CancelForm(forms.Form):
    """Why somebody cancels, if they want to say."""

    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        choices=[("", gettext_lazy("Choose a reason")), *CancelReason.choices],
        required=False,
        error_messages={"invalid_choice": gettext_lazy("Choose one of these, or none.")},
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = _("%(organization)s sees this.") % {"organization": organization.name}


class AddressForm(_AsksAboutSlips, forms.Form):
    """The address that a booking's mails are to go to."""

    email = _email_field(gettext_lazy("Enter your email address."))
    asked = forms.CharField(widget=forms.HiddenInput, required=False, initial="")

    def __init__(self, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(_as_meant(data), **kwargs)


class EraseForm(forms.Form):
    """In which organisations everything of an address is to be erased, and that this is meant."""

    organizations = forms.MultipleChoiceField(
        required=True, error_messages={"required": gettext_lazy("Choose at least one.")}
    )
    agree = forms.BooleanField(
        label=gettext_lazy("I know that this can’t be undone."),
        error_messages={"required": gettext_lazy("Tick this box to continue.")},
    )

    def __init__(self, *args: Any, organizations: list[Organization], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._organizations = organizations
        choices = self.fields["organizations"]
        assert isinstance(choices, forms.MultipleChoiceField)
        choices.choices = [(str(row.pk), row.name) for row in organizations]
        if len(organizations) < 2:  # there is nothing to choose
            del self.fields["organizations"]

    @property
    def chosen_keys(self) -> set[str]:
        """What is ticked: all of them at first."""
        if not self.is_bound:
            return {str(row.pk) for row in self._organizations}
        return set(self["organizations"].value() or ())

    def chosen(self) -> list[Organization] | None:
        """The organisations; None for all of them, which is everything."""
        keys = self.cleaned_data.get("organizations")
        if keys is None or len(keys) == len(self._organizations):
            return None
        return [row for row in self._organizations if str(row.pk) in keys]


class LookupForm(_AsksAboutSlips, forms.Form):
    """An e-mail address, and a reference when one booking is to be opened at once."""

    email = _email_field(gettext_lazy("Enter the email address you booked with."))
    reference = forms.CharField(
        label=gettext_lazy("Reference"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "EB-9FD4-K7TQ"}),
    )

    asked = forms.CharField(widget=forms.HiddenInput, required=False, initial="")

    def __init__(self, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(_as_meant(data), **kwargs)

    def clean_reference(self) -> str:
        typed = self.cleaned_data["reference"]
        reference = read_reference(typed)
        if typed and not reference:
            raise forms.ValidationError(_("A reference looks like EB-9FD4-K7TQ."), code="invalid")
        if not typed and self.data.get("by") == "reference":
            raise forms.ValidationError(_("Enter the reference of your booking."), code="required")
        return reference

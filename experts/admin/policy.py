"""The booking policy as fields of a form: the same words and limits for an organisation and for an expert's own."""

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelect2Widget

from experts.admin.base import ServiceForm
from experts.services import LONGEST_MINUTES
from experts.timezones import zone_names

POLICY_FIELDS = (
    "requires_approval",
    "approval_hours",
    "move_approval",
    "hold_minutes",
    "min_notice",
    "horizon_days",
    "cancel_until",
    "max_party",
)
# Lowest and highest number of each field.
_LIMITS = {
    "session_minutes": (1, LONGEST_MINUTES),
    "default_capacity": (1, 1000),
    "hold_minutes": (1, 60),
    "offer_minutes": (5, 1440),
    "approval_hours": (1, 720),
    "horizon_days": (1, 730),
    "retention_months": (1, 240),
    "max_party": (1, 50),
}
_HELP = {
    "requires_approval": _("Otherwise bookings are confirmed at once."),
    "approval_hours": _("A request that nobody answers in this time expires, and its seat is free again."),
    "move_approval": _(
        "Where bookings need approval: whether a customer who moves an approved booking asks again. A day is the "
        "expert’s. You are told of every move by e-mail."
    ),
    "hold_minutes": _("How long a seat is kept for somebody who fills in the form."),
    "offer_minutes": _("How long a seat that became free is kept for the first in line, who is told by e-mail."),
    "proof": _(
        "Who books for the first time then gets an e-mail, and the time is kept for 15 minutes: the booking counts "
        "once the link was opened. “Unusual” is, for example, that many times are kept from one network, or that the "
        "address is a disposable one; the booking says which. Who has opened a link before is never asked again."
    ),
    "min_notice": _("The latest time to book, before the start. For example 90 min, 2 h, 1 d."),
    "horizon_days": _("How far ahead people can book."),
    "cancel_until": _("The latest time to cancel, before the start. For example 2 h, 1 d."),
    "retention_months": _("From the day of the session. Empty: for ever."),
    "hides_notes": _("They see that there is a note, or an answer. The expert and owners read it."),
    "lets_change_answers": _("On the page of the booking, as long as it can be moved."),
    "max_party": _("How many seats one person may book at once."),
}


class PolicyForm(ServiceForm):
    """Limits and explanations for the policy, and a list of time zones to choose from."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if name in _LIMITS:
                lowest, highest = _LIMITS[name]
                field.validators += [MinValueValidator(lowest), MaxValueValidator(highest)]
                field.widget.attrs |= {"min": lowest, "max": highest}
            if name in _HELP:
                field.help_text = _HELP[name]


def zone_field(db_field, **kwargs) -> forms.ChoiceField:
    """All time zones that people can choose, with a search."""
    choices = [(name, name.replace("_", " ")) for name in sorted(zone_names())]
    return forms.ChoiceField(
        label=kwargs.get("label", db_field.verbose_name.capitalize()),
        choices=[("", _("Choose a time zone")), *choices],
        initial=db_field.default if db_field.has_default() else "",
        widget=UnfoldAdminSelect2Widget,
    )

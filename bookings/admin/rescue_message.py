"""The message of a rescue: what is said to all who are helped, typed once and there again for the next of them."""

from datetime import timedelta

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from bookings.admin.offers import OfferForm
from bookings.models import RescueReason

MESSAGE_LASTS = timedelta(hours=4)  # the last message is there again for so long


class MessageForm(OfferForm):
    """What goes along with whatever is done: a message for all, why, and until when times are kept."""

    why = forms.ChoiceField(
        label=gettext_lazy("Tell why"),
        required=False,
        choices=[("", gettext_lazy("No, only that it cannot take place")), *RescueReason.choices],
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = _("Message for all")
        self.fields["reason"].help_text = _(
            "Everybody reads it in the e-mail: with new times, a move, or when you cancel."
        )

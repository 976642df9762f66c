"""What staff say when they offer other times, and to whom they may give a booking: for the rescue and for requests."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from bookings.models import Booking
from experts import formatting
from experts.admin.scoping import reach
from experts.models import Expert
from experts.permissions import ADD

HOURS = (time(12), time(18))  # until which times are kept, today and tomorrow
LEAST_KEPT = timedelta(hours=1)


class EndField(forms.TypedChoiceField):
    """Until when times are kept. What was an end when the page was opened, and is none now, is the first there is."""

    def to_python(self, value):
        value = super().to_python(value)
        return value if self.valid_value(value) else ""


class OfferForm(forms.Form):
    """A message that goes along with offered times, and until when these are kept."""

    reason = Booking._meta.get_field("reason").formfield(
        required=False,
        label=gettext_lazy("Message"),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )
    until = EndField(
        label=gettext_lazy("Keep offered times until"),
        required=False,
        coerce=datetime.fromisoformat,
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, data=None, *, zone: ZoneInfo, now: datetime, last: str = ""):
        super().__init__(data, initial={"reason": last})
        ends = ends_to_choose(zone, now)
        self.fields["until"].choices = [(at.isoformat(), formatting.soon(at, zone, now)) for at in ends]
        self.fields["until"].empty_value = ends[0]


def ends_to_choose(zone: ZoneInfo, now: datetime) -> list[datetime]:
    """Return the next hours until which times can be kept, the usual one first."""
    today = now.astimezone(zone).date()
    days = (today, today + timedelta(days=1), today + timedelta(days=2))
    ends = [datetime.combine(day, hour, tzinfo=zone) for day in days for hour in HOURS]
    return [at for at in ends if at >= now + LEAST_KEPT][:4]


def takers(request: HttpRequest, organization_id: int) -> QuerySet[Expert]:
    """Return whom of an organisation they may give bookings to."""
    mine, rows = reach(request), Expert.objects.filter(organization=organization_id)
    if mine.everything:
        return rows
    everywhere, own = mine.with_right("bookings.booking", ADD)
    return rows.filter(Q(organization__in=everywhere) | Q(organization__in=own, user=mine.user_id))

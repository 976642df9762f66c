"""Why is 14:00 not offered? Staff ask for an expert, a day and a time, and read what keeps it from visitors."""

from datetime import date, datetime

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.admin.day_address import DayAddress
from bookings.admin.staff_choice import chosen_organization, organizations_to_choose
from bookings.admin.staff_page import StaffPage, render_page
from bookings.models import Booking, Status
from bookings.selectors.staff_experts import MOST_TO_CHOOSE, experts_seen
from bookings.selectors.why_not import Reason, WhyNotAnswer, why_not
from experts import formatting
from experts.admin.base import read_key
from experts.admin.scoping import reach
from experts.models import Expert

FARTHEST = 3660  # days


class QuestionForm(forms.Form):
    """A time of an expert, by the expert's clock."""

    expert = forms.ModelChoiceField(Expert.objects.none(), label=gettext_lazy("Expert"), empty_label=None)
    day = forms.DateField(label=gettext_lazy("Day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    at = forms.TimeField(label=gettext_lazy("Time"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))

    def clean_day(self) -> date:
        day = self.cleaned_data["day"]
        if abs((day - timezone.now().date()).days) > FARTHEST:
            raise forms.ValidationError(_("That day is too far away."))
        return day


def why_page(request: HttpRequest) -> HttpResponse:
    organization = chosen_organization(request)
    if organization is None:
        return render_page(request, "admin/day/nobody.html", _("Why is it not offered?"), {})
    experts = experts_seen(reach(request), organization).select_related("organization").order_by("name", "pk")
    asked = request.GET if "at" in request.GET else None
    form = QuestionForm(asked, initial={"day": timezone.now().date(), **request.GET.dict()}, label_suffix="")
    chosen = read_key(request.GET.get("expert", ""))
    listed = experts.values_list("pk", flat=True)[:MOST_TO_CHOOSE]
    form.fields["expert"].queryset = experts.filter(pk__in=[*listed, chosen])
    context = {
        "form": form,
        "organization": organization,
        "organizations": organizations_to_choose(request, organization),
    }
    status = 200
    if asked is not None:
        # An expert whom they do not see is as one that there is not.
        if asked.get("expert") and not experts.filter(pk=chosen).exists():
            raise Http404
        if form.is_valid():
            context |= _answered(form.cleaned_data, timezone.now())
        else:
            status = 422
    return render_page(request, "admin/why_not.html", _("Why is it not offered?"), context, status=status)


def _answered(asked: dict, now: datetime) -> dict:
    expert, day = asked["expert"], asked["day"]
    answers = why_not(expert, day, asked["at"], now)
    return {
        "expert": expert,
        "time": formatting.wall_clock(asked["at"]),
        "day": formatting.full_day(day, now.astimezone(expert.zone).date()),
        "zone": formatting.zone_label_of_day(expert.zone, day),
        "day_url": _address(expert).to(day=day, experts=expert.pk),
        "answers": [_answer(answer) for answer in answers],
    }


def _address(expert: Expert) -> DayAddress:
    return DayAddress(QueryDict(), {"organization": str(expert.organization_id)})


def _answer(answer: WhyNotAnswer) -> dict:
    offer = answer.offer
    return {
        "title": offer.session_type.name if offer else "",
        "is_offered": answer.is_offered,
        "reasons": [_reason(it) for it in answer.reasons],
        "notes": [it.text for it in answer.notes],
    }


def _reason(reason: Reason) -> dict:
    return {"text": reason.text, "bookings": [_booking(it) for it in reason.bookings if it.status != Status.HELD]}


def _booking(booking: Booking) -> dict:
    start = booking.slot.starts_at.astimezone(booking.slot.expert.zone)
    return {
        "name": booking.name or _("Erased"),
        "state": booking.get_status_display(),
        "url": _address(booking.slot.expert).to(day=start.date(), booking=booking.pk),
    }


PAGE = StaffPage(
    name="why_not",
    route="why/",
    view=why_page,
    title=gettext_lazy("Why not offered?"),
    icon="help",
)

"""Let customers change what they answered when they booked."""

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bookings import services
from bookings.access.rate_limits import check_change_limits
from bookings.access.visitor import client_address
from bookings.errors import Busy, InvalidDetails, NotAllowed, NotFound, TooMany
from bookings.forms import AnswersForm
from bookings.phones import example_phone
from bookings.policy import deadline_text
from bookings.selectors.answers import answers_to, changeable_questions, may_change_answers
from bookings.views.booking import booking_title, find_proven_booking, not_shown
from bookings.views.responses import see_other, with_retry_after
from bookings.views.zones import clocks_of


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def change_answers(request, reference):
    """Show what was asked with the answers in it, and save what is sent."""
    booking = find_proven_booking(request, reference)
    if booking is None:
        return not_shown(request)
    booking_url = reverse("booking", args=[booking.reference])
    if not may_change_answers(booking, timezone.now()):
        return see_other(booking_url)
    form = AnswersForm(
        request.POST if request.method == "POST" else None,
        questions=changeable_questions(booking, by_customer=True),
        answers=answers_to(booking),
        example=example_phone([booking.slot.expert.timezone, booking.timezone]),
    )
    if request.method != "POST":
        return _show(request, booking, form)
    try:
        check_change_limits(visitor=request.visitor, address=client_address(request), booking_id=booking.pk)
        services.change_answers(booking_id=booking.pk, answers=form.typed_answers(), by_customer=True)
    except InvalidDetails as error:
        if not form.add_answer_refusal(error):
            form.add_error(None, str(error))
        return _show(request, booking, form, status=error.status)
    except (NotAllowed, NotFound):
        return see_other(booking_url)  # which says what it is now, and until when it could be changed
    except (Busy, TooMany) as error:
        form.add_error(None, str(error))
        return with_retry_after(_show(request, booking, form, status=error.status), error)
    return see_other(booking_url)


def _show(request, booking, form, *, status=200):
    expert, clocks = booking.slot.expert, clocks_of(request, booking)
    context = {
        "accent": expert.organization.accent,
        "booking": booking,
        "expert": expert,
        "title": booking_title(booking, clocks, timezone.now()),
        "deadline": deadline_text(booking.session, clocks),
        "form": form,
        "booking_url": reverse("booking", args=[booking.reference]),
    }
    return render(request, "bookings/answers.html", context, status=status)

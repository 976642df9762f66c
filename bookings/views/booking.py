"""Show one booking, and its calendar file, to a visitor who has proven it. To others it does not seem to exist."""

from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from bookings import services
from bookings.access.rate_limits import check_change_limits
from bookings.access.visitor import client_address
from bookings.errors import NotAllowed, NotFound, TooMany
from bookings.icalendar import event
from bookings.models import Booking, Proof
from bookings.policy import can_change, deadline_text
from bookings.references import read_reference
from bookings.selectors import timeline
from bookings.selectors.answers import answers_to, changeable_questions, may_change_answers, shown_to_customer
from bookings.selectors.mail_state import mail_state, state_at_once
from bookings.selectors.own_slots import own_key
from bookings.selectors.place import place_of
from bookings.views.responses import load_instead, not_found, see_other, with_retry_after
from bookings.views.zones import clocks_of
from experts import formatting
from experts.clocks import Clocks
from experts.htmx import is_partial

LONGEST_WAIT = 16  # seconds; a page that is open for longer has been told all that is to be told soon


@require_safe
@never_cache  # on a shared computer, Back after "Sign out" must not show it again
def booking(request, reference):
    key = own_key(request.visitor)  # read before the row, so that a change in between makes the page reload
    found = find_proven_booking(request, reference)
    if found is None:
        return not_shown(request)
    proofs = list(Proof.objects.live(request.visitor))
    template = "bookings/_booking_status.html" if is_partial(request) else "bookings/booking.html"
    response = render(request, template, _context(request, found) | {"own_key": key})
    return response if _stays_open(request, found, proofs) else leave_when_proof_ends(response, proofs)


@require_safe
@never_cache
def calendar_file(request, reference):
    """Answer with the booking as a file for the visitor's own calendar."""
    found = find_proven_booking(request, reference)
    if found is None:
        return not_shown(request)
    return HttpResponse(
        event.calendar_file(found, event.download_method(found)),
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{found.reference}.ics"'},
    )


def find_proven_booking(request, reference: str) -> Booking | None:
    """Return the booking, with its slot, if this browser has proven it; None for others' and unknown references."""
    return Booking.objects.proven_to(request.visitor).with_slot().filter(reference=read_reference(reference)).first()


def not_shown(request):
    """Answer 404 the same way for a booking that is not the visitor's and for one that does not exist."""
    find_url = reverse("my_bookings") + "?find=1"
    if is_partial(request):
        return load_instead(find_url)
    message = _("We can’t show this booking here. Open it with the button in its email, or look it up.")
    return not_found(request, message, find_url, _("Find your bookings"))


def booking_title(booking: Booking, clocks: Clocks, now: datetime) -> str:
    """Return the start of the session: ``Thursday 12 March, 16:15 London time (17:15 for you in Berlin)``."""
    return formatting.start_in_words(booking.slot.starts_at, clocks, now)


def _stays_open(request, found, proofs) -> bool:
    """Return whether this browser made the booking or opened it by its own link, and not only by its address."""
    return found.holder == request.visitor or any(proof.booking_id == found.pk for proof in proofs)


def _context(request, found) -> dict:
    slot, expert = found.session, found.slot.expert
    clocks, now = clocks_of(request, found), timezone.now()
    return {
        "accent": expert.organization.accent,
        "booking": found,
        "slot": slot,
        "expert": expert,
        "title": formatting.start_and_zone(slot.starts_at, clocks.leading, now),
        "lead": timeline.lead(found, clocks, now),
        "steps": timeline.timeline(found, clocks, now),
        "expert_url": reverse("expert", args=[expert.slug]),
        "place": place_of(found, now),
        "can_change": can_change(slot, now),
        "deadline": deadline_text(slot, clocks),
        "answers": shown_to_customer(answers_to(found)),
        "may_change_answers": may_change_answers(found, now) and bool(changeable_questions(found, by_customer=True)),
        "google_url": event.google_url(found),
        **mail_context(request, found),
    }


def leave_when_proof_ends(response, proofs: list[Proof]):
    """Make the page go to My bookings when the first address proof ends, also without JavaScript (Refresh)."""
    ends = [proof.expires_at for proof in proofs if proof.email]
    if ends:
        seconds = max(1, int((min(ends) - timezone.now()).total_seconds()) + 1)
        response["Refresh"] = f"{seconds}; url={reverse('my_bookings')}"
    return response


def mail_context(request, booking, *, after: int = 0, is_new=False) -> dict:
    """Return what ``_mail_state.html`` needs. ``after``: how many seconds the page has just waited.

    ``is_new``: it was booked a moment ago, which is not worth a statement in each booking; the page looks again.
    """
    now = timezone.now()
    state = state_at_once(booking) if is_new else mail_state(booking, clocks_of(request, booking).leading, now)
    looks = state is not None and not state.is_settled and booking.is_open and after < LONGEST_WAIT
    return {
        "booking": booking,
        "mail_state": state,
        "look_again_in": max(1, 2 * after) if looks else 0,
        "may_correct": may_correct(request, booking),
    }


def may_correct(request, booking) -> bool:
    """Return whether this browser may correct the address: the one that booked, while the session lies ahead."""
    return bool(request.visitor) and booking.holder == request.visitor and booking.is_open


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def show_mail_state(request, reference):
    """Show the line alone: only a page that shows the booking already asks for it. A POST has the mail sent again."""
    booking = find_proven_booking(request, reference)
    if booking is None:
        return not_shown(request)
    if request.method == "POST":
        return _send_again(request, booking)
    after = request.GET.get("after", "")
    seconds = int(after) if after.isascii() and after.isdecimal() and len(after) < 3 else LONGEST_WAIT
    return render(request, "bookings/_mail_state.html", mail_context(request, booking, after=seconds))


def _send_again(request, booking):
    """Send the last mail once more. Without script one is led back to the page, which says what became of it."""
    problem = None
    try:
        check_change_limits(visitor=request.visitor, address=client_address(request), booking_id=booking.pk)
        services.send_receipt_again(booking_id=booking.pk)
    except (NotAllowed, NotFound, TooMany) as error:
        problem = error
    if not is_partial(request):
        return see_other(reverse("booking", args=[booking.reference]))
    context = mail_context(request, booking, after=1) | {"problem": str(problem or "")}
    response = render(request, "bookings/_mail_state.html", context)
    return with_retry_after(response, problem) if problem else response

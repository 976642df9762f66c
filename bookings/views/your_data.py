"""Give out and erase what belongs to an address, to whoever has proven it. Addresses stay out of URLs."""

from django.http import JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from bookings.access import proofs
from bookings.access.rate_limits import check_lookup_limits
from bookings.access.visitor import client_address, ensure_visitor
from bookings.errors import TooMany
from bookings.forms import EraseForm, LookupForm
from bookings.models import Booking, Erasure, Proof
from bookings.policy import can_change
from bookings.privacy import erasing
from bookings.privacy.export import export, sections
from bookings.privacy.registry import Subject
from bookings.views.booking import booking_title, leave_when_proof_ends
from bookings.views.responses import see_other, with_retry_after
from bookings.views.zones import clocks_of


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache  # on a shared computer, Back after "Sign out" must not show it again
def your_data(request):
    """What can be done with one's data; POST asks for the link that proves the address."""
    if request.method == "POST":
        return _send_link(request)
    mine = _proofs(request)
    context = {
        "proofs": mine,
        "form": LookupForm(),
        "under_way": set(_under_way(mine).values_list("address", flat=True)),
        "has_asked": "asked" in request.GET,
    }
    return leave_when_proof_ends(render(request, "bookings/your_data.html", context), list(mine))


@require_safe
@never_cache
def read_data(request, proof_id):
    """Everything, to read and to print."""
    proof = _proof_or_404(request, proof_id)
    now = timezone.now()
    context = {"proof": proof, "now": now, "sections": sections(export(_subject(proof, now), now))}
    return leave_when_proof_ends(render(request, "bookings/your_data_read.html", context), [proof])


@require_safe
@never_cache
def download_data(request, proof_id):
    """Everything, as JSON."""
    now = timezone.now()
    data = export(_subject(_proof_or_404(request, proof_id), now), now)
    response = JsonResponse(data, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = 'attachment; filename="expertbook-data.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def erase_data(request, proof_id):
    """Say what goes and what stays, and ask; a POST with a fresh proof of the address orders it."""
    proof = _proof_or_404(request, proof_id)
    subject = _subject(proof, timezone.now())
    organizations = erasing.organizations_of(subject)
    form = EraseForm(request.POST if request.method == "POST" else None, organizations=organizations)
    if request.method != "POST" or not proofs.is_fresh(proof):
        return _ask(request, proof, subject, form, status=200 if request.method != "POST" else 403)
    try:
        check_lookup_limits(visitor=request.visitor, address=client_address(request))
    except TooMany as error:
        form.add_error(None, str(error))
        return with_retry_after(_ask(request, proof, subject, form, status=error.status), error)
    if not form.is_valid():
        return _ask(request, proof, subject, form, status=422)
    erasing.ask_for_erasure(email=proof.email, organizations=form.chosen(), by=Erasure.By.PERSON)
    return see_other(reverse("your_data") + "?asked=1")


def _ask(request, proof, subject, form, *, status):
    now = timezone.now()
    ahead = erasing.ahead_of(subject).with_slot().order_by("slot__starts_at")
    rows = [(booking, booking_title(booking, clocks_of(request, booking), now)) for booking in ahead]
    context = {
        "proof": proof,
        "is_fresh": proofs.is_fresh(proof),
        "form": form,
        "cancelled": [row for row in rows if can_change(row[0].session, now)],
        "kept": [row for row in rows if not can_change(row[0].session, now)],
        "count": Booking.objects.of_address(proof.email).count(),
    }
    return leave_when_proof_ends(render(request, "bookings/your_data_erase.html", context, status=status), [proof])


def _send_link(request):
    form = LookupForm(request.POST)
    if not form.is_valid():
        context = {"form": form, "proofs": _proofs(request)}
        return render(request, "bookings/your_data.html", context, status=422)
    if form.has_to_ask():
        return render(request, "bookings/your_data.html", {"form": form, "proofs": _proofs(request)})
    visitor = ensure_visitor(request)
    try:
        check_lookup_limits(visitor=visitor, address=client_address(request))
    except TooMany as error:
        form.add_error(None, str(error))
        context = {"form": form, "proofs": _proofs(request)}
        return with_retry_after(render(request, "bookings/your_data.html", context, status=error.status), error)
    proofs.request_link(
        visitor=visitor,
        email=form.cleaned_data["email"],
        language=translation.get_language() or "en",
        timezone=request.zone.key if request.zone else "",
        is_for_data=True,
    )
    return see_other(reverse("my_bookings") + "?sent=1")


def _proofs(request):
    """The addresses that this browser has proven: having booked in it is not enough."""
    if not request.visitor:
        return Proof.objects.none()
    return Proof.objects.live(request.visitor).exclude(email="").order_by("email")


def _proof_or_404(request, proof_id) -> Proof:
    return get_object_or_404(_proofs(request), pk=proof_id)


def _under_way(mine):
    return Erasure.objects.unfinished().filter(address__in=[proof.email for proof in mine])


def _subject(proof, now) -> Subject:
    return Subject(proof.email, None, now)

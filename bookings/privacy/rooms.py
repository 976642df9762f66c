"""What the rooms of this app keep about people: how it is given out, and how it is erased.

A booking is not deleted: its seats, status and slot count for the calendar and for statistics. Whose it was is taken
out of it. What is kept where and for how long: docs/privacy.md.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from pghistory.models import Context

from bookings.models import (
    Answer,
    Block,
    Booking,
    Idempotency,
    LookupRequest,
    Notification,
    Proof,
    Proven,
    Rescue,
    Suppression,
    WaitlistEntry,
    WebhookDelivery,
)
from bookings.models.block import BlockKind
from bookings.models.booking_queryset import BookingQuerySet
from bookings.models.proven import ProvenKind, pair_hash, proven_hash
from bookings.models.recipient import normalised, recipient_key
from bookings.privacy.registry import MOST_EXPORTED, PersonalData, Rows, Subject, register
from bookings.selectors.place import whole_place
from bookings.services import leave_waitlist
from bookings.services.effects import publish_to_visitor

_NOBODY: dict[str, Any] = {
    "name": "",
    "email": "",
    "phone": "",
    "reason": "",
    "timezone": "",
}  # the history has no more
_HistoryRow = Booking.pgh_event_model


def with_address(
    rows: QuerySet[Any], subject: Subject, *, field: str = "email", organization: str = ""
) -> QuerySet[Any]:
    """Those with the subject's address in ``field``; ``organization`` is the path to the key of a row's organisation.

    Without such a path rows belong to no organisation.
    """
    rows = rows.order_by().annotate(address=Lower(field)).filter(address=Lower(Value(subject.address)))
    if subject.organizations is None:
        return rows
    if not organization:
        return rows if subject.elsewhere else rows.none()
    within = Q(**{f"{organization}__in": subject.organizations})
    return rows.filter(within | Q(**{f"{organization}__isnull": True}) if subject.elsewhere else within)


# Bookings


def bookings_of(subject: Subject) -> BookingQuerySet:
    """What was booked with the address, holds and requests too, unless it got this address later than ``subject.at``.

    The history knows when: a hold from before may have become a booking after.
    """
    rows: Any = with_address(Booking.objects.not_erased(), subject, organization="slot__expert__organization_id")
    named = _HistoryRow.objects.filter(pgh_obj=OuterRef("pk")).annotate(address=Lower("email"))
    named = named.filter(address=Lower(Value(subject.address)))
    by_then = Exists(named.filter(pgh_created_at__lte=subject.at))
    # Without a history, which may be too old to be there, the time at which it was made must do.
    later = Exists(named.filter(pgh_created_at__gt=subject.at))
    found: BookingQuerySet = rows.filter(created_at__lte=subject.at).filter(by_then | ~later)
    return found


def _export_bookings(subject: Subject) -> Rows:
    rows = bookings_of(subject).select_related("slot__expert__organization", "second_expert")
    rows = rows.order_by("slot__starts_at", "pk")
    return [
        {
            "reference": row.reference,
            "status": row.status,
            "organization": row.slot.expert.organization.name,
            "expert": row.with_whom,
            "starts_at": _instant(row.slot.starts_at),
            "ends_at": _instant(row.ends_at),
            "date": row.slot.date.isoformat(),
            "time": row.slot.time.isoformat("minutes"),
            "time_zone_of_expert": row.slot.expert.timezone,
            "session": row.title,
            "price": row.price,
            "place": whole_place(row).note if row.terms else "",
            "seats": row.seats,
            "name": row.name,
            "email": row.email,
            "phone": row.phone,
            "notes": row.notes,
            "message_to_you": row.reason,
            "your_reason": row.get_cancel_reason_display() if row.cancel_reason else "",
            "language": row.language,
            "time_zone": row.timezone,
            "network": row.network or "",
            "source": row.source,
            "link_asked_because": row.get_proof_reason_display() if row.proof_reason else "",
            "created_at": _instant(row.created_at),
        }
        for row in rows[:MOST_EXPORTED]
    ]


def erase_rows_of_bookings(keys: Collection[int]) -> int:
    """Take the person out of bookings. Their pages look again."""
    rows = Booking.objects.not_erased().filter(pk__in=keys)
    browsers = set(rows.order_by().values_list("holder", flat=True).distinct())
    count = rows.update(**_NOBODY, notes="", holder="", network=None, erased_at=Now())
    for browser in browsers:
        publish_to_visitor(browser)
    return count


# The history of bookings


def history_of(subject: Subject) -> QuerySet[Any]:
    # The index leaves out holds, which nobody has named.
    named = _HistoryRow.objects.exclude(email="")
    rows = with_address(named, subject, organization="slot__expert__organization_id")
    return rows.filter(pgh_created_at__lte=subject.at)


def _export_history(subject: Subject) -> Rows:
    rows = history_of(subject).select_related("slot").order_by("pgh_id")
    return [
        {
            "reference": row.reference,
            "at": _instant(row.pgh_created_at),
            "status": row.status,
            "starts_at": _instant(row.slot.starts_at) if row.slot else "",
            "seats": row.seats,
            "name": row.name,
            "email": row.email,
            "phone": row.phone,
            "message_to_you": row.reason,
        }
        for row in rows[:MOST_EXPORTED]
    ]


def _erase_history(subject: Subject, most: int) -> int:
    """The address that a booking had before it was corrected. The rest of the history goes with its booking."""
    mine = Booking.objects.filter(pk=OuterRef("pgh_obj_id")).annotate(address=Lower("email"))
    mine = mine.filter(address=Lower(Value(subject.address)))
    found = history_of(subject).filter(~Exists(mine))
    keys = list(found.order_by("pgh_id").values_list("pgh_id", flat=True)[:most])
    rows = _HistoryRow.objects.filter(pgh_id__in=keys)
    _forget_in_contexts(rows)
    count: int = rows.update(**_NOBODY)
    return count


def _erase_history_of_bookings(keys: Collection[int]) -> int:
    events = _HistoryRow.objects.filter(pgh_obj_id__in=keys)
    _forget_in_contexts(events)
    count: int = events.exclude(**_NOBODY).update(**_NOBODY)
    return count


def _forget_in_contexts(events: QuerySet[Any]) -> None:
    """Take addresses out of the notes of who did it and from where. None is meant to be in there."""
    addresses = {email.lower() for email in events.order_by().values_list("email", flat=True).distinct() if email}
    contexts = Context.objects.filter(pk__in=events.exclude(pgh_context=None).order_by().values("pgh_context_id"))
    for context in contexts:
        kept = {name: value for name, value in context.metadata.items() if not _holds_any(value, addresses)}
        if kept != context.metadata:
            context.metadata = kept
            context.save(update_fields=["metadata"])


def _holds_any(value: Any, addresses: set[str]) -> bool:
    text = str(value).lower()
    return any(address in text for address in addresses)


# E-mails


def mails_of(subject: Subject) -> QuerySet[Notification]:
    rows: QuerySet[Notification] = with_address(
        Notification.objects.filter(audience=Notification.Audience.CUSTOMER),
        subject,
        field="to",
        organization="booking__slot__expert__organization_id",
    )
    return rows


def _export_mails(subject: Subject) -> Rows:
    rows = mails_of(subject).select_related("booking").order_by("pk")
    return [
        {
            "reference": row.booking.reference if row.booking else "",
            "about": row.get_kind_display(),
            "to": row.to,
            "status": row.get_status_display(),
            "attempts": row.attempts,
            "sent_at": _instant(row.sent_at),
            "created_at": _instant(row.created_at),
        }
        for row in rows[:MOST_EXPORTED]
    ]


def _erase_mails(subject: Subject, most: int) -> int:
    """All but those about a booking that still has the address."""
    rows = mails_of(subject).exclude(pk__in=mails_of(subject).filter(booking__email__iexact=subject.address))
    return _delete_some(rows, most)


def _erase_mails_of_bookings(keys: Collection[int]) -> int:
    return Notification.objects.filter(booking__in=keys, audience=Notification.Audience.CUSTOMER).delete()[0]


# Webhooks


def _export_webhooks(subject: Subject) -> Rows:
    references = list(bookings_of(subject).values_list("reference", flat=True)[:MOST_EXPORTED])
    rows = deliveries_of(references).select_related("endpoint").order_by("pk")
    return [
        {
            "reference": row.payload["data"]["reference"],
            "event": row.type,
            "receiver": str(row.endpoint).partition("/")[0],
            "status": row.get_status_display(),
            "name_and_contact_were_sent": "contact" in row.payload["data"],
            "answers_were_sent": "answers" in row.payload["data"],
            "created_at": _instant(row.created_at),
        }
        for row in rows[:MOST_EXPORTED]
    ]


def _erase_webhooks_of_bookings(keys: Collection[int]) -> int:
    """What was, or will be, sent names the booking and nobody in it; a receiver's answer may repeat what it got."""
    return _forget_contacts(
        deliveries_of(list(Booking.objects.filter(pk__in=keys).values_list("reference", flat=True)))
    )


def _erase_webhooks(subject: Subject, most: int) -> int:
    """What was sent of a booking before its address was corrected."""
    history = history_of(subject).values("pgh_obj_id")
    corrected = Booking.objects.exclude(email__iexact=subject.address).filter(pk__in=history)
    rows = deliveries_of(list(corrected.values_list("reference", flat=True)[:MOST_EXPORTED]))
    rows = rows.alias(contact=Lower(KT("payload__data__contact__email"))).filter(contact=subject.address)
    return _forget_contacts(rows.filter(pk__in=list(rows.order_by("pk").values_list("pk", flat=True)[:most])))


def _forget_contacts(rows: QuerySet[WebhookDelivery]) -> int:
    changed = []
    with transaction.atomic():
        for row in rows.order_by("pk").select_for_update(no_key=True, of=["self"]):
            personal = [row.payload["data"].pop(name, None) for name in ("contact", "answers")]
            if any(part is not None for part in personal) or row.response:
                row.response = ""
                changed.append(row)
        return WebhookDelivery.objects.bulk_update(changed, ["payload", "response"], batch_size=500)


def deliveries_of(references: list[str]) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.alias(reference=KT("payload__data__reference")).filter(reference__in=references)


# What was answered to an organisation's questions


def _export_questions(subject: Subject) -> Rows:
    bookings = bookings_of(subject).order_by().values("pk")
    rows = (
        Answer.objects.filter(booking__in=bookings).select_related("booking").order_by("booking_id", "position", "pk")
    )
    return [
        {
            "reference": row.booking.reference,
            "question": row.label,
            "wording": row.wording,
            "answer": row.text,
            "answered_at": _instant(row.answered_at),
        }
        for row in rows.select_related("booking")[:MOST_EXPORTED]
    ]


def _erase_questions_of_bookings(keys: Collection[int]) -> int:
    return Answer.objects.filter(booking__in=keys).delete()[0]


# What staff have done where a session could not take place


def _export_rescues(subject: Subject) -> Rows:
    rows = Rescue.objects.filter(booking__in=bookings_of(subject).order_by().values("pk"))
    return [
        {
            "reference": row.booking.reference,
            "what": row.get_state_display(),
            "starts_at": _instant(row.was_at),
            "message_to_you": row.message,
            "reached_at": _instant(row.reached_at),
            "created_at": _instant(row.created_at),
        }
        for row in rows.select_related("booking").order_by("pk")[:MOST_EXPORTED]
    ]


def _erase_rescues_of_bookings(keys: Collection[int]) -> int:
    return Rescue.objects.filter(booking__in=keys).exclude(message="").update(message="")


# What lets programs and browsers come back to a booking


def _erase_answers_of_bookings(keys: Collection[int]) -> int:
    return Idempotency.objects.filter(booking__in=keys).delete()[0]


def _export_proofs(subject: Subject) -> Rows:
    rows = with_address(Proof.objects.all(), subject).order_by("pk")
    return [
        {"email": row.email, "proven_at": _instant(row.created_at), "until": _instant(row.expires_at)} for row in rows
    ]


def _erase_proofs(subject: Subject, most: int) -> int:
    return _delete_some(with_address(Proof.objects.all(), subject), most)


def _erase_proofs_of_bookings(keys: Collection[int]) -> int:
    return Proof.objects.filter(booking__in=keys).delete()[0]


def _export_lookups(subject: Subject) -> Rows:
    rows = with_address(LookupRequest.objects.all(), subject).order_by("pk")
    return [
        {"email": row.email, "language": row.language, "time_zone": row.timezone, "asked_at": _instant(row.created_at)}
        for row in rows[:MOST_EXPORTED]
    ]


def _erase_lookups(subject: Subject, most: int) -> int:
    return _delete_some(with_address(LookupRequest.objects.filter(created_at__lte=subject.at), subject), most)


def _proven_hashes(subject: Subject) -> list[str]:
    """Of the address, and of the address with each browser that is known to belong to it."""
    known = with_address(Proof.objects.all(), subject).values_list("visitor", flat=True)
    asked = with_address(LookupRequest.objects.all(), subject).values_list("visitor", flat=True)
    browsers = {*known, *asked} - {""}
    return [
        proven_hash(ProvenKind.ADDRESS, subject.address),
        *(pair_hash(browser, subject.address) for browser in browsers),
    ]


def _export_proven(subject: Subject) -> Rows:
    if not _is_about_the_address(subject):
        return []
    rows = Proven.objects.filter(hash__in=_proven_hashes(subject))
    return [{"what": row.get_kind_display(), "proven_at": _instant(row.proven_at)} for row in rows]


def _erase_proven(subject: Subject, most: int) -> int:
    """Whoever books with the address again is unknown, and so are the browsers that are known by it."""
    by_mailbox = Q(recipient=recipient_key(subject.address))
    rows = Proven.objects.filter(Q(hash__in=_proven_hashes(subject)) | by_mailbox)
    return rows.delete()[0] if _is_about_the_address(subject) else 0


def _is_about_the_address(subject: Subject) -> bool:
    """Whether what belongs to no organisation is meant."""
    return subject.organizations is None or subject.elsewhere


# What guards organisations, and the mailbox itself: given out, and not erased, as it would guard nothing then


def _export_blocks(subject: Subject) -> Rows:
    rows = Block.objects.filter(kind=BlockKind.ADDRESS, value=normalised(subject.address), until__gt=subject.at)
    if subject.organizations is not None:
        rows = rows.filter(organization__in=subject.organizations)
    return [
        {"organization": row.organization.name, "email": row.value, "until": _instant(row.until)}
        for row in rows.select_related("organization")
    ]


def _export_suppressions(subject: Subject) -> Rows:
    if not _is_about_the_address(subject):
        return []
    rows = Suppression.objects.filter(recipient=recipient_key(subject.address))
    return [{"reason": row.get_reason_display(), "created_at": _instant(row.created_at)} for row in rows]


# The waitlist


def waitlist_of(subject: Subject) -> QuerySet[WaitlistEntry]:
    rows: QuerySet[WaitlistEntry] = with_address(
        WaitlistEntry.objects.filter(created_at__lte=subject.at), subject, organization="slot__expert__organization_id"
    )
    return rows


def _export_waitlist(subject: Subject) -> Rows:
    rows = waitlist_of(subject).select_related("slot__expert__organization").order_by("pk")
    return [
        {
            "organization": row.slot.expert.organization.name,
            "expert": row.slot.expert.name,
            "starts_at": _instant(row.slot.starts_at),
            "status": row.status,
            "seats": row.seats,
            "name": row.name,
            "email": row.email,
            "language": row.language,
            "time_zone": row.timezone,
            "created_at": _instant(row.created_at),
        }
        for row in rows[:MOST_EXPORTED]
    ]


def _erase_waitlist(subject: Subject, most: int) -> int:
    """They leave the line first, so that the next is offered the seat, and are deleted."""
    keys = list(waitlist_of(subject).order_by("pk").values_list("pk", flat=True)[:most])
    for key in WaitlistEntry.objects.active().filter(pk__in=keys).order_by("pk").values_list("pk", flat=True):
        leave_waitlist(entry_id=key)
    return WaitlistEntry.objects.filter(pk__in=keys).delete()[0]


def _delete_some(rows: QuerySet[Any], most: int) -> int:
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[:most])
    return rows.model._base_manager.filter(pk__in=keys).delete()[0] if keys else 0


def _instant(at: datetime | None) -> str:
    return at.astimezone(timezone.get_default_timezone()).isoformat() if at else ""


register(
    PersonalData("bookings", _("Bookings"), _export_bookings, erase_bookings=erase_rows_of_bookings),
    PersonalData("questions", _("What you were asked"), _export_questions, None, _erase_questions_of_bookings),
    PersonalData("rescues", _("Other times for you"), _export_rescues, None, _erase_rescues_of_bookings),
    # Before the history, which knows to which bookings the address once belonged.
    PersonalData(
        "webhooks", _("What programs were told"), _export_webhooks, _erase_webhooks, _erase_webhooks_of_bookings
    ),
    PersonalData("history", _("What happened to them"), _export_history, _erase_history, _erase_history_of_bookings),
    PersonalData("e-mails", _("E-mails to you"), _export_mails, _erase_mails, _erase_mails_of_bookings),
    PersonalData("answers", _("Answers kept for retries"), None, None, _erase_answers_of_bookings),
    PersonalData("waitlist", _("Waitlists"), _export_waitlist, _erase_waitlist),
    # Before proofs and look-ups, which know the browsers.
    PersonalData("proven", _("What has proven itself"), _export_proven, _erase_proven),
    PersonalData(
        "proofs",
        _("Browsers in which you opened your bookings"),
        _export_proofs,
        _erase_proofs,
        _erase_proofs_of_bookings,
    ),
    PersonalData("look-ups", _("Links that were asked for"), _export_lookups, _erase_lookups),
    PersonalData("blocks", _("Blocked by an organisation"), _export_blocks),
    PersonalData("suppressions", _("E-mails that are stopped"), _export_suppressions),
)

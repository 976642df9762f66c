"""What is kept about an address beside its bookings: places in line, proofs, links that were asked for, blocks."""

from collections.abc import Collection

from django.db.models import Q, QuerySet

from bookings.models import Block, LookupRequest, Proof, Proven, Suppression, WaitlistEntry
from bookings.models.block import BlockKind
from bookings.models.proven import ProvenKind, pair_hash, proven_hash
from bookings.models.recipient import normalised, recipient_key
from bookings.privacy.registry import MOST_EXPORTED, Rows, Subject
from bookings.privacy.rows import delete_some, instant_text, with_address
from bookings.services import leave_waitlist

# What lets browsers come back to a booking


def export_proofs(subject: Subject) -> Rows:
    rows = with_address(Proof.objects.all(), subject).order_by("pk")
    return [
        {"email": row.email, "proven_at": instant_text(row.created_at), "until": instant_text(row.expires_at)}
        for row in rows
    ]


def erase_proofs(subject: Subject, most: int) -> int:
    return delete_some(with_address(Proof.objects.all(), subject), most)


def erase_proofs_of_bookings(keys: Collection[int]) -> int:
    return Proof.objects.filter(booking__in=keys).delete()[0]


def export_lookups(subject: Subject) -> Rows:
    rows = with_address(LookupRequest.objects.all(), subject).order_by("pk")
    return [
        {
            "email": row.email,
            "language": row.language,
            "time_zone": row.timezone,
            "asked_at": instant_text(row.created_at),
        }
        for row in rows[:MOST_EXPORTED]
    ]


def erase_lookups(subject: Subject, most: int) -> int:
    return delete_some(with_address(LookupRequest.objects.filter(created_at__lte=subject.at), subject), most)


def _proven_hashes(subject: Subject) -> list[str]:
    """Of the address, and of the address with each browser that is known to belong to it."""
    known = with_address(Proof.objects.all(), subject).values_list("visitor", flat=True)
    asked = with_address(LookupRequest.objects.all(), subject).values_list("visitor", flat=True)
    browsers = {*known, *asked} - {""}
    return [
        proven_hash(ProvenKind.ADDRESS, subject.address),
        *(pair_hash(browser, subject.address) for browser in browsers),
    ]


def export_proven(subject: Subject) -> Rows:
    if not _is_about_the_address(subject):
        return []
    rows = Proven.objects.filter(hash__in=_proven_hashes(subject))
    return [{"what": row.get_kind_display(), "proven_at": instant_text(row.proven_at)} for row in rows]


def erase_proven(subject: Subject, most: int) -> int:
    """Whoever books with the address again is unknown, and so are the browsers that are known by it."""
    by_mailbox = Q(recipient=recipient_key(subject.address))
    rows = Proven.objects.filter(Q(hash__in=_proven_hashes(subject)) | by_mailbox)
    return rows.delete()[0] if _is_about_the_address(subject) else 0


def _is_about_the_address(subject: Subject) -> bool:
    """Whether what belongs to no organisation is meant."""
    return subject.organizations is None or subject.elsewhere


# What guards organisations, and the mailbox itself: given out, and not erased, as it would guard nothing then


def export_blocks(subject: Subject) -> Rows:
    rows = Block.objects.filter(kind=BlockKind.ADDRESS, value=normalised(subject.address), until__gt=subject.at)
    if subject.organizations is not None:
        rows = rows.filter(organization__in=subject.organizations)
    return [
        {"organization": row.organization.name, "email": row.value, "until": instant_text(row.until)}
        for row in rows.select_related("organization")
    ]


def export_suppressions(subject: Subject) -> Rows:
    if not _is_about_the_address(subject):
        return []
    rows = Suppression.objects.filter(recipient=recipient_key(subject.address))
    return [{"reason": row.get_reason_display(), "created_at": instant_text(row.created_at)} for row in rows]


# The waitlist


def waitlist_of(subject: Subject) -> QuerySet[WaitlistEntry]:
    rows: QuerySet[WaitlistEntry] = with_address(
        WaitlistEntry.objects.filter(created_at__lte=subject.at), subject, organization="slot__expert__organization_id"
    )
    return rows


def export_waitlist(subject: Subject) -> Rows:
    rows = waitlist_of(subject).select_related("slot__expert__organization").order_by("pk")
    return [
        {
            "organization": row.slot.expert.organization.name,
            "expert": row.slot.expert.name,
            "starts_at": instant_text(row.slot.starts_at),
            "status": row.status,
            "seats": row.seats,
            "name": row.name,
            "email": row.email,
            "language": row.language,
            "time_zone": row.timezone,
            "created_at": instant_text(row.created_at),
        }
        for row in rows[:MOST_EXPORTED]
    ]


def erase_waitlist(subject: Subject, most: int) -> int:
    """They leave the line first, so that the next is offered the seat, and are deleted."""
    keys = list(waitlist_of(subject).order_by("pk").values_list("pk", flat=True)[:most])
    for key in WaitlistEntry.objects.active().filter(pk__in=keys).order_by("pk").values_list("pk", flat=True):
        leave_waitlist(entry_id=key)
    return WaitlistEntry.objects.filter(pk__in=keys).delete()[0]
